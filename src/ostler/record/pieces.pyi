class Pieces:
    error: int

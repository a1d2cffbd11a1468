class Pieces:
    error: int
    broken: bool

from ostler.record.pieces import Pieces

class Crowd(Pieces):
    processes: int

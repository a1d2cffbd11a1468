from ostler.record.results import Results

class Tracer(Results):
    pid: int
    refused: int
    def __new__(cls, out: int, socket: int) -> Tracer: ...
    def wait(self) -> int: ...

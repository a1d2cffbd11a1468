class Door:
    fd: int
    end: int
    tracer: int
    text: bytes
    def __new__(cls, fd: int, end: int, text: bytes, tracer: int = 0) -> Door: ...
    def join(self) -> None: ...

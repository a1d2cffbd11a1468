class Words: ...

class Door:
    fd: int
    end: int
    text: bytes
    def __new__(cls, fd: int, end: int, text: bytes) -> Door: ...

from typing import Self

class Confinement:
    directory: bytes | None
    read_only: bool
    def __new__(cls, network: bool) -> Self: ...

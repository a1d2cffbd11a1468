from typing import Self

class Confinement:
    directory: bytes | None
    def __new__(cls, network: bool) -> Self: ...

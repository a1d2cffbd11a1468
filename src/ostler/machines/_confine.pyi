from typing import Self

class Confinement:
    def __new__(cls, network: bool) -> Self: ...

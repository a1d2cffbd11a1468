from collections.abc import Iterable
from typing import Self

from ostler.core.confine import Confinement

class Landlocked(Confinement):
    def __new__(cls, network: bool, programs: Iterable[bytes]) -> Self: ...

"""The classes of machines by their names, for isinstance() and type checkers."""

from ostler.machines.confined import Confined
from ostler.machines.read_only import ReadOnly
from ostler.machines.rehearsal.kind import Rehearsal
from ostler.machines.scratch import Scratch

__all__ = ["Confined", "ReadOnly", "Rehearsal", "Scratch"]

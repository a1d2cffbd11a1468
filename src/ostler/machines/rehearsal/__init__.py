"""The real files, and everything that is changed kept aside: the kind Rehearsal, and its parts."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ostler.machines.rehearsal.kind import Rehearsal as Rehearsal


def __getattr__(name: str) -> type[Rehearsal]:
    if name == "Rehearsal":
        from ostler.machines.rehearsal.kind import Rehearsal

        return Rehearsal
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

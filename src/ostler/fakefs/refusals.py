"""Refusals: what pyfakefs can play, and a real file system can't be."""

from typing import NoReturn


class Unsupported(NotImplementedError):
    """It can't be had on a machine of the kernel's; the text says why, and what to do instead."""


def other_system(what: str) -> NoReturn:
    """Refuse to be another operating system."""
    raise Unsupported(
        f"{what}: the file system is this Linux kernel's own, and plays no other. Run such a test "
        "with pyfakefs, or on that system"
    )


def refuse(what: str, why: str, instead: str) -> NoReturn:
    """Refuse something: `why` and `instead` are ends of sentences."""
    raise Unsupported(f"{what}: {why}. Instead: {instead}")

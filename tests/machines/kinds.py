"""The kinds of machines that tests are made with, each a function of a directory.

A new kind of machine gets a function here, or two: one that makes it over a directory, and one
that makes it with the host's programs, standing in a directory. The tests of a machine's life, of
its children and of the contract take it from the lists. Type checkers look at this file as at
tests/typed_uses.py.
"""

import os
from typing import TypeVar

import ostler
from ostler.machines import SHELL
from ostler.machines.between import Between
from ostler.machines.kinds import Confined, ReadOnly, Rehearsal, Scratch

Kind = TypeVar("Kind", bound=ostler.Machine)

# Over a directory, small and quickly made


def scratch(directory: str) -> Scratch:
    return ostler.scratch(size="1M", inodes=100)


def read_only(directory: str) -> ReadOnly:
    return ostler.read_only(directory)


def confined(directory: str) -> Confined:
    return ostler.confined(directory)


def rehearsal(directory: str) -> Rehearsal:
    return ostler.rehearsal(directory)


def kept_rehearsal(directory: str) -> Rehearsal:
    return ostler.rehearsal(directory, upper_beside(directory))


OVER = [scratch, read_only, confined, rehearsal, kept_rehearsal]

# With the host's programs, standing in a directory, which is there


def whole_scratch(directory: str = "/") -> Scratch:
    machine = ostler.scratch(bind=SHELL)
    machine.mkdir("/tmp")
    machine.makedirs(directory, exist_ok=True)
    return _standing(machine, directory)


def whole_read_only(directory: str = "/") -> ReadOnly:
    return _standing(ostler.read_only(), directory)


def whole_confined(directory: str = "/") -> Confined:
    return _standing(ostler.confined("/"), directory)


def whole_rehearsal(directory: str = "/") -> Rehearsal:
    return _standing(ostler.rehearsal(), directory)


def whole_kept_rehearsal(directory: str) -> Rehearsal:
    return _standing(ostler.rehearsal(upper=upper_beside(directory)), directory)


class View(Between):
    """A kind of machine written in Python, which hands everything on."""


def whole_view(directory: str = "/") -> View:
    return View(whole_scratch(directory))


# Whose children live in it as programs on the host do; and those in which a program may write.
WHOLE = [whole_scratch, whole_read_only, whole_confined, whole_rehearsal]
WRITABLE = [whole_scratch, whole_confined, whole_rehearsal, whole_view]


def upper_beside(directory: str) -> str:
    """An upper beside a directory; only its owner can take it up."""
    upper = directory + "-upper"
    os.makedirs(upper, exist_ok=True)
    if os.geteuid() == 0:
        os.chown(upper, 0, 0)
    return upper


def _standing(machine: Kind, directory: str) -> Kind:
    machine.chdir(directory)
    return machine

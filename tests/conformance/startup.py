"""Runs at the start of every interpreter in the room that has ostler in the place of os."""

import os
import posixpath
import sys

import ostler

# The interpreter's own os and os.path have these, and ostler does not: until it does they are
# taken from there, so that the rest can be judged, and the report counts each as a failure.
GAPS = []

_MODULES = {"abc", "errno", "st", "sys", "genericpath", "os", "stat", "path"}


def fill(own, successor, prefix):
    for name, value in vars(own).items():
        if name.startswith("__") and name != "__all__":
            continue
        if getattr(successor, name, None) is None and value is not None:
            setattr(successor, name, value)
            if name not in _MODULES and not name.startswith("_"):
                GAPS.append(prefix + name)


def begin():
    fill(os, ostler, "os.")
    fill(posixpath, ostler.path, "os.path.")
    ostler.install()
    assert sys.modules["os"] is ostler

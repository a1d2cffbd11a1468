"""Patches: what pytest's monkeypatch has changed on a machine is put back on that machine."""

from contextlib import contextmanager
from typing import Any

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def undone(request: "Any") -> "Iterator[None]":
    """Undo at the end what the fixture monkeypatch, if the test has it, has changed inside.

    Variables and the working directory that a test changes there are the machine's. They would be
    put back when there is none any more, and be the host's.
    """
    patches: Any = None
    if "monkeypatch" in request.fixturenames:
        patches = request.getfixturevalue("monkeypatch")
    try:
        items, here = len(patches._setitem), patches._cwd
    except AttributeError:
        items = None  # no monkeypatch, or one of another kind
    try:
        yield
    finally:
        if items is not None:
            _undo(patches, items, here)


def _undo(patches, items, here):
    from ostler.core.interpreter import os as system

    inside = patches._setitem[items:]
    environs = system.environ, system.environb
    patches._setitem[items:] = [item for item in inside if not any(item[0] is e for e in environs)]
    for mapping, name, value in reversed(inside):
        if any(mapping is environ for environ in environs):
            if isinstance(value, (str, bytes)):
                mapping[name] = value
            else:
                mapping.pop(name, None)
    if here is None:
        patches._cwd = None

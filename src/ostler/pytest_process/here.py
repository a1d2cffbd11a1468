"""Here: on which machine this process is, for the plugin, which asks at each test."""

import sys
from contextlib import contextmanager, nullcontext
from typing import Any

from ostler.machine import host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# The scratch machine that this process lives on, as the process of one test does, else None.
machine: "Any" = None


def installed() -> "Any":
    """The module of what is installed, if a machine is installed for this code, else None."""
    module = sys.modules.get("ostler.installation.installed")
    return module if module is not None and module.is_here() else None


def on_host() -> "Any":
    """A context manager: what pytest does around a test is no part of it, and sees the host."""
    module = installed()
    return nullcontext() if module is None else module.OnHost()


def hide_our_frames() -> None:
    """Leave them out of tracebacks, but with --full-trace.

    They are between a test and its error, and say nothing of either.
    """
    for name, module in list(sys.modules.items()):
        if name == "ostler" or name.startswith("ostler."):
            vars(module).setdefault("__tracebackhide__", True)


@contextmanager
def for_report(config: "Any") -> "Iterator[None]":
    """In a process on a machine: stand where pytest was begun, for the files' names in reports."""
    stood = None
    if machine is not None:
        try:
            stood = host.open(".", host.O_PATH | host.O_CLOEXEC)
            host.chdir(config.invocation_params.dir)
        except OSError:
            pass  # one of them is not there, and names are longer
    try:
        yield
    finally:
        if stood is not None:
            host.fchdir(stood)
            host.close(stood)

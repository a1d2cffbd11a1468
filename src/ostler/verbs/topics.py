"""The topics: the modules that have the verbs, each with a class of which machines are made."""

import cython
from cython.cimports.ostler.core import python as py

from ostler import path
from ostler.core import crossing, records
from ostler.verbs import (
    answers,
    children,
    commands,
    descriptors,
    directories,
    durable,
    environment,
    facts,
    files,
    links,
    permissions,
    processes,
    sysinfo,
    terminals,
    timers,
    transfers,
    xattrs,
)

CLASSES = (
    directories.Directories,
    files.Files,
    links.Links,
    environment.Environment,
    commands.Commands,
    processes.Processes,
    permissions.Permissions,
    descriptors.Descriptors,
    terminals.Terminals,
    timers.Timers,
    transfers.Transfers,
    sysinfo.SysInfo,
    answers.Answers,
    children.Children,
    facts.Facts,
    durable.Durable,
    path.PathText,
)
_LATER = ("trees", "Path")  # and a module has no Path
# Those whose constants and types a machine has, too.
WITH_TYPES = (
    answers, children, directories, files, links, environment, commands, processes, permissions,
    descriptors, sysinfo, path, terminals, timers, transfers, xattrs, records,
)  # fmt: skip


def given():
    """The topics' constants and types, which a machine has as well."""
    found = {}
    absent = crossing.ABSENT
    for topic in WITH_TYPES:
        for name, value in getattr(topic, "CONSTANTS", {}).items():
            if type(value) is not int or value != absent:
                found[name] = value
        found.update(topic.TYPES)
    return found


def offer(target: dict, source, also=()):
    """Put what a machine or its path has into a namespace, all of it bound.

    These are its public attributes, but for those that would load more, and those named in `also`.
    They are taken from its classes, since getattr() looks through some twenty for each name.
    """
    found: dict = {}
    for kind in reversed(type(source).__mro__):
        for name, value in kind.__dict__.items():
            if (name[0] != "_" and name not in _LATER) or name in also:
                found[name] = value
    for name, value in found.items():
        get = py.Py_TYPE(cython.cast(cython.pointer(py.PyObject), value)).tp_descr_get
        target[name] = value if get is cython.NULL else get(value, source, type(source))

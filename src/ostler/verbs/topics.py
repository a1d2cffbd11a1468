"""The topics: the modules that have the verbs, each with a class of which machines are made."""

import cython

from ostler import path
from ostler.core import records
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
# Those whose constants and types a machine has, too.
WITH_TYPES = (
    answers, children, directories, files, links, environment, commands, processes, permissions,
    descriptors, sysinfo, path, terminals, timers, transfers, xattrs, records,
)  # fmt: skip

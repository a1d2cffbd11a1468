"""What `ostler` offers besides os and loads when it is first used.

These are small functions and objects of their own, not a `__getattr__` of the module: with one of
those the interpreter looks every name of the module up the slow way, and `os.fspath` would cost
three times as much.
"""

import sys


class Submodule:
    """Stands for a submodule until something of it is asked for."""

    def __init__(self, name, doc):
        self.__name__ = name
        self.__doc__ = doc

    def __getattr__(self, name):
        return getattr(_module(self.__name__), name)

    def __dir__(self):
        return dir(_module(self.__name__))

    def __repr__(self):
        return f"<{self.__name__}, loaded on first use>"


def _module(name):
    from importlib import import_module

    return import_module(name)


def scratch(size=None, inodes=None, bind=None, weaker=False, user=None):
    """A machine whose whole file system is new, empty and in memory; gone when it is closed.

    `size` is its room, an int in bytes or a str such as "64M" (binary units K, M, G, T), by
    default half of the memory; `inodes` the number of files it has room for. `bind` lists paths
    of the host that are shown inside, read-only; `ostler.machines.SHELL` is a list with which
    a shell runs. With `weaker`, where mounts are refused, it is a directory in /dev/shm or
    TMPDIR: without limits, binds and children.

    With `user`, a name or a number, the calls on it are made by that user, and its children are
    that user's, for which one has to be root; `as_root()` is to prepare it.
    """
    from ostler.machines import kinds

    return kinds.scratch(size, inodes, bind, weaker, user)


def read_only(base=None):
    """A machine that shows the files below `base` (default "/"), and lets none be changed."""
    from ostler.machines import kinds

    return kinds.read_only(base)


def confined(directory, read_only=False, network=False, environ=None, weaker=False):
    """A machine whose root is `directory`, with no way out of it.

    Its children have no network but with `network`, see no other process, and end with it.
    `environ` is a mapping of the variables it begins with; by default of the process's own those
    that say who uses it and how (PATH, HOME, USER, LANG, LC_*, TERM, TZ and the like), no others.
    Where mounts can't be made, paths are confined all the same, but children can't be started
    and `read_only` can't be had; `guarantees` says which. With `weaker` they can, by Landlock
    alone: root's with the directory as their root, an ordinary user's on the host's paths, with
    its programs to be run.
    """
    from ostler.machines import kinds

    return kinds.confined(directory, read_only, network, environ, weaker)


def rehearsal(base=None, upper=None, weaker=False):
    """A machine over the files below `base` (default "/"), where every change is kept aside.

    `upper` is a directory in which the changes are kept on disk and can be taken up later;
    without it they are in memory and gone at close. With `weaker`, where mounts are refused, a
    directory is copied: without children, and what others change meanwhile is not seen.
    """
    from ostler.machines.rehearsal.kind import Rehearsal

    return Rehearsal(base, upper, weaker)


def recover():
    """Finish or undo this user's interrupted commits: a list of (base, outcome).

    `outcome`: "finished", "undone", or "left" where neither was possible; then a third member is
    where everything is kept, and a fourth why. A commit that is under way is left alone.
    """
    from ostler.machines.rehearsal import recovery

    return recovery.recover()


rehearsal.recover = recover


def capabilities(refresh=False):
    """What machines can be had here: a dict from each thing's name to a dict of four.

    "available" (bool), "by" (what of the kernel does it), "reason" and "what_would_help" (str,
    empty when it is available). Each thing is tried once in a process, or again with `refresh`.
    """
    from ostler.machines import abilities

    return abilities.capabilities(refresh)


def install():
    """Put ostler in the place of os, posix and posixpath, everywhere in this process.

    `import os` gives ostler from then on; modules that have imported os, or names of it, before
    are pointed at ostler's. A second call does nothing. uninstall() gives everything back.
    """
    from ostler.installation import process

    process.install(sys.modules[__package__])


def uninstall():
    """Give everything that install() replaced back to the interpreter's own modules."""
    if "ostler.installation.process" in sys.modules:
        from ostler.installation import process

        process.uninstall()


def offer(namespace):
    """Put all this into the namespace of `ostler`."""
    for function in (capabilities, confined, install, read_only, rehearsal, scratch, uninstall):
        function.__module__ = "ostler"
        namespace[function.__name__] = function
    namespace["trees"] = Submodule("ostler.trees", "Whole trees of the host at once.")

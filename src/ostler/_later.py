"""What `ostler` offers besides os and loads when it is first used.

These are small functions and objects of their own, not a `__getattr__` of the module: with one of
those the interpreter looks every name of the module up the slow way, and `os.fspath` would cost
three times as much.
"""

import sys

from ostler.machines import makers


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


def capabilities(refresh=False):
    """What machines can be had here: a dict from each thing's name to a dict of four.

    "available" (bool), "by" (what of the kernel does it), "reason" and "what_would_help" (str,
    empty when it is available). Each thing is tried once in a process, or again with `refresh`.
    """
    from ostler.machines import abilities

    return abilities.found(refresh)


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
    """Put all this, and what makes machines, into the namespace of `ostler`."""
    made = (getattr(makers, name) for name in makers.__all__)
    for function in (*made, capabilities, install, uninstall):
        function.__module__ = "ostler"
        namespace[function.__name__] = function
    namespace["trees"] = Submodule("ostler.trees", "Whole trees of the host at once.")

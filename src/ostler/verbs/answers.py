"""Answers: whether something is there, with "no" told from "not allowed to know"."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core.crossing import (
    ALLOW_FD,
    Core,
    Where,
    failure,
    look_at,
    settle,
    struck,
    take,
)


class Presence:
    """What probe() knows of a path: one of three, compared with `is`.

    UNKNOWN stands for a path on which a directory may not be searched. As a truth value THERE is
    true and ABSENT false; UNKNOWN is neither, a ValueError.
    """

    def __init__(self, name):
        if hasattr(Presence, name) or name not in ("THERE", "ABSENT", "UNKNOWN"):
            raise TypeError("Presence has three values: THERE, ABSENT and UNKNOWN")
        self.name = name

    def __bool__(self):
        if self is Presence.UNKNOWN:
            raise ValueError("whether it is there is not known: compare with Presence.UNKNOWN")
        return self is Presence.THERE

    def __repr__(self):
        return f"Presence.{self.name}"

    def __reduce__(self):
        return getattr, (Presence, self.name)


for _name in ("THERE", "ABSENT", "UNKNOWN"):
    setattr(Presence, _name, Presence(_name))
Presence.__module__ = "ostler"
CONSTANTS = {}
TYPES = {"Presence": Presence}


@cython.cclass
class Answers(Core):
    """Questions about a path. Those of os.path, which never fail, stay as they are."""

    def exists(self, path, *, follow_symlinks=True, errors="ignore"):
        """Whether there is something at path, or at the end of the link there; fstatat(2).

        With errors="raise" only a missing name is a no: OSError where it can't be known, for
        want of a permission, say. With "ignore" that is a no as well, as in os.path.exists.
        """
        return _mode(self, "exists", path, follow_symlinks, errors) != 0

    def isfile(self, path, *, follow_symlinks=True, errors="ignore"):
        """Whether there is a regular file at path; errors as for exists(); fstatat(2)."""
        return _mode(self, "isfile", path, follow_symlinks, errors) == libc.S_IFREG

    def isdir(self, path, *, follow_symlinks=True, errors="ignore"):
        """Whether there is a directory at path; errors as for exists(); fstatat(2)."""
        return _mode(self, "isdir", path, follow_symlinks, errors) == libc.S_IFDIR

    def probe(self, path, *, follow_symlinks=True):
        """Whether there is something at path: Presence.THERE, ABSENT, or UNKNOWN.

        UNKNOWN when a directory on the way may not be searched. OSError for what is none of the
        three: a loop of links, a name that is too long, a device that fails; fstatat(2).
        """
        try:
            mode = _mode(self, "probe", path, follow_symlinks, "raise")
        except PermissionError:
            return Presence.UNKNOWN
        return Presence.THERE if mode else Presence.ABSENT


@cython.cfunc
@cython.exceptval(-1)
def _mode(self: Core, function: str, path, follow_symlinks, errors) -> cython.int:
    # The type of what is there; 0: nothing is.
    w: Where
    st: libc.stat_t
    r: cython.int
    if errors not in ("ignore", "raise"):
        raise ValueError(f"errors must be 'ignore' or 'raise', not {errors!r}")
    raises: cython.bint = errors == "raise"
    follow: cython.bint = follow_symlinks
    try:
        kept = take(cython.address(w), path, function, "path", ALLOW_FD)
    except ValueError:
        if raises:
            raise
        return 0
    r = struck(self, "stat" if follow else "lstat", (path,))
    if r == 0:
        with cython.nogil:
            if w.name == cython.NULL:
                r = settle(cython.address(w), libc.fstat(w.fd, cython.address(st)))
            else:
                r = look_at(self, cython.address(w), cython.address(st), follow)
    if r == 0:
        return st.st_mode & libc.S_IFMT
    if raises and r != libc.ENOENT and r != libc.ENOTDIR:
        raise failure(r, kept)
    return 0

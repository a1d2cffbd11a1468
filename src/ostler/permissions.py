"""Permissions: who may do what with a file, and who this process is."""

import cython
from cython.cimports.ostler import _libc as libc
from cython.cimports.ostler import _python as py
from cython.cimports.ostler._convert import to_dir_fd, to_gid, to_int, to_uid
from cython.cimports.ostler._core import (
    ALLOW_FD,
    TARGET,
    Core,
    Where,
    failure,
    settle,
    take,
)

CONSTANTS = {"F_OK": libc.F_OK, "R_OK": libc.R_OK, "W_OK": libc.W_OK, "X_OK": libc.X_OK}
TYPES = {}


@cython.cclass
class Permissions(Core):
    """The calls of os that are about permission."""

    def umask(self, mask, /):
        """Set the file mode creation mask and return the previous one; umask(2)."""
        return libc.umask(to_int(mask))

    def chown(self, path, uid, gid, *, dir_fd=None, follow_symlinks=True):
        """Change the owner and group of a file; -1 leaves one unchanged; fchownat(2)."""
        w: Where
        r: cython.int
        kept = take(cython.address(w), path, "chown", "path", ALLOW_FD)
        user: libc.uid_t = to_uid(uid)
        group: libc.gid_t = to_gid(gid)
        w.dir = to_dir_fd(dir_fd)
        py.PySys_Audit(b"os.chown", b"OIIi", cython.cast(cython.pointer(py.PyObject), path),
                       user, group, -1 if w.dir == libc.AT_FDCWD else w.dir)
        with cython.nogil:
            r = self.place(cython.address(w), TARGET)
            if r == 0:
                r = libc.fchownat(w.dir, w.name, user, group, 0)
            r = settle(cython.address(w), r)
        if r:
            raise failure(r, kept)

"""Permissions: who may do what with a file, and who this process is."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.crossing import (
    ALLOW_FD,
    ASKED,
    LOOK,
    TARGET,
    Core,
    HostCore,
    Where,
    again,
    dir_shown,
    failure,
    must_follow,
    named,
    placed,
    plain_failure,
    settle,
    take,
)
from cython.cimports.ostler.core.numbers import from_id, to_dir_fd, to_gid, to_int, to_uid

from ostler.core.modes import checked_mode
from ostler.verbs.facts import group_id, user_id

CONSTANTS = {
    "F_OK": libc.F_OK,
    "NGROUPS_MAX": libc.NGROUPS_MAX,
    "R_OK": libc.R_OK,
    "TMP_MAX": libc.TMP_MAX,
    "W_OK": libc.W_OK,
    "X_OK": libc.X_OK,
}
TYPES = {}


@cython.cclass
class Permissions(Core):
    """The calls of os that are about permission."""

    # --- of files --------------------------------------------------------------------------------

    def access(self, path, mode, *, dir_fd=None, effective_ids=False, follow_symlinks=True):
        """Whether the real (or effective) user may do with a path what `mode` asks; faccessat(2).

        `mode`: F_OK, or of R_OK, W_OK and X_OK those that are asked for. Never raises for a file.
        """
        w: Where
        r: cython.int
        flags: cython.int = 0
        kept = take(cython.address(w), path, "access", "path", 0)
        bits: cython.int = to_int(mode)
        if dir_fd is not None:
            w.dir = to_dir_fd(dir_fd)
        effective: cython.bint = effective_ids
        follow: cython.bint = follow_symlinks
        if effective:
            flags |= libc.AT_EACCESS
        if not follow:
            flags |= libc.AT_SYMLINK_NOFOLLOW
        with cython.nogil:
            r = self.place(cython.address(w), ASKED if follow else LOOK)
            if r == 0:
                # Of another user's machine, whose the effective id is alone.
                if w.life != cython.NULL and w.acting:
                    flags |= libc.AT_EACCESS
                r = libc.faccessat(w.dir, w.name, bits, flags)
            r = settle(cython.address(w), r)
        del kept
        return r == 0

    def chmod(self, path, mode, *, dir_fd=None, follow_symlinks=True):
        """Change the permission bits of a file; fchmodat(2). `path` may be a descriptor.

        With follow_symlinks=False a link is refused: Linux has no permissions for links.
        """
        w: Where
        r: cython.int
        kept = take(cython.address(w), path, "chmod", "path", ALLOW_FD)
        bits: cython.int = to_int(mode)
        if dir_fd is not None:
            w.dir = to_dir_fd(dir_fd)
        given: cython.bint = w.dir != libc.AT_FDCWD
        follow: cython.bint = follow_symlinks
        name = named(kept)
        py.audit1(b"os.chmod", b"Oii", name, bits, dir_shown(w.dir))
        with cython.nogil:
            if w.fd != -1:
                r = libc.fchmod(w.fd, bits)
            else:
                r = placed(self, cython.address(w), TARGET if follow else LOOK)
                if r == 0:
                    r = libc.fchmodat(
                        w.dir, w.name, bits, 0 if follow else libc.AT_SYMLINK_NOFOLLOW
                    )
            r = settle(cython.address(w), r)
        if r:
            if not follow and r == libc.EOPNOTSUPP:
                if given:
                    raise ValueError("chmod: cannot use dir_fd and follow_symlinks together")
                raise NotImplementedError("chmod: follow_symlinks unavailable on this platform")
            raise failure(r, kept)

    def fchmod(self, fd, mode):
        """Change the permission bits of an open file; fchmod(2)."""
        r: cython.int
        number: cython.int = 0
        descriptor: cython.int = to_int(fd)
        bits: cython.int = to_int(mode)
        py.PySys_Audit(b"os.chmod", b"iii", descriptor, bits, -1)
        while True:
            with cython.nogil:
                r = libc.fchmod(descriptor, bits)
                if r != 0:
                    number = libc.errno
            if r == 0:
                return
            again(number)

    def chown(self, path, uid, gid, *, dir_fd=None, follow_symlinks=True):
        """Change the owner and group of a file; -1 leaves one unchanged; fchownat(2).

        `path` may be a descriptor.
        """
        w: Where
        r: cython.int
        kept = take(cython.address(w), path, "chown", "path", ALLOW_FD)
        user: libc.uid_t = to_uid(uid)
        group: libc.gid_t = to_gid(gid)
        if dir_fd is not None:
            w.dir = to_dir_fd(dir_fd)
        follow: cython.bint = follow_symlinks
        if w.fd != -1:
            if w.dir != libc.AT_FDCWD:
                raise ValueError("chown: can't specify both dir_fd and fd")
            if must_follow(w.fd) and not follow:
                raise ValueError("chown: cannot use fd and follow_symlinks together")
        _audit_owner(kept, user, group, w.dir)
        with cython.nogil:
            if w.fd != -1:
                r = libc.fchown(w.fd, user, group)
            else:
                r = placed(self, cython.address(w), TARGET if follow else LOOK)
                if r == 0:
                    r = libc.fchownat(
                        w.dir, w.name, user, group, 0 if follow else libc.AT_SYMLINK_NOFOLLOW
                    )
            r = settle(cython.address(w), r)
        if r:
            raise failure(r, kept)

    def fchown(self, fd, uid, gid):
        """Change the owner and group of an open file; -1 leaves one unchanged; fchown(2)."""
        r: cython.int
        number: cython.int = 0
        descriptor: cython.int = to_int(fd)
        user: libc.uid_t = to_uid(uid)
        group: libc.gid_t = to_gid(gid)
        py.PySys_Audit(b"os.chown", b"iIIi", descriptor, user, group, -1)
        while True:
            with cython.nogil:
                r = libc.fchown(descriptor, user, group)
                if r != 0:
                    number = libc.errno
            if r == 0:
                return
            again(number)

    def lchown(self, path, uid, gid):
        """Change the owner and group of a name, a link not followed; fchownat(2)."""
        w: Where
        r: cython.int
        kept = take(cython.address(w), path, "lchown", "path", 0)
        user: libc.uid_t = to_uid(uid)
        group: libc.gid_t = to_gid(gid)
        _audit_owner(kept, user, group, libc.AT_FDCWD)
        with cython.nogil:
            r = self.place(cython.address(w), LOOK)
            if r == 0:
                r = libc.fchownat(w.dir, w.name, user, group, libc.AT_SYMLINK_NOFOLLOW)
            r = settle(cython.address(w), r)
        if r:
            raise failure(r, kept)

    def umask(self, mask, /):
        """Set the file mode creation mask and return the previous one; umask(2)."""
        if not isinstance(self, HostCore):  # the process's is the host's alone
            raise plain_failure(libc.ENOSYS)
        return cython.cast(cython.int, libc.umask(to_int(mask)))

    # --- of whole trees --------------------------------------------------------------------------

    def chmod_tree(self, top, mode, *, on_error="raise", one_filesystem=False):
        """Set the mode of a directory and of all below it; return the trees.Counts of what was set.

        `mode` is a number, octal digits, or text as chmod(1) takes it, "u+rwX,go-w" say, with X
        for directories and what is executable already. Links are never followed, and have no
        mode. A ValueError says where a mode has its mistake. on_error and one_filesystem as for
        all of trees.
        """
        return self.trees.chmod(
            top, checked_mode(mode), on_error=on_error, one_filesystem=one_filesystem
        )

    def chown_tree(self, top, user=None, group=None, *, on_error="raise", one_filesystem=False):
        """Set the owner of a directory and of all below it; return the trees.Counts of that.

        user and group are a name, a number, or None for unchanged; LookupError for a name that
        does not exist. Links are never followed: they themselves get the owner.
        """
        return self.trees.chown(
            top,
            user_id(user),
            group_id(group),
            on_error=on_error,
            one_filesystem=one_filesystem,
        )

    # --- of this process -------------------------------------------------------------------------

    def getuid(self):
        """The real user id; getuid(2)."""
        return from_id(libc.getuid())

    def geteuid(self):
        """The effective user id; geteuid(2)."""
        return from_id(libc.geteuid())

    def getgid(self):
        """The real group id; getgid(2)."""
        return from_id(libc.getgid())

    def getegid(self):
        """The effective group id; getegid(2)."""
        return from_id(libc.getegid())

    def getresuid(self):
        """The real, effective and saved user id; getresuid(2)."""
        real: libc.uid_t
        effective: libc.uid_t
        saved: libc.uid_t
        _check(
            libc.getresuid(cython.address(real), cython.address(effective), cython.address(saved))
        )
        return from_id(real), from_id(effective), from_id(saved)

    def getresgid(self):
        """The real, effective and saved group id; getresgid(2)."""
        real: libc.gid_t
        effective: libc.gid_t
        saved: libc.gid_t
        _check(
            libc.getresgid(cython.address(real), cython.address(effective), cython.address(saved))
        )
        return from_id(real), from_id(effective), from_id(saved)

    def setuid(self, uid, /):
        """Set the user id; setuid(2)."""
        _check(libc.setuid(to_uid(uid)))

    def seteuid(self, euid, /):
        """Set the effective user id; seteuid(2)."""
        _check(libc.seteuid(to_uid(euid)))

    def setgid(self, gid, /):
        """Set the group id; setgid(2)."""
        _check(libc.setgid(to_gid(gid)))

    def setegid(self, egid, /):
        """Set the effective group id; setegid(2)."""
        _check(libc.setegid(to_gid(egid)))

    def setreuid(self, ruid, euid, /):
        """Set the real and effective user id; -1 leaves one unchanged; setreuid(2)."""
        real: libc.uid_t = to_uid(ruid)
        effective: libc.uid_t = to_uid(euid)
        _check(libc.setreuid(real, effective))

    def setregid(self, rgid, egid, /):
        """Set the real and effective group id; -1 leaves one unchanged; setregid(2)."""
        real: libc.gid_t = to_gid(rgid)
        effective: libc.gid_t = to_gid(egid)
        _check(libc.setregid(real, effective))

    def setresuid(self, ruid, euid, suid, /):
        """Set the real, effective and saved user id; -1 leaves one unchanged; setresuid(2)."""
        real: libc.uid_t = to_uid(ruid)
        effective: libc.uid_t = to_uid(euid)
        saved: libc.uid_t = to_uid(suid)
        _check(libc.setresuid(real, effective, saved))

    def setresgid(self, rgid, egid, sgid, /):
        """Set the real, effective and saved group id; -1 leaves one unchanged; setresgid(2)."""
        real: libc.gid_t = to_gid(rgid)
        effective: libc.gid_t = to_gid(egid)
        saved: libc.gid_t = to_gid(sgid)
        _check(libc.setresgid(real, effective, saved))

    # --- groups ----------------------------------------------------------------------------------

    def getgroups(self):
        """The supplementary group ids, a list; getgroups(2)."""
        while True:
            count: cython.int = libc.getgroups(0, cython.NULL)
            _check(count)
            room = bytearray(max(count, 1) * cython.sizeof(libc.gid_t))
            groups = cython.cast(cython.pointer(libc.gid_t), cython.cast(cython.p_char, room))
            count = libc.getgroups(count, groups)
            if count >= 0:
                return [from_id(groups[i]) for i in range(count)]
            if libc.errno != libc.EINVAL:  # EINVAL: there are more than a moment ago
                _check(count)

    def setgroups(self, groups, /):
        """Set the supplementary group ids from a sequence; setgroups(2)."""
        i: cython.Py_ssize_t
        if not py.PySequence_Check(groups):
            raise TypeError("setgroups argument must be a sequence")
        count: cython.Py_ssize_t = len(groups)
        if count > libc.NGROUPS_MAX:
            raise ValueError("too many groups")
        room = bytearray(max(count, 1) * cython.sizeof(libc.gid_t))
        ids = cython.cast(cython.pointer(libc.gid_t), cython.cast(cython.p_char, room))
        for i in range(count):
            group = groups[i]
            if not py.PyLong_Check(group) and (
                py.PY_VERSION_HEX < 0x030E0000 or not py.PyIndex_Check(group)
            ):
                raise TypeError("groups must be integers")
            ids[i] = to_gid(group)
        _check(libc.setgroups(count, ids))

    def getgrouplist(self, user, group, /):
        """The groups that a user belongs to, with `group` among them, a list; getgrouplist(3)."""
        size: cython.Py_ssize_t = 0
        r: cython.int
        if not py.PyUnicode_Check(user):
            raise TypeError(f"getgrouplist() argument 1 must be str, not {py.type_named(user)}")
        name: cython.p_const_char = py.PyUnicode_AsUTF8AndSize(user, cython.address(size))
        if libc.strlen(name) != cython.cast(cython.size_t, size):
            raise ValueError("embedded null character")
        own: libc.gid_t = to_gid(group)
        count: cython.int = 64
        while True:
            room = bytearray(count * cython.sizeof(libc.gid_t))
            ids = cython.cast(cython.pointer(libc.gid_t), cython.cast(cython.p_char, room))
            capacity: cython.int = count
            with cython.nogil:
                r = libc.getgrouplist(name, own, ids, cython.address(count))
            if r != -1:
                return [from_id(ids[i]) for i in range(count)]
            if count <= capacity:
                count = capacity * 2

    def initgroups(self, username, gid, /):
        """Set the supplementary groups to those of a user, and `gid`; initgroups(3)."""
        r: cython.int
        number: cython.int = 0
        text = py.fs_bytes(username)
        group: libc.gid_t = to_gid(gid)
        name: cython.p_const_char = py.PyBytes_AS_STRING(text)
        with cython.nogil:
            r = libc.initgroups(name, group)
            if r == -1:
                number = libc.errno
        if r == -1:
            raise plain_failure(number)

    def getlogin(self):
        """The name of the user at the controlling terminal; getlogin(3)."""
        room: cython.char[257]
        if py.Py_Version >= 0x030D0500:
            error: cython.int = libc.getlogin_r(room, 257)
            if error:
                # Before 3.15 it gives the number's negative.
                raise plain_failure(error if py.PY_VERSION_HEX >= 0x030F0000 else -error)
            return py.PyUnicode_DecodeFSDefault(room)
        libc.set_errno(0)
        name = libc.getlogin()
        if name == cython.NULL:
            number: cython.int = libc.errno
            if number == 0:
                raise OSError("unable to determine login name")
            raise plain_failure(number)
        return py.PyUnicode_DecodeFSDefault(name)


@cython.cfunc
@cython.exceptval(-1)
def _audit_owner(kept, user: libc.uid_t, group: libc.gid_t, dir_fd: cython.int) -> cython.int:
    name = named(kept)
    return py.audit1(b"os.chown", b"OIIi", name, user, group, dir_shown(dir_fd))


@cython.cfunc
@cython.exceptval(-1)
def _check(result: cython.int) -> cython.int:
    if result < 0:
        raise plain_failure(libc.errno)
    return 0

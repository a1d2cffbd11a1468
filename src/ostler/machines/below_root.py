"""The crossing of a machine that has a root directory of its own.

Every path is resolved by the kernel below the root's descriptor: openat2 with RESOLVE_IN_ROOT,
so that "/", ".." and links mean what they mean on this machine, and magic links are refused.
A name that is made, removed or looked at itself is handed on as a descriptor of its parent and
the last name, which no call of that kind follows.
"""

from _weakref import ref

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.become import arrive, move
from cython.cimports.ostler.core.by_name import step_by_step
from cython.cimports.ostler.core.confine import Confinement
from cython.cimports.ostler.core.creating import (
    allow,
    is_same,
    may_leave,
    may_rename,
    not_to_be_run,
    several,
)
from cython.cimports.ostler.core.crossing import (
    ALLOW_FD,
    ASKED,
    BARE,
    ENTRY,
    LOOK,
    SEEN,
    Core,
    Where,
    come_in,
    end,
    end_in_copy,
    failure,
    leave,
    plain_failure,
    settle,
    take,
)
from cython.cimports.ostler.core.family import Insider
from cython.cimports.ostler.core.identity import (
    IDENTITY_GROUPS,
    Identity,
    put_on,
    take_off,
)
from cython.cimports.ostler.core.mounts import Made, children, openat2_works
from cython.cimports.ostler.core.numbers import to_fildes, to_int
from cython.cimports.ostler.core.own_descriptors import (
    Name,
    begin,
    decimal,
    finish,
    follow,
    high,
    is_dots,
    is_own_fd_directory,
    is_root,
    split,
    step_to,
)
from cython.cimports.ostler.core.spawn import (
    SPAWN_AS_USER,
    SPAWN_REPLACES,
    Spawn,
    close_held,
    keep_copies,
    prepare,
)
from cython.cimports.ostler.core.umask import process_umask
from cython.cimports.ostler.path import Path

# openat2 refuses what open ignores.
_O_KNOWN = cython.declare(
    cython.int,
    libc.O_ACCMODE | libc.O_CREAT | libc.O_EXCL | libc.O_NOCTTY | libc.O_TRUNC | libc.O_APPEND
    | libc.O_NONBLOCK | libc.O_SYNC | libc.O_DSYNC | libc.O_ASYNC | libc.O_DIRECT
    | libc.O_DIRECTORY | libc.O_NOFOLLOW | libc.O_NOATIME | libc.O_CLOEXEC | libc.O_PATH
    | libc.O_TMPFILE,
)  # fmt: skip
_O_WITH_PATH = cython.declare(
    cython.int, libc.O_DIRECTORY | libc.O_NOFOLLOW | libc.O_PATH | libc.O_CLOEXEC
)
_O_PARENT = cython.declare(cython.int, libc.O_PATH | libc.O_DIRECTORY | libc.O_CLOEXEC)


@cython.cclass
class RootedCore(Core):
    """What the machines with a root of their own share; the host's paths know nothing of it."""

    _acts = True

    def __cinit__(self, *args, **kwargs):
        self._root = self._cwd = self._user_ns = self._mount_ns = self._mount = -1
        self._stores = self._children_ns = self._umask = self._user.uid = -1
        self._mounted = 1

    def __del__(self):
        # Nobody has the machine any more, but somebody may have its Path, or a function of that:
        # from now on the Path keeps the machine, and not the other way round. If nobody has it
        # either, both are gone at the end of this.
        self._dropped = True
        if self.kept is not None:
            made: Path = self.kept
            made.owned = self
            self.kept = made = None

    def __dealloc__(self):
        if self.lent != cython.NULL:
            # Its class has got another __del__() meanwhile: who has the Path has no machine.
            made: Path = cython.cast(Path, self.lent)
            made.whose = self.lent = cython.NULL
        if not self._handed_over:
            self._hand_over()
            end(cython.address(self._life))

    def its_path(self):
        # The Path and its machine last as long as somebody has one of them, without a cycle, for
        # which they would have to wait for the garbage collector: see __del__().
        made: Path
        if self.lent != cython.NULL:
            return cython.cast(object, self.lent)
        if py.FREE_THREADED:  # another thread might be about to drop the one that is lent
            with cython.critical_section(self):
                known = None if self._seen is None else self._seen()
                if known is None:
                    made = Path.__new__(Path)
                    made.whose = cython.cast(cython.pointer(py.PyObject), self)
                    made.owned = self
                    self._seen = ref(made)
                    known = made
            return known
        made = Path.__new__(Path)
        made.whose = cython.cast(cython.pointer(py.PyObject), self)
        if self._dropped or not _is_told(self):
            made.owned = self
        else:
            self.kept = made
        self.lent = cython.cast(cython.pointer(py.PyObject), made)
        return made

    # Placing

    def place(self, w, purpose):
        if w.name == cython.NULL:
            return 0
        if w.life == cython.NULL and self._stay(w) < 0:
            return -1
        dir: cython.int = self._cwd if w.dir == libc.AT_FDCWD else w.dir
        if purpose == ENTRY or purpose == LOOK or purpose == BARE:
            return self._parent(w, dir, purpose)
        w.held = self.resolve(dir, w.name, libc.O_PATH | libc.O_CLOEXEC, 0)
        if w.held < 0 and libc.errno == libc.ELOOP and (purpose == SEEN or purpose == ASKED):
            w.held = self._own_descriptor(dir, w.name, libc.O_PATH | libc.O_CLOEXEC)
        if w.held < 0:
            return -1
        if purpose == SEEN:
            w.dir = w.held
            w.name = b""
            w.flags = libc.AT_EMPTY_PATH
        else:
            libc.sprintf(w.magic, b"/proc/self/fd/%d", w.held)
            w.dir = libc.AT_FDCWD
            w.name = w.magic
        return 0

    def _parent(self, w, dir, purpose):
        # The descriptor of the directory that holds the last name, and that name.
        parent: cython.char[4096]
        start: cython.size_t
        end: cython.size_t
        size: cython.size_t = libc.strlen(w.name)
        if size >= _PATH_MAX:
            libc.errno = libc.ENAMETOOLONG
            return -1
        end = size
        while end > 0 and w.name[end - 1] == b"/":
            end -= 1
        start = end
        while start > 0 and w.name[start - 1] != b"/":
            start -= 1
        if size == 0:
            # No file: the call itself says so.
            w.dir = dir
            return 0
        if purpose != ENTRY and (end == 0 or end < size or is_dots(w.name + start, end - start)):
            return self._whole(w, dir)
        if end == 0:
            # The root: making, removing or renaming it fails, under either name.
            w.dir = self._root
            w.name = b"."
            return 0
        if start == 0:
            w.dir = dir
        elif is_root(w.name, start):
            w.dir = self._root
        else:
            libc.memcpy(parent, w.name, start)
            parent[start] = 0
            w.held = self.resolve(dir, parent, _O_PARENT, 0)
            if w.held < 0:
                return -1
            w.dir = w.held
        w.name = w.name + start
        if purpose == BARE:
            if end - start > 255:
                libc.errno = libc.ENAMETOOLONG
                return -1
            libc.sprintf(w.magic, b"/proc/self/fd/%d/%s", w.dir, w.name)
            w.dir = libc.AT_FDCWD
            w.name = w.magic
        return 0

    def _whole(self, w, dir):
        # A directory itself, under a name that no call follows any further.
        w.held = self.resolve(dir, w.name, _O_PARENT, 0)
        if w.held < 0:
            return -1
        libc.sprintf(w.magic, b"/proc/self/fd/%d/", w.held)
        w.dir = libc.AT_FDCWD
        w.name = w.magic
        return 0

    # Resolving

    def resolve(self, dir, path, flags, mode):
        # A descriptor of what the path means on this machine, or -1 with errno.
        r: cython.int
        if self._closed:
            libc.errno = libc.EBADF
            return -1
        if path[0] == b"/":
            return self._below(self._root, path, flags, mode, libc.RESOLVE_IN_ROOT)
        r = self._below(dir, path, flags, mode, libc.RESOLVE_BENEATH)
        if r < 0 and libc.errno == libc.EXDEV:
            return self._from_root(dir, path, flags, mode)
        return r

    def _below(self, dir, path, flags, mode, how):
        r: cython.int = -1
        tries: cython.int
        order: libc.open_how
        status: libc.stat_t
        if flags & libc.O_PATH:
            flags &= _O_WITH_PATH
        if not self._walks:
            order.flags = flags & _O_KNOWN
            order.mode = 0
            if flags & libc.O_CREAT or flags & libc.O_TMPFILE == libc.O_TMPFILE:
                order.mode = mode & _BITS
            order.resolve = how | libc.RESOLVE_NO_MAGICLINKS
            for tries in range(_TRIES):
                r = libc.openat2(dir, path, cython.address(order))
                if r >= 0 or libc.errno != libc.EAGAIN:
                    return r
            # While others rename or mount without a pause, anywhere on the system, the kernel
            # can't tell where ".." leads: from here on name by name, which needs no quiet.
        if how & libc.RESOLVE_BENEATH:
            if path[0] == 0:
                libc.errno = libc.ENOENT
            elif libc.fstat(dir, cython.address(status)) == 0:
                if status.st_mode & 0o170000 == 0o040000:
                    libc.errno = libc.EXDEV
                else:
                    libc.errno = libc.ENOTDIR
            return -1
        return step_by_step(self._root, path, flags, mode)

    def _from_root(self, dir, path, flags, mode):
        # A relative path that leaves its directory: from the root, by the directory's own path.
        full: cython.char[8192]
        size: cython.long = self.path_of(dir, full)
        more: cython.size_t = libc.strlen(path)
        if size < 0:
            return -1
        if not self._inside(dir, full):
            libc.errno = libc.ENOENT if dir == self._cwd else libc.EXDEV
            return -1
        if size + 1 + more >= _PATH_MAX:
            libc.errno = libc.ENAMETOOLONG
            return -1
        full[size] = b"/"
        libc.memcpy(full + size + 1, path, more + 1)
        return self._below(self._root, full, flags, mode, libc.RESOLVE_IN_ROOT)

    def path_of(self, fd, buffer):
        # The path on this machine of an open file, for a buffer of PATH_MAX bytes; its length.
        link: cython.char[32]
        size: cython.long
        libc.sprintf(link, b"/proc/self/fd/%d", fd)
        size = libc.readlinkat(libc.AT_FDCWD, link, buffer, _PATH_MAX - 1)
        if size < 0:
            if libc.errno == libc.ENOENT:
                libc.errno = libc.EBADF
            return -1
        buffer[size] = 0
        if self._prefix_size and size >= cython.cast(cython.long, self._prefix_size):
            if libc.memcmp(buffer, self._prefix, self._prefix_size) == 0 and (
                buffer[self._prefix_size] == b"/" or buffer[self._prefix_size] == 0
            ):
                size -= self._prefix_size
                libc.memmove(buffer, buffer + self._prefix_size, size + 1)
                if size == 0:
                    buffer[0] = b"/"
                    buffer[1] = 0
                    size = 1
            else:
                buffer[0] = b"?"
        if buffer[0] != b"/":
            libc.errno = libc.ENOENT
            return -1
        return size

    def _inside(self, fd, path):
        # Whether this path means this open directory, on this machine.
        found: cython.int = self._below(self._root, path, _O_PARENT, 0, libc.RESOLVE_IN_ROOT)
        if found < 0:
            return False
        same: cython.bint = is_same(fd, found)
        libc.close(found)
        return same

    # The one kind of magic links that means something: /dev/stdin, /dev/fd/N

    def _own_descriptor(self, dir, path, flags):
        # A path that the kernel refused for a magic link: if it leads to a descriptor of this
        # process, by its own /proc, that is opened again.
        name: Name
        number: cython.int = -1
        links: cython.int
        fd: cython.int
        if self._plain or self._confinement is not None or begin(cython.address(name), path) < 0:
            libc.errno = libc.ELOOP  # it may lead out
            return -1
        for links in range(_LINKS):
            if split(cython.address(name)) < 0:
                break
            fd = self.resolve(dir, name.parent, _O_PARENT, 0)
            if fd < 0:
                break
            dir = step_to(cython.address(name), fd)
            if is_own_fd_directory(dir):
                number = decimal(name.last)
                break
            if follow(cython.address(name)) < 0:
                break
        return finish(cython.address(name), number, flags)

    # Opening and making, with this machine's umask

    def open_at(self, w, flags, mode):
        r: cython.int
        if self._umask >= 0:
            mode = mode & ~cython.cast(cython.uint, self._umask)
        if self._lax and flags & libc.O_TMPFILE == libc.O_TMPFILE:
            return self._nameless(w, flags, mode)
        if not self._lax or not flags & libc.O_CREAT:
            return self._open(w, flags, mode)
        # The process's umask is stricter: what is made here is given its mode afterwards.
        r = self._open(w, flags | libc.O_EXCL, mode)
        if r >= 0:
            return self._allow(w, r, mode)
        if libc.errno != libc.EEXIST or flags & libc.O_EXCL:
            return r
        return self._open(w, flags, mode)

    def _nameless(self, w, flags, mode):
        # As open_at(), of a file in the directory that the path itself names.
        directory: cython.int
        r: cython.int = self._open(w, flags, mode)
        if r >= 0:
            directory = self._open(w, libc.O_RDONLY | libc.O_DIRECTORY | libc.O_CLOEXEC, 0)
            if directory >= 0:
                allow(directory, b"", r, mode)
                libc.close(directory)
        return r

    def _stay(self, w):
        # Until settle(), the numbers that are handed out here mean what they mean now.
        if not come_in(cython.address(self._life)):
            return -1
        w.acting = self._user.uid >= 0
        if w.acting and put_on(cython.address(self._user), False) < 0:
            leave(cython.address(self._life))
            return -1
        w.life = cython.address(self._life)
        return 0

    def _open(self, w, flags, mode):
        if w.life == cython.NULL and self._stay(w) < 0:
            return -1
        dir: cython.int = self._cwd if w.dir == libc.AT_FDCWD else w.dir
        r: cython.int = self.resolve(dir, w.name, flags, mode)
        if r < 0 and libc.errno == libc.ELOOP and not flags & libc.O_NOFOLLOW:
            r = self._own_descriptor(dir, w.name, flags)
        return r

    def _allow(self, w, fd, mode):
        v: Where
        v.dir = w.dir
        v.name = w.name
        v.held = -1
        v.life = cython.NULL
        if self.place(cython.address(v), ENTRY) == 0:
            allow(v.dir, v.name, fd, mode)
        settle(cython.address(v), 0)
        return fd

    def mkdir_at(self, w, mode):
        r: cython.int
        if self.place(w, ENTRY) < 0:
            return -1
        if self._umask >= 0:
            mode = mode & ~cython.cast(cython.uint, self._umask)
        r = libc.mkdirat(w.dir, w.name, mode)
        if r == 0 and self._lax:
            allow(w.dir, w.name, -1, mode)
        return r

    def mknod_at(self, w, mode, device):
        r: cython.int
        if self.place(w, ENTRY) < 0:
            return -1
        if self._umask >= 0:
            mode = mode & ~cython.cast(cython.uint, self._umask)
        r = libc.mknodat(w.dir, w.name, mode, device)
        if r == 0 and self._lax:
            allow(w.dir, w.name, -1, mode)
        return r

    # Taking away: what is mounted in a detached tree the kernel does not defend

    def has_mounts(self):
        return self._mounted != 0

    def may_go(self, w, directory):
        return may_leave(w.dir, w.name, directory) if self._mounted else 0

    def may_move(self, w, w2, flags):
        r: cython.int = 0
        if self._mounted:
            r = may_rename(w.dir, w.name, w2.dir, w2.name, flags)
        if (
            r == 0
            and self._overlaid
            and (
                several(w.dir, w.name, w2.dir, w2.name, flags)
                or self._had_several(w)
                or (flags & libc.RENAME_EXCHANGE and self._had_several(w2))
            )
        ):
            libc.errno = libc.EXDEV  # Rehearsal does it otherwise
            return -1
        return r

    def _had_several(self, w):
        # Whether the base has a file with other names here, of which there may be a copy by now.
        full: cython.char[8192]
        status: libc.stat_t
        at: cython.size_t
        size: cython.long = self.path_of(w.dir, full)
        more: cython.size_t = libc.strlen(w.name)
        if size < 0:
            return False
        with cython.gil:
            origin: bytes = self._origin
            at = py.PyBytes_GET_SIZE(origin)
            if at + size + 1 + more >= _PATH_MAX:
                return False
            libc.memmove(full + at, full, size)
            libc.memcpy(full, py.PyBytes_AS_STRING(origin), at)
        full[at + size] = b"/"
        libc.memcpy(full + at + size + 1, w.name, more + 1)
        return (
            libc.fstatat(libc.AT_FDCWD, full, cython.address(status), libc.AT_SYMLINK_NOFOLLOW) == 0
            and status.st_mode & libc.S_IFMT != libc.S_IFDIR
            and status.st_nlink > 1
        )

    # The verbs whose meaning is the machine's own

    def getcwd(self):
        """The machine's working directory, as a path on it; readlink(2) of its descriptor."""
        here = self.getcwdb()
        return py.PyUnicode_DecodeFSDefaultAndSize(
            py.PyBytes_AS_STRING(here), py.PyBytes_GET_SIZE(here)
        )

    def getcwdb(self):
        """The machine's working directory, as bytes."""
        here: cython.char[4096]
        status: libc.stat_t
        size: cython.long = 0
        number: cython.int = 0
        with cython.nogil:
            if not come_in(cython.address(self._life)):
                number = libc.errno
            else:
                size = self.path_of(self._cwd, here)
                if size < 0:
                    number = libc.errno
                elif libc.fstat(self._cwd, cython.address(status)) == 0 and status.st_nlink == 0:
                    number = libc.ENOENT
                leave(cython.address(self._life))
        if number:
            raise plain_failure(number)
        return py.PyBytes_FromStringAndSize(here, size)

    def chdir(self, path):
        """Change the machine's working directory; the process's own stays where it is."""
        w: Where
        r: cython.int
        kept = take(cython.address(w), path, "chdir", "path", ALLOW_FD)
        py.audit1(b"os.chdir", b"(O)", path)
        with cython.nogil:
            r = settle(cython.address(w), self._enter(cython.address(w)))
        if r:
            raise failure(r, kept)

    def fchdir(self, fd):
        """Change the machine's working directory to an open directory of this machine."""
        w: Where
        r: cython.int
        w.held = -1
        w.life = cython.NULL
        w.name = cython.NULL
        w.fd = to_fildes(fd)
        py.PySys_Audit(b"os.chdir", b"(i)", w.fd)
        with cython.nogil:
            r = settle(cython.address(w), self._enter(cython.address(w)))
        if r:
            raise plain_failure(r)

    def chroot(self, path):
        """Make a directory the machine's root, for those who may chroot; chroot(2)."""
        w: Where
        r: cython.int
        kept = take(cython.address(w), path, "chroot", "path", 0)
        with cython.nogil:
            r = self._open_directory(cython.address(w))
            if r == 0 and libc.geteuid() != 0:
                libc.errno = libc.EPERM
                r = -1
            if r == 0:
                if self._mount < 0:
                    self._mount = libc.fcntl(self._root, libc.F_DUPFD_CLOEXEC, 3)
                r = libc.dup3(w.held, self._root, libc.O_CLOEXEC)
            r = settle(cython.address(w), r)
        if r:
            raise failure(r, kept)
        self._leave_namespace()

    def _enter(self, w):
        path: cython.char[4096]
        if self._stay(w) < 0:
            return -1
        if w.name == cython.NULL:
            if w.fd == -1:
                libc.errno = libc.EFAULT  # as chdir(-1) of os: no path at all
                return -1
            if libc.faccessat(w.fd, b".", libc.F_OK, libc.AT_EACCESS) < 0:
                return -1
            if self.path_of(w.fd, path) < 0 or not self._inside(w.fd, path):
                libc.errno = libc.EXDEV
                return -1
            return libc.dup3(w.fd, self._cwd, libc.O_CLOEXEC)
        if self._open_directory(w) < 0:
            return -1
        return libc.dup3(w.held, self._cwd, libc.O_CLOEXEC)

    def _open_directory(self, w):
        # "." at the end asks for the permission to search it, as chdir does.
        path: cython.char[4100]
        size: cython.size_t = libc.strlen(w.name)
        if w.life == cython.NULL and self._stay(w) < 0:
            return -1
        if size == 0 or size >= _PATH_MAX:
            libc.errno = libc.ENAMETOOLONG if size else libc.ENOENT
            return -1
        libc.memcpy(path, w.name, size)
        libc.memcpy(path + size, b"/.", 3)
        w.held = self.resolve(self._cwd, path, _O_PARENT, 0)
        return -1 if w.held < 0 else 0

    def umask(self, mask, /):
        """Set the machine's own file mode creation mask and return the previous one.

        The process's umask belongs to all its threads and is left alone. Where it is stricter
        than the machine's, what is made is given its mode right afterwards.
        """
        new: cython.int = to_int(mask) & 0o777
        process: cython.int = process_umask()
        old: cython.int = process if self._umask < 0 else self._umask
        self._umask = new
        self._lax = process & ~new != 0
        return old

    def _own_umask(self, mask=None):
        # Without the process's: -1 where the machine has none of its own. With it, so from now on.
        if mask is not None:
            self._umask = mask
            self._lax = mask >= 0 and process_umask() & ~self._umask != 0
        return self._umask

    def _take_stores(self, owner):
        # A machine that has none until now.
        made: Made = owner
        fd: cython.int = high(made.root)
        made.root = -1
        if self._stores >= 0:
            libc.close(self._stores)
        self._stores = fd

    def _begin_like(self, other: RootedCore):
        # What is the machine's own besides its files and its variables.
        self._umask = other._umask
        self._lax = other._lax

    def file_mask(self):
        return process_umask() if self._umask < 0 else self._umask

    # Holding and giving back

    def give(self, root, user_ns, mount_ns, stores):
        # Take possession of these descriptors, once.
        self._root = high(root)
        self._user_ns = high(user_ns)
        self._mount_ns = high(mount_ns)
        self._stores = high(stores)
        self._walks = not openat2_works()
        self._cwd = high(libc.fcntl(self._root, libc.F_DUPFD_CLOEXEC, 3))
        if self._cwd < 0:
            number: cython.int = libc.errno
            self._closed = True
            self._end_now()
            raise plain_failure(number)
        return 0

    def _take_hold(self, root, user_ns, mount_ns, stores, owners):
        # From these owners, in one step that no signal parts.
        owner: Made
        fd: cython.int
        known: list = list(owners)
        fds: list = [root, user_ns, mount_ns, stores]
        for owner in known:
            for fd in fds:
                owner.leave(fd)
        self.give(root, user_ns, mount_ns, stores)

    def _no_program(self, path):
        # The errno with which this program can't be run, as far as names and modes tell.
        number: cython.int
        fd: cython.int
        if path == cython.NULL:
            return 0
        fd = self.resolve(self._cwd, path, libc.O_PATH | libc.O_CLOEXEC, 0)
        if fd < 0:
            return libc.errno
        number = not_to_be_run(fd)
        libc.close(fd)
        return number

    def _prefixed(self, prefix: bytes):
        # The root is no mount of its own: this is its path in the host.
        size: cython.size_t = py.PyBytes_GET_SIZE(prefix)
        self._plain = True
        self._mounted = 0
        if 1 < size < _PATH_MAX:
            libc.memcpy(self._prefix, py.PyBytes_AS_STRING(prefix), size + 1)
            self._prefix_size = size

    def _leave_namespace(self):
        # The next child gets a fresh clone of the mounts.
        with self._making:
            self._drop_namespace()

    def _drop_namespace(self):
        confinement: Confinement = self._confinement
        if confinement is not None:
            with cython.nogil:
                confinement.let_go()
        if self._children_ns >= 0:
            libc.close(self._children_ns)
            self._children_ns = -1
        return 0

    def enter(self, s):
        # What children share is made once, by the first who needs it. What goes wrong leaves
        # nothing, and the next one tries again.
        me: cython.ulong = py.PyThread_get_thread_ident()
        if self._maker == me:
            # A signal's handler, or a finalizer, in the middle of it: to wait would be for ever.
            raise RuntimeError("this thread is making what the machine's children need")
        with self._making:
            self._maker = me
            try:
                self._enter_now(s)
                if keep_copies(s) < 0:
                    raise plain_failure(libc.errno)
            finally:
                self._maker = 0
                if self._closed and not self._handed_over:
                    self._end_now()  # closed in the middle of it

    def _enter_now(self, s):
        if self._closed:
            raise ValueError("the machine is closed")
        s.umask = self._umask
        if self._user.uid >= 0:
            s.user = self._user
            s.flags |= SPAWN_AS_USER
        if self._plain:
            if self._confinement is None:
                raise PermissionError(
                    libc.EPERM, "no child can be started in this machine: see its guarantees"
                )
            if s.cwd == cython.NULL and s.cwd_fd < 0:
                s.cwd_fd = self._cwd
            self._confinement.add(s, self._root, -1, -1)
            return 0
        if self._is_here:
            self._begin_where_it_stands(s)  # and is in the namespaces already
            return 0
        if s.flags & SPAWN_REPLACES:
            # There is no way back out of the namespaces: what can be known is found out before.
            s.error = self._no_program(s.path)
            if s.error:
                return 0
        if self._children_ns < 0:
            self._children_ns = self._make_namespace()
        if self._user_ns >= 0:
            s.namespaces[s.namespace_count] = self._user_ns
            s.namespace_count += 1
        s.namespaces[s.namespace_count] = self._children_ns
        s.namespace_count += 1
        self._begin_where_it_stands(s)
        if self._confinement is not None:
            self._confinement.add(s, self._root, self._user_ns, self._children_ns)
        return 0

    def _begin_where_it_stands(self, s):
        size: cython.long
        if s.cwd == cython.NULL and s.cwd_fd < 0:
            size = self.path_of(self._cwd, s.room)
            if size < 0:
                raise plain_failure(libc.errno)
            s.cwd = s.room
        return 0

    def _fork_inside(self):
        # A copy of this process, an Insider, for which _move_in() is to be called there: where the
        # machine's children live, in a PID namespace of its own, from its first moment on. None:
        # nothing was done. Where an ordinary user is refused the namespace, as in a container that
        # hides parts of /proc, it can be had without one, by a plain fork.
        insider: Insider = Insider()
        number: cython.int
        prepare(cython.address(insider.inside.s))
        try:
            self.enter(cython.address(insider.inside.s))
        except OSError:
            return None  # it is told by who tries it without
        insider.inside.family.read_only = self._user_ns < 0 or libc.geteuid() == 0
        try:
            number = insider.begin()
        except BaseException:
            close_held(cython.address(insider.inside.s))
            raise
        if insider.pid == 0:
            return insider
        close_held(cython.address(insider.inside.s))
        if number and self._user_ns < 0:
            kind = type(plain_failure(number))
            step = cython.cast(bytes, insider.inside.family.step).decode()
            raise kind(number, f"no namespace for the processes of a test: {step}")
        return None if number else insider

    def _move_in(self, parent: cython.int, insider):
        # From now on this process, which has one thread and is a copy of its parent, lives where
        # the machine's children do, with their rights, and there is no way back: an Insider or,
        # where there is none, this process as it is, which ends with its parent.
        s: Spawn
        number: cython.int
        known: Insider = insider
        if known is not None:
            with cython.nogil:
                number = move(cython.address(known.inside.s), 0)
        else:
            prepare(cython.address(s))
            self.enter(cython.address(s))
            with cython.nogil:
                number = arrive(cython.address(s), parent)
                if number == 0:
                    number = move(cython.address(s), parent)
                else:
                    close_held(cython.address(s))
        if number:
            raise plain_failure(number)
        self._user.uid = -1  # which is who runs now
        self._is_here = True

    def _make_namespace_now(self):
        with self._making:
            if self._children_ns < 0 and not self._closed:
                self._children_ns = self._make_namespace()

    def _make_all_now(self):
        # For a child that will not be allowed to: the namespaces of a confined machine, too.
        s: Spawn
        if not self._plain:
            self._make_namespace_now()
        if self._confinement is not None:
            with self._making:
                prepare(cython.address(s))
                self._confinement.add(cython.address(s), self._root, self._user_ns,
                                      self._children_ns)  # fmt: skip

    def _make_namespace(self):
        fd, number, step = children(self._root, self._user_ns, self._mount_ns)
        if number:
            kind = type(plain_failure(number))
            raise kind(number, f"no namespace for the machine's children: {step}")
        return fd

    def _shut(self):
        # Give back the descriptors, and with them the mounts; the children of a confined machine
        # end. Who is inside with a descriptor in another thread is waited for by the descriptors
        # alone: the last one out closes them.
        if self._maker == py.PyThread_get_thread_ident():
            self._closed = True  # enter(), which was interrupted, does the rest
            return
        with self._making:
            self._closed = True
            if not self._handed_over:
                self._end_now()

    def _end_now(self):
        self._drop_namespace()
        self._hand_over()
        with cython.nogil:
            end(cython.address(self._life))
        return 0

    def _hand_over(self):
        # From now on the descriptors are those that inside are; nobody else finds their numbers.
        self._handed_over = True
        self._life.fds[0] = self._root
        self._life.fds[1] = self._cwd
        self._life.fds[2] = self._mount
        self._life.fds[3] = self._user_ns
        self._life.fds[4] = self._mount_ns
        self._life.fds[5] = self._stores
        self._life.fds[6] = self._children_ns
        self._root = self._cwd = self._mount = self._stores = -1
        self._user_ns = self._mount_ns = self._children_ns = -1
        return 0

    def _act_as(self, uid, gid, groups):
        # From now on the calls are this user's; -1: who runs.
        i: cython.int
        ids: list = list(groups)
        who: Identity
        if len(ids) > IDENTITY_GROUPS:
            raise ValueError(f"more than {IDENTITY_GROUPS} groups")
        who.uid = uid
        who.gid = gid
        who.count = len(ids)
        for i in range(who.count):
            who.groups[i] = ids[i]
        self._user = who

    def _as_user(self, wholly, function, *args, **kwargs):
        # A call that takes no path. Here, where no signal's handler can come in between.
        acting: cython.bint = self._user.uid >= 0
        if acting and put_on(cython.address(self._user), wholly) < 0:
            raise plain_failure(libc.errno)
        try:
            return function(*args, **kwargs)
        finally:
            if acting:
                take_off()

    def _come_in(self):
        # For several calls with the descriptors' numbers: none is closed before _leave().
        if not come_in(cython.address(self._life)):
            raise ValueError("the machine is closed")

    def _leave(self):
        leave(cython.address(self._life))

    def _forked(self):
        # In a forked copy of the process: no other thread is in the middle of anything.
        if self._maker != py.PyThread_get_thread_ident():
            if self._making.locked():
                self._making.release()
            self._maker = 0
        end_in_copy(cython.address(self._life))
        if self._closed and not self._handed_over:
            self._end_now()


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _is_told(machine: RootedCore) -> cython.bint:
    # Whether __del__() above is what is called when it is dropped, and not a derived class's own.
    ours = cython.cast(cython.pointer(py.PyTypeObject), cython.cast(cython.p_void, RootedCore))
    return (
        py.Py_TYPE(cython.cast(cython.pointer(py.PyObject), machine)).tp_finalize
        == ours.tp_finalize
    )

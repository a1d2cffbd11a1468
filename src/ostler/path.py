"""Paths: the text of them, and the questions about what they name; all of os.path."""

import abc
import stat
import sys

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import pathtext as text
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core import python_signatures as signatures
from cython.cimports.ostler.core.crossing import (
    ALLOW_FD,
    Core,
    Where,
    failure,
    is_own,
    look_at,
    take,
    verb,
)
from cython.cimports.ostler.core.pathjoin import join, join_given, relative
from cython.cimports.ostler.core.realpath import abspath as to_absolute
from cython.cimports.ostler.core.realpath import joined, realpath
from cython.cimports.ostler.core.realpath import walk as walk_links
from cython.cimports.ostler.core.walk import owns_path

from ostler.core.interpreter import SPLITROOT_TAKES_P, GenericAlias
from ostler.core.pathtext import splitext_plain as _splitext
from ostler.core.realpath import ALL_BUT_LAST, ALLOW_MISSING


class PathLike(abc.ABC):
    """What stands for a path: anything whose class has __fspath__()."""

    if sys.version_info >= (3, 13):
        __slots__ = ()

    @abc.abstractmethod
    def __fspath__(self):
        """Return the path as str or bytes."""
        raise NotImplementedError

    @classmethod
    def __subclasshook__(cls, subclass):
        if cls is not PathLike:
            return NotImplemented
        for base in subclass.__mro__:
            if "__fspath__" in base.__dict__:
                return NotImplemented if base.__dict__["__fspath__"] is None else True
        return NotImplemented

    __class_getitem__ = classmethod(GenericAlias)


PathLike.__module__ = "ostler"

# What os and os.path share; the rest of os.path's is below.
CONSTANTS = {
    "curdir": ".",
    "pardir": "..",
    "extsep": ".",
    "sep": "/",
    "altsep": None,
    "pathsep": ":",
    "defpath": "/bin:/usr/bin",
    "devnull": "/dev/null",
}
TYPES = {"PathLike": PathLike}

supports_unicode_filenames = False


_PREFIX_WARNING = (
    b"os.path.commonprefix() is deprecated. Use os.path.commonpath() for longest path prefix."
)

_whole_fspath = cython.declare(py.quick_t)
_whole_join = cython.declare(py.quick_t)


@cython.cfunc
def _quick_fspath(
    self,
    given: cython.pointer(cython.pointer(py.PyObject)),
    count: cython.Py_ssize_t,
    names: cython.pointer(py.PyObject),
):
    if count == 1 and names == cython.NULL:
        if py.is_exact_text(given[0]):
            return cython.cast(object, given[0])
    return _whole_fspath(self, given, count, names)


@cython.cfunc
def _quick_join(
    self,
    given: cython.pointer(cython.pointer(py.PyObject)),
    count: cython.Py_ssize_t,
    names: cython.pointer(py.PyObject),
):
    if count and names == cython.NULL:
        return join_given(given, count)
    return _whole_join(self, given, count, names)


@cython.cclass
class PathText(Core):
    """The calls of os that turn paths into text."""

    def fspath(self, path):
        """Return the str or bytes that a path is; PathLike objects are asked for theirs."""
        return path if py.PyUnicode_CheckExact(path) else py.PyOS_FSPath(path)

    def fsencode(self, filename):
        """Return a path as bytes, in the file system's encoding, surrogates as the raw bytes."""
        return text.fsencode(filename)

    def fsdecode(self, filename):
        """Return a path as str, in the file system's encoding, undecodable bytes as surrogates."""
        return text.fsdecode(filename)


_whole_fspath = py.in_front(PathText, b"fspath", _quick_fspath)


@cython.cfunc
@cython.exceptval(-1)
def _fetch(
    machine: Core, path, follow: cython.bint, found: cython.pointer(libc.stat_t)
) -> cython.int:
    # Fill `found`, return 0; or an errno, as well when the path is none that could be there.
    w: Where
    r: cython.int
    if (
        py.PyUnicode_Check(path)
        and py.PyUnicode_IS_COMPACT_ASCII(path)
        and libc.strlen(py.PyUnicode_DATA(path))
        == cython.cast(cython.size_t, py.PyUnicode_GET_LENGTH(path))
    ):
        w.dir = libc.AT_FDCWD
        w.fd = w.held = -1
        w.life = cython.NULL
        w.flags = 0
        w.name = py.PyUnicode_DATA(path)
    else:
        try:
            kept = _taken(cython.address(w), path, follow)
        except (OSError, ValueError):
            return libc.EINVAL
    with cython.nogil:
        r = look_at(machine, cython.address(w), found, follow)
    return r


@cython.cfunc
@cython.inline
def _taken(w: cython.pointer(Where), path, follow: cython.bint):
    if follow:
        return take(w, path, "stat", "path", ALLOW_FD)
    return take(w, path, "lstat", "path", 0)


@cython.cfunc
def _missed(machine: Core, path, found: cython.pointer(libc.stat_t)):
    # Fill `found`, return None; or the exception that is to be raised.
    w: Where
    r: cython.int
    kept = take(cython.address(w), path, "stat", "path", ALLOW_FD)
    with cython.nogil:
        r = look_at(machine, cython.address(w), found, True)
    return failure(r, kept) if r else None


@cython.cfunc
def _seen(machine: Core, path, name):
    # The mode by a function that has been put in the place of ours; None: not there.
    try:
        return verb(machine, name)(path)
    except (OSError, ValueError):
        return None


@cython.cfunc
def _seconds(time: libc.timespec):
    return cython.cast(cython.double, time.tv_sec) + 1e-9 * time.tv_nsec


@cython.cfunc
@cython.inline
def _its(path: Path) -> Core:
    if path.whose == cython.NULL:
        raise TypeError("a Path without a machine")
    return cython.cast(Core, path.whose)


@cython.no_gc_clear
@cython.cclass
class Path:
    """The os.path of one machine."""

    curdir = "."
    pardir = ".."
    extsep = "."
    sep = "/"
    altsep = None
    pathsep = ":"
    defpath = "/bin:/usr/bin"
    devnull = "/dev/null"
    supports_unicode_filenames = False
    ALLOW_MISSING = ALLOW_MISSING
    ALL_BUT_LAST = ALL_BUT_LAST

    def __init__(self, machine: Core, /):
        if self.whose != cython.NULL:
            raise TypeError("a Path stays with its machine")
        self.owned = machine
        self.whose = cython.cast(cython.pointer(py.PyObject), machine)

    def __repr__(self):
        return object.__repr__(self) if self.whose == cython.NULL else f"{_its(self)!r}.path"

    def __dealloc__(self):
        if self.whose != cython.NULL:
            machine: Core = _its(self)
            if machine.lent == cython.cast(cython.pointer(py.PyObject), self):
                machine.lent = cython.NULL

    @property
    def machine(self):
        """The machine whose paths these are."""
        return _its(self)

    def __reduce__(self):
        return getattr, (_its(self), "path" if _its(self)._names is None else "_path")

    # Text

    def normcase(self, s):
        """Return the path; case matters here."""
        return py.PyOS_FSPath(s)

    def isabs(self, s):
        """Whether the path starts at the root."""
        if py.PyUnicode_CheckExact(s) and py.PyUnicode_IS_COMPACT_ASCII(s):
            return py.PyUnicode_GET_LENGTH(s) != 0 and py.PyUnicode_READ_CHAR(s, 0) == 47
        s = py.PyOS_FSPath(s)
        return s.startswith(b"/" if py.PyBytes_Check(s) else "/")

    def join(self, a, *p):
        """Join parts with '/'; an absolute part drops all before it."""
        return join(a, p)

    def split(self, p):
        """Return (head, tail): what is before the last '/', and what is after it."""
        return text.split(p)

    def splitext(self, p):
        """Return (root, ext): ext is what follows the last name's last dot, with that dot.

        Dots that the name begins with do not count.
        """
        return text.splitext(p)

    def splitdrive(self, p):
        """Return (drive, path); the drive is empty here."""
        p = py.PyOS_FSPath(p)
        return p[:0], p

    def splitroot(self, path):
        """Return (drive, root, tail): no drive, the root '', '/' or '//', the rest."""
        return text.splitroot(path)

    def _splitroot_p(self, p):
        """Return (drive, root, tail): no drive, the root '', '/' or '//', the rest."""
        return text.splitroot(p)  # as some versions name its argument

    def basename(self, p):
        """Return what is after the last '/'."""
        return text.basename(p)

    def dirname(self, p):
        """Return what is before the last '/'."""
        return text.dirname(p)

    def commonprefix(self, m):
        """Return the longest common beginning, character by character (or item by item)."""
        if py.PY_VERSION_HEX >= 0x030F0000:
            py.PyErr_WarnEx(DeprecationWarning, _PREFIX_WARNING, 1)
        return text.commonprefix(m)

    def commonpath(self, paths):
        """Return the longest common path; ValueError for none, or absolute mixed with relative."""
        return text.commonpath(paths)

    def normpath(self, path):
        """Drop double slashes, '.' and 'name/..'; what this means may change where links are."""
        return text.normpath(path)

    def relpath(self, path, start=None):
        """Return the way from `start` (the working directory) to a path; both are only text."""
        if py.PY_VERSION_HEX < 0x030D0000 and not path:
            raise ValueError("no path specified")
        path = py.PyOS_FSPath(path)
        if py.PY_VERSION_HEX >= 0x030D0000 and not path:
            raise ValueError("no path specified")
        if py.PyBytes_Check(path):
            sep, dot, dots = b"/", b".", b".."
        else:
            sep, dot, dots = "/", ".", ".."
        start = dot if start is None else py.PyOS_FSPath(start)
        try:
            before = to_absolute(_its(self), start)
            after = to_absolute(_its(self), path)
            found = relative(before, after)
            if found is not None:
                return found
            origin = [part for part in before.split(sep) if part]
            goal = [part for part in after.split(sep) if part]
            shared: cython.Py_ssize_t = len(text.commonprefix([origin, goal]))
            way = [dots] * (len(origin) - shared) + goal[shared:]
            return sep.join(way) if way else dot
        except (TypeError, AttributeError, BytesWarning, DeprecationWarning):
            text.check_arg_types("relpath", (path, start))
            raise

    def isjunction(self, path):
        """Return False: there are no junctions here."""
        py.PyOS_FSPath(path)
        return False

    def isdevdrive(self, path):
        """Return False: there are no Dev Drives here."""
        py.PyOS_FSPath(path)
        return False

    # What a path names

    def exists(self, path):
        """Whether the path leads somewhere; a broken link does not. stat(2)"""
        found: libc.stat_t
        if not is_own(_its(self), "stat"):
            return _seen(_its(self), path, "stat") is not None
        return _fetch(_its(self), path, True, cython.address(found)) == 0

    def lexists(self, path):
        """Whether the name is there, be it a broken link. lstat(2)"""
        found: libc.stat_t
        if not is_own(_its(self), "lstat"):
            return _seen(_its(self), path, "lstat") is not None
        return _fetch(_its(self), path, False, cython.address(found)) == 0

    def isfile(self, path):
        """Whether the path leads to a regular file. stat(2)"""
        found: libc.stat_t
        if not is_own(_its(self), "stat"):
            seen = _seen(_its(self), path, "stat")
            return seen is not None and stat.S_ISREG(seen.st_mode)
        if _fetch(_its(self), path, True, cython.address(found)):
            return False
        return libc.S_ISREG(found.st_mode) != 0

    def isdir(self, s):
        """Whether the path leads to a directory. stat(2)"""
        found: libc.stat_t
        if not is_own(_its(self), "stat"):
            seen = _seen(_its(self), s, "stat")
            return seen is not None and stat.S_ISDIR(seen.st_mode)
        if _fetch(_its(self), s, True, cython.address(found)):
            return False
        return libc.S_ISDIR(found.st_mode) != 0

    def islink(self, path):
        """Whether the name is a symbolic link. lstat(2)"""
        found: libc.stat_t
        if not is_own(_its(self), "lstat"):
            seen = _seen(_its(self), path, "lstat")
            return seen is not None and stat.S_ISLNK(seen.st_mode)
        if _fetch(_its(self), path, False, cython.address(found)):
            return False
        return libc.S_ISLNK(found.st_mode) != 0

    def ismount(self, path):
        """Whether a file system is mounted here: the parent directory is on another device."""
        try:
            here = verb(_its(self), "lstat")(path)
        except (OSError, ValueError):
            return False
        if stat.S_ISLNK(here.st_mode):
            return False
        path = py.PyOS_FSPath(path)
        parent = joined(_its(self), path, (b".." if py.PyBytes_Check(path) else "..",))
        if py.PY_VERSION_HEX < 0x030D0000:
            above = _seen(_its(self), realpath(_its(self), parent, False), "lstat")
            if above is None:
                return False
        else:
            try:
                above = verb(_its(self), "lstat")(parent)
            except OSError:
                try:
                    above = verb(_its(self), "lstat")(realpath(_its(self), parent, False))
                except OSError:
                    return False
        return here.st_dev != above.st_dev or here.st_ino == above.st_ino

    def getsize(self, filename):
        """Return the size of a file in bytes. stat(2)"""
        found: libc.stat_t
        if not is_own(_its(self), "stat"):
            return verb(_its(self), "stat")(filename).st_size
        error = _missed(_its(self), filename, cython.address(found))
        if error is not None:
            raise error
        return found.st_size

    def getmtime(self, filename):
        """Return when the content last changed, in seconds since the epoch. stat(2)"""
        found: libc.stat_t
        if not is_own(_its(self), "stat"):
            return verb(_its(self), "stat")(filename).st_mtime
        error = _missed(_its(self), filename, cython.address(found))
        if error is not None:
            raise error
        return _seconds(found.st_mtim)

    def getatime(self, filename):
        """Return when the content was last read, in seconds since the epoch. stat(2)"""
        found: libc.stat_t
        if not is_own(_its(self), "stat"):
            return verb(_its(self), "stat")(filename).st_atime
        error = _missed(_its(self), filename, cython.address(found))
        if error is not None:
            raise error
        return _seconds(found.st_atim)

    def getctime(self, filename):
        """Return when the file or its metadata last changed, in seconds since the epoch. stat(2)"""
        found: libc.stat_t
        if not is_own(_its(self), "stat"):
            return verb(_its(self), "stat")(filename).st_ctime
        error = _missed(_its(self), filename, cython.address(found))
        if error is not None:
            raise error
        return _seconds(found.st_ctim)

    def samestat(self, s1, s2):
        """Whether two stat results are of the same file."""
        return s1.st_ino == s2.st_ino and s1.st_dev == s2.st_dev

    def samefile(self, f1, f2):
        """Whether two paths lead to the same file. stat(2)"""
        one: libc.stat_t
        other: libc.stat_t
        if not is_own(_its(self), "stat") or not owns_path(_its(self), "samestat"):
            look = verb(_its(self), "stat")
            return verb(_its(self), "path").samestat(look(f1), look(f2))
        error = _missed(_its(self), f1, cython.address(one))
        if error is None:
            error = _missed(_its(self), f2, cython.address(other))
        if error is not None:
            raise error
        return one.st_ino == other.st_ino and one.st_dev == other.st_dev

    def sameopenfile(self, fp1, fp2):
        """Whether two descriptors are of the same file. fstat(2)"""
        return verb(_its(self), "path").samestat(*map(verb(_its(self), "fstat"), (fp1, fp2)))

    # Where a path leads

    def abspath(self, path):
        """Return the path from the root on, normalized; links are not looked at."""
        return to_absolute(_its(self), path)

    def _joinrealpath(self, path, rest, strict, seen):
        return walk_links(_its(self), path, rest, strict, seen)

    def realpath(self, filename, *, strict=False):
        """Return the path from the root on, every link followed.

        What is missing or can't be read is taken as it is written; with `strict` it is an
        OSError. ALLOW_MISSING: missing names are no error; ALL_BUT_LAST: a missing last name.
        """
        return realpath(_its(self), filename, strict)

    # What stands for something else

    def expanduser(self, path):
        """Put a home directory in the place of a leading '~' or '~user', where it is known."""
        path = py.PyOS_FSPath(path)
        data: cython.bint = py.PyBytes_Check(path)
        if not path.startswith(b"~" if data else "~"):
            return path
        sep = b"/" if data else "/"
        end: cython.Py_ssize_t = path.find(sep, 1)
        if end < 0:
            end = len(path)
        if end == 1:
            environ = verb(_its(self), "environ")
            if "HOME" in environ:
                home = environ["HOME"]
            else:
                home = _home(verb(_its(self), "getuid")(), "getpwuid")
        else:
            name = path[1:end]
            if data:
                name = (
                    str(name, "ASCII") if py.PY_VERSION_HEX < 0x030D0000 else (text.fsdecode(name))
                )
            home = _home(name, "getpwnam")
        if home is None:
            return path
        if data:
            home = text.fsencode(home)
        return (home.rstrip(sep) + path[end:]) or sep

    def expandvars(self, path):
        """Put values in the place of $name and ${name}; unknown variables are left as they are."""
        path = py.PyOS_FSPath(path)
        data: cython.bint = py.PyBytes_Check(path)
        if (b"$" if data else "$") not in path:
            return path
        return text.expandvars(path, verb(_its(self), "environb" if data else "environ"))


_whole_join = py.in_front(Path, b"join", _quick_join)


def _follow_version():
    # Since 3.15 what comes first can't be given by name.
    for line in (
        "basename p", "commonprefix m", "dirname p", "getatime filename", "getctime filename",
        "getmtime filename", "getsize filename", "isabs s", "join a, *p", "normcase s",
        "realpath filename, *, strict=False", "samefile f1, f2", "samestat s1, s2", "split p",
        "splitdrive p", "splitext p", "splitroot path",
    ):  # fmt: skip
        name, _, rest = line.partition(" ")
        first, star, more = rest.partition(", *")
        signatures.forbid_names(Path, name.encode(), tuple(first.split(", ")))
        signatures.sign(Path, name.encode(), f"{first}, /{star}{more}".encode())


if sys.version_info >= (3, 15):
    _follow_version()


@cython.cfunc
def _home(who, function):
    # The home directory in the password database; None: it has no such user, or is not there.
    try:
        import pwd
    except ImportError:
        return None
    try:
        return getattr(pwd, function)(who).pw_dir
    except KeyError:
        return None


# Names that the standard library and programs take from posixpath and genericpath.


def _get_sep(path):
    return b"/" if isinstance(path, bytes) else "/"


def _check_arg_types(funcname, *args):
    text.check_arg_types(funcname, args)


genericpath = sys.modules[__name__]
# What the facade takes from the host's Path besides its public names: under the same name, and
# under another, where versions of os.path differ in a signature.
PRIVATE = ("_joinrealpath",) if sys.version_info < (3, 13) else ()
VARIANTS = {"splitroot": "_splitroot_p"} if SPLITROOT_TAKES_P else {}

"""Paths of a machine as objects: `m.Path` is pathlib.Path for a machine.

They are pathlib's own as far as the text goes. Whatever asks a file system is written here, by the
machine's verbs; what a newer Python adds and is missing here is refused, so that nothing of it acts
on the host.
"""

from __future__ import annotations

import errno
import io
import pathlib
import stat
import sys
from weakref import WeakKeyDictionary, ref

from ostler.core import crossing
from ostler.core.living import lock_over_forks
from ostler.machines import path_copies
from ostler.machines.globbing import Globbing, parts_of
from ostler.machines.path_facts import PathFacts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from typing import Any, Self

    from ostler.core.records import stat_result

host: Any = crossing.the_host()
# What pathlib takes for "there is no such file"; since 3.14 it takes every error for that.
_IGNORED = (errno.ENOENT, errno.ENOTDIR, errno.EBADF, errno.ELOOP)
_IGNORES_ALL = sys.version_info >= (3, 14)
_OF_TEXT = ("as_uri", "from_uri")  # those of pathlib.Path that ask no file system
_classes: WeakKeyDictionary[Any, type] = WeakKeyDictionary()
_of_host: list[type] = []
_lock = lock_over_forks()


class MachinePath(pathlib.PosixPath):
    """A path of one machine: pathlib.Path, whose methods act on that machine.

    `machine` is that machine. Paths of two machines are never equal and have no order. A path is
    kept apart from the host's, too: only those of `ostler.host.Path` are equal to pathlib's.
    What takes any os.PathLike, such as the built-in open(), gets the text, and knows no machine.
    """

    __slots__ = ("_facts", "_machine")
    _facts: PathFacts
    _machine: Any

    def __new__(cls, *args: Any) -> Self:
        machine = cls._its_machine()
        self = super().__new__(cls, *args)
        self._machine = machine
        return self

    if sys.version_info < (3, 12):  # where with_segments() is not what all others make paths by

        @classmethod
        def _from_parts(cls, args):
            self = super()._from_parts(args)  # type: ignore[misc]
            self._machine = cls._its_machine()
            return self

        @classmethod
        def _from_parsed_parts(cls, drv, root, parts):
            self = super()._from_parsed_parts(drv, root, parts)  # type: ignore[misc]
            self._machine = cls._its_machine()
            return self

    @classmethod
    def _its_machine(cls):
        machine = cls._machine_of() if hasattr(cls, "_machine_of") else None
        if machine is None:
            if hasattr(cls, "_machine_of"):
                raise ValueError("the machine of this class of paths is there no more")
            raise TypeError("the class of a machine's paths is its attribute Path")
        return machine

    def with_segments(self, *pathsegments: Any) -> Self:
        """A path of the same machine of these parts."""
        return type(self)(*pathsegments)

    @property
    def machine(self) -> Any:
        """The machine that it is a path of."""
        return self._machine

    # --- which paths are the same -----------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        if isinstance(other, MachinePath):
            return self._machine is other._machine and str(self) == str(other)
        if not isinstance(other, pathlib.PurePath):
            return NotImplemented
        return self._machine is host and bool(super().__eq__(other))

    def __hash__(self) -> int:
        plain = super().__hash__()
        return plain if self._machine is host else hash((plain, id(self._machine)))

    def _is_elsewhere(self, other):
        return isinstance(other, MachinePath) and other._machine is not self._machine

    def __lt__(self, other: Any) -> bool:
        return NotImplemented if self._is_elsewhere(other) else super().__lt__(other)

    def __le__(self, other: Any) -> bool:
        return NotImplemented if self._is_elsewhere(other) else super().__le__(other)

    def __gt__(self, other: Any) -> bool:
        return NotImplemented if self._is_elsewhere(other) else super().__gt__(other)

    def __ge__(self, other: Any) -> bool:
        return NotImplemented if self._is_elsewhere(other) else super().__ge__(other)

    def __reduce__(self) -> Any:
        if type(self) is self._machine.Path:
            return _unpickled, (self._machine, str(self))
        return type(self), (str(self),)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self

    def __repr__(self) -> str:
        return f"{self._machine!r}.{type(self).__name__}({str(self)!r})"

    # --- where paths begin ------------------------------------------------------------------------

    @classmethod
    def cwd(cls) -> Self:
        """The machine's working directory."""
        return cls(cls._its_machine().getcwd())

    @classmethod
    def home(cls) -> Self:
        """The home directory, by the machine's variables; RuntimeError when there is none."""
        return cls(_home(cls._its_machine(), "~"))

    def expanduser(self) -> Self:
        """The path with the home directory in place of a "~" or "~user" that it begins with."""
        first, *others = self.parts or ("",)
        if not first.startswith("~"):
            return self
        return self.with_segments(_home(self._machine, first), *others)

    def absolute(self) -> Self:
        """The path below the machine's working directory, where it is not absolute already."""
        if self.is_absolute():
            return self
        return self.with_segments(self._machine.getcwd(), str(self))

    def resolve(self, strict: bool = False) -> Self:
        """The absolute path, with all links followed; with `strict` OSError where one is missing.

        A loop of links is a RuntimeError before Python 3.13, an OSError if `strict` since.
        """
        try:
            found = self.with_segments(self._machine.path.realpath(str(self), strict=strict))
            if sys.version_info < (3, 13) and not strict:
                found._stat_or_none()
        except OSError as error:
            if sys.version_info < (3, 13) and error.errno == errno.ELOOP:
                raise RuntimeError(f"Symlink loop from {error.filename!r}") from error
            raise
        return found

    def _stat_or_none(self):
        try:
            return self.stat()
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise
            return None

    def readlink(self) -> Self:
        """The path that a symbolic link has."""
        return self.with_segments(self._machine.readlink(self))

    # --- questions --------------------------------------------------------------------------------

    def stat(self, *, follow_symlinks: bool = True) -> stat_result:  # type: ignore[override]
        """What stat(2) tells of it."""
        found: stat_result = self._machine.stat(self, follow_symlinks=follow_symlinks)
        return found

    def lstat(self) -> stat_result:  # type: ignore[override]
        """What lstat(2) tells of it, or of the link that it is."""
        found: stat_result = self._machine.lstat(self)
        return found

    def _is(self, test: Callable[[int], bool], follow: bool = True) -> bool:
        try:
            return test(self.stat(follow_symlinks=follow).st_mode)
        except OSError as error:
            if not _IGNORES_ALL and error.errno not in _IGNORED:
                raise
            return False
        except ValueError:
            if getattr(self._machine, "closed", False):
                raise
            return False  # no text that a path can have

    def exists(self, *, follow_symlinks: bool = True) -> bool:
        """Whether there is such a file."""
        return self._is(lambda mode: True, follow_symlinks)

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is a directory."""
        return self._is(stat.S_ISDIR, follow_symlinks)

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is a regular file."""
        return self._is(stat.S_ISREG, follow_symlinks)

    def is_symlink(self) -> bool:
        """Whether it is a symbolic link."""
        return self._is(stat.S_ISLNK, False)

    def is_mount(self) -> bool:
        """Whether something is mounted there."""
        return bool(self._machine.path.ismount(str(self)))

    def is_junction(self) -> bool:
        """False: there are none on Linux."""
        return False

    def is_block_device(self) -> bool:
        """Whether it is a block device."""
        return self._is(stat.S_ISBLK)

    def is_char_device(self) -> bool:
        """Whether it is a character device."""
        return self._is(stat.S_ISCHR)

    def is_fifo(self) -> bool:
        """Whether it is a named pipe."""
        return self._is(stat.S_ISFIFO)

    def is_socket(self) -> bool:
        """Whether it is a socket."""
        return self._is(stat.S_ISSOCK)

    @property
    def info(self) -> PathFacts:
        """What kind of file it is, asked for once: a pathlib.types.PathInfo."""
        try:
            return self._facts
        except AttributeError:
            self._facts = PathFacts(self)
            return self._facts

    def samefile(self, other_path: Any) -> bool:
        """Whether the other path leads to the same file; text is one of this machine."""
        found = self.stat()
        is_path = isinstance(other_path, pathlib.Path)
        other = (other_path if is_path else self.with_segments(other_path)).stat()
        return bool((found.st_dev, found.st_ino) == (other.st_dev, other.st_ino))

    def owner(self, *, follow_symlinks: bool = True) -> str:
        """The name of the user whose it is; KeyError where the number has none."""
        found = self._machine.owner(self, follow_symlinks=follow_symlinks)
        return _named(found.user, "getpwuid(): uid", found.uid)

    def group(self, *, follow_symlinks: bool = True) -> str:
        """The name of its group; KeyError where the number has none."""
        found = self._machine.owner(self, follow_symlinks=follow_symlinks)
        return _named(found.group, "getgrgid(): gid", found.gid)

    # --- what is in it ----------------------------------------------------------------------------

    def open(  # type: ignore[override]
        self,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> Any:
        """Open the file as the built-in open does; the file object."""
        if "b" not in mode:
            encoding = io.text_encoding(encoding)
        return self._opened(mode, buffering, encoding, errors, newline)

    def _opened(self, mode, buffering=-1, encoding=None, errors=None, newline=None) -> Any:
        machine = self._machine
        open_file = getattr(machine, "open_file", None)
        if open_file is not None:
            return open_file(self, mode, buffering, encoding, errors, newline)

        def opener(path, flags):
            return machine.open(path, flags, 0o666)

        return open(self, mode, buffering, encoding, errors, newline, True, opener)

    def read_bytes(self) -> bytes:
        """All that is in the file."""
        with self._opened("rb", 0) as file:
            data: bytes = file.read()
        return data

    def read_text(
        self, encoding: str | None = None, errors: str | None = None, newline: str | None = None
    ) -> str:
        """All that is in the file, decoded."""
        with self._opened("r", -1, io.text_encoding(encoding), errors, newline) as file:
            text: str = file.read()
        return text

    def write_bytes(self, data: Any) -> int:
        """Write a file of these bytes, in place of what was in it; how many they are."""
        view = memoryview(data)  # before the file is emptied
        with self._opened("wb") as file:
            written: int = file.write(view)
        return written

    def write_text(
        self,
        data: str,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> int:
        """Write a file of this text, in place of what was in it; how many characters it has."""
        encoding = io.text_encoding(encoding)
        if not isinstance(data, str):
            raise TypeError(f"data must be str, not {type(data).__name__}")
        with self._opened("w", -1, encoding, errors, newline) as file:
            written: int = file.write(data)
        return written

    def iterdir(self) -> Generator[Self, None, None]:
        """The paths of what is in the directory, in no order."""
        here = str(self)
        return (self.with_segments(here, name) for name in self._machine.listdir(self))

    def glob(
        self, pattern: Any, *, case_sensitive: bool | None = None, recurse_symlinks: bool = False
    ) -> Generator[Self, None, None]:
        """The paths below this directory that match a pattern, each once, in no order.

        "**" stands for any number of directories, in which links are followed if
        `recurse_symlinks`. ValueError or NotImplementedError for what is no pattern.
        """
        sys.audit("pathlib.Path.glob", self, pattern)
        parts = parts_of(self._machine.fspath(pattern), False)
        return self._matching(parts, case_sensitive, recurse_symlinks)

    def rglob(
        self, pattern: Any, *, case_sensitive: bool | None = None, recurse_symlinks: bool = False
    ) -> Generator[Self, None, None]:
        """As glob() with "**/" before the pattern."""
        sys.audit("pathlib.Path.rglob", self, pattern)
        parts = parts_of(self._machine.fspath(pattern), True)
        return self._matching(parts, case_sensitive, recurse_symlinks)

    def _matching(
        self, parts: list[str], case_sensitive: bool | None, follow: bool
    ) -> Generator[Self, None, None]:
        search = Globbing(self._machine, parts, case_sensitive, follow)
        # A generator, as pathlib's up to 3.12: it can be closed before its end.
        return (self.with_segments(path) for path in search.found(str(self)))

    def walk(
        self,
        top_down: bool = True,
        on_error: Callable[[OSError], object] | None = None,
        follow_symlinks: bool = False,
    ) -> Iterator[tuple[Self, list[str], list[str]]]:
        """Each directory below with the names of its directories and of all else, as os.walk."""
        sys.audit("pathlib.Path.walk", self, on_error, follow_symlinks)
        machine = self._machine
        follow = follow_symlinks or machine._walk_symlinks_as_files
        for path, directories, files in machine.walk(str(self), top_down, on_error, follow):
            yield self.with_segments(path), directories, files

    # --- changes ----------------------------------------------------------------------------------

    def touch(self, mode: int = 0o666, exist_ok: bool = True) -> None:
        """Make an empty file, or set the times of what is there to now.

        FileExistsError where something is there, unless `exist_ok`.
        """
        machine = self._machine
        if exist_ok:
            try:
                machine.utime(self, None)
                return
            except OSError:
                pass  # it is most likely missing; else open() tells
        flags = machine.O_CREAT | machine.O_WRONLY | (0 if exist_ok else machine.O_EXCL)
        host.close(machine.open(self, flags, mode))

    def mkdir(
        self,
        mode: int = 0o777,
        parents: bool = False,
        exist_ok: bool = False,
        *,
        parent_mode: int | None = None,
    ) -> None:
        """Make the directory, and with `parents` those above it that are missing.

        `parent_mode`: the mode of those, else that of 0o777 by the umask. FileExistsError where
        something is there, unless it is a directory and `exist_ok`.
        """
        above = 0o777 if parent_mode is None else parent_mode
        missing = [self]
        while missing:
            path = missing[-1]
            last = path is self
            try:
                self._machine.mkdir(path, mode if last else above)
            except FileNotFoundError:
                if not parents or path.parent == path:
                    raise
                missing.append(path.parent)
                continue
            except OSError:
                if not (exist_ok or not last) or not path.is_dir():
                    raise
            missing.pop()

    def chmod(self, mode: int, *, follow_symlinks: bool = True) -> None:
        """Change its mode; chmod(2)."""
        self._machine.chmod(self, mode, follow_symlinks=follow_symlinks)

    def lchmod(self, mode: int) -> None:
        """As chmod(), of the link itself, which has no mode on Linux."""
        self.chmod(mode, follow_symlinks=False)

    def unlink(self, missing_ok: bool = False) -> None:
        """Remove the file or link; FileNotFoundError where it is missing, unless `missing_ok`."""
        try:
            self._machine.unlink(self)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def rmdir(self) -> None:
        """Remove the directory, which must be empty."""
        self._machine.rmdir(self)

    def _here(self, other, first=None):
        # What another path means on this machine; not what is another machine's.
        if self._is_elsewhere(other):
            names = (str(self), None, str(other)) if first is None else (str(other), None, first)
            raise OSError(errno.EXDEV, "the other path is another machine's", *names)
        return other

    def rename(self, target: Any) -> Self:
        """Give it another name on this machine; the new path. OSError (EXDEV) for another's."""
        self._machine.rename(self, self._here(target))
        return self.with_segments(target)

    def replace(self, target: Any) -> Self:
        """As rename(), also where the other name is a file's already."""
        self._machine.replace(self, self._here(target))
        return self.with_segments(target)

    def symlink_to(self, target: Any, target_is_directory: bool = False) -> None:
        """Make it a symbolic link with that text; OSError (EXDEV) for another machine's path."""
        self._machine.symlink(self._here(target, str(self)), self, target_is_directory)

    def hardlink_to(self, target: Any) -> None:
        """Make it one more name of that file; OSError (EXDEV) for another machine's path."""
        self._machine.link(self._here(target, str(self)), self)

    # --- copies, also between machines ------------------------------------------------------------

    def _target(self, target: Any, *more: str) -> MachinePath:
        if isinstance(target, MachinePath):
            return target.joinpath(*more)
        if isinstance(target, pathlib.Path):
            raise TypeError("a pathlib.Path says no machine: give text, or a path of a machine")
        return self.with_segments(target, *more)

    def _named_in(self, directory: Any) -> MachinePath:
        if not self.name:
            raise ValueError(f"{self!r} has an empty name")
        return self._target(directory, self.name)

    def copy(  # type: ignore[override]
        self, target: Any, *, follow_symlinks: bool = True, preserve_metadata: bool = False
    ) -> MachinePath:
        """Copy the file, or the directory with all below, to that path; the new path.

        `target` may be another machine's path. A file that is there is overwritten, a directory
        is a FileExistsError. With `preserve_metadata` modes, times and extended attributes are
        kept. OSError (EINVAL) for a copy into itself.
        """
        to = self._target(target)
        path_copies.copy(self, to, follow_symlinks, preserve_metadata)
        return to

    def copy_into(  # type: ignore[override]
        self, target_dir: Any, *, follow_symlinks: bool = True, preserve_metadata: bool = False
    ) -> MachinePath:
        """As copy(), to the same name in that directory."""
        to = self._named_in(target_dir)
        path_copies.copy(self, to, follow_symlinks, preserve_metadata)
        return to

    def _copy_from(self, source, follow_symlinks=True, preserve_metadata=False):
        # What pathlib.Path.copy() calls, since 3.14.
        if not isinstance(source, MachinePath):
            if not isinstance(source, pathlib.Path):
                raise TypeError(f"{type(source).__name__} is no path of the host or of a machine")
            source = host.Path(source)
        path_copies.copy(source, self, follow_symlinks, preserve_metadata)

    def move(self, target: Any) -> MachinePath:  # type: ignore[override]
        """Move it to that path, also another machine's or on another file system; the new path.

        There it is copied, with links as links and all metadata, and then removed here.
        """
        to = self._target(target)
        path_copies.move(self, to)
        return to

    def move_into(self, target_dir: Any) -> MachinePath:  # type: ignore[override]
        """As move(), to the same name in that directory."""
        to = self._named_in(target_dir)
        path_copies.move(self, to)
        return to


def path_class(machine: Any) -> type[MachinePath]:
    """The class of a machine's paths, made when it is first asked for."""
    with _lock:
        if machine is host:
            found = _of_host[0] if _of_host else None
        else:
            found = _classes.get(machine)
        if found is None:
            # By a weak reference: a class goes with the garbage collector alone, a machine at once.
            known = (lambda: machine) if machine is host else ref(machine)
            members = {"__slots__": (), "__module__": "ostler", "_machine_of": staticmethod(known)}
            found = type("Path", (MachinePath,), {**members, "__doc__": MachinePath.__doc__})
            if machine is host:
                _of_host.append(found)
            else:
                _classes[machine] = found
        return found


def _unpickled(machine, text):
    return machine.Path(text)


def _home(machine, text):
    found = machine.path.expanduser(text)
    if found.startswith("~"):
        raise RuntimeError("Could not determine home directory.")
    return found


def _named(name: str | None, what: str, number: int) -> str:
    if name is None:
        raise KeyError(f"{what} not found: {number}")
    return name


def _refusing(name):
    def method(self, *args, **kwargs):
        raise NotImplementedError(f"{name}: not on a path of a machine")

    method.__name__ = name
    return method


def _refuse_others():
    # What pathlib.Path has besides and would do on the host.
    for kind in pathlib.PosixPath.__mro__:
        for name in vars(kind) if kind not in pathlib.PurePosixPath.__mro__ else ():
            member = getattr(kind, name)
            own = name in vars(MachinePath) or name in _OF_TEXT or name.startswith("__")
            if not own and (callable(member) or isinstance(member, property)):
                setattr(MachinePath, name, _refusing(name))


_refuse_others()

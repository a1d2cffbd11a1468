"""Journals: what an interrupted commit is finished or undone by (see recovery.py).

A commit's journal is a file of JSON lines, each synced before what it announces is done:
"begin" with the stashes (directories beside the files, in which new objects are prepared and old
ones kept), "go" with all steps and how what they touch looked, "done" when they are all done; or
"back" and "undone" when they are taken back. A commit that was stopped before "go" has changed
nothing that anyone sees. "kept" is a recovery's "back": the stashes are for a person.

Where a kept rehearsal has a note of the commit (see committing.py), "waits" names its directory,
before "go". The journal stays when that is done or undone, until what is kept is settled: it ends
in "cleared" then, and nothing is done by it any more.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import stat
from collections import namedtuple

from ostler.core.clearing import clear as clear_all
from ostler.core.held import held
from ostler.core.mounts import sync_filesystem
from ostler.machine import host
from ostler.machines import trust
from ostler.machines.rehearsal.packed import Rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from io import FileIO
    from typing import Any, Self

    from ostler.machines.rehearsal.places import HeldTree
    from ostler.machines.rehearsal.work import Work

    Stashes = Sequence[tuple[int, str]]  # (number of the top, path below that)

_LOCK = b"lock"  # held for a moment
_TURN = b"turn"  # held for a whole commit: a user's commits come one after the other
FEW = 256  # as many are synced one by one; with more the whole file system is
VERSION = 2  # of the format; the first had none, and no looks
_BLOCK = 1 << 16  # characters that are written at once
LARGEST = 1 << 30  # bytes; what is larger was not written here


class Journal:
    """The journal of a commit in progress, locked while that lives.

    - `announced`: whether it may say that the steps are under way
    - `place`, `name`: the directory that it is in, and its name there
    """

    def __init__(self, avoid: Sequence[bytes] = ()) -> None:
        """`avoid`: paths (bytes) that the commit itself changes. Waits for other commits."""
        self.announced = False
        self._directory, place = _a_directory(avoid)
        self._size = 0  # of what is surely in it
        self._before: int | None = None  # its size without the steps
        try:
            self._turn = _lock(self._directory, _TURN, place)
            self._begin(place)
        except BaseException:
            self.close()
            raise

    def _begin(self, place: str) -> None:
        with locked(self._directory, place):
            self.name = f"{host.getpid()}-{host.urandom(8).hex()}.commit"
            self.place, self.path = place, host.path.join(place, self.name)
            flags = host.O_RDWR | host.O_CREAT | host.O_EXCL | host.O_APPEND | host.O_CLOEXEC
            fd = host.open(self.name, flags, 0o600, dir_fd=self._directory)
            # As an object, which is closed whatever interrupts it.
            self._file = open(fd, "r+b", buffering=0)  # noqa: SIM115
            fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            host.fsync(self._directory)
        except BaseException:
            self.remove()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def write(self, *record: Any) -> None:
        """Add a record, and return when it is on the disk; after an error it is not there."""
        if record[0] == "begin":
            record = (*record, VERSION)
        if record[0] == "go":
            self._before = self._size
            self.announced = True
        try:
            size = self._write_parts(record)
            host.fsync(self._file.fileno())
            self._size = size
        except BaseException:
            # Half a line would make the next one unreadable.
            with contextlib.suppress(OSError):
                self._cut(self._size)
            raise

    def _write_parts(self, record: tuple[Any, ...]) -> int:
        # The size of the journal with them.
        size = self._size
        for part in parts_of(record):
            size += len(part)
            if size > LARGEST:
                problem = "more changes than one commit can have"
                raise OSError(errno.EFBIG, problem, self.path)
            while part:
                part = part[host.write(self._file.fileno(), part) :]
        return size

    def withdraw(self) -> None:
        """All steps are taken back."""
        try:
            self.write("undone")
        except OSError:
            self._cut(self._before or 0)
        self.announced = False

    def _cut(self, size: int) -> None:
        host.ftruncate(self._file.fileno(), size)
        host.fsync(self._file.fileno())
        self._size = size
        self.announced = self._before is not None and size > self._before

    def remove(self) -> None:
        """The commit is over, one way or the other."""
        with contextlib.suppress(FileNotFoundError):
            host.unlink(self.name, dir_fd=self._directory)

    def close(self) -> None:
        """Give the journal back; one that was not removed is for recover()."""
        for name in ("_file", "_turn"):
            file = getattr(self, name, None)
            if file is not None:
                file.close()
        if getattr(self, "_directory", -1) >= 0:
            fd, self._directory = self._directory, -1
            host.close(fd)


# Where journals are: `path`, a str; `asked`: whether somebody wants them there expressly;
# `makes`: whether new ones are made there.
_Place = namedtuple("_Place", "path asked makes")


def places() -> list[_Place]:
    """The directories in which journals may be, the best first."""
    environ = host.environ
    user = trust.number_outside()
    found = []
    if environ.get("XDG_STATE_HOME", "").startswith("/"):
        found.append((environ["XDG_STATE_HOME"], True))
    if environ.get("HOME", "").startswith("/"):
        found.append((host.path.join(environ["HOME"], ".local/state"), False))
    if host.geteuid() == 0:
        found.append(("/var/lib", False))
    made = [_Place(host.path.join(path, "ostler/commits"), asked, True) for path, asked in found]
    # Anybody can take a name in a directory for all before its user does: root has a better one.
    return [*made, _Place(f"/var/tmp/ostler-{user}/commits", False, user != 0)]


def are_there() -> bool:
    """Whether a commit of this user is under way or was interrupted, as far as names tell."""
    for place in places():
        with contextlib.suppress(OSError):
            if any(map(is_journal, host.listdir(place.path))):
                return True
    return False


def is_journal(name: str) -> bool:
    """Whether a file in a directory of journals is one, by its name."""
    return name.endswith(".commit")


def opened(place: _Place, make: Callable[[int, bytes], None] | None = None) -> int:
    """A descriptor of a directory of journals; trust.Refused where others could plant them."""
    fd: int = trust.directory(place.path, 2, make)
    return fd


def _a_directory(avoid: Sequence[bytes]) -> tuple[int, str]:
    """The directory for a new journal: (descriptor, its path)."""
    problem = None
    for place in places():
        if not place.makes:
            continue
        try:
            fd = opened(place, lambda above, name: _see_to_it(above, name, avoid))
        except OSError as error:
            if isinstance(error, trust.Refused) and place.asked:
                raise
            problem = error
            continue
        if not _is_below(fd, avoid):
            return fd, place.path
        host.close(fd)
    raise problem or OSError(errno.EROFS, "the commit changes every place for its journal")


def _see_to_it(above: int, name: bytes, avoid: Sequence[bytes]) -> None:
    if _is_below(above, avoid, name):
        raise OSError(errno.EROFS, "the commit changes every place for its journal")


def _is_below(fd: int, avoid: Sequence[bytes], name: bytes = b"") -> bool:
    path = host.path.join(host.readlink(b"/proc/self/fd/%d" % fd), name)
    return any((path + b"/").startswith(each.rstrip(b"/") + b"/") for each in avoid)


@contextlib.contextmanager
def locked(directory: int, place: str) -> Iterator[None]:
    """Hold the lock of a directory of journals; only its owner's processes can hold it longer."""
    with _lock(directory, _LOCK, place):
        yield


def _lock(directory: int, name: bytes, place: str) -> FileIO:
    """A locked file: an object before it is locked, so that Ctrl-C leaves no lock that is held."""
    flags = host.O_RDWR | host.O_CREAT | host.O_EXCL | host.O_CLOEXEC
    try:
        fd = host.open(name, flags, 0o600, dir_fd=directory)
    except FileExistsError:
        shown = host.path.join(place, host.fsdecode(name))
        fd = trust.own_file(name, directory, shown, host.O_RDWR, private=True)
    file = open(fd, "r+b", buffering=0)  # noqa: SIM115
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        return file
    except BaseException:
        file.close()
        raise


def line_of(record: Sequence[Any]) -> bytes:
    """A record as it stands in a journal."""
    return b"".join(parts_of(record))


def parts_of(record: Sequence[Any]) -> Iterator[bytes]:
    """The line of a record in parts, so that never all of it is in memory.

    It is what json.dumps gives, of lists of steps, too: bytes are text, character by character.
    """
    import json  # when it is needed: it brings much along

    encode = json.JSONEncoder(default=_text).encode
    text = "["
    for number, member in enumerate(record):
        text += ", " if number else ""
        if isinstance(member, Rows):
            text += "["
            for at, row in enumerate(member.packed()):
                text += ", " if at else ""
                text += encode(row)
                if len(text) > _BLOCK:
                    yield text.encode()
                    text = ""
            text += "]"
        else:
            text += encode(member)
    yield text.encode() + b"]\n"


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    raise TypeError(f"{type(value).__name__} in a journal")


def stash_path(tops: Sequence[bytes], stashes: Stashes) -> str:
    """Where the first stash is, as os gives paths."""
    top, path = stashes[0]
    return host.fsdecode(tops[top].rstrip(b"/") + b"/" + path.encode("latin-1"))


def synced(work: Work, stashes: Stashes) -> None:
    """Make the steps durable: each directory and file of a few, else the whole file system."""
    if len(work.steps) > FEW:
        sync_stashes(work, stashes)
        return
    wanted: set[tuple[int, bytes]] = set()
    for step in work.steps:
        wanted.update((step.top, path) for path in step.directories())
    wanted.update((top, before) for top, _, before, *_ in work.times)
    for top, path in wanted:
        sync_one(work.place(top), path)


def sync_one(place: HeldTree, path: bytes) -> None:
    """fsync a file or directory; one that is gone, or that we may not open, is passed over."""
    try:
        status = place.status(path)
        if status is None or stat.S_IFMT(status.st_mode) not in (stat.S_IFREG, stat.S_IFDIR):
            return
        opened = held(place.open, path)
    except OSError:
        return
    with opened as fd:
        try:
            host.fsync(fd)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EBADF, errno.EROFS):  # no such thing there
                raise


def sync_stashes(work: Work, stashes: Stashes) -> None:
    """Make everything in the file systems of the stashes durable."""
    for top, path in stashes:
        place = work.place(top)
        above = path.encode("latin-1").rpartition(b"/")[0]
        with held(place.open, above, host.O_RDONLY | host.O_DIRECTORY) as fd:
            sync_filesystem(fd)


def clear(work: Work, stashes: Stashes, finished: bool) -> None:
    """Remove the stashes with what is left in them; a directory's time stays what it is."""
    for top, path in stashes:
        _remove_stash(work.place(top), path.encode("latin-1"))
    work.set_times(finished)


def _remove_stash(place: HeldTree, path: bytes) -> None:
    if not place.is_directory(path):
        place.remove(path)
        return
    above, name = place.parent(path)
    clear_all(above, name)  # which may take long: only then a look at the time
    place.forget_below(path)
    above, name = place.parent(path)
    status = host.stat(b".", dir_fd=above)
    host.rmdir(name, dir_fd=above)
    with contextlib.suppress(PermissionError):  # a directory for all, such as /tmp
        host.utime(b".", ns=(status.st_atime_ns, status.st_mtime_ns), dir_fd=above)

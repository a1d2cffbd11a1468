"""Journals: what an interrupted commit is finished or undone by.

A commit's journal is a file of JSON lines, each synced before what it announces is done:
"begin" with the stashes (directories beside the files, in which new objects are prepared and old
ones kept), "go" with all steps, "done" when they are all done; or "back" and "undone" when they
are taken back. A commit that was stopped before "go" has changed nothing that anyone sees.
"""

import contextlib
import errno
import fcntl
import stat

from ostler.machines import host
from ostler.machines._calls import sync_filesystem
from ostler.machines.moves import Steps

_LOCK = "lock"  # held for a moment
_TURN = "turn"  # held for a whole commit: a user's commits come one after the other
FEW = 256  # as many are synced one by one; with more the whole file system is


class Journal:
    """The journal of a commit in progress, locked while that lives."""

    def __init__(self, avoid=()):
        """`avoid`: paths (bytes) that the commit itself changes. Waits for other commits."""
        directory = _a_directory(avoid)
        self._turn = _lock(directory, _TURN)
        try:
            self._begin(directory)
        except BaseException:
            host.close(self._turn)
            raise

    def _begin(self, directory):
        with _locked(directory):
            self.path = host.path.join(directory, f"{host.getpid()}-{host.urandom(8).hex()}.commit")
            flags = host.O_RDWR | host.O_CREAT | host.O_EXCL | host.O_APPEND | host.O_CLOEXEC
            self._fd = host.open(self.path, flags, 0o600)
            fcntl.flock(self._fd, fcntl.LOCK_EX)
        host.sync_directory(directory)

    def write(self, *record):
        """Add a record, and return when it is on the disk."""
        line = _line(record)
        while line:
            line = line[host.write(self._fd, line) :]
        host.fsync(self._fd)

    def remove(self):
        """The commit is over, one way or the other."""
        host.unlink(self.path)

    def close(self):
        """Give the journal back; one that was not removed is for recover()."""
        if self._fd >= 0:
            host.close(self._fd)
            host.close(self._turn)
            self._fd = -1


def candidates():
    """The directories in which journals may be, the best first."""
    environ = host.environ
    found = []
    if environ.get("XDG_STATE_HOME", "").startswith("/"):
        found.append(environ["XDG_STATE_HOME"])
    if environ.get("HOME", "").startswith("/"):
        found.append(host.path.join(environ["HOME"], ".local/state"))
    if host.geteuid() == 0:
        found.append("/var/lib")
    found = [host.path.join(each, "ostler/commits") for each in found]
    found.append(f"/var/tmp/ostler-{host.geteuid()}/commits")
    return found


def _a_directory(avoid):
    problem = None
    for path in candidates():
        real = host.fsencode(host.path.realpath(path))
        if any(real == a or real.startswith(a.rstrip(b"/") + b"/") for a in avoid):
            continue
        try:
            host.makedirs(path, 0o700, exist_ok=True)
            status = host.stat(path)
            if status.st_uid == host.geteuid() and not status.st_mode & 0o022:
                return path
            problem = PermissionError(errno.EPERM, "not the user's own directory", path)
        except OSError as error:
            problem = error
    raise problem or OSError(errno.EROFS, "the commit changes every place for its journal")


@contextlib.contextmanager
def _locked(directory):
    fd = _lock(directory, _LOCK)
    try:
        yield
    finally:
        host.close(fd)


def _lock(directory, name):
    path = host.path.join(directory, name)
    fd = host.open(path, host.O_RDWR | host.O_CREAT | host.O_CLOEXEC | host.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
    except BaseException:
        host.close(fd)
        raise
    return fd


def recover():
    """Finish or undo the commits of this user that were interrupted.

    Returns a list of (base, outcome): "finished", "undone" (nothing had become visible, or what
    had is taken back), or "left" when that was not possible, with everything kept in the
    directory that the third member names. A commit that is under way is left alone.
    """
    outcomes = []
    for directory in candidates():
        try:
            names = host.listdir(directory)
        except OSError:
            continue
        if host.stat(directory).st_uid != host.geteuid():
            continue
        with _locked(directory):
            for name in sorted(names):
                if name.endswith(".commit"):
                    outcome = _recovered(host.path.join(directory, name))
                    if outcome is not None:
                        outcomes.append(outcome)
    return outcomes


def _recovered(path):
    try:
        fd = host.open(path, host.O_RDWR | host.O_CLOEXEC | host.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    with open(fd, "r+b", buffering=0) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        records = {}
        for line in file.read().split(b"\n")[:-1]:
            kind, *rest = _record(line)
            records[kind] = rest
        outcome = None
        if "begin" in records:
            outcome = _settled(records, file)
        if outcome is None or outcome[1] != "left":
            host.unlink(path)
        return outcome


def _settled(records, file):
    base, tops, stashes = records["begin"]
    tops = [text.encode("latin-1") for text in tops]
    name = host.fsdecode(base.encode("latin-1"))
    steps, times = records.get("go", ([], []))[:2]
    with Steps(tops, [unpacked(s) for s in steps], [unpacked(t) for t in times]) as work:
        outcome = "undone" if "go" not in records or "back" in records else "finished"
        if outcome == "finished" and "done" not in records:
            try:
                work.finish()
            except OSError:
                # From now on there is only the way back.
                _note(file, "back")
                outcome = "undone"
            else:
                synced(work, stashes)
                _note(file, "done")
        if outcome == "undone" and "undone" not in records:
            if not work.take_back():
                return name, "left", stash_path(tops, stashes)
            synced(work, stashes)
            _note(file, "undone")
        clear(work, stashes, outcome == "finished")
    return name, outcome


def _line(record):
    import json  # when it is needed: it brings much along

    return json.dumps(record).encode() + b"\n"


def _record(line):
    import json

    return json.loads(line)


def _note(file, kind):
    file.write(_line([kind]))
    host.fsync(file.fileno())


def stash_path(tops, stashes):
    """Where the first stash is, as os gives paths."""
    top, path = stashes[0]
    return host.fsdecode(tops[top].rstrip(b"/") + b"/" + path.encode("latin-1"))


def synced(work, stashes):
    """Make the steps durable: each directory and file of a few, else the whole file system."""
    if len(work.steps) > FEW:
        sync_stashes(work, stashes)
        return
    wanted = set()
    for kind, top, *rest in work.steps:
        paths = rest[:1] if kind == "meta" else [p.rpartition(b"/")[0] for p in rest[:2]]
        wanted.update((top, path) for path in paths)
    wanted.update((top, before) for top, _, before, *_ in work.times)
    for top, path in wanted:
        sync_one(work.place(top), path)


def sync_one(place, path):
    """fsync a file or directory; one that is gone, or that we may not open, is passed over."""
    try:
        status = place.status(path)
        if status is None or stat.S_IFMT(status.st_mode) not in (stat.S_IFREG, stat.S_IFDIR):
            return
        fd = place.open(path)
    except OSError:
        return
    try:
        host.fsync(fd)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EBADF, errno.EROFS):  # no such thing there
            raise
    finally:
        host.close(fd)


def sync_stashes(work, stashes):
    """Make everything in the file systems of the stashes durable."""
    for top, path in stashes:
        place = work.place(top)
        fd = place.open(
            path.encode("latin-1").rpartition(b"/")[0], host.O_RDONLY | host.O_DIRECTORY
        )
        try:
            sync_filesystem(fd)
        finally:
            host.close(fd)


def clear(work, stashes, finished):
    """Remove the stashes with what is left in them, which changes a directory's time again."""
    for top, path in stashes:
        work.place(top).remove(path.encode("latin-1"))
    work.set_times(finished)


def packed(step):
    """A step as JSON can hold it: bytes as text, character by character."""
    return [part.decode("latin-1") if isinstance(part, bytes) else part for part in step]


def unpacked(step):
    """The step of `packed`."""
    paths = {"move": (2, 3), "swap": (2, 3), "meta": (2,)}.get(step[0], (1, 2))
    return [part.encode("latin-1") if i in paths else part for i, part in enumerate(step)]

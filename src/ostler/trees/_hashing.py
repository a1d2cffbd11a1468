"""Hashing a tree in its order, directory by directory; what is in hand is all that is held."""

import errno
import hashlib
import stat
import time
from _queue import Empty, SimpleQueue
from collections import deque

from ostler.core.crossing import the_host
from ostler.trees._hashed import Folder, Hashed
from ostler.trees._run import open_for, start_thread

host = the_host()

_BATCH = 64  # files that a thread hashes at once
_FOLDERS = 8  # at most, in which these are
_EVERY = 0.02
_TURN = 0.05
_OPEN = 48  # directories that are held open
_CHUNK = 1 << 20
_DIRECTORY, _FILE, _LINK = stat.S_IFDIR >> 12, stat.S_IFREG >> 12, stat.S_IFLNK >> 12
_ENTER = host.O_RDONLY | host.O_DIRECTORY | host.O_NOFOLLOW | host.O_CLOEXEC | host.O_NONBLOCK
_READ = host.O_RDONLY | host.O_NOFOLLOW | host.O_NONBLOCK | host.O_CLOEXEC


class Level:
    """A directory on the way, and what is still to be done in it."""

    __slots__ = ("events", "fd", "folder", "identity", "leaving", "length", "users")

    def __init__(self, length, folder):
        self.fd = -1
        self.identity = None
        self.length = length  # of the path of what is in it, up to the name
        self.folder = folder
        self.events = []
        self.users = 0  # batches that open its files
        self.leaving = False

    def open(self, machine, name, flags, above=None):
        """Open it, for the first time or again; False when it is another directory than before."""
        open_for(self, machine, name, flags, above)
        status = host.fstat(self.fd)
        identity = status.st_dev, status.st_ino
        if self.identity not in (None, identity):
            self._close()
            return False
        self.identity = identity
        self.leaving = False
        return True

    def leave(self):
        """Close it, when nobody opens files in it any more."""
        self.leaving = True
        if self.users == 0:
            self._close()

    def _close(self):
        if self.fd >= 0:
            host.close(self.fd)
            self.fd = -1

    def __del__(self):
        """For a signal that comes where it is in no list; it may come before there is an fd."""
        if hasattr(self, "fd"):
            self._close()

    def used(self):
        """A batch is through."""
        self.users -= 1
        if self.leaving:
            self.leave()


class Helpers:
    """Threads that do work in the order in which it was asked for.

    Not an executor of the standard library: its Python code takes locks and makes weak references,
    in which a signal handler's exception is lost or leaves a lock held for ever. Here the main
    thread is always in code of this module's, or in a queue's, which is C's.
    """

    def __init__(self, most):
        self.most = most
        self.begun = []
        self.asked = SimpleQueue()
        self.ended = SimpleQueue()

    def ask(self, function, argument):
        """Begin function(argument); its answer is got from the queue that this returns."""
        if len(self.begun) < self.most:
            start_thread(_serve, (self.asked, self.ended), self.begun)
        answer = SimpleQueue()
        self.asked.put((function, argument, answer))
        return answer

    def end(self):
        """Wait until the threads have done what they are at; what is not begun is dropped."""
        self._release()
        for _ in self.begun:
            wait_for(self.ended)

    def _release(self):
        try:
            while True:
                self.asked.get_nowait()
        except Empty:
            pass
        for _ in self.begun:
            self.asked.put(None)

    # For a signal that comes before `end`, or in it: no thread waits for ever.
    __del__ = _release


def wait_for(queue):
    """What comes next from a queue. In short turns: a wait does not see a signal that came as it
    began.
    """
    while True:
        try:
            return queue.get(timeout=_TURN)
        except Empty:
            pass


def _serve(asked, ended):
    while (task := asked.get()) is not None:
        function, argument, answer = task
        try:
            answer.put((function(argument), None))
        except BaseException as error:
            answer.put((None, error))
        del function, argument, answer, task
    ended.put(None)


def hashed(machine, name, dir_fd, algorithm, stop=None):
    """The hash of one file's contents, never through a link, and how many bytes it had.

    `stop` is asked between, and ends it.
    """
    new = hashlib.new(algorithm, usedforsecurity=False)
    fd = machine.open(name, _READ, dir_fd=dir_fd)
    try:
        if not stat.S_ISREG(machine.fstat(fd).st_mode):
            raise OSError(errno.ESTALE, "no longer a file", name)
        size = _read_into(new, machine, fd, stop)  # no loop here, see Hashing.run
    finally:
        machine.close(fd)
    return new, size


def _read_into(new, machine, fd, stop):
    size = 0
    while data := machine.read(fd, _CHUNK):
        new.update(data)
        size += len(data)
        if stop is not None and stop():
            break
    return size


class Hashing:
    """One run over a tree."""

    def __init__(self, machine, top, algorithm, threads, errors, how, result):
        self.machine = machine
        self.algorithm = algorithm
        self.threads = threads
        self.errors = errors
        self.progress = how.progress
        self.result = result
        self.top = machine.fspath(top)
        slash = b"/" if isinstance(self.top, bytes) else "/"
        self.prefix = self.top if self.top.endswith(slash) else self.top + slash
        self.whole = hashlib.new(algorithm, usedforsecurity=False)
        self.path = bytearray()  # below the top, of the directory that is gone through
        self.levels = []
        self.batch = []
        self.open = 0
        self.begun = deque()
        self.stop = False
        self.told = time.monotonic()
        self.one_filesystem = how.one_filesystem

    def run(self):
        """Hash it all; the result has the rest."""
        files = Hashed(self.prefix, self.whole.digest_size)
        self.result.files = files
        helpers = self.helpers = Helpers(self.threads)
        try:
            level = Level(0, files.root)
            level.open(self.machine, self.top, _ENTER & ~host.O_NOFOLLOW)
            self._enter(level)
            # No loops here: from 3.12 on, CPython leaves a loop's jump back out of the `try` around
            # it, and what a signal handler raises there would pass by the `finally`.
            self._go_through()
            self._take_all()
        finally:
            self.stop = True
            helpers.end()
            for batch in (self.batch, *(batch for batch, _ in self.begun)):
                self.levels += [record[1] for record in batch]
            for level in self.levels:
                level.users = 0
                level.leave()
        if self.progress is not None:
            self.progress(self.result)
        self.result.hex = self.whole.hexdigest()

    def _go_through(self):
        while self.levels:
            level = self.levels[-1]
            if level.events:
                self._step(level, *level.events.pop())
            else:
                self._leave(level)
        self._hand_over()

    def _take_all(self):
        while self.begun:
            self._take()

    def _error(self, error, name=b""):
        path = bytes(self.path) + name
        error.filename = self.prefix + (
            path if isinstance(self.prefix, bytes) else host.fsdecode(path)
        )
        self.errors.take([error])

    def _enter(self, level):
        self.levels.append(level)
        if len(self.levels) > _OPEN:
            self.levels[-1 - _OPEN].leave()
        if self.one_filesystem and level.identity[0] != self.levels[0].identity[0]:
            return
        try:
            with self.machine.scandir(level.fd) as entries:
                _note(entries, level.events)
        except OSError as error:
            self._error(error)
        level.events.sort(reverse=True)

    def _leave(self, level):
        self.levels.pop()
        self._record((None, level, None))
        if self.levels:
            above = self.levels[-1]
            if above.leaving and not self._come_back(level, above):
                above.events.clear()
            del self.path[above.length :]
        level.leave()

    def _come_back(self, level, above):
        """Open the directory above again; whether it still is that one."""
        if above.fd >= 0:  # a batch has it open yet
            above.leaving = False
            return True
        try:
            if above.open(host, "..", _ENTER, level.fd):
                return True
            raise OSError(errno.ESTALE, "moved away while it was read")
        except OSError as error:
            self._error(error)
            return False

    def _step(self, level, name, kind):
        if name.endswith(b"/"):
            below = Level(len(self.path) + len(name), Folder())
            try:
                below.open(self.machine, name[:-1], _ENTER, level.fd)
            except OSError as error:
                self._error(error, name[:-1])
                return
            level.folder.below[name[:-1]] = below.folder
            self.path += name
            self._enter(below)
            return
        content = b""
        if kind == _FILE:
            content = None
        elif kind == _LINK:
            try:
                content = host.fsencode(self.machine.readlink(name, dir_fd=level.fd))
            except OSError as error:
                self._error(error, name)
                return
        path = bytes(self.path) + name
        head = b"%d %d:%s " % (kind, len(path), path)
        self._record((head, level, name if content is None else None, content))

    def _record(self, record):
        if record[0] is not None and record[2] is not None:
            record[1].users += 1
            self.open += record[1].users == 1  # a directory that stays open for it
        self.batch.append(record)
        if len(self.batch) >= _BATCH or self.open >= _FOLDERS:
            self._hand_over()

    def _hand_over(self):
        batch, self.batch, self.open = self.batch, [], 0
        self.begun.append((batch, self.helpers.ask(self._hash, batch)))
        while len(self.begun) > 2 * self.threads:
            self._take()

    def _hash(self, batch):
        """In a thread: the digest and size of each file of a batch, or its error."""
        outcomes = []
        for head, level, name, *_ in batch:
            if head is not None and name is not None:
                try:
                    outcomes.append(self._hash_one(level, name))
                except OSError as error:
                    outcomes.append(error)
        return outcomes

    def _hash_one(self, level, name):
        new, size = hashed(self.machine, name, level.fd, self.algorithm, lambda: self.stop)
        return new.digest(), size

    def _take(self):
        """What the oldest batch has brought."""
        batch, answer = self.begun[0]
        outcomes, error = wait_for(answer)
        if error is not None:
            raise error
        self.begun.popleft()
        outcomes = iter(outcomes)
        for head, level, name, *content in batch:
            if head is None:
                level.folder.pack()
                continue
            told = content[0]
            if name is not None:
                level.used()
                outcome = next(outcomes)
                if isinstance(outcome, OSError):
                    self._missed(outcome, head)
                    continue
                self.result.files.add(level.folder, name, outcome[0])
                self.result.bytes += outcome[1]
                told = outcome[0].hex().encode()
            self.whole.update(b"%s%d:%s\n" % (head, len(told), told))
        if self.progress is not None and time.monotonic() - self.told >= _EVERY:
            self.progress(self.result)
            self.told = time.monotonic()

    def _missed(self, error, head):
        path = head.partition(b":")[2][:-1]
        error.filename = self.prefix + (
            path if isinstance(self.prefix, bytes) else host.fsdecode(path)
        )
        self.errors.take([error])


def _note(entries, events):
    for entry in entries:
        kind = _kind_of(entry)
        if kind is not None:
            name = host.fsencode(entry.name)
            events.append((name, kind))
            if kind == _DIRECTORY:
                # What is in it comes where its name with a slash would.
                events.append((name + b"/", kind))


def _kind_of(entry):
    """The kind of an entry as the kernel numbers it; None when it is gone."""
    if entry.is_symlink():
        return _LINK
    if entry.is_dir(follow_symlinks=False):
        return _DIRECTORY
    if entry.is_file(follow_symlinks=False):
        return _FILE
    try:
        return stat.S_IFMT(entry.stat(follow_symlinks=False).st_mode) >> 12
    except FileNotFoundError:
        return None

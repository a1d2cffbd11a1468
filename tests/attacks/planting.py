"""What the attacks with planted state share: a world of several users, and states to plant."""

import json
import os
import shutil
import signal
import socket
import stat
import tempfile

import pytest

import ostler
from ostler.machines.rehearsal import kind, recovery  # noqa: F401
from tests.machines.rehearsing import USER, forked, put, remove_all, snapshot

ATTACKER = 1235
STASH = ".ostler-commit-0123456789abcdef"
SECONDS = 20  # within which every call must have ended; they take milliseconds


class World:
    """A directory with a victim's files, and one for all in which others can plant something."""

    def __init__(self, reader):
        self.reader = reader
        self.top = tempfile.mkdtemp(prefix="ostler-planted-")
        self.victim = f"{self.top}/victim"
        self.shared = f"{self.top}/shared"
        self.state = f"{self.shared}/state"
        self.commits = f"{self.state}/ostler/commits"
        self.journal = f"{self.commits}/1-00.commit"
        self.good = f"{self.commits}/2-00.commit"
        os.chmod(self.top, 0o711)
        put(f"{self.victim}/secret", "a secret", 0o600)
        put(f"{self.victim}/work/file", "the work of years")
        put(f"{self.victim}/upper/work/file", "the work of years")
        os.mkdir(self.shared)
        os.chmod(self.shared, 0o1777)
        self.give(self.victim, reader)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        remove_all(self.top)

    def give(self, path, user):
        """Make something, with all below it, a user's own."""
        if os.getuid() != 0:
            return
        os.lchown(path, user, user)
        if os.path.isdir(path) and not os.path.islink(path):
            for name in os.listdir(path):
                self.give(f"{path}/{name}", user)

    def plant(self):
        """A place for journals that is the reader's own, with two: one does harm, one is over."""
        os.makedirs(self.commits, 0o700)
        self.stash = f"{self.shared}/{STASH}"
        put(f"{self.stash}/1", "planted", 0o644)
        self.write(self.journal, self.evil())
        begin = ["begin", self.victim, [self.victim], [[0, STASH]]]
        self.write(self.good, [begin])
        self.give(self.state, self.reader)
        self.give(self.stash, ATTACKER)
        for path in (self.state, f"{self.state}/ostler", self.commits):
            os.chmod(path, 0o700)

    def write(self, path, records):
        put(path, "".join(json.dumps(record) + "\n" for record in records), 0o600)

    def evil(self):
        """The records of a commit that gives away a secret, and takes a file."""
        below = self.victim.removeprefix("/")
        stash = f"{self.shared}/{STASH}".removeprefix("/")
        status = os.stat(f"{self.victim}/secret")
        old = {"mode": 0o600, "owner": [status.st_uid, status.st_gid]}
        new = {"mode": 0o4777}
        new["owner"] = [ATTACKER, ATTACKER] if self.reader == 0 else old["owner"]
        work = os.stat(f"{self.victim}/work/file")
        steps = [
            ["meta", 0, f"{below}/secret", status.st_ino, old, new],
            ["move", 0, f"{below}/work/file", f"{stash}/2", work.st_ino],
        ]
        return [["begin", self.victim, ["/"], [[0, stash]]], ["go", steps, []]]

    def look(self):
        """The victim's files as a value."""
        return snapshot(self.victim)

    def recover(self):
        """What recover() says of this world, as its reader."""
        return [
            outcome
            for outcome in self.run(ostler.rehearsal.recover)
            if self.top in repr(tuple(outcome))
        ]

    def run(self, function, **environ):
        """What a function returns, called as the reader, with the state here; within a time."""
        answer = f"{self.top}/answer"
        if not os.path.exists(answer):
            put(answer)
            self.give(answer, self.reader)

        def go():
            signal.alarm(SECONDS)
            for name, value in {"XDG_STATE_HOME": self.state, **environ}.items():
                ostler.environ[name] = value
            found = function()
            with open(answer, "w") as file:
                json.dump(found, file)

        forked(go, self.reader if os.getuid() == 0 and self.reader else None)
        with open(answer) as file:
            return json.load(file)


def readers():
    """Who reads what others have planted."""
    return [0, USER] if os.getuid() == 0 else [os.getuid()]


def of_a_private_group(path):
    """Whether the group of what is here has the number of its owner, who isn't root."""
    status = os.stat(path)
    return status.st_gid == status.st_uid != 0


# Hostile states of one path: a function of (world, path), and whether it takes another user.


def of_another(world, path):
    world.give(path, ATTACKER)


def above_is_of_another(world, path):
    os.lchown(path, ATTACKER, ATTACKER)


def link_of_another(world, path):
    own_link(world, path)
    os.lchown(path, ATTACKER, ATTACKER)


def own_link(world, path):
    elsewhere = f"{world.shared}/elsewhere"
    os.rename(path, elsewhere)
    os.symlink(elsewhere, path)
    if os.getuid() == 0:
        os.lchown(path, world.reader, world.reader)


def for_a_group(world, path):
    if os.getuid() == 0:
        os.lchown(path, -1, ATTACKER)
    elif os.path.isdir(path) and of_a_private_group(path):
        pytest.skip("the group that may write to it is this user's own")
    os.chmod(path, os.stat(path).st_mode | 0o020)


def for_all(world, path):
    os.chmod(path, os.stat(path).st_mode | 0o002)


def with_another_name(world, path):
    os.link(path, f"{world.shared}/another")


def pipe(world, path):
    remove(path)
    os.mkfifo(path, 0o600)
    world.give(path, world.reader)


def endpoint(world, path):
    remove(path)
    with socket.socket(socket.AF_UNIX) as made:
        here = os.getcwd()
        os.chdir(os.path.dirname(path))
        try:
            made.bind(os.path.basename(path))
        finally:
            os.chdir(here)
    os.chmod(path, 0o600)
    world.give(path, world.reader)


def device(world, path):
    remove(path)
    os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 5))  # /dev/zero: it has no end
    world.give(path, world.reader)


def folder_there(world, path):
    remove(path)
    os.mkdir(path)
    world.give(path, world.reader)


def remove(path):
    if os.path.isdir(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


FOREIGN = (of_another, above_is_of_another, link_of_another, device)
FOR_DIRECTORIES = (
    of_another, above_is_of_another, link_of_another, own_link, for_a_group, for_all,
)  # fmt: skip
FOR_FILES = (
    of_another, link_of_another, own_link, for_a_group, for_all, with_another_name, pipe,
    endpoint, device, folder_there,
)  # fmt: skip


def possible(states):
    """Those of these states that can be made by who runs the tests."""
    return [state for state in states if os.getuid() == 0 or state not in FOREIGN]

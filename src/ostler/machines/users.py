"""Users: a scratch machine whose calls are made by another user, for which one has to be root.

The kernel has the ids of each thread apart. So around each call the thread that makes it puts on
the other user's (identity.py), and what that user may do is the kernel's own answer; everything
else in this process, other machines and the host among it, stays root's. Children are that user's
for good.
"""

import errno
from _thread import allocate_lock
from contextlib import contextmanager

from ostler.machine import MachineUnavailable, host
from ostler.machines.rooted import staying
from ostler.machines.scratch import Scratch
from ostler.verbs import table
from ostler.verbs.children import Process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NoReturn

    from ostler.points.history import Point
    from ostler.trees import Trees

_GIVEN_UP = "CapEff:\t0000000000000000\n"


class User(tuple):
    """Who makes the calls: (uid, gid, groups, name or None, home or None)."""

    __slots__ = ()


def user_of(user: "int | str") -> User:
    """The User of a name or a number. LookupError for an unknown name; a number needs none."""
    import pwd

    try:
        known = pwd.getpwnam(user) if isinstance(user, str) else pwd.getpwuid(user)
    except KeyError:
        if isinstance(user, str):
            raise LookupError(f"no such user: {user!r}") from None
        return User((user, user, (), None, None))
    groups = host.getgrouplist(known.pw_name, known.pw_gid)
    return User((known.pw_uid, known.pw_gid, tuple(groups), known.pw_name, known.pw_dir))


def another_user(user, weaker):
    """The kind of machine whose calls this user makes, and what begins it: (kind, function)."""
    who = user_of(user)
    if who[0] == host.geteuid():
        return Scratch, None  # who makes the calls anyway
    if weaker:
        raise ValueError("a machine of another user's can't be a weaker one")

    def begin(machine, made):
        if host.geteuid() != 0 or made.user_ns >= 0:
            raise unavailable("this is not root", errno.EPERM)
        machine._begin_as(who)

    return ScratchOfUser, begin


class ScratchOfUser(Scratch):
    """A scratch machine whose calls another user makes; see ostler.scratch.

    Its "/" is root's, and "/tmp" everybody's.
    """

    __slots__ = ("_preparing", "_switch", "_user_is", "_who")

    def _begin_like(self, other):
        super()._begin_like(other)
        self._who = self._user_is = other._user_is
        self._preparing, self._switch = 0, allocate_lock()
        self._act_as(*self._user_is[:3])

    @staying
    def at(self, point: "Point | str") -> "NoReturn":
        """Refused with OSError (EOPNOTSUPP): what it shows could be seen by root alone."""
        problem = "a read-only view would not be that user's: a branch that is rolled back is"
        raise OSError(errno.EOPNOTSUPP, problem)

    def _begin_as(self, user):
        self.makedirs("/tmp", exist_ok=True)  # what was bound may lie in it
        self.chmod("/tmp", 0o1777)
        self._who = self._user_is = user
        self._preparing = 0  # how many are inside as_root()
        self._switch = allocate_lock()
        uid, gid, groups, name, home = user
        self._act_as(uid, gid, groups)
        try:
            given_up = self._as_user(False, _rights_are_given_up)
        except OSError as error:
            raise unavailable(error.strerror, error.errno) from None
        if not given_up:
            raise unavailable("its rights stay root's", errno.EPERM)
        for variable, value in (("USER", name), ("LOGNAME", name), ("HOME", home)):
            self.environ.pop(variable, None)
            if value is not None:
                self.environ[variable] = value
        self._guarantees["user"] = f"calls and children are user {uid}'s (kernel)"

    def _move_in(self, parent, insider):
        super()._move_in(parent, insider)
        self._who = None  # the calls are this process's, which is the user's
        self._changed_by = _refuse_change

    @property
    def _is_anothers(self):
        return self._who is not None

    @contextmanager
    def as_root(self) -> "Iterator[None]":
        """Inside, the calls on this machine are root's again, in all threads: to prepare it."""
        if self._is_here:
            problem = "a process that lives on the machine as its user can't be root there again"
            raise PermissionError(errno.EPERM, problem)
        inside = False
        try:
            with self._switch:
                inside = True
                self._preparing += 1
                self._who = None
                self._act_as(-1, 0, ())
            yield
        finally:
            with self._switch:
                self._preparing -= inside
                if self._preparing == 0:
                    self._act_as(*self._user_is[:3])
                    self._who = self._user_is

    def process(self, pid: int) -> Process:
        """A Process, the handle of a process, to which signals are sent by who makes the calls."""
        return _ProcessOfUsers(self, pid)

    # Whose the calls are

    def getresuid(self) -> tuple[int, int, int]:
        """Real, effective and saved user id of who makes the calls; getresuid(2)."""
        return super().getresuid() if self._who is None else (self._who[0],) * 3

    def getresgid(self) -> tuple[int, int, int]:
        """Real, effective and saved group id of who makes the calls; getresgid(2)."""
        return super().getresgid() if self._who is None else (self._who[1],) * 3

    def getuid(self) -> int:
        """The user id of who makes the calls; getuid(2)."""
        return self.getresuid()[0]

    def geteuid(self) -> int:
        """The effective user id of who makes the calls; geteuid(2)."""
        return self.getresuid()[1]

    def getgid(self) -> int:
        """The group id of who makes the calls; getgid(2)."""
        return self.getresgid()[0]

    def getegid(self) -> int:
        """The effective group id of who makes the calls; getegid(2)."""
        return self.getresgid()[1]

    def getgroups(self) -> list[int]:
        """The groups of who makes the calls; getgroups(2)."""
        return super().getgroups() if self._who is None else list(self._who[2])

    # What can't be had

    @property
    def trees(self) -> "Trees":
        """Not on a machine of another user's: threads of their own do that work, as root."""
        if self._who is not None:
            raise _missing("trees")
        return super().trees


def _rights_are_given_up():
    try:
        with open("/proc/thread-self/status") as file:
            return _GIVEN_UP in file.read()
    except FileNotFoundError:
        return True  # no /proc to look at


def _refuse_change(*what):
    problem = "a process that lives on the machine as its user can't change the machine's limits"
    raise PermissionError(errno.EPERM, problem)


def _missing(name):
    return NotImplementedError(f"{name}: not on a scratch machine that is another user's")


class _ProcessOfUsers(Process):
    """What process() gives: the kernel asks whether the machine's user may send a signal."""

    def __init__(self, machine: ScratchOfUser, pid: int) -> None:
        super().__init__(pid)
        self._machine = machine

    def signal(self, number: int, /) -> None:
        """As Process.signal(); PermissionError where that user has no right to."""
        self._machine._as_user(True, super().signal, number)


def unavailable(why, number):
    """The error that a machine can't be another user's."""
    what = f"a machine of another user's can't be made: {why}"
    return MachineUnavailable(what, "root, with the rights to change user and group", number)


def _by_user(verb):
    # For calls that take a descriptor or a number, of which the kernel asks who makes them.
    name = verb.name
    original = getattr(Scratch, name)
    wholly = verb.identity == table.REAL_RIGHTS

    def method(self, *args, **kwargs):
        return self._as_user(wholly, original, self, *args, **kwargs)

    method.__name__ = name
    method.__doc__ = original.__doc__
    return method


# Where the id that a verb sets stands in a User; None: as none can be set.
_PLACES = {table.SETS_USER: 0, table.SETS_GROUP: 1, table.SETS_GROUPS: None}


def _changing_ids(name, which):
    # As for who has no right to be anybody else.
    original = getattr(Scratch, name)

    def method(self, *ids):
        if self._who is None:
            return original(self, *ids)
        if which is None or any(each not in (-1, self._who[which]) for each in ids):
            raise PermissionError(errno.EPERM, host.strerror(errno.EPERM))
        return None

    method.__name__ = name
    method.__doc__ = original.__doc__
    return method


def _parting(name):
    # Into other namespaces, for which only root has the right; a thread that has given up its
    # rights for a moment would not get them back in a user namespace.
    original = getattr(Scratch, name)

    def method(self, *args: object, **kwargs: object) -> None:
        flags = args[0] if args else kwargs.get("flags", 0)
        parts = name == "setns" or (isinstance(flags, int) and flags & _NEW)
        if self._who is not None and parts:
            raise PermissionError(errno.EPERM, host.strerror(errno.EPERM))
        original(self, *args, **kwargs)

    method.__name__ = name
    method.__doc__ = original.__doc__
    return method


def _refused(name):
    original = getattr(Scratch, name)

    def method(self, *args: object, **kwargs: object) -> "NoReturn":
        if self._who is not None:
            raise _missing(name)
        return original(self, *args, **kwargs)

    method.__name__ = name
    method.__doc__ = original.__doc__
    return method


_NEW = 0
for _name in "NEWCGROUP NEWIPC NEWNET NEWNS NEWPID NEWTIME NEWUSER NEWUTS".split():
    _NEW |= getattr(host, f"CLONE_{_name}", 0)
_NOT_THERE = "chmod_tree chown_tree walk_entries temporary_directory"

for _verb in table.every():
    if _verb.identity in (table.RIGHTS, table.REAL_RIGHTS):
        setattr(ScratchOfUser, _verb.name, _by_user(_verb))
    elif _verb.identity in _PLACES:
        setattr(ScratchOfUser, _verb.name, _changing_ids(_verb.name, _PLACES[_verb.identity]))
for _name in ("setns", "unshare"):
    if hasattr(Scratch, _name):  # os has them from 3.12 on
        setattr(ScratchOfUser, _name, _parting(_name))
for _name in _NOT_THERE.split():
    setattr(ScratchOfUser, _name, _refused(_name))
del _name, _verb

"""Kind: the scratch machine of a FakeFilesystem, whose user can be changed while it is used."""

from _thread import allocate_lock

from ostler.fakefs import spare
from ostler.fakefs.refusals import refuse
from ostler.machine import host
from ostler.machines import before, scratch
from ostler.machines.users import ScratchOfUser, User

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class FakeScratch(scratch.Scratch):
    """A scratch machine that is who makes it; become() makes it another user's."""

    # As those of ScratchOfUser, whose class it can take therefore.
    __slots__ = ("_preparing", "_switch", "_user_is", "_who")
    _tmp_is_hosts = True  # pytest's tmp_path, as with pyfakefs

    def open(self, path: "Any", flags: int, mode: int = 0o777, *, dir_fd: "Any" = None) -> int:
        """As os.open(); there is a /dev/null, also where there is no /dev."""
        try:
            return super().open(path, flags, mode, dir_fd=dir_fd)
        except FileNotFoundError:
            return _open_null(path, flags)


class FakeScratchOfUser(ScratchOfUser):
    """The same while another user makes its calls."""

    __slots__ = ()
    _tmp_is_hosts = True

    def open(self, path: "Any", flags: int, mode: int = 0o777, *, dir_fd: "Any" = None) -> int:
        """As os.open(); there is a /dev/null, also where there is no /dev."""
        try:
            return super().open(path, flags, mode, dir_fd=dir_fd)
        except FileNotFoundError:
            return _open_null(path, flags)


def _open_null(path: "Any", flags: int) -> int:
    # It holds nothing that could be anybody's: the host's own.
    if path not in ("/dev/null", b"/dev/null"):
        raise
    fd: int = host.open("/dev/null", flags & ~(host.O_CREAT | host.O_EXCL | host.O_TRUNC))
    return fd


def fresh() -> "Any":
    """A new machine of this kind, with room for a tebibyte."""
    kept = spare.take()
    made = kept or scratch.mounted(scratch.amount(spare.SIZE, "size"), None)
    machine = FakeScratch._filled(made, None, None, [])
    if kept is None:
        spare.note(machine)
    machine._preparing, machine._switch = 0, allocate_lock()
    machine._who = machine._user_is = None
    return machine


def become(machine: "Any", uid: int, gid: int) -> None:
    """From now on this user makes the calls on the machine; as root: any, else oneself alone."""
    if (uid, gid) == (host.geteuid(), host.getegid()):
        if isinstance(machine, FakeScratchOfUser):
            machine._who = None
            machine._act_as(-1, 0, ())
            _take_class(machine, FakeScratch)
        return
    if host.geteuid() != 0:
        refuse(
            f"user {uid}, group {gid}",
            f"only root can act as another user, and these tests are run by user {host.geteuid()}",
            "run them as root, or skip this one elsewhere",
        )
    _take_class(machine, FakeScratchOfUser)
    machine._who = machine._user_is = User((uid, gid, (), None, None))
    machine._act_as(uid, gid, ())


def _take_class(machine, kind):
    if getattr(type(machine), "_plain_kind", type(machine)) is not kind:
        machine.__class__ = kind
        before.settle(machine)

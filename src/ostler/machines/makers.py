"""Makers: the functions that make machines. What is had where mounts are refused is chosen here."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from _typeshed import StrOrBytesPath

    from ostler.machines.kinds import Confined, ReadOnly, Scratch
    from ostler.machines.rehearsal.kind import Rehearsal
    from ostler.machines.rehearsal.recovery import Outcome

__all__ = ["confined", "read_only", "rehearsal", "scratch"]  # what ostler offers


def scratch(
    size: "int | str | None" = None,
    inodes: "int | None" = None,
    bind: "Iterable[StrOrBytesPath] | None" = None,
    weaker: bool = False,
    user: "int | str | None" = None,
) -> "Scratch":
    """A machine whose whole file system is new, empty and in memory; gone when it is closed.

    `size` is its room, an int in bytes or a str such as "64M" or "1.5 GiB" (all binary), by
    default half of the memory; `inodes` the number of files it has room for. `bind` lists paths
    of the host that are shown inside, read-only; `ostler.machines.SHELL` is a list with which
    a shell runs. With `weaker`, where mounts are refused, it is a directory in /dev/shm or
    TMPDIR: without limits, binds and children.

    With `user`, a name or a number, the calls on it are made by that user, and its children are
    that user's: PermissionError and all else is the kernel's own answer. One has to be root for
    it. `as_root()` is to prepare it. Whole trees (`trees`, `chmod_tree` and the like) it has not.
    """
    from ostler.machines import binds, refusals
    from ostler.machines.scratch import Scratch, amount, mounted

    kind, begin = Scratch, None
    if user is not None:
        from ostler.machines.users import another_user

        kind, begin = another_user(user, weaker)
    size, inodes = amount(size, "size"), amount(inodes, "inodes")
    sources = binds.sources(bind)
    try:
        made = mounted(size, inodes)
    except refusals.MachineUnavailable as error:
        if not weaker:
            what = "a directory, without limits and children"
            raise refusals.or_weaker(error, what) from None
        from ostler.machines.scratch_directory import scratch_directory

        machine: Scratch = scratch_directory(error, size or inodes, sources)
        return machine
    machine = kind._filled(made, size, inodes, sources, begin)
    return machine


def read_only(base: "StrOrBytesPath | None" = None) -> "ReadOnly":
    """A machine that shows the files below `base` (default "/"), and lets none be changed.

    Without a base it stands where the process stands: FileNotFoundError where that was removed.
    """
    from ostler.machines.read_only import ReadOnly

    if base is None:
        _see_standing()
    machine: ReadOnly = ReadOnly._over("/" if base is None else base)
    return machine


def confined(
    directory: "StrOrBytesPath",
    read_only: bool = False,
    network: bool = False,
    environ: "Mapping[str, str] | Mapping[bytes, bytes] | None" = None,
    weaker: bool = False,
) -> "Confined":
    """A machine whose root is `directory`, with no way out of it.

    Its children have no network but with `network`, see no other process, and end with it.
    `environ` is a mapping of the variables it begins with; by default of the process's own those
    that say who uses it and how (PATH, HOME, USER, LANG, LC_*, TERM, TZ and the like), no others.
    Where mounts can't be made, paths are confined all the same, but children can't be started
    and `read_only` can't be had; `guarantees` says which. With `weaker` they can, by Landlock
    alone: root's with the directory as their root, an ordinary user's on the host's paths, with
    its programs to be run.
    """
    from ostler.machines.confined import Confined

    machine: Confined = Confined._in(directory, read_only, network, environ, weaker)
    return machine


def rehearsal(
    base: "StrOrBytesPath | None" = None,
    upper: "StrOrBytesPath | None" = None,
    weaker: bool = False,
    sync: bool = False,
) -> "Rehearsal":
    """A machine over the files below `base` (default "/"), where every change is kept aside.

    `upper` is a directory in which the changes are kept on disk and can be taken up later;
    without it they are in memory and gone at close. With `sync`, too, a point of such a machine
    is on the disk when checkpoint() returns, and is there when the power goes. With `weaker`, where
    mounts are refused, a directory is copied: without children and points, and what others change
    meanwhile is not seen. Without a base it stands where the process stands: FileNotFoundError
    where that was removed.
    """
    from ostler.machines import refusals
    from ostler.machines.rehearsal.kind import Rehearsal

    if base is None:
        _see_standing()
    machine: Rehearsal
    try:
        machine = Rehearsal._over(base, upper, sync)
    except refusals.MachineUnavailable as error:
        if not weaker:
            what = "a copy of a directory, without children"
            raise refusals.or_weaker(error, what) from None
        from ostler.machines.rehearsal.copied import copied_rehearsal

        machine = copied_rehearsal(error, base, upper)
    return machine


def _see_standing() -> None:
    # In "/" relative paths would name other files than those that are meant.
    from ostler.machine import host

    try:
        host.getcwdb()
    except FileNotFoundError as error:
        problem = "the working directory was removed: go to one that is there, or give a base"
        raise FileNotFoundError(error.errno, problem) from None


def recover() -> "list[Outcome]":
    """Finish or undo this user's interrupted commits: a list of (base, outcome).

    `outcome`: "finished", "undone", or "left" where neither was possible; then a third member is
    where everything is kept, and a fourth why. A commit that is under way is left alone.
    """
    from ostler.machines.rehearsal import recovery

    return recovery.recover()


rehearsal.recover = recover  # type: ignore[attr-defined]

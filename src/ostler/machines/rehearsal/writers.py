"""Quiet: nobody writes to a rehearsal while it is committed, or the commit is refused.

Afterwards the rehearsal is mounted anew. What was written to the old mounts then, by a file that
is still open or by a process that still runs there, would be neither in the base nor in the
rehearsal. So these are refused, with who it is, and meanwhile the kernel keeps the file systems
read-only, in whatever process.
"""

from __future__ import annotations

import errno
import select
import signal
import time
from contextlib import suppress

from ostler.core import mounts
from ostler.machine import host
from ostler.machines.rehearsal import layers, unmounted, whereabouts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from typing import Self

    from ostler.machines.rehearsal.kind import Rehearsal
    from ostler.machines.rehearsal.layout import OverlayMount

    _Who = tuple[int, str, bytes | None]

_TRIES, _PAUSE = 100, 0.005  # a file that is just being closed
_PATH = host.O_PATH | host.O_DIRECTORY | host.O_NOFOLLOW | host.O_CLOEXEC


class Quiet:
    """A context manager: inside, a rehearsal can't be written to, by nobody.

    OSError (EBUSY) where somebody could, unless they are to be left behind.
    """

    def __init__(self, machine: Rehearsal, leave_behind: bool) -> None:
        self._machine = machine
        # Kept: a machine that is closed inside, as by an interrupt, doesn't tell them any more.
        self._spaces = machine._user_ns, machine._mount_ns
        self._leave_behind = bool(leave_behind)
        self._tops: list[int] = []
        # (top, whether its file system as a whole), of what is read-only now
        self._still: list[tuple[int, bool]] = []

    def __enter__(self) -> Self:
        try:
            self._make_all_still()
            if not self._leave_behind:
                refuse(self._machine, running(self._tops))
        except BaseException:
            self.__exit__()
            raise
        return self

    def over(self) -> None:
        """What was there before is not to be written to again."""
        self._still.clear()

    def __exit__(self, *exception: object) -> None:
        while self._still:
            top, whole = self._still.pop()
            mounts.still(top, *self._spaces, False, whole)
        while self._tops:
            host.close(self._tops.pop())

    def _make_all_still(self) -> None:
        for overlay in unmounted.with_place(self._machine):
            self._tops.append(top_of(self._machine, overlay))
        for top in self._tops:
            self._make_still(top)

    def _make_still(self, top: int) -> None:
        machine = self._machine
        for _ in range(_TRIES):
            self._still.append((top, True))
            number = mounts.still(top, machine._user_ns, machine._mount_ns, True, True)
            if not number:
                return
            self._still.pop()
            if self._leave_behind:
                return
            refuse(machine, writers(self._tops))
            if number != errno.EBUSY:
                raise OSError(number, "it can't be made read-only meanwhile", _real(machine, None))
            # Something that was removed is held open, to be read at most: then this mount alone.
            machine._leave_namespace()
            self._still.append((top, False))
            if not mounts.still(top, machine._user_ns, machine._mount_ns, True, False):
                return
            self._still.pop()
            time.sleep(_PAUSE)
        raise OSError(errno.EBUSY, "a file is open for writing", _real(machine, None))


def refuse(machine: Rehearsal, found: Sequence[_Who]) -> None:
    """Raise the OSError (EBUSY) that says who it is that was found, if anybody was."""
    if not found:
        return
    pid, program, path = found[0]
    who = "this process" if pid == host.getpid() else f"process {pid} ({program})"
    said = f"{who} still runs there" if path is None else f"open for writing in {who}"
    if len(found) > 1:
        said += f"; {len(found) - 1} more"
    raise OSError(errno.EBUSY, said, _real(machine, path))


def _real(machine: Rehearsal, path: bytes | None) -> str:
    base = machine._base
    return host.fsdecode(base if path is None else base.rstrip(b"/") + path)


class Unneeded(Quiet):
    """In the place of Quiet, and of Flat, where there is nothing to do."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def over(self) -> None:
        """Nothing was kept still."""


def top_of(machine: Rehearsal, overlay: OverlayMount) -> int:
    """A descriptor of an overlay's top, wherever the machine has that now, or what it would show.

    That is read-only then.
    """
    if overlay.shown is not None:
        return host.dup(overlay.shown)
    found = shown_top(machine, overlay)
    if found is not None:
        return found
    with layers.alone(machine, overlay, (overlay.store, *overlay.frozen)) as made:
        return host.dup(made.root)


def shown_top(machine: Rehearsal, overlay: OverlayMount) -> int | None:
    """The same; None where the machine has no place for it, or that was removed."""
    if overlay.place is None:
        return None
    found = _overlay_at(machine, overlay, overlay.place)
    if found is None and overlay.target:
        # It, or a directory above it, may have been renamed here.
        now = whereabouts.of(machine).now(overlay.target)
        found = None if now is None else _overlay_at(machine, overlay, now)
    return found


def _overlay_at(machine: Rehearsal, overlay: OverlayMount, path: bytes) -> int | None:
    try:
        fd = machine.open(b"/" + path, _PATH)
    except OSError:
        return None
    # What was mounted elsewhere may be there by now.
    known = overlay.device in (None, host.fstat(fd).st_dev)
    if known and mounts.is_overlay_top(fd):
        return fd
    host.close(fd)
    return None


# Who it is: a list of (pid, program, path on the machine or None)


def running(tops: Iterable[int]) -> list[_Who]:
    """The processes in whose mount namespace one of these file systems is."""
    return _running({device_of(top) for top in tops})


def runs_in(devices: Collection[bytes]) -> bool:
    """Whether a process runs in one of the file systems of these numbers: see device_of()."""
    return bool(_running(devices))


def _running(devices: Collection[bytes]) -> list[_Who]:
    known = {_link(b"/proc/self/ns/mnt"): False}
    found: list[_Who] = []
    for pid in _processes():
        namespace = _link(b"/proc/%d/ns/mnt" % pid)
        if namespace is None:  # it has ended, or is another user's
            continue
        if namespace not in known:
            known[namespace] = any(device in devices for _, device in _mounted(pid))
        if known[namespace]:
            found.append((pid, _program(pid), None))
    return found


def writers(tops: Iterable[int]) -> list[_Who]:
    """The files in these file systems that can be written to by somebody who has them open."""
    devices = {device_of(top) for top in tops}
    own = {_field(b"/proc/self/fdinfo/%d" % top, b"mnt_id:") for top in tops}
    namespaces: dict[bytes | None, set[bytes]] = {_link(b"/proc/self/ns/mnt"): set()}
    found: list[_Who] = []
    for pid in _processes():
        namespace = _link(b"/proc/%d/ns/mnt" % pid)
        if namespace not in namespaces:
            namespaces[namespace] = {m for m, device in _mounted(pid) if device in devices}
        for fd, mount, path in _open_for_writing(pid):
            if mount in own or mount in namespaces[namespace] or _on(pid, fd, devices):
                found.append((pid, _program(pid), path))
        found += [(pid, _program(pid), path) for path in _mapped(pid, devices)]
    return found


def writers_below(directory: bytes) -> list[_Who]:
    """The files below a directory (bytes) that somebody has open for writing."""
    found: list[_Who] = []
    for pid in _processes():
        for _, _, path in _open_for_writing(pid):
            if path.startswith(directory + b"/"):
                found.append((pid, _program(pid), path[len(directory) :]))
    return found


def end(pids: Iterable[int], tops: Iterable[int]) -> None:
    """Kill these processes, if they are still those that run in one of these file systems."""
    held: list[tuple[int, int]] = []
    try:
        _hold(pids, held)
        _kill(held, list(tops))
    finally:
        for _, fd in held:
            host.close(fd)


def _hold(pids: Iterable[int], held: list[tuple[int, int]]) -> None:
    for pid in pids:
        if pid == host.getpid():
            raise OSError(errno.EBUSY, "this process still runs there")
        with suppress(ProcessLookupError):
            held.append((pid, host.pidfd_open(pid)))


def _kill(held: list[tuple[int, int]], tops: list[int]) -> None:
    still = {pid for pid, _, _ in running(tops)}  # a number may be another one's by now
    for pid, fd in held:
        if pid in still:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(fd, signal.SIGKILL)
            select.select([fd], [], [])


def _processes() -> list[int]:
    return sorted(int(name) for name in host.listdir("/proc") if name.isdigit())


def _open_for_writing(pid: int) -> Iterator[tuple[bytes, bytes | None, bytes]]:
    try:
        names = host.listdir(b"/proc/%d/fd" % pid)
    except OSError:
        return
    for name in names:
        information = b"/proc/%d/fdinfo/%s" % (pid, name)
        octal = _field(information, b"flags:")
        if octal is None:
            continue
        flags = int(octal, 8)
        if flags & host.O_ACCMODE != host.O_RDONLY and not flags & host.O_PATH:
            path = _link(b"/proc/%d/fd/%s" % (pid, name))
            if path is not None and path.startswith(b"/"):
                yield name, _field(information, b"mnt_id:"), path


def _on(pid: int, fd: bytes, devices: Collection[bytes]) -> bool:
    try:
        status = host.stat(b"/proc/%d/fd/%s" % (pid, fd))
    except OSError:
        return False
    return b"%d:%d" % (host.major(status.st_dev), host.minor(status.st_dev)) in devices


def _mapped(pid: int, devices: Iterable[bytes]) -> Iterator[bytes]:
    """The paths of the files that are mapped so that writing to memory writes to them."""
    hexadecimal = {b"%02x:%02x" % tuple(map(int, device.split(b":"))) for device in devices}
    for line in _lines(b"/proc/%d/maps" % pid):
        parts = line.split(None, 5)
        if len(parts) == 6 and parts[1][1:2] == b"w" and parts[1][3:4] == b"s":
            if parts[3] in hexadecimal:
                yield parts[5]


def _mounted(pid: int) -> list[tuple[bytes, bytes]]:
    """[(number, device)] of the mounts in a process's namespace."""
    lines = [line.split(b" ", 3) for line in _lines(b"/proc/%d/mountinfo" % pid)]
    return [(parts[0], parts[2]) for parts in lines if len(parts) == 4]


def device_of(fd: int) -> bytes:
    """The number of the file system of an open file, as the tables of mounts have it."""
    device = host.fstat(fd).st_dev
    return b"%d:%d" % (host.major(device), host.minor(device))


def _program(pid: int) -> str:
    return b"".join(_lines(b"/proc/%d/comm" % pid)).decode("utf-8", "backslashreplace")


def _field(path: bytes, name: bytes) -> bytes | None:
    for line in _lines(path):
        if line.startswith(name):
            return line[len(name) :].strip()
    return None


def _link(path: bytes) -> bytes | None:
    try:
        return host.readlink(path)
    except OSError:
        return None


def _lines(path: bytes) -> list[bytes]:
    # Of a file of /proc; none when its process has ended or is another user's.
    parts: list[bytes] = []
    with suppress(OSError):
        fd = host.open(path, host.O_RDONLY | host.O_CLOEXEC)
        try:
            _read(fd, parts)
        finally:
            host.close(fd)
    return b"".join(parts).split(b"\n")


def _read(fd: int, parts: list[bytes]) -> None:
    while part := host.read(fd, 1 << 16):
        parts.append(part)

"""Profiles: from what a program did to what it needs, so that it runs with that and no more."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from ostler.machine import host
from ostler.record.given import opened
from ostler.record.log import CHANGES, NETWORK
from ostler.record.outline import lies_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ostler.record.log import Event, Program, Story

FORMAT = 1
_MANY = 3  # files of one directory, from which on it is the directory
_FIRST_USER, _NOBODY = 1000, 65534
_LINKS = 40  # on the way to a file, at the most
_LARGEST = 1 << 24  # bytes of a file of ours
# What every machine shows of the host, or has for itself.
_SHOWN = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/dev")
_TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm")
# Of these nobody gets the whole because of some files in them.
_TOPS = frozenset(
    ("/", "/boot", "/etc", "/home", "/media", "/mnt", "/opt", "/root", "/run", "/srv", "/sys",
     "/usr", "/usr/bin", "/usr/lib", "/usr/local", "/usr/local/bin", "/usr/local/lib",
     "/usr/local/sbin", "/usr/sbin", "/var", "/var/cache", "/var/lib", "/var/log", "/var/spool",
     *_SHOWN, *_TEMPORARY)
)  # fmt: skip


class Profile(NamedTuple):
    """What a program needs.

    - `reads`: a tuple of paths, with all that lies below them, to be read
    - `writes`: the same, to be changed too
    - `network`: whether it needs one
    - `cwd`: where it began
    - `left_out`: what it did, and is not given: it would be too much
    """

    reads: tuple[str, ...]
    writes: tuple[str, ...]
    network: bool
    cwd: str
    left_out: tuple[str, ...] = ()


class NotAProfile(ValueError):
    """It is no profile of ours, or one of a newer ostler."""


def profile_of(story: Story) -> Profile:
    """What the programs of a recording need, as directories where they are several files.

    What they made for themselves is no matter of theirs before: the directory in which it was made
    is; and in /tmp and the like each run has one of its own. What they did after one of them had
    mounted anything is left out.
    """
    cwd = str(story.about.get("cwd", "/"))
    cwd = cwd if _is_path(cwd) else "/"
    found = [event for event in story.events if event.outcome is not False]
    mounts = [index for index, event in enumerate(found) if event.kind == "mount"]
    # Where something is mounted in a namespace of its own, names are not those of the host's files.
    done = found[: mounts[0]] if mounts else found
    since = found[mounts[0]].time if mounts else math.inf
    programs = [p for one in story.processes for p in one.programs]
    paths = [path for e in found for path in (e.path, e.other)] + [p.path for p in programs]
    homes = _homes(filter(_is_path, paths))
    writes, left_out = _writes(done, homes)
    unsure = [path for paths in _writes(found[len(done) :], homes) for path in paths]
    left_out += [path for path in unsure if not _lies_in(path, writes)]
    ran = [p for p in programs if p.outcome is not False and p.time < since]
    return Profile(
        tuple(_reads(ran, done, writes, cwd, homes)),
        tuple(writes),
        any(e.kind in NETWORK and not e.path.startswith(("/", "@")) for e in found),
        cwd,
        tuple(sorted(set(left_out))),
    )


def _writes(done: list[Event], homes: set[str]) -> tuple[list[str], list[str]]:
    made: set[str] = set()
    found: dict[str, None] = {}
    tops = _tops(homes)
    for event in done:
        if event.kind not in CHANGES or event.kind == "mount":
            continue
        for path in (event.path, event.other) if event.kind == "rename" else (event.path,):
            if _is_path(path) and not _lies_in(path, made):
                found[_to_write(event, path)] = None
        if event.kind in ("create", "mkdir", "symlink", "link", "mknod", "rename"):
            made.add(event.other if event.kind == "rename" else event.path)
    wanted = [path for path in found if path not in _TEMPORARY and not _is_of_a_run(path)]
    left_out = sorted({path for path in wanted if path in tops or _lies_in(path, ("/proc",))})
    return _outermost(path for path in wanted if path not in left_out), left_out


def _is_path(text: str) -> bool:
    # As those of a recording are; it may be anybody's.
    is_absolute = text.startswith("/") and not text.startswith("//")
    return is_absolute and host.path.normpath(text) == text and "\0" not in text


def _is_of_a_run(path: str) -> bool:
    # A device, or what a process has in /proc, which is another one the next time.
    if _lies_in(path, ("/proc",)):
        return path.split("/")[2:3] != [] and path.split("/")[2].isdecimal()
    return _lies_in(path, ("/dev",))


def _to_write(event: Event, path: str) -> str:
    # What must be writable for it: names are written in a directory, the rest in the file.
    if event.kind in ("write", "truncate", "mode", "owner", "times", "attribute"):
        return path
    return host.path.dirname(path)


def _reads(
    ran: list[Program], done: list[Event], writes: list[str], cwd: str, homes: set[str]
) -> list[str]:
    made = {e.path for e in done if e.kind in ("create", "mkdir", "symlink", "mknod")}
    made |= {e.other for e in done if e.kind == "rename"}
    paths = [e.path for e in done if e.kind in ("read", "connect")]
    paths += [program.path for program in ran]
    paths += [event.other for event in done if event.kind == "link"]
    wanted = dict.fromkeys(
        path for path in filter(_is_path, paths)
        if not _lies_in(path, _SHOWN) and not _lies_in(path, writes) and not _lies_in(path, made)
    )  # fmt: skip
    tops = _tops(homes)
    if cwd not in tops and any(_lies_in(path, (cwd,)) for path in wanted):
        wanted[cwd] = None
    counts: dict[str, int] = {}
    for path in wanted:
        above = host.path.dirname(path)
        counts[above] = counts.get(above, 0) + 1
    found = [
        above
        if counts[above] >= _MANY
        and above not in tops
        and (above in wanted or not _lies_in(above, homes))
        else path
        for path in wanted
        for above in [host.path.dirname(path)]
        if path not in tops
    ]
    return _outermost([*found, *_links_to_programs(ran)])


def _links_to_programs(ran: list[Program]) -> list[str]:
    # The log has the paths of programs with all links followed; they are called by others.
    found: dict[str, None] = {}
    for program in ran:
        found.update(dict.fromkeys(_names_of(program)))
    links = {link: None for name in found for link in _links_on(name)}
    return [link for link in links if not _lies_in(link, _SHOWN)]


def _names_of(program: Program) -> list[str]:
    name = program.arguments[0]
    if "/" in name:
        return [host.path.join(program.cwd, name)]
    names = [host.path.join(directory, name) for directory in host.get_exec_path()]
    return [name for name in names if host.path.realpath(name) == program.path]


def _links_on(path: str) -> list[str]:
    # Each link on the way to what a path means, where it lies.
    found: list[str] = []
    at = ""
    parts = path.split("/")[::-1]
    while parts and len(found) < _LINKS:
        part = parts.pop()
        if part in ("", "."):
            continue
        if part == "..":
            at = at.rpartition("/")[0]
            continue
        target = _link(f"{at}/{part}")
        if target is None:
            at = f"{at}/{part}"
            continue
        found.append(f"{at}/{part}")
        at = "" if target.startswith("/") else at
        parts += target.split("/")[::-1]
    return found


def _link(path: str) -> str | None:
    try:
        return host.readlink(path)
    except OSError:
        return None


def _tops(homes: set[str]) -> frozenset[str]:
    return _TOPS | _own_home() | homes


def _own_home() -> frozenset[str]:
    home = host.path.expanduser("~")
    return frozenset((home, host.path.realpath(home)))


def _homes(paths: Iterable[str]) -> set[str]:
    # Other people's, as far as some paths lie there: nothing of them goes along with what was read.
    found = {"/root"} | {
        "/".join(path.split("/")[:3]) for path in paths if _lies_in(path, ("/home",))
    }
    text = ""
    with suppress(OSError), open("/etc/passwd", encoding="utf-8", errors="surrogateescape") as file:
        text = file.read()
    fields = [line.split(":") for line in text.split("\n")]
    found |= {one[5] for one in fields if len(one) > 5 and _is_of_somebody(one)}
    return found - _own_home() - {"/"}


def _is_of_somebody(fields: list[str]) -> bool:
    # Users of the system have the directories of what they serve.
    number = int(fields[2]) if fields[2].isdecimal() else 0
    return _FIRST_USER <= number != _NOBODY and _is_path(fields[5])


def _outermost(paths: Iterable[str]) -> list[str]:
    found: list[str] = []
    for path in sorted(set(paths), key=lambda path: path.rstrip("/") + "/"):
        if not (found and _lies_in(path, found[-1:])):
            found.append(path)
    return found


def _lies_in(path: str, directories: Iterable[str]) -> bool:
    # With a set: whether it or one above it is there.
    if isinstance(directories, set):
        while path not in directories and path.strip("/"):
            path = host.path.dirname(path)
        return path in directories
    return lies_in(path, directories)


def places_of(path: str) -> tuple[str, list[str]]:
    """(where the file of a path is, the links on the way to it): who may change these decides."""
    whole = host.path.abspath(path)
    return host.path.realpath(whole), _links_on(whole)


def write(profile: Profile, path: str) -> None:
    """Write a profile, as JSON, to a path at which nothing is."""
    about = {"profile": FORMAT, **profile._asdict()}
    with open(path, "x", encoding="utf-8") as file:
        file.write(json.dumps(about, indent=2) + "\n")


def read(path: str) -> Profile:
    """Read a profile; NotAProfile where it is none, or says what can't be."""
    with opened(path) as file:
        data = file.read(_LARGEST)
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise NotAProfile("this is no profile: it is not JSON") from None
    if not isinstance(found, dict) or "profile" not in found:
        raise NotAProfile("this is no profile of ostler record")
    if found.pop("profile") != FORMAT:
        raise NotAProfile("this profile is of a newer ostler")
    for name in found:
        if name not in Profile._fields:
            raise NotAProfile(f"a profile has no {name!r}")
    for name in ("reads", "writes", "left_out"):
        found[name] = tuple(_path(name, one) for one in _list(name, found.get(name, [])))
    if not isinstance(found.setdefault("network", False), bool):
        raise NotAProfile("network should be true or false")
    found["cwd"] = _path("cwd", found.get("cwd", "/"))
    return Profile(**found)


def _list(name: str, value: object) -> list[object]:
    if not isinstance(value, list):
        raise NotAProfile(f"{name} should be a list of paths")
    return value


def _path(name: str, value: object) -> str:
    if not isinstance(value, str) or not value.startswith("/") or "\0" in value:
        raise NotAProfile(f"{name}: {value!r} is no absolute path")
    return value

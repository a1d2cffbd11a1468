"""Every public name in a program that mypy --strict and pyright's strict mode have nothing against.

Nothing here is run. tests/test_types.py has it checked, and sees that no name of tests/public.txt
is missing. What a machine of some kind is used as is named for the kind: scratch, confined,
read_only, rehearsal.
"""

import errno
import signal
import sys
from collections.abc import Iterator
from io import BufferedReader, BufferedWriter, FileIO, TextIOWrapper
from pathlib import Path
from typing import IO, Any, BinaryIO, assert_type

import ostler
from ostler import machines, trees
from ostler.machines.kinds import Confined, ReadOnly, Scratch
from ostler.machines.paths import MachinePath
from ostler.machines.recording import Log, Replayed
from ostler.machines.rehearsal.changes import Change, Record
from ostler.machines.rehearsal.kind import Rehearsal
from ostler.trees import Counts, Difference, Digest, Trees


def as_os(folder: Path, data: bytes) -> None:
    """What os has too, in the forms that are used most."""
    assert_type(ostler.getcwd(), str)
    assert_type(ostler.listdir(folder), list[str])
    assert_type(ostler.stat(folder).st_size, int)
    assert_type(ostler.path.join("a", "b"), str)
    assert_type(ostler.path.exists(folder), bool)
    assert_type(ostler.path.getsize(b"x"), int)
    assert_type(ostler.environ["HOME"], str)
    assert_type(ostler.environ.get("HOME"), str | None)
    assert_type(ostler.environ.get("HOME", "/"), str)
    assert_type(ostler.environb[b"HOME"], bytes)
    assert_type(ostler.getenv("HOME"), str | None)
    assert_type(ostler.write(1, data), int)
    assert_type(ostler.statx(folder, ostler.STATX_BTIME).stx_btime, float | None)
    ostler.makedirs(folder / "a" / "b", exist_ok=True)
    with ostler.scandir(folder) as entries:
        for entry in entries:
            assert_type(entry.name, str)
    for top, directories, files in ostler.walk(folder):
        assert_type((top, directories, files), tuple[str, list[str], list[str]])


def install() -> None:
    ostler.install()
    ostler.uninstall()
    found = ostler.capabilities(refresh=True)
    assert_type(found["scratch"]["available"], Any)
    assert_type(ostler.host.name, str)


def files(path: Path, text: str) -> None:
    ostler.write_atomic(path, text, mode=0o600, owner=None, durable=False, follow_symlinks=True)
    ostler.write_atomic("x", b"data")
    ostler.create_file(path, text, mode=0o600, parents=False)
    ostler.create_file("x", memoryview(b"data"))

    def write(file: BinaryIO) -> None:
        file.write(b"x")

    ostler.write_atomic("x", write)
    with ostler.replacing(path) as file:
        assert_type(file, TextIOWrapper)
        file.write(text)
    with ostler.replacing(path, "wb") as raw:
        assert_type(raw, BufferedWriter)
        raw.write(b"x")
    ostler.replace_durable("a", path)
    ostler.sync_directory(path)
    ostler.rename_noreplace("a", b"b", src_dir_fd=3)
    ostler.exchange("a", path)
    ostler.move("a", path)
    with ostler.temporary_directory("a", dir=path) as directory:
        assert_type(directory, str)


def programs() -> None:
    result = ostler.run(["true"], input=b"", capture=True, timeout=1, env={"A": "b"}, cwd=Path())
    assert_type(result, ostler.CommandResult)
    assert_type(result.code, int | None)
    assert_type(result.signal, int | None)
    assert_type(result.wall + result.user + result.system, float)
    assert_type(result.peak_memory, int)
    assert_type(result.ok, bool)
    assert_type(result.check(), ostler.CommandResult)
    try:
        ostler.run(["false"], check=True)
    except ostler.CommandTimeout as error:
        assert_type(error.result, ostler.CommandResult)
    except ostler.CommandFailed as error:
        assert_type(error.result.timed_out, bool)
    assert_type(ostler.wait_for(1, timeout=2.5), int | None)
    with ostler.process(1) as process:
        assert_type(process, ostler.Process)
        assert_type(process.info(), ostler.ProcessInfo)
        assert_type(process.info().command, tuple[str, ...])
        process.signal(signal.SIGTERM)
        assert_type(process.wait(5), int | None)
        assert_type(process.poll(), bool)


def given() -> None:
    assert_type(ostler.available_cpus(cgroup=False), int)
    assert_type(ostler.cpu_quota(), float | None)
    assert_type(ostler.memory().limit, int)
    assert_type(ostler.uptime(), float)
    assert_type([mount.point for mount in ostler.mounts()], list[str])
    assert_type(ostler.mounts()[0].options, tuple[str, ...])


def owners(top: Path) -> None:
    ostler.chmod_tree(top, "u+rwX,go-w", on_error="collect")
    ostler.chown_tree(top, "www-data", 33, one_filesystem=True)
    assert_type(ostler.owner(top).user, str | None)
    ostler.change_owner(top, "www-data", follow_symlinks=False)


def entries(top: Path) -> None:
    for entry in ostler.iter_dir(top, mask=ostler.STATX_BASIC_STATS):
        assert_type(entry, ostler.Entry)
        assert_type(entry.size, int | None)
        assert_type(entry.info.stx_btime, float | None)
        assert_type(entry.is_dir(), bool)
    for entry in ostler.walk_entries(top, on_error=print, one_filesystem=True):
        entry.descend = False
        assert_type(entry.depth, int)


def variables(path: Path) -> None:
    with ostler.environ.overlay(LANG="C", LC_ALL=None) as overlay:
        assert_type(overlay["LANG"], str)
        assert_type(dict(overlay), dict[str, str])
        ostler.run(["sort"], env=overlay)
    assert_type(ostler.read_env(path, expand=True), dict[str, str | None])
    with ostler.environ.overlay(ostler.read_env()):
        pass
    assert_type(ostler.environ.copy(), dict[str, str])


def answers(path: Path) -> str:
    assert_type(ostler.exists(path, errors="raise"), bool)
    assert_type(ostler.isfile(path, follow_symlinks=False), bool)
    assert_type(ostler.isdir(3), bool)
    match ostler.probe(path):
        case ostler.Presence.THERE:
            return "there"
        case ostler.Presence.ABSENT:
            return "absent"
        case _:
            return "unknown"


def attributes(path: Path) -> int:
    found = ostler.statx(path, ostler.STATX_BASIC_STATS | ostler.STATX_BTIME)
    assert_type(found.attributes, frozenset[str])
    return (
        ostler.STATX_ATTR_APPEND | ostler.STATX_ATTR_AUTOMOUNT | ostler.STATX_ATTR_COMPRESSED
        | ostler.STATX_ATTR_DAX | ostler.STATX_ATTR_ENCRYPTED | ostler.STATX_ATTR_IMMUTABLE
        | ostler.STATX_ATTR_MOUNT_ROOT | ostler.STATX_ATTR_NODUMP | ostler.STATX_ATTR_VERITY
        | ostler.STATX_ATTR_WRITE_ATOMIC
    )  # fmt: skip


def on_scratch() -> None:
    with ostler.scratch(size="64M", inodes=100, bind=machines.SHELL, weaker=True) as scratch:
        assert_type(scratch, Scratch)
        with scratch.open_file("a", "w", encoding="utf-8") as text:
            assert_type(text, TextIOWrapper)
            text.write("x")
        assert_type(scratch.open_file(Path("a"), "rb"), BufferedReader)
        assert_type(scratch.open_file("a", "wb"), BufferedWriter)
        assert_type(scratch.open_file("a", "wb", 0), FileIO)
        assert_type(scratch.path.getsize("a"), int)
        assert_type(scratch.path.join("a", "b"), str)
        assert_type(scratch.environ["HOME"], str)
        with scratch.environ.overlay(LANG="C"):
            scratch.run(["true"])
        assert_type(scratch.trees, Trees)
        assert_type(scratch.trees.count("/"), Counts)
        assert_type(scratch.guarantees, dict[str, str])
        fault = scratch.faults.add("write", path="*.log", errno=errno.EIO, after=2, count=None)
        assert_type(fault.path, str | None)
        assert_type(len(scratch.faults), int)
        for known in scratch.faults:
            scratch.faults.remove(known)
        scratch.faults.clear()
        with scratch.installed(threads=True) as machine:
            assert_type(machine.listdir(), list[str])
        scratch.resize(size="1.5M", inodes=5)
        with scratch.as_root():
            scratch.mkdir("b")
        scratch.read_only_now(False)
        scratch.close()
        assert_type(scratch.closed, bool)


def on_confined(folder: Path) -> None:
    with ostler.confined(
        folder, read_only=True, network=True, environ={"A": "b"}, weaker=True
    ) as confined:
        assert_type(confined, Confined)
        assert_type(confined.closed, bool)
        assert_type(confined.guarantees["files"], str)
        assert_type(confined.open_file("a"), TextIOWrapper)
        confined.faults.clear()
        confined.read_only_now()
        with confined.installed(strict=True):
            pass


def on_read_only(folder: Path, mode: str) -> None:
    with ostler.read_only(folder) as read_only:
        assert_type(read_only, ReadOnly)
        assert_type(read_only.closed, bool)
        assert_type(read_only.guarantees["files"], str)
        assert_type(read_only.open_file("a", mode), IO[Any])
        read_only.faults.clear()
        with read_only.installed():
            pass


def paths(scratch: Scratch, machine: ostler.Machine) -> str:
    path = scratch.Path("/a") / "b"
    path.mkdir(parents=True, exist_ok=True)
    (path / "c").write_text("text")
    made: MachinePath = path.copy_into(machine.Path.cwd(), preserve_metadata=True)
    with scratch.importing("/src", b"/lib"):
        pass
    return (ostler.host.Path("a") / made.name).read_text()


def recorded(scratch: Scratch) -> str:
    """What was asked of a machine."""
    with ostler.recorded() as on_host, scratch.recorded() as log:
        scratch.mkdir("/d")
    assert_type(log, Log)
    call = log[0]
    assert_type(call.errno, int | None)
    assert_type(call.arguments, dict[str, tuple[str, Any]])
    log.write(sys.stdout)
    Replayed(on_host)
    return call.verb


def on_rehearsal(folder: Path) -> list[str]:
    try:
        with ostler.rehearsal(folder, upper=folder / "kept", weaker=True) as rehearsal:
            assert_type(rehearsal, Rehearsal)
            rehearsal.rename("/a", "/b")
            changes = rehearsal.changes()
            assert_type(changes, list[Change])
            for change in changes:
                assert_type((change.kind, change.path), tuple[str, str])
                assert_type(change.source, str | None)
                assert_type(change.base, str | None)
                assert_type(change.before, Record | None)
                if change.after is not None:
                    assert_type(change.after.size, int)
                    assert_type(change.after.owner, tuple[int, int])
                    assert_type(change.after.xattrs, dict[str, bytes])
            assert_type(rehearsal.diff(), str)
            assert_type(rehearsal.tree(), str)
            assert_type(rehearsal.commit(), list[Change])
            rehearsal.commit("a")
            rehearsal.commit(upto="point")
            rehearsal.commit([folder / "a", "b"], leave_behind=True)
            rehearsal.commit(change for change in changes if change.kind == "created")
            rehearsal.keep(folder)
            branch = rehearsal.branch()
            assert_type(rehearsal.branch(2), list[Rehearsal])
            assert_type(rehearsal.merge(branch, prefer="ours"), list[Change])
            rehearsal.discard(leave_behind=True)
            assert_type(rehearsal.closed, bool)
            assert_type(rehearsal.guarantees["files"], str)
            assert_type(rehearsal.open_file("a"), TextIOWrapper)
            rehearsal.faults.clear()
            with rehearsal.installed():
                pass
        for outcome in rehearsal.recover():
            assert_type(outcome.base, str | None)
        for outcome in ostler.rehearsal.recover():
            assert_type(outcome.outcome, str)
            assert_type(outcome.reason, str | None)
    except ostler.MergeConflict as error:
        return error.paths
    except ostler.CommitConflict as error:
        assert_type(error.now, dict[str, str])
        return error.paths
    except ostler.MachineUnavailable as error:
        assert_type(error.reason, str)
        return [error.what_would_help]
    return []


def whole_trees(top: Path, machine: ostler.Machine) -> None:
    assert_type(trees.walk(top, sort=True), Iterator[tuple[str, list[str], list[str]]])
    assert_type(trees.find("src", "*.py", type=["file", "link"], size=(1, None)), Iterator[str])
    assert_type(list(trees.find(b"src", gitignore=True)), list[bytes])
    assert_type(trees.count(top, on_error="collect"), Counts)
    assert_type(trees.size(top, by_directory=2).bytes, int)
    assert_type(trees.sizes([top, b"x"]), list[Counts | None])
    assert_type(trees.copy(top, "backup", machine=machine, reflink="always"), Counts)
    assert_type(trees.remove(top, progress=print), Counts)
    assert_type(trees.chmod(top, "u+rwX"), Counts)
    assert_type(trees.chown(top, 0, 0), Counts)
    assert_type(trees.compare(top, "backup"), list[Difference])
    for difference in trees.compare(b"a", b"b", times=True):
        assert_type(difference.what, str)
    digest = trees.digest(top, "sha512")
    assert_type(digest, Digest)
    assert_type(digest.hex, str | None)
    assert_type(digest.errors, list[OSError])
    assert_type(machine.trees, Trees)


def with_the_plugin(scratch_os: Scratch, installed_scratch: Scratch) -> None:
    scratch_os.makedirs("a/b")
    installed_scratch.read_only_now()
    assert_type(installed_scratch.listdir(), list[str])

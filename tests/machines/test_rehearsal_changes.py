"""Rehearsals: which changes are found, and how they are shown."""

import io
import os
import pickle

import pytest

import ostler
from tests.machines.rehearsing import kinds, put, put_on

pytestmark = pytest.mark.usefixtures("as_user")


def test_kinds(folder):
    put(f"{folder}/sub/text", "one\n")
    put(f"{folder}/mode", "m")
    put(f"{folder}/gone/below", "x")
    put(f"{folder}/becomes", "file")
    put(f"{folder}/becomes file/below", "x")
    os.symlink("sub/text", f"{folder}/link")
    with ostler.rehearsal(folder) as m:
        assert m.changes() == []
        with m.open_file("/sub/text", "a") as file:
            file.write("two\n")
        m.chmod("/mode", 0o600)
        m.unlink("/gone/below")
        m.rmdir("/gone")
        m.mkdir("/new")
        m.mkfifo("/new/fifo")
        m.unlink("/link")
        m.symlink("elsewhere", "/link")
        m.unlink("/becomes")
        m.mkdir("/becomes")
        m.unlink("/becomes file/below")
        m.rmdir("/becomes file")
        put_on(m, "/becomes file", b"now")
        assert kinds(m, folder) == {
            "becomes": "retyped",
            "becomes file": "retyped",
            "becomes file/below": "removed",
            "gone": "removed",
            "gone/below": "removed",
            "link": "modified",
            "mode": "metadata",
            "new": "created",
            "new/fifo": "created",
            "sub/text": "modified",
        }


def test_a_list_can_be_copied_and_has_the_times_of_every_century(folder):
    put(f"{folder}/a", "x")
    with ostler.rehearsal(folder) as m:
        m.utime("/a", ns=(-1, 9_000_000_000 * 10**9 + 5))
        m.chmod("/a", 0o600)
        m.mkfifo("/b")
        times = m.stat("/a").st_atime_ns, m.stat("/a").st_mtime_ns
        found = m.changes()
    again = pickle.loads(pickle.dumps(found))
    assert [change.as_dict() for change in again] == [change.as_dict() for change in found]
    assert found[0].after == again[0].after != found[0].before
    assert found[0].after.times == again[0].after.times == times


def test_before_and_after(folder):
    put(f"{folder}/a", "12345", 0o640)
    os.setxattr(f"{folder}/a", "user.colour", b"green")
    os.utime(f"{folder}/a", ns=(1, 2))
    os.symlink("a", f"{folder}/l")
    with ostler.rehearsal(folder) as m:
        put_on(m, "/a", b"123")
        m.setxattr("/a", "user.colour", b"blue")
        m.chmod("/a", 0o600)
        m.utime("/a", ns=(3, 4))
        m.unlink("/l")
        a, link = m.changes()
    assert (a.kind, a.before.size, a.after.size) == ("modified", 5, 3)
    assert (a.before.mode, a.after.mode) == (0o640, 0o600)
    assert a.before.xattrs == {"user.colour": b"green"}
    assert a.after.xattrs == {"user.colour": b"blue"}
    assert (a.before.times[1], a.after.times) == (2, (3, 4))
    assert a.before.owner == a.after.owner == (os.getuid(), os.getgid())
    assert a.before.target is None
    assert (link.kind, link.before.target, link.after) == ("removed", "a", None)
    assert a.as_dict()["after"]["xattrs"] == {"user.colour": "blue"}


def test_copies_without_a_change_are_none(folder):
    put(f"{folder}/d/a", "content")
    with ostler.rehearsal(folder) as m:
        m.close(m.open("/d/a", m.O_RDWR))
        m.chmod("/d/a", 0o600)
        m.chmod("/d/a", 0o644)
        assert m.changes() == []


def test_a_change_that_keeps_size_and_time_is_found(folder):
    put(f"{folder}/a", "before")
    status = os.stat(f"{folder}/a")
    with ostler.rehearsal(folder) as m:
        put_on(m, "/a", b"behind")
        m.utime("/a", ns=(status.st_atime_ns, status.st_mtime_ns))
        assert kinds(m, folder) == {"a": "modified"}


def test_a_directory_made_anew_shows_what_it_hides(folder):
    put(f"{folder}/d/old", "x")
    put(f"{folder}/d/same", "s")
    status = os.stat(f"{folder}/d/same")
    with ostler.rehearsal(folder) as m:
        m.unlink("/d/old")
        m.unlink("/d/same")
        m.rmdir("/d")
        m.mkdir("/d", 0o755)
        put_on(m, "/d/same", b"s")
        m.utime("/d/same", ns=(status.st_atime_ns, status.st_mtime_ns))
        assert kinds(m, folder) == {"d/old": "removed"}


def test_renamed_directory(folder):
    put(f"{folder}/d/e/kept", "k")
    put(f"{folder}/d/e/gone", "g")
    with ostler.rehearsal(folder) as m:
        m.rename("/d/e", "/moved")
        m.unlink("/moved/gone")
        put_on(m, "/moved/new", b"n")
        assert kinds(m, folder) == {
            "moved": "renamed",
            "moved/gone": "removed",
            "moved/new": "created",
        }
        assert m.changes()[0].source == f"{folder}/d/e"


def test_odd_names(folder):
    for name in (b"new\nline", b"\xff\xfe", b" ", "žluť".encode()):
        put(os.fsencode(folder) + b"/" + name, b"1")
    with ostler.rehearsal(folder) as m:
        for name in m.listdir(b"/"):
            m.unlink(b"/" + name)
        put_on(m, b"/made\xff\n", b"")
        found = {c.path: c.kind for c in m.changes()}
        assert set(found) == {
            f"{folder}/new\nline",
            f"{folder}/\udcff\udcfe",
            f"{folder}/ ",
            f"{folder}/žluť",
            f"{folder}/made\udcff\n",
        }
        assert "+ made\\xff\\n  0 B" in m.tree()
        assert "- new\\nline  1 B" in m.tree()
        assert "- \\xff\\xfe" in m.tree()
        assert len(m.tree().split("\n")) == 6


def test_difference(folder):
    put(f"{folder}/text", "one\ntwo\nthree\n")
    put(f"{folder}/binary", b"\0\1")
    put(f"{folder}/gone", "last words")
    with ostler.rehearsal(folder) as m:
        put_on(m, "/text", b"one\n2\nthree\n")
        put_on(m, "/binary", b"\0\2")
        m.unlink("/gone")
        put_on(m, "/new", b"hello\n")
        assert m.diff() == (
            f"Binary file {folder}/binary modified, 2 B\n"
            f"--- {folder}/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-last words\n"
            "\\ No newline at end of file\n"
            f"--- /dev/null\n+++ {folder}/new\n@@ -0,0 +1 @@\n+hello\n"
            f"--- {folder}/text\n+++ {folder}/text\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n"
        )


def test_large_files_are_only_named_in_the_difference(folder):
    put(f"{folder}/large", "line\n" * 2_000_000)
    with ostler.rehearsal(folder) as m:
        with m.open_file("/large", "a") as file:
            file.write("more\n")
        assert m.diff() == f"Large file {folder}/large modified, 9.5 MiB\n"


def test_tree(folder):
    put(f"{folder}/src/a", "x" * 2048)
    with ostler.rehearsal(folder) as m:
        m.chmod("/src/a", 0o600)
        m.mkdir("/out")
        put_on(m, "/out/b", b"y" * 10)
        assert str(m.tree()) == (
            f"{folder}/\n├── + out/\n│   └── + b  10 B\n└── · src/a  mode 644 to 600"
        )


def test_tree_through_rich(folder, run):
    rich = pytest.importorskip("rich", reason="rich is not installed")
    from rich.console import Console

    def check():
        with ostler.rehearsal(folder) as m:
            m.mkdir("/out")
            console = Console(width=80, record=True, file=io.StringIO())
            console.print(m.tree())
            assert "+ out/" in console.export_text()

    assert rich
    run(check)


def test_ten_thousand(folder):
    os.mkdir(f"{folder}/d")
    for i in range(200):
        put(f"{folder}/d/{i}", "old")
    with ostler.rehearsal(folder) as m:
        for i in range(200):
            m.unlink(f"/d/{i}")
        m.mkdir("/n")
        for i in range(9800):
            m.close(m.open(f"/n/{i}", m.O_CREAT | m.O_WRONLY))
        assert len(m.changes()) == 10_001


def test_nothing_stays_open(folder):
    put(f"{folder}/d/a", "x")
    with ostler.rehearsal(folder) as m:
        put_on(m, "/d/a", b"y")
        before = len(os.listdir("/proc/self/fd"))
        m.changes(), m.diff(), m.tree()
        assert len(os.listdir("/proc/self/fd")) == before

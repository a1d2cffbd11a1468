"""Rehearsals: what a commit leaves behind in the real files."""

import os
import stat

import pytest

import ostler
from tests.machines.rehearsing import commit, kinds, put, put_on, text

pytestmark = pytest.mark.usefixtures("as_user")


def test_everything_at_once(base):
    put(f"{base}/sub/a", "one\n")
    put(f"{base}/gone/x/y", "1")
    put(f"{base}/file to directory", "x")
    put(f"{base}/directory to file/x", "x")
    put(f"{base}/mode", "m")
    os.symlink("sub", f"{base}/link")
    with ostler.rehearsal(base) as m:
        with m.open_file("/sub/a", "a") as file:
            file.write("two\n")
        m.makedirs("/new/deep")
        put_on(m, "/new/deep/f", b"f")
        m.mkfifo("/new/fifo", 0o640)
        m.chmod("/mode", 0o600)
        m.unlink("/link")
        m.symlink("elsewhere", "/link")
        m.unlink("/gone/x/y")
        m.removedirs("/gone/x")
        m.unlink("/file to directory")
        m.mkdir("/file to directory")
        put_on(m, "/file to directory/in", b"in")
        m.unlink("/directory to file/x")
        m.rmdir("/directory to file")
        put_on(m, "/directory to file", b"now")
        assert len(commit(m, base)) == 14
        put_on(m, "/after", b"the rehearsal goes on")
        assert kinds(m, base) == {"after": "created"}
        commit(m, base)
    assert stat.S_ISFIFO(os.lstat(f"{base}/new/fifo").st_mode)


def test_nothing_to_commit(base):
    with ostler.rehearsal(base) as m:
        assert m.commit() == []
    assert os.listdir(base) == []


def test_metadata_keeps_the_file_itself(base):
    put(f"{base}/a", "content")
    inode = os.stat(f"{base}/a").st_ino
    with ostler.rehearsal(base) as m:
        m.chmod("/a", 0o4750)
        m.setxattr("/a", "user.colour", b"\0green\xff")
        m.utime("/a", ns=(5, 1_000_000_000_000_000_007))
        commit(m, base)
    found = os.stat(f"{base}/a")
    assert (found.st_ino, found.st_mtime_ns) == (inode, 1_000_000_000_000_000_007)
    assert stat.S_IMODE(found.st_mode) == 0o4750
    assert os.getxattr(f"{base}/a", "user.colour") == b"\0green\xff"


def test_attributes_that_are_taken_away(base):
    put(f"{base}/d/a", "content")
    for path in ("d", "d/a"):
        os.setxattr(f"{base}/{path}", "user.colour", b"green")
    with ostler.rehearsal(base) as m:
        m.removexattr("/d", "user.colour")
        m.removexattr("/d/a", "user.colour")
        m.chmod("/d", 0o1777)
        commit(m, base)
    assert os.listxattr(f"{base}/d") == os.listxattr(f"{base}/d/a") == []
    assert stat.S_IMODE(os.stat(f"{base}/d").st_mode) == 0o1777


def test_new_names_of_a_file_of_the_base(base):
    put(f"{base}/a", "content")
    put(f"{base}/d/x", "other")
    inode = os.stat(f"{base}/a").st_ino
    with ostler.rehearsal(base) as m:
        m.link("/a", "/b")
        m.mkdir("/new")
        m.link("/a", "/new/c")
        m.unlink("/d/x")
        m.link("/b", "/d/x")
        commit(m, base)
    for name in ("a", "b", "new/c", "d/x"):
        assert os.stat(f"{base}/{name}").st_ino == inode
    assert os.stat(f"{base}/a").st_nlink == 4


def test_new_files_with_several_names(base):
    put(f"{base}/old", "o")
    with ostler.rehearsal(base) as m:
        put_on(m, "/a", b"new")
        m.makedirs("/d/e")
        m.link("/a", "/d/e/b")
        m.unlink("/old")
        m.link("/a", "/old")
        m.symlink("x", "/s")
        m.link("/s", "/t", follow_symlinks=False)
        commit(m, base)
    assert os.stat(f"{base}/a").st_nlink == 3
    assert os.path.samefile(f"{base}/a", f"{base}/d/e/b")
    assert os.path.samefile(f"{base}/a", f"{base}/old")
    assert os.lstat(f"{base}/s").st_ino == os.lstat(f"{base}/t").st_ino


def test_names_that_a_file_had_are_as_the_rehearsal_showed_them(base):
    put(f"{base}/a", "old")
    os.link(f"{base}/a", f"{base}/b")
    os.link(f"{base}/a", f"{base}/c")
    with ostler.rehearsal(base) as m:
        put_on(m, "/a", b"new")
        m.chmod("/c", 0o600)
        assert kinds(m, base) == {"a": "modified", "c": "metadata"}
        assert [change.parts for change in m.changes()] == [True, True]
        assert "~ a  3 B, parts from its 2 other names\n" in m.tree()
        commit(m, base)
    assert text(f"{base}/b") == "old"
    assert stat.S_IMODE(os.stat(f"{base}/b").st_mode) == 0o644


def test_sparse_files(base):
    with ostler.rehearsal(base) as m:
        with m.open_file("/sparse", "wb") as file:
            file.seek(64 << 20)
            file.write(b"x" * 4096)
            file.truncate(128 << 20)
        with m.open_file("/hole", "wb") as file:
            file.truncate(1 << 30)
        m.commit()
    found = os.stat(f"{base}/sparse")
    assert found.st_size == 128 << 20
    assert found.st_blocks * 512 < 1 << 20
    with open(f"{base}/sparse", "rb") as file:
        file.seek(64 << 20)
        assert file.read(4097) == b"x" * 4096 + b"\0"
    assert os.stat(f"{base}/hole").st_size == 1 << 30
    assert os.stat(f"{base}/hole").st_blocks == 0


def test_odd_names(base):
    names = [b"new\nline", b"\xff\xfe", b" ", b"-rf", b"x" * 255, "žluť".encode()]
    for name in names:
        put(os.fsencode(base) + b"/" + name, b"1")
    with ostler.rehearsal(base) as m:
        for name in names:
            m.rename(b"/" + name, b"/" + name[:-1] + b"2")
        m.mkdir(b"/d\n\xff")
        put_on(m, b"/d\n\xff/\x01", b"x")
        commit(m, base)
    assert sorted(os.listdir(os.fsencode(base))) == sorted(
        [name[:-1] + b"2" for name in names] + [b"d\n\xff"]
    )


def test_a_directory_made_anew(base):
    put(f"{base}/d/old/x", "x")
    put(f"{base}/d/both", "before")
    with ostler.rehearsal(base) as m:
        m.unlink("/d/old/x")
        m.rmdir("/d/old")
        m.unlink("/d/both")
        m.rmdir("/d")
        m.mkdir("/d", 0o700)
        put_on(m, "/d/both", b"after")
        m.mkdir("/d/new")
        commit(m, base)
    assert sorted(os.listdir(f"{base}/d")) == ["both", "new"]


def test_renamed_directories(base):
    for path in ("a/b/c/f", "a/b/g", "a/h", "other/i", "gone/deep/j"):
        put(f"{base}/{path}", path)
    with ostler.rehearsal(base) as m:
        m.rename("/a/b/c", "/c")  # out of what is renamed itself
        m.rename("/a", "/z")
        m.mkdir("/new")
        m.rename("/z/b", "/new/b")
        put_on(m, "/new/b/more", b"m")
        m.unlink("/new/b/g")
        m.chmod("/c", 0o700)
        m.rename("/gone/deep", "/kept")  # out of what is removed
        m.rmdir("/gone")
        m.mkdir("/a")  # again, where something was renamed away
        put_on(m, "/a/h", b"another")
        m.unlink("/other/i")
        m.rename("/c", "/other/c")
        m.rename("/other", "/c")
        commit(m, base)
    assert text(f"{base}/c/c/f") == "a/b/c/f"
    assert text(f"{base}/kept/j") == "gone/deep/j"
    assert not os.path.exists(f"{base}/new/b/g")


def test_directories_that_change_places(base):
    put(f"{base}/a/x", "1")
    put(f"{base}/b/x", "2")
    put(f"{base}/b/y", "2")
    with ostler.rehearsal(base) as m:
        m.rename("/a", "/t")
        m.rename("/b", "/a")
        m.rename("/t", "/b")
        commit(m, base)
    assert (text(f"{base}/a/x"), text(f"{base}/b/x")) == ("2", "1")


def test_a_renamed_directory_takes_the_place_of_another(base):
    put(f"{base}/d/x", "old")
    put(f"{base}/d/y", "old")
    put(f"{base}/d/e/x", "new")
    put(f"{base}/d/e/z", "new")
    with ostler.rehearsal(base) as m:
        m.rename("/d/e", "/t")
        for name in m.listdir("/d"):
            m.unlink(f"/d/{name}")
        m.rmdir("/d")
        m.rename("/t", "/d")
        m.unlink("/d/z")
        commit(m, base)
    assert os.listdir(f"{base}/d") == ["x"]
    assert text(f"{base}/d/x") == "new"


def test_directories_without_rights(base):
    put(f"{base}/locked/in", "x")
    put(f"{base}/gone/in", "x")
    put(f"{base}/opened/in", "x")
    os.chmod(f"{base}/opened", 0o500)
    with ostler.rehearsal(base) as m:
        put_on(m, "/locked/in", b"y")
        put_on(m, "/locked/secret", b"s")
        m.chmod("/locked/secret", 0)
        m.chmod("/locked", 0o555)
        m.mkdir("/made")
        m.mkdir("/made/in")
        m.chmod("/made/in", 0o500)
        m.chmod("/made", 0o555)
        m.unlink("/gone/in")
        m.chmod("/gone", 0o500)
        m.rmdir("/gone")
        m.chmod("/opened", 0o755)
        m.unlink("/opened/in")
        m.commit()
        assert m.changes() == []
    modes = {name: stat.S_IMODE(os.stat(f"{base}/{name}").st_mode) for name in os.listdir(base)}
    assert modes == {"locked": 0o555, "made": 0o555, "opened": 0o755}
    assert stat.S_IMODE(os.stat(f"{base}/locked/secret").st_mode) == 0
    for name in ("locked", "made"):
        os.chmod(f"{base}/{name}", 0o755)


def test_times_of_directories(base):
    put(f"{base}/d/a", "x")
    put(f"{base}/d/e/b", "x")
    os.utime(f"{base}/d/e", ns=(1, 2))
    os.utime(f"{base}/d", ns=(3, 4))
    with ostler.rehearsal(base) as m:
        m.unlink("/d/a")
        m.utime("/d", ns=(5, 6))
        put_on(m, "/d/e/b", b"y")
        m.mkdir("/new")
        put_on(m, "/new/c", b"c")
        m.utime("/new", ns=(7, 8))
        commit(m, base)
    times = [os.stat(f"{base}/{name}").st_mtime_ns for name in ("d", "d/e", "new")]
    assert times == [6, 2, 8]


# Choosing


def test_some_paths(base):
    for name in ("a", "b", "d/c"):
        put(f"{base}/{name}", "old")
    with ostler.rehearsal(base) as m:
        for name in ("a", "b", "d/c", "d/e"):
            put_on(m, f"/{name}", b"new")
        m.makedirs("/new/deep")
        put_on(m, "/new/deep/x", b"x")
        put_on(m, "/new/deep/y", b"y")
        done = commit(m, base, [f"{base}/a", f"{base}/new/deep/x"])
        assert [os.path.relpath(c.path, base) for c in done] == [
            "a", "new", "new/deep", "new/deep/x",
        ]  # fmt: skip
        assert text(f"{base}/a") == "new"
        assert text(f"{base}/b") == "old"
        assert os.listdir(f"{base}/new/deep") == ["x"]
        assert kinds(m, base) == {
            "b": "modified", "d/c": "modified", "d/e": "created", "new/deep/y": "created",
        }  # fmt: skip
        commit(m, base, f"{base}/d")
        assert kinds(m, base) == {"b": "modified", "new/deep/y": "created"}
        commit(m, base)
    assert sorted(os.listdir(f"{base}/new/deep")) == ["x", "y"]


def test_some_paths_with_renamed_directories(base):
    put(f"{base}/a/x", "x")
    put(f"{base}/a/y", "y")
    put(f"{base}/f", "f")
    with ostler.rehearsal(base) as m:
        m.rename("/a", "/b")
        m.unlink("/b/x")
        m.unlink("/f")
        m.commit(f"{base}/b")
        if os.getuid() == 0:
            assert os.listdir(f"{base}/b") == ["y"]
            assert m.listdir("/b") == ["y"]
            assert kinds(m, base) == {"f": "removed"}
        m.commit()
        assert sorted(os.listdir(base)) == sorted(m.listdir("/")) == ["b"]


def test_some_paths_without_another_renamed_file(base, user):
    for name in ("d/inner", "stays", "into", "other/below/x"):
        put(f"{base}/{name}", name)
    with ostler.rehearsal(base) as m:
        m.rename("/d/inner", "/out")
        m.rename("/d", "/e")
        m.rename("/stays", "/there")
        m.rename("/into", "/e/into")
        m.rename("/other/below/x", "/other/y")
        done = m.commit(f"{base}/e")
        left = {"there": "renamed", "other/y": "renamed"}
        if user == "root":
            assert [os.path.relpath(c.path, base) for c in done] == ["e", "e/into", "out"]
            assert kinds(m, base) == left
        assert (text(f"{base}/stays"), text(f"{base}/other/below/x")) == ("stays", "other/below/x")
        m.commit(f"{base}/there")
        m.commit()
        assert kinds(m, base) == {}
    assert sorted(os.listdir(base)) == ["e", "other", "out", "there"]
    found = {name: text(f"{base}/{name}") for name in ("out", "there", "e/into", "other/y")}
    assert list(found.values()) == ["d/inner", "stays", "into", "other/below/x"]


def test_a_path_without_a_change(base):
    put(f"{base}/a", "a")
    with ostler.rehearsal(base) as m:
        m.unlink("/a")
        with pytest.raises(FileNotFoundError):
            m.commit([f"{base}/a", f"{base}/b"])
    assert os.listdir(base) == ["a"]


def test_marks_of_another_overlay_stay(base, user):
    """A directory can be a layer of some overlay, a container's say, which its marks belong to."""
    mark = ("trusted" if user == "root" else "user") + ".overlay.opaque"

    os.mkdir(f"{base}/layer")
    os.setxattr(f"{base}/layer", mark, b"y")
    os.setxattr(f"{base}/layer", "user.other", b"z")
    with ostler.rehearsal(base) as m:
        m.chmod("/layer", 0o711)
        m.removexattr("/layer", "user.other")
        m.commit()
    assert os.stat(f"{base}/layer").st_mode & 0o777 == 0o711
    assert os.listxattr(f"{base}/layer") == [mark]


# Which rights a program takes from its own directories and files, at random or one after the other.
SHUT = [0o000, 0o100, 0o200, 0o300, 0o400, 0o500, 0o600]


def opened_picture(top):
    """{path: (mode, content)} of a tree, whatever its modes keep from its owner."""
    found, waiting = {}, [""]
    while waiting:
        below = waiting.pop()
        mode = stat.S_IMODE(os.stat(f"{top}/{below}").st_mode)
        os.chmod(f"{top}/{below}", 0o700)
        found[below] = (oct(mode), None)
        for name in os.listdir(f"{top}/{below}"):
            path = f"{below}/{name}"
            status = os.lstat(f"{top}/{path}")
            if stat.S_ISDIR(status.st_mode):
                waiting.append(path)
            elif stat.S_ISLNK(status.st_mode):
                found[path] = ("link", os.readlink(f"{top}/{path}"))
            else:
                os.chmod(f"{top}/{path}", 0o600)
                found[path] = (oct(stat.S_IMODE(status.st_mode)), text(f"{top}/{path}"))
    return found


def shut(system, top, mode):
    """What a program does that takes rights from what it has made or changed."""

    def write(path, data):
        fd = system.open(f"{top}/{path}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        system.write(fd, data)
        system.close(fd)

    write("d/a", b"changed")
    system.unlink(f"{top}/d/b")
    system.mkdir(f"{top}/d/made")
    write("d/made/in", b"in")
    system.symlink("a", f"{top}/d/made/link")
    system.mkdir(f"{top}/d/made/deep")
    write("d/made/deep/in", b"deep")
    write("d/sub/c", b"changed")
    system.rename(f"{top}/d/moves", f"{top}/d/moved")
    system.setxattr(f"{top}/d/sub/c", "user.a", b"b")
    for path in ("d/made/deep/in", "d/made/deep", "d/made", "d/sub/c", "d/sub", "d/moved", "d"):
        system.chmod(f"{top}/{path}", mode)


@pytest.mark.parametrize("mode", SHUT, ids=oct)
def test_directories_that_are_shut(base, mode):
    """Changes and commits see below them, and the tree is what the program alone would leave."""
    for top in (f"{base}/plain", f"{base}/over"):
        for name in ("d/a", "d/b", "d/sub/c", "d/sub/e", "d/moves"):
            put(f"{top}/{name}", name)
    shut(os, f"{base}/plain", mode)
    with ostler.rehearsal(f"{base}/over") as m:
        shut(m, "", mode)
        told = {change.path.removeprefix(f"{base}/over/") for change in m.changes()}
        assert {"d", "d/a", "d/b", "d/made/deep/in", "d/sub/c", "d/moved"} <= told
        assert m.diff()
        m.commit()
    found = opened_picture(f"{base}/over")
    assert found == opened_picture(f"{base}/plain")


def test_a_rehearsal_goes_on_after_it_has_shut_directories(base):
    put(f"{base}/d/a", "a")
    with ostler.rehearsal(base) as m:
        put_on(m, "/d/a", b"changed")
        m.chmod("/d", 0)
        m.commit()
        assert m.changes() == []
        put_on(m, "/more", b"more")
        assert kinds(m, base) == {"more": "created"}
    os.chmod(f"{base}/d", 0o700)
    assert text(f"{base}/d/a") == "changed"

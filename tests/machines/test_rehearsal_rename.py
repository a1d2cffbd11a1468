"""Renaming and exchanging directories of the base in a rehearsal, beside the real calls."""

import errno
import os
import random
import shutil
import struct

import pytest

import ostler
from ostler.machines.rehearsal import rename
from tests.machines.rehearsing import commit, got, put, snapshot, text, view

pytestmark = pytest.mark.usefixtures("as_user")

VERBS = ("rename", "replace", "rename_noreplace", "exchange")


def grow(top, dice):
    os.makedirs(top, exist_ok=True)
    for number in range(10):
        where = dice.choice([top, *(d for d, _, _ in os.walk(top))])
        if dice.random() < 0.6:
            os.makedirs(f"{where}/d{number}", mode=dice.choice([0o755, 0o700, 0o555]))
            os.chmod(f"{where}/d{number}", 0o755)
        else:
            put(f"{where}/f{number}", f"{number}")


def names(top):
    return sorted(
        os.path.relpath(f"{d}/{name}", top) for d, ds, fs in os.walk(top) for name in ds + fs
    )


def outcome(machine, verb, one, two):
    try:
        getattr(machine, verb)(one, two)
    except OSError as error:
        return errno.errorcode[error.errno]
    return "done"


@pytest.mark.parametrize("seed", range(10))
def test_as_on_the_real_files(base, folder, seed):
    dice = random.Random(seed)
    grow(base, dice)
    shutil.copytree(base, f"{folder}/real", symlinks=True)
    shutil.copystat(base, f"{folder}/real")
    with ostler.rehearsal(base) as m:
        for _ in range(40):
            there = names(f"{folder}/real")
            new = f"{dice.choice(['', *there])}/n{dice.randrange(30)}"
            one, two = dice.choice(there), dice.choice([*there, new, new])
            verb = dice.choice(VERBS)
            real = outcome(ostler, verb, f"{folder}/real/{one}", f"{folder}/real/{two}")
            assert outcome(m, verb, f"/{one}", f"/{two}") == real, (verb, one, two)
            assert {os.fsdecode(p) for p in view(m)} - {""} == set(names(f"{folder}/real"))
        commit(m, base)
    found, real = snapshot(base, times=False), snapshot(f"{folder}/real", times=False)
    assert found == real


def test_relative_to_directories(base):
    for name in ("a/x/f", "b/y/g"):
        put(f"{base}/{name}", name)
    with ostler.rehearsal(base) as m:
        a, b = m.open("/a", os.O_RDONLY), m.open("/b", os.O_RDONLY)
        m.exchange("x", "y", first_dir_fd=a, second_dir_fd=b)
        assert (m.listdir("/a/x"), m.listdir("/b/y")) == (["g"], ["f"])
        m.rename_noreplace("x", "z", src_dir_fd=a, dst_dir_fd=b)
        assert (m.listdir("/a"), m.listdir("/b/z")) == ([], ["g"])
        with pytest.raises(FileExistsError):
            m.rename_noreplace("z", "y", src_dir_fd=b, dst_dir_fd=b)
        m.close(a)
        m.close(b)
        commit(m, base)


def test_what_fails_in_the_middle_is_as_it_was(base, user, run):
    """A user's directory with a file of root's in it can't be moved name by name."""
    if user == "root" or os.getuid():
        pytest.skip("of an ordinary user, in whose directory root puts something")
    run(lambda: [put(f"{base}/d/{name}", name) for name in ("a", "e/b", "e/g/c", "z")])
    run(lambda: os.mkdir(f"{base}/empty", 0o750))
    put(f"{base}/d/e/g/root", "root's")

    def work():
        with ostler.rehearsal(base) as m:
            before = view(m)
            for call in (
                lambda: m.rename("/d", "/n"),
                lambda: m.rename("/d", "/empty"),
                lambda: m.exchange("/d", "/empty"),
            ):
                with pytest.raises(OSError) as failed:
                    call()
                assert failed.value.errno == errno.EOVERFLOW
                assert view(m) == before
            assert m.changes() == []

    run(work)


def test_an_error_names_what_was_asked_for(base, user, monkeypatch):
    """And not what was just being moved, with the name alone."""
    put(f"{base}/d/inside", "inside")
    put(f"{base}/file", "file")
    os.mkdir(f"{base}/other")
    with ostler.rehearsal(base) as m:
        before = view(m)

        def full(source, target, path):
            raise OSError(errno.ENOSPC, "No space left on device", path, None, path)

        with pytest.raises(NotADirectoryError) as caught:
            m.rename("/d", "/file")
        assert (caught.value.filename, caught.value.filename2) == ("/d", "/file")
        monkeypatch.setattr(rename, "_rename", full)
        for call in (m.rename, m.exchange) if user == "ordinary" else ():  # else the kernel does it
            with pytest.raises(OSError) as caught:
                call("/d", "/other")
            error = caught.value
            assert (error.errno, error.filename, error.filename2) == (errno.ENOSPC, "/d", "/other")
            assert view(m) == before


def test_no_acl_is_inherited_from_the_new_place(base):
    def entries(*found):
        return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e, 0xFFFFFFFF) for e in found)

    put(f"{base}/d/e/f", "x")
    os.chmod(f"{base}/d", 0o750)
    os.mkdir(f"{base}/to")
    default = entries((1, 7), (4, 7), (32, 7))
    os.setxattr(f"{base}/to", "system.posix_acl_default", default)
    os.setxattr(f"{base}/d/e", "system.posix_acl_default", default)
    before = snapshot(base)
    with ostler.rehearsal(base) as m:
        m.rename("/d", "/to/d")
        commit(m, base)
    after = snapshot(base)
    for name in (b"d", b"d/e", b"d/e/f"):
        assert after[b"to/" + name][1:] == before[name][1:]


def test_a_directory_of_any_depth(base):
    at = os.open(base, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("d", dir_fd=at)
        below = os.open("d", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(os.open("end", os.O_CREAT | os.O_WRONLY, dir_fd=at))
    os.close(at)
    with ostler.rehearsal(base) as m:
        m.rename("/d", "/e")
        at = m.open("/e", os.O_RDONLY)
        for _ in range(1199):
            below = m.open("d", os.O_RDONLY, dir_fd=at)
            m.close(at)
            at = below
        assert (m.listdir("/"), m.listdir(at)) == (["e"], ["end"])
        m.close(at)
    ostler.trees.remove(f"{base}/d")


def test_an_exchange_with_what_lies_behind_the_other_name(base):
    """The way to both is looked for once, while it is there."""
    put(f"{base}/a/c/f", "f")
    os.symlink("a", f"{base}/link")
    with ostler.rehearsal(base) as m:
        m.exchange("/link", "/link/c")
        assert got(m, "/link/f") == "f"
        assert m.readlink("/a/c") == "a"
        with pytest.raises(FileNotFoundError) as caught:
            m.exchange("/link", "/nowhere/c")
        assert (caught.value.filename, caught.value.filename2) == ("/link", "/nowhere/c")
        commit(m, base)


def test_an_exchange_with_what_lies_in_it_is_the_kernels_error(base):
    """Also of a file with several names, which is exchanged by renames."""
    put(f"{base}/d/f", "f")
    with ostler.rehearsal(base) as m:
        m.link("/d/f", "/other")
        for first, second in (("/d", "/d/f"), ("/d/f", "/d")):
            with pytest.raises(OSError) as failed:
                m.exchange(first, second)
            error = failed.value
            names = (errno.EINVAL, first, second)
            assert (error.errno, error.filename, error.filename2) == names
        assert sorted(m.listdir("/")) == ["d", "other"]
        assert m.listdir("/d") == ["f"]


def test_a_rehearsal_goes_on_after_an_exchange(base):
    put(f"{base}/a/f", "a")
    put(f"{base}/b/f", "b")
    with ostler.rehearsal(base) as m:
        m.exchange("/a", "/b")
        commit(m, base)
        m.exchange("/a", "/b")
        commit(m, base)
        m.rename_noreplace("/a", "/c")
        commit(m, base)
    assert (text(f"{base}/c/f"), text(f"{base}/b/f")) == ("a", "b")

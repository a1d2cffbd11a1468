"""Rehearsals of files with several names: which of them stay one file, and how they are told."""

import os
import random
import shutil
import stat

import pytest

import ostler
from tests.machines.rehearsing import commit, kinds, put, put_on, snapshot, text, view
from tests.machines.test_rehearsal_random import timeless

pytestmark = pytest.mark.usefixtures("as_user")


def names_of_one(base, content="x", names=("a", "c")):
    put(f"{base}/{names[0]}", content)
    for name in names[1:]:
        os.makedirs(os.path.dirname(f"{base}/{name}"), exist_ok=True)
        os.link(f"{base}/{names[0]}", f"{base}/{name}")
    return os.stat(f"{base}/{names[0]}").st_ino


def put_alike(*paths):
    """Files that nothing but their names tells apart."""
    for path in paths:
        put(path, "x")
        os.utime(path, ns=(1, 1))


def groups(base):
    """{path below the base: inode} of all that is no directory."""
    return {
        os.path.relpath(f"{top}/{name}", base): os.lstat(f"{top}/{name}").st_ino
        for top, _, files in os.walk(base)
        for name in files
    }


@pytest.mark.parametrize("mode", [0o644, 0o444])
@pytest.mark.parametrize("call", ["rename", "replace", "rename_noreplace", "move", "linked"])
def test_one_is_renamed(base, call, mode):
    inode = names_of_one(base, names=("a", "c", "d/e"))
    os.chmod(f"{base}/a", mode)
    with ostler.rehearsal(base) as m:
        if call == "linked":
            m.link("/a", "/d/b")
            m.unlink("/a")
        else:
            getattr(m, call)("/a", "/d/b")
        (change,) = m.changes()
        assert (change.kind, change.path, change.source, change.parts) == (
            "renamed", f"{base}/d/b", f"{base}/a", False,
        )  # fmt: skip
        commit(m, base)
    assert groups(base) == {"c": inode, "d/b": inode, "d/e": inode}
    assert os.stat(f"{base}/c").st_nlink == 3
    assert stat.S_IMODE(os.stat(f"{base}/c").st_mode) == mode


@pytest.mark.parametrize("points", [False, True], ids=["", "points"])
@pytest.mark.parametrize("what", ["a file", "a directory", "a new file", "nothing"])
def test_one_is_replaced_by_a_commit_of_its_own(base, what, points):
    """What that commit does to the other name is no conflict for the next one."""
    names_of_one(base, names=("a", "d/c"))
    put(f"{base}/e/f", "other")
    with ostler.rehearsal(base) as m:
        m.chmod("/a", 0o600)
        if points:
            m.checkpoint()
        if what == "a file":
            m.rename("/e/f", "/d/c")
        else:
            m.unlink("/d/c")
        if what == "a directory":
            m.rename("/e", "/d/c")
        elif what == "a new file":
            put_on(m, "/d/c", b"new")
        m.commit([f"{base}/d/c"])
        assert kinds(m, base) == {"a": "metadata"}
        commit(m, base)
    assert stat.S_IMODE(os.stat(f"{base}/a").st_mode) == 0o600


def test_one_is_renamed_by_a_program(base):
    inode = names_of_one(base)
    os.mkdir(f"{base}/d")
    with ostler.rehearsal() as m:
        m.run(["mv", f"{base}/a", f"{base}/d/b"], check=True)
        assert kinds(m, base) == {"d/b": "renamed"}
        m.commit()
    assert groups(base) == {"c": inode, "d/b": inode}


def test_a_copy_by_a_program_is_a_copy(base):
    inode = names_of_one(base)
    with ostler.rehearsal() as m:
        m.run(["cp", "-p", f"{base}/a", f"{base}/b"], check=True)
        m.run(["rm", f"{base}/a"], check=True)
        assert kinds(m, base) == {"a": "removed", "b": "created"}
        m.commit()
    found = groups(base)
    assert found.pop("b") != inode
    assert found == {"c": inode}


@pytest.mark.parametrize("call", ["rename", "replace", "exchange"])
def test_onto_another_of_its_names_is_nothing(base, call):
    inode = names_of_one(base, names=("a", "c", "d/e"))
    before = snapshot(base)
    with ostler.rehearsal(base) as m:
        fd = m.open("/d", os.O_RDONLY)
        getattr(m, call)("/a", "/c")
        getattr(m, call)("/c", "/d/e")
        key = "second_dir_fd" if call == "exchange" else "dst_dir_fd"
        getattr(m, call)("/a", "e", **{key: fd})
        m.close(fd)
        assert m.changes() == []
        m.rename("/a", "/b")
        getattr(m, call)("/b", "/c")  # as well: it is still the same file
        assert sorted(m.listdir("/")) == ["b", "c", "d"]
        m.rename("/b", "/a")
        assert m.changes() == []
        with pytest.raises(FileExistsError) as failed:
            m.rename_noreplace("/a", "/c")
        assert (failed.value.filename, failed.value.filename2) == ("/a", "/c")
        m.rename("/a", "/b")
        commit(m, base)
    assert groups(base) == {"b": inode, "c": inode, "d/e": inode}
    os.rename(f"{base}/b", f"{base}/a")
    assert snapshot(base) == before


def test_a_name_that_parted_is_another_file(base):
    inode = names_of_one(base)
    with ostler.rehearsal(base) as m:
        put_on(m, "/a", b"new")
        m.rename("/a", "/c")
        commit(m, base)
    assert text(f"{base}/c") == "new"
    assert groups(base) != {"c": inode}
    assert os.listdir(base) == ["c"]


@pytest.mark.parametrize("what", ["write", "chmod", "utime"])
def test_renamed_and_changed_parts(base, what):
    inode = names_of_one(base)
    before = os.stat(f"{base}/a")
    with ostler.rehearsal(base) as m:
        m.rename("/a", "/b")
        m.link("/b", "/b2")
        if what == "write":
            with m.open_file("/b", "a") as file:
                file.write("more")
        elif what == "chmod":
            m.chmod("/b2", 0o600)
        else:
            m.utime("/b", ns=(1, 2))
        first, second = m.changes()
        assert (first.kind, first.source, first.parts) == ("renamed", f"{base}/a", True)
        assert second.kind == "created"
        commit(m, base)
    found = groups(base)
    assert found["b"] == found["b2"] != inode
    assert found["c"] == inode
    after = os.stat(f"{base}/c")
    assert (after.st_mode, after.st_mtime_ns) == (before.st_mode, before.st_mtime_ns)
    assert text(f"{base}/c") == "x"


def test_names_in_a_circle(base):
    inode = names_of_one(base, names=("a", "c"))
    other = names_of_one(base, "y", ("k", "l"))
    with ostler.rehearsal(base) as m:
        m.rename("/a", "/b")
        m.rename("/c", "/a")
        m.exchange("/k", "/b")
        commit(m, base)
    assert groups(base) == {"a": inode, "b": other, "k": inode, "l": other}


def test_symbolic_links(base, user):
    os.symlink("x", f"{base}/a")
    os.link(f"{base}/a", f"{base}/c", follow_symlinks=False)
    inode = os.lstat(f"{base}/a").st_ino
    with ostler.rehearsal(base) as m:
        m.rename("/a", "/c")
        assert m.changes() == []
        m.rename("/a", "/b")
        assert kinds(m, base) == {"b": "renamed"}
        commit(m, base)
    assert groups(base) == {"b": inode, "c": inode}


@pytest.mark.parametrize("points", [False, True], ids=["", "points"])
@pytest.mark.parametrize("what", ["one more name", "parts", "equal"])
def test_one_that_was_committed_alone_is_not_listed(base, what, points):
    """Neither where it is one more name of what the base has, nor where it is a copy by then."""
    names_of_one(base)
    put_alike(f"{base}/single a", f"{base}/single b")
    with ostler.rehearsal(base) as m:
        if what == "one more name":
            m.link("/a", "/new")
        elif what == "parts":
            m.link("/a", "/new")
            with m.open_file("/new", "a") as file:
                file.write("more")
        else:
            m.link("/single a", "/between")
            m.rename("/between", "/single b")
        m.checkpoint() if points else None
        put_on(m, "/z", b"z")
        one = "single b" if what == "equal" else "new"
        left = kinds(m, base)
        del left[one]
        m.commit([f"{base}/{one}"])
        assert kinds(m, base) == left
        commit(m, base)


@pytest.mark.parametrize("first", ["write", "unlink", "chmod", "rename"])
def test_a_later_commit_of_another_name_is_no_conflict(base, first):
    names_of_one(base, names=("a", "c", "d/e"))
    with ostler.rehearsal(base) as m:
        put_on(m, "/z", b"z")
        if first == "write":
            put_on(m, "/a", b"new a")
        elif first == "chmod":
            m.chmod("/a", 0o600)
        elif first == "rename":
            m.rename("/a", "/b")
        else:
            m.unlink("/a")
        m.commit([c for c in m.changes() if c.path != f"{base}/z"])
        put_on(m, "/c", b"new c")
        m.commit([f"{base}/c"])
        m.unlink("/d/e")
        m.commit()
    assert text(f"{base}/c") == "new c"
    assert not os.path.exists(f"{base}/d/e")


def test_what_somebody_else_has_done_is_one(base):
    names_of_one(base)
    with ostler.rehearsal(base) as m:
        put_on(m, "/z", b"z")
        put_on(m, "/a", b"new a")
        m.commit([f"{base}/a"])
        put_on(m, "/c", b"new c")
        put(f"{base}/c", "by somebody else")
        with pytest.raises(ostler.CommitConflict) as caught:
            m.commit()
        assert caught.value.paths == [f"{base}/c"]
    assert text(f"{base}/c") == "by somebody else"


def test_kept_and_taken_up(base, folder):
    inode = names_of_one(base)
    with ostler.rehearsal(base) as m:
        m.rename("/a", "/b")
        m.keep(f"{folder}/kept")
    with ostler.rehearsal(base, f"{folder}/kept") as m:
        m.rename("/b", "/c")
        assert kinds(m, base) == {"b": "renamed"}
        commit(m, base)
    assert groups(base) == {"b": inode, "c": inode}


@pytest.mark.parametrize("how", ["rename", "exchange", "linked"])
def test_one_that_was_copied_already(base, how):
    """The overlay's copy of it has one name only, and nothing at it says of which file it is."""
    inode = names_of_one(base)
    put(f"{base}/b", "other")
    with ostler.rehearsal(base) as m:
        m.close(m.open("/a", os.O_RDWR))
        assert m.changes() == []
        if how == "linked":
            m.unlink("/b")
            m.link("/a", "/b")
            m.unlink("/a")
        elif how == "exchange":
            m.exchange("/b", "/a")
        else:
            m.rename("/a", "/b")
        commit(m, base)
    found = groups(base)
    assert found["b"] == found["c"] == inode
    assert os.stat(f"{base}/c").st_nlink == 2


@pytest.mark.parametrize("what", ["file", "link"])
def test_out_of_a_directory_that_was_renamed(base, what):
    inode = names_of_one(base, names=("d/s/a", "c", "e"))
    if what == "link":
        for name in ("d/s/a", "c", "e"):
            os.unlink(f"{base}/{name}")
        os.symlink("x", f"{base}/c")
        for name in ("d/s/a", "e"):
            os.link(f"{base}/c", f"{base}/{name}", follow_symlinks=False)
        inode = os.lstat(f"{base}/c").st_ino
    with ostler.rehearsal(base) as m:
        m.rename("/d", "/f")
        m.rename("/f/s/a", "/b")
        m.rename("/f", "/d")
        assert kinds(m, base) == {"b": "renamed"}
        commit(m, base)
    assert groups(base) == {"b": inode, "c": inode, "e": inode}


def test_an_equal_file_becomes_another_one(base):
    """Two files that look alike are made one: their content is what it was, they are not."""
    for name in ("a", "b"):
        inode = names_of_one(f"{base}", "x", (name, f"{name}2"))
        put_alike(f"{base}/{name}", f"{base}/single {name}")
    with ostler.rehearsal(base) as m:
        for one, two in (("/a", "/b"), ("/single a", "/single b")):
            m.link(one, "/new")
            m.rename("/new", two)
        assert kinds(m, base) == {"b": "modified", "single b": "modified"}
        commit(m, base)
    found = groups(base)
    assert found["a"] == found["a2"] == found["b"]
    assert found["b2"] == inode != found["b"]
    assert found["single a"] == found["single b"]


def test_two_equal_ones_and_a_new_name(base):
    """The new name is one of the file that is there, though another one like it is gone."""
    put_alike(f"{base}/a", f"{base}/b")
    with ostler.rehearsal(base) as m:
        m.unlink("/b")
        m.chmod("/a", 0o600)
        m.link("/a", "/c")
        commit(m, base)
    found = groups(base)
    assert sorted(found) == ["a", "c"]
    assert found["a"] == found["c"]


def test_two_names_of_one_for_two_equal_ones(base):
    put_alike(f"{base}/a", f"{base}/b")
    with ostler.rehearsal(base) as m:
        m.unlink("/b")
        m.rename("/a", "/c")
        m.link("/c", "/d")
        commit(m, base)
    found = groups(base)
    assert sorted(found) == ["c", "d"]
    assert found["c"] == found["d"]


# ---- the second witness: the same on a real copy, in which a changed name parts from the others


class Copy:
    """A real tree. A name through which a file is changed parts from those that the file had."""

    def __init__(self, top):
        self.top = top
        self.threads = {}  # path: what it came from, a list: [whether it was changed]
        for path in groups(top):
            self.threads[path] = [False]

    def act(self, what, one, two, number):
        path, other = f"{self.top}/{one}", f"{self.top}/{two}"
        threads = self.threads
        if what == "rename":
            thread = threads.get(one)
            if thread is not None and threads.get(two) is thread:
                return
            unchanged = thread == threads.get(two) == [False]
            if unchanged and os.path.samefile(path, other):
                return
            os.rename(path, other)
            if one == two:
                return
            for known in [k for k in threads if k == one or k.startswith(one + "/")]:
                threads[two + known[len(one) :]] = threads.pop(known)
        elif what == "link":
            os.link(path, other)
            threads[two] = threads[one]
        elif what == "unlink":
            os.unlink(path)
            del threads[one]
        elif what in ("mkdir", "rmdir"):
            getattr(os, what)(path)
        else:
            if what == "chmod" and stat.S_IMODE(os.stat(path).st_mode) == mode_of(number):
                return  # it is as it was
            if one in threads:
                self._part(one)
            change(os, path, what, number)
            threads.setdefault(one, [True])

    def _part(self, one):
        thread = self.threads[one]
        if not thread[0]:
            thread[0] = True
            shutil.copy2(f"{self.top}/{one}", f"{self.top}/.new")
            for name in [k for k, t in self.threads.items() if t is thread]:
                os.unlink(f"{self.top}/{name}")
                os.link(f"{self.top}/.new", f"{self.top}/{name}")
            os.unlink(f"{self.top}/.new")


def mode_of(number):
    return 0o600 | number % 0o100


def change(m, path, what, number):
    if what == "chmod":
        if not stat.S_ISREG(m.stat(path).st_mode):
            raise IsADirectoryError(21, "")
        m.chmod(path, mode_of(number))
    else:
        flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if what == "append" else os.O_TRUNC)
        fd = m.open(path, flags, 0o644)
        m.write(fd, b"%d" % number)
        m.close(fd)


NAMES = ("a", "b", "c", "d/a", "d/b", "e/a", "e/c")
WHAT = "rename rename rename rename link link unlink write append chmod mkdir rmdir move".split()


def steps(seed, count):
    rng = random.Random(seed)
    for _ in range(count):
        what = rng.choice(WHAT)
        names = ("d", "e", "f") if what in ("mkdir", "rmdir", "move") else NAMES
        one, two = rng.choice(names), rng.choice(names)
        yield ("rename" if what == "move" else what), one, two, rng.randrange(10**6)


def furnish(base, seed):
    rng = random.Random(seed)
    os.mkdir(base)
    os.mkdir(f"{base}/d")
    os.mkdir(f"{base}/e")
    made = []
    for name in NAMES:
        if made and rng.random() < 0.6:
            os.link(f"{base}/{rng.choice(made)}", f"{base}/{name}")
        elif rng.random() < 0.8:
            put(f"{base}/{name}", name)
            made.append(name)


def act(m, what, one, two, number):
    if what in ("write", "append", "chmod"):
        change(m, f"/{one}", what, number)
    elif what in ("rename", "link"):
        getattr(m, what)(f"/{one}", f"/{two}")
    else:
        getattr(m, what)(f"/{one}")


def outcome(call, *args):
    try:
        call(*args)
    except OSError as error:
        return error.errno
    return 0


def as_on_a_real_copy(folder, seeds, parts):
    for seed in seeds:
        real, tried = f"{folder}/real-{seed}", f"{folder}/tried-{seed}"
        for top in (real, tried):
            furnish(top, seed)
        with ostler.rehearsal(tried) as m:
            for part in range(parts):
                # What is committed has no older names any more.
                copy = Copy(real)
                for step in steps(seed * 10 + part, 14):
                    expected = outcome(copy.act, *step)
                    assert outcome(act, m, *step) == expected, (seed, part, step)
                m.commit()
                assert m.changes() == []
                found, wanted = timeless(snapshot(tried)), timeless(snapshot(real))
                assert found == wanted, (seed, part)


FELL = (1, 79, 89, 121, 249, 309, 445)  # where something was wrong once


@pytest.mark.parametrize("parts", [1, 4])
def test_as_on_a_real_copy(memory, run, parts):
    run(lambda: as_on_a_real_copy(memory, (*FELL, *range(10, 25)), parts))


@pytest.mark.thorough
@pytest.mark.parametrize("parts", [1, 4])
def test_as_on_a_real_copy_for_long(memory, run, parts):
    run(lambda: as_on_a_real_copy(memory, range(150), parts))


@pytest.mark.parametrize("gone", ["d", "d/e"])
@pytest.mark.parametrize("closed", [False, True])
def test_a_name_was_removed_with_its_directory(base, gone, closed):
    """A commit of that alone changes the file's change time, which is nobody else's work."""
    names_of_one(base, names=("a", "d/e/b", "d/e/f/c"))
    put(f"{base}/z", "z")
    if closed:
        os.chmod(f"{base}/d/e/f", 0o500)
    with ostler.rehearsal(base) as m:
        m.chmod("/d/e/f", 0o700)
        m.trees.remove(f"/{gone}")
        put_on(m, "/z", b"new")
        m.commit([f"{base}/{gone}"])
        m.chmod("/a", 0o600)
        m.commit()
    assert groups(base).keys() == {"a", "z"}
    assert os.stat(f"{base}/a").st_mode & 0o777 == 0o600


def several(base, rng):
    folders, number = [base], 0
    for name in "defgh":
        folders.append(f"{rng.choice(folders)}/{name}")
        os.mkdir(folders[-1])
    for first in range(3):
        path = f"{rng.choice(folders)}/file{first}"
        put(path, str(first))
        for number in range(rng.randint(1, 3)):
            os.link(path, f"{rng.choice(folders)}/name{first}{number}")


def do_one(m, rng, number):
    found = [(top, folders, files) for top, folders, files in m.walk("/")]
    folders = [os.path.join(top, name) for top, names, _ in found for name in names]
    files = [os.path.join(top, name) for top, _, names in found for name in names]
    what = rng.choice(("remove", "remove", "unlink", "write", "rename", "move", "chmod", "link"))
    if what in ("remove", "move"):
        if not folders:
            return
        path = rng.choice(folders)
        if what == "remove":
            m.trees.remove(path)
            return
        others = [each for each in folders if not (each + "/").startswith(path + "/")]
        m.rename(path, f"{rng.choice(['', *others])}/r{number}")
    elif files:
        path = rng.choice(files)
        if what == "unlink":
            m.unlink(path)
        elif what == "write":
            put_on(m, path, b"%d" % number)
        elif what in ("rename", "link"):
            getattr(m, what)(path, f"{rng.choice(['', *folders])}/r{number}")
        else:
            m.chmod(path, rng.choice((0o600, 0o640)))


def commits_in_parts(base, seed):
    rng, number = random.Random(seed), 0
    several(base, rng)
    with ostler.rehearsal(base) as m:
        for _ in range(3):
            for _ in range(rng.randint(1, 3)):
                number += 1
                do_one(m, rng, number)
            changes, shown = m.changes(), timeless(view(m))
            few = rng.sample(changes, min(len(changes), 2)) if rng.random() < 0.6 else None
            try:
                done = m.commit(None if few is None else [change.path for change in few])
            except ostler.CommitConflict as error:
                pytest.fail(f"{seed}: {error}: {error.paths}")
            except ValueError:
                continue  # these can't be had without others
            assert timeless(view(m)) == shown, seed
            again = {change.path for change in m.changes()} & {change.path for change in done}
            assert not again, (seed, again)


@pytest.mark.parametrize("seed", range(65, 78))
def test_nobody_else_has_changed_anything(memory, seed):
    """So no commit of a part is a reason to refuse a later one."""
    os.mkdir(f"{memory}/base")
    commits_in_parts(f"{memory}/base", seed)


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(1000, 1400))
def test_nobody_else_has_changed_anything_for_long(memory, seed):
    os.mkdir(f"{memory}/base")
    commits_in_parts(f"{memory}/base", seed)

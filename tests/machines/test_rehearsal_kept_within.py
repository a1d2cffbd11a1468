"""A rehearsal that is kept within what is rehearsed is itself no part of what is changed."""

import contextlib
import contextvars  # noqa: F401  # an ordinary user can't read the interpreter's files everywhere
import errno
import os
import stat

import pytest

import ostler
from ostler.machines.rehearsal import commits, moments, pictures  # noqa: F401
from tests.machines.conftest import users
from tests.machines.rehearsing import put

pytestmark = [
    pytest.mark.usefixtures("as_user"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

# An ordinary user's rehearsals have no renamed directories of the base, and what the kernel has at
# work in one that is kept nobody else may move.
root_alone = [user for user in users() if user == "root"]


def within(base):
    """Where it is kept: two directories below the base, in which there is more."""
    put(f"{base}/project/file", "old\n")
    put(f"{base}/project/more/file", "old\n")
    os.mkdir(f"{base}/project/kept", 0o700)
    return f"{base}/project/kept"


def put_on(m):
    """From the first layer on the kernel shows what is kept itself, which can be removed then."""
    m.create_file("/made", "x")


def kinds(changes, base):
    return {os.path.relpath(change.path, base): change.kind for change in changes}


def test_everything_around_it_is_removed(base):
    upper = within(base)
    with ostler.rehearsal(base, upper=upper) as m:
        put_on(m)
        first = m.checkpoint()
        m.unlink("/project/file")
        m.trees.remove("/project/more")
        with contextlib.suppress(OSError):  # what the kernel has at work there can't be
            m.trees.remove("/project/kept")
        assert not m.path.exists("/project/kept/ostler-rehearsal.json")
        removed = dict.fromkeys(["project/file", "project/more", "project/more/file"], "removed")
        assert kinds(m.changes(since=first), base) == removed
        removed["made"] = "created"
        assert kinds(m.changes(), base) == removed
        assert "kept" not in m.diff()
        m.checkpoint()
        assert kinds(m.commit(), base) == removed
        assert m.changes() == []
    assert os.listdir(f"{base}/project") == ["kept"]
    with ostler.rehearsal(base, upper=upper) as m:
        assert m.changes() == []


def check_hidden(m):
    assert m.listdir("/project/kept") == []
    for call in (m.mkdir, m.create_file):
        with pytest.raises(OSError, match="Read-only") as failed:
            call("/project/kept/mine")
        assert failed.value.errno == errno.EROFS


def test_it_is_an_empty_directory_that_nobody_can_change(base):
    upper = within(base)
    with ostler.rehearsal(base, upper=upper) as m:
        check_hidden(m)
        put_on(m)
        first = m.checkpoint()
        check_hidden(m)
        for call in (m.rmdir, lambda path: m.rename(path, "/away")):
            with pytest.raises(OSError, match="busy"):
                call("/project/kept")
        m.create_file("/project/new")
        with m.at(first) as then:
            assert then.listdir("/project/kept") == []
        m.rollback(first)
        check_hidden(m)
    with ostler.rehearsal(base, upper=upper) as m:
        check_hidden(m)
        assert sorted(m.listdir("/project")) == ["file", "kept", "more"]
        assert kinds(m.commit(), base) == {"made": "created"}
        check_hidden(m)
    assert "ostler-rehearsal.json" in os.listdir(upper)


def test_what_it_lies_in_is_renamed(base, user):
    upper = within(base)
    with ostler.rehearsal(base, upper=upper) as m:
        m.rename("/project", "/another") if user == "root" else put_on(m)
        m.checkpoint()
        put_on(m) if user == "root" else None
        m.checkpoint()
        if user == "root":
            with pytest.raises(OSError, match="rehearsal itself is kept"):
                m.commit()
    with ostler.rehearsal(base, upper=upper) as m:
        assert m.path.exists("/made")


def test_what_was_written_into_it_is_no_change(base):
    """By an earlier ostler, which let it be seen."""
    upper = within(base)
    with ostler.rehearsal(base, upper=upper) as m:
        put_on(m)
    put(f"{upper}/0/upper/project/kept/mine", "x")
    with ostler.rehearsal(base, upper=upper) as m:
        assert kinds(m.changes(), base) == {"made": "created"}
        assert kinds(m.commit(), base) == {"made": "created"}
    assert not os.path.exists(f"{upper}/mine")


@pytest.mark.parametrize("instead", ["nothing", "a file"])
def test_what_it_lies_in_is_not_removed(base, instead):
    upper = within(base)
    with ostler.rehearsal(base, upper=upper) as m:
        put_on(m)
    if instead == "nothing":
        os.mknod(f"{upper}/0/upper/project", stat.S_IFCHR, 0)  # as the kernel marks it
    else:
        put(f"{upper}/0/upper/project")
    with ostler.rehearsal(base, upper=upper) as m:
        assert m.path.isdir("/project") is False
        with pytest.raises(OSError, match="rehearsal itself is kept") as failed:
            m.commit()
        assert (failed.value.errno, failed.value.filename) == (errno.EBUSY, f"{base}/project")
        assert kinds(m.commit(f"{base}/made"), base) == {"made": "created"}
    assert os.path.exists(f"{base}/project/more/file")
    assert os.path.exists(f"{upper}/ostler-rehearsal.json")


INSTEAD = {
    "a file": lambda path: put(path),
    "a fifo": os.mkfifo,
    "a socket": lambda path: os.mknod(path, stat.S_IFSOCK),
    "a link to a directory": lambda path: os.symlink("/", path),
    "a link to itself": lambda path: os.symlink("kept", path),
}


@pytest.mark.parametrize("instead", INSTEAD)
def test_something_else_stands_at_its_place(base, instead):
    """Nothing is hidden there then; the work can be reached as ever."""
    upper = within(base)
    with ostler.rehearsal(base, upper=upper) as m:
        put_on(m)
        m.create_file("/project/precious", "x")
    INSTEAD[instead](f"{upper}/0/upper/project/kept")
    with ostler.rehearsal(base, upper=upper) as m:
        first = m.checkpoint()
        m.create_file("/later")
        m.checkpoint()
        with m.at(first) as then:
            assert then.path.exists("/project/precious")
        m.rollback(first)
        assert m.path.exists("/project/precious")
        assert m.changes()
    with ostler.rehearsal(base, upper=upper) as m:
        assert m.path.exists("/project/precious")
        m.rollback(m.points()[0])
        assert kinds(m.commit(f"{base}/made"), base) == {"made": "created"}


@pytest.mark.parametrize("user", root_alone, indirect=True)
@pytest.mark.parametrize("instead", [None, "a directory", *INSTEAD])
def test_what_it_lies_in_is_elsewhere_by_now(base, user, instead):
    """It is hidden where it is shown now, too, for who takes it up as for the next command."""
    upper = within(base)
    with ostler.rehearsal(base, upper=upper) as m:
        m.checkpoint()
        m.rename("/project", "/another")
        if instead is not None:
            m.mkdir("/project")
            with m.installed():
                os.mkdir("/project/kept") if instead == "a directory" else INSTEAD[instead](
                    "/project/kept"
                )
        m.checkpoint()
        assert m.listdir("/another/kept") == []
        m.makedirs("/deep/er")
        m.rename("/another", "/deep/er/most")
        m.rename("/deep", "/deeper")
    for _ in range(2):
        with ostler.rehearsal(base, upper=upper) as m:
            assert sorted(m.listdir("/deeper/er/most")) == ["file", "kept", "more"]
            assert m.listdir("/deeper/er/most/kept") == []
            with pytest.raises(OSError, match="Read-only"):
                m.create_file("/deeper/er/most/kept/mine")
            m.checkpoint()
    with ostler.rehearsal(base, upper=upper) as m:
        m.rollback(m.points()[0])
        check_hidden(m)
        assert m.changes() == []
    assert "ostler-rehearsal.json" in os.listdir(upper)


@pytest.mark.parametrize("user", root_alone, indirect=True)
def test_it_is_deeper_than_a_path_may_be_long(base):
    upper = within(base)
    name = "n" * 255
    with ostler.rehearsal(base, upper=upper) as m:
        m.rename("/project", "/here")
        for _ in range(20):
            m.mkdir("/above")
            m.rename("/here", f"/above/{name}")
            m.rename("/above", "/here")
        m.checkpoint()
    for _ in range(2):
        with ostler.rehearsal(base, upper=upper) as m:
            m.chdir("/here")
            for _ in range(20):
                m.chdir(name)
            assert sorted(m.listdir(".")) == ["file", "kept", "more"]
            assert m.listdir("kept") == []
            m.rollback(m.points()[0])
            m.checkpoint()


STATE = "ostler-rehearsal.json"


def write(m, path):
    with m.open_file(path, "w") as file:
        file.write("another state")


SWEEPS = {
    "it": lambda m: m.trees.remove("/project/other"),
    "what it lies in": lambda m: m.trees.remove("/project"),
    "all that is in it": lambda m: (
        m.trees.remove("/project/other/0"),
        m.remove(f"/project/other/{STATE}"),
    ),
    "a layer": lambda m: m.trees.remove("/project/other/0"),
    "a file, which is another one then": lambda m: write(m, f"/project/other/{STATE}"),
    "it, and something else is there": lambda m: (
        m.trees.remove("/project/other"),
        m.create_file("/project/other"),
    ),
    "it, which is renamed": lambda m: m.rename("/project/other", "/else"),
    "what was in it, which is renamed": lambda m: m.rename(f"/project/other/{STATE}", "/else"),
}


def kept_beside(base):
    """Another rehearsal that is kept in the project."""
    other = f"{base}/project/other"
    put(f"{base}/project/file", "old\n")
    os.mkdir(other, 0o700)
    with ostler.rehearsal(base, upper=other) as m:
        m.create_file("/precious", "x")
    return other


def state_beside(base):
    """What is known of another rehearsal, which an ordinary user can remove as root can."""
    put(f"{base}/project/other/0/upper/precious", "x")
    put(f"{base}/project/other/{STATE}", "state")
    os.chmod(f"{base}/project/other/{STATE}", 0o600)
    return f"{base}/project/other"


@pytest.mark.parametrize("sweep", SWEEPS)
def test_a_commit_spares_another_one(base, folder, sweep):
    other = state_beside(base)
    os.mkdir(f"{folder}/kept", 0o700)
    with ostler.rehearsal(base, upper=f"{folder}/kept") as m:
        put_on(m)
        SWEEPS[sweep](m)
        with pytest.raises(OSError, match="another rehearsal is kept in it") as failed:
            m.commit()
        assert (failed.value.errno, failed.value.filename) == (errno.EBUSY, other)
        assert kinds(m.commit(f"{base}/made"), base) == {"made": "created"}
    assert os.path.exists(f"{other}/0/upper/precious")
    assert os.path.exists(f"{other}/{STATE}")


def test_a_file_that_is_only_called_so_is_no_other_one(base):
    put(f"{base}/fixtures/{STATE}", "{}")
    os.chmod(f"{base}/fixtures/{STATE}", 0o644)
    os.makedirs(f"{base}/linked")
    os.symlink("/", f"{base}/linked/{STATE}")
    with ostler.rehearsal(base) as m:
        m.trees.remove("/fixtures")
        m.trees.remove("/linked")
        m.commit()
    assert os.listdir(base) == []


@pytest.mark.parametrize("user", root_alone, indirect=True)
def test_another_one_goes_with_what_it_lies_in(base):
    kept_beside(base)
    with ostler.rehearsal(base) as m:
        m.rename("/project", "/renamed")
        m.commit()
    with ostler.rehearsal(base, upper=f"{base}/renamed/other") as m:
        assert m.path.exists("/precious")

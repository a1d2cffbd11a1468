"""Which directories of a rehearsal can be changed, and that its top is the directory itself."""

import ctypes
import os
import random
import shutil
import struct
import tempfile

import pytest

import ostler
from ostler.machines.rehearsal.layout import without_strangers
from tests.machines.rehearsing import USER, forked, kinds, put, put_on, snapshot, text

STRANGER = 4321
ANY = 0xFFFFFFFF


def acl(*entries):
    """An ACL as the kernel has it, of (tag, rights, id)."""
    packed = [struct.pack("<HHI", *entry) for entry in entries]
    return struct.pack("<I", 2) + b"".join(packed)


# The owner, user 4321, the group, the mask, all others.
SOME = acl((1, 7, ANY), (2, 6, STRANGER), (4, 5, ANY), (16, 7, ANY), (32, 0, ANY))
OTHER = acl((1, 7, ANY), (2, 4, STRANGER), (4, 0, ANY), (16, 5, ANY), (32, 0, ANY))


@pytest.fixture(params=["/tmp", "/var/tmp", "elsewhere"])
def place(request, monkeypatch):
    """A directory of root's, below a directory that a rehearsal overlays anyway or elsewhere."""
    if os.getuid():
        pytest.skip("needs root, to make directories of several users")
    where = "/opt" if request.param == "elsewhere" else request.param
    top = tempfile.mkdtemp(prefix="ostler-layout-", dir=where)
    os.chmod(top, 0o755)
    os.mkdir(f"{top}/state")
    os.chown(f"{top}/state", USER, USER)
    monkeypatch.setenv("XDG_STATE_HOME", f"{top}/state")
    monkeypatch.setitem(ostler.environ, "XDG_STATE_HOME", f"{top}/state")
    yield top
    shutil.rmtree(top)


def grow(top, dice):
    """Directories of several users, one in another; the last one is the user's to change."""
    at = top
    for level in range(dice.randint(1, 5)):
        at += f"/d{level}"
        os.mkdir(at)
        os.chown(at, dice.choice([0, USER, USER, STRANGER]), dice.choice([0, USER, STRANGER]))
        os.chmod(at, dice.choice([0o755, 0o775, 0o777, 0o1777, 0o2775]))
    status = os.stat(at)
    if status.st_uid != USER:
        os.chmod(at, dice.choice([0o777, 0o1777] + [0o775, 0o2775] * (status.st_gid == USER)))
    for name in ("f", "g", "mine/h"):
        put(f"{at}/{name}", "one")
        os.chown(f"{at}/{name}", USER, USER)
    os.chown(f"{at}/mine", USER, USER)
    return at


def change_all(directory, base):
    """Change everything in the working directory of a rehearsal, and commit it."""
    os.chdir(directory)
    with ostler.rehearsal(base) as m:
        m.open_file("new", "w").close()
        m.mkdir("dir")
        with m.open_file("f", "a") as file:
            file.write("two")
        m.rename("g", "g2")
        m.rename("mine", "mine2")
        m.remove("mine2/h")
        m.rename("dir", "dir2")
        assert text("f") == "one"
        m.commit()
        assert m.changes() == []
        assert sorted(os.listdir()) == ["dir2", "f", "g2", "mine2", "new"]
        assert (text("f"), os.listdir("mine2")) == ("onetwo", [])


@pytest.mark.parametrize("begins", ["in it", "at it", "above it"])
def test_where_a_user_may_write_a_rehearsal_does(place, begins):
    for seed in range(8):
        top = f"{place}/{seed}"
        os.mkdir(top)
        directory = grow(top, random.Random(seed))
        base = {"in it": None, "at it": directory, "above it": os.path.dirname(directory)}[begins]
        forked(lambda directory=directory, base=base: change_all(directory, base), USER)


def test_a_file_system_of_its_own_below_somebody_elses_directory(place):
    def here():
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.unshare(0x20000) == 0  # CLONE_NEWNS
        assert libc.mount(b"", b"/", None, 0x44000, None) == 0  # MS_REC | MS_PRIVATE
        os.mkdir(f"{place}/mounted")
        assert libc.mount(b"x", f"{place}/mounted".encode(), b"tmpfs", 0, b"mode=755") == 0
        directory = grow(f"{place}/mounted", random.Random(2))
        forked(lambda: change_all(directory, None), USER)

    forked(here)


def test_what_is_kept_in_a_directory_is_there_wherever_it_is_taken_up(place):
    directory = grow(place, random.Random(0))
    os.mkdir(f"{place}/home")
    os.chown(f"{place}/home", USER, USER)

    def work():
        os.chdir(directory)
        os.mkdir(f"{place}/home/kept")
        with ostler.rehearsal(upper=f"{place}/home/kept") as m:
            put_on(m, "f", b"changed")
        for here in ("/", f"{place}/home", directory):
            os.chdir(here)
            with ostler.rehearsal(upper=f"{place}/home/kept") as m:
                assert kinds(m, directory) == {"f": "modified"}
                if here == f"{place}/home":
                    put_on(m, "note", b"a second overlay")
                    m.remove("note")

    forked(work, USER)


def test_a_commit_of_a_part_keeps_the_rest_though_the_process_is_elsewhere_by_then(place):
    directory = grow(place, random.Random(0))

    def work():
        os.chdir(directory)
        with ostler.rehearsal() as m:
            put_on(m, "f", b"changed")
            put_on(m, "g", b"changed")
            os.chdir("/")
            m.commit(f"{directory}/f")
            assert kinds(m, directory) == {"g": "modified"}
            m.discard()
            put_on(m, f"{directory}/g", b"changed")
            m.commit()
        assert (text(f"{directory}/f"), text(f"{directory}/g")) == ("changed", "changed")

    forked(work, USER)


@pytest.mark.usefixtures("as_user")
@pytest.mark.parametrize("kept", [False, True], ids=["in memory", "on disk"])
def test_attributes_and_acls_of_the_base_itself(base, folder, kept):
    def known(value):
        # A user's overlay has no other users: the rest of the ACL is kept, and inherited.
        return value if os.getuid() == 0 else without_strangers(value)

    def prepare():
        os.setxattr(base, "user.note", b"1")
        os.setxattr(base, "system.posix_acl_access", SOME)
        os.setxattr(base, "system.posix_acl_default", OTHER)
        if kept:
            os.mkdir(f"{folder}/upper")
            os.setxattr(f"{folder}/upper", "system.posix_acl_default", SOME)

    prepare()
    before = snapshot(base)[b""]
    with ostler.rehearsal(base, upper=f"{folder}/upper" if kept else None) as m:
        assert m.changes() == []
        assert m.getxattr("/", "user.note") == b"1"
        assert m.getxattr("/", "system.posix_acl_access") == known(SOME)
        m.open_file("/f", "w").close()
        assert kinds(m, base) == {"f": "created"}
        m.commit()
    assert snapshot(base)[b""] == before
    real = os.open(f"{base}/real", os.O_CREAT | os.O_WRONLY, 0o666)
    os.close(real)
    there, made = snapshot(base)[b"real"], snapshot(base)[b"f"]
    assert there[1] == made[1]
    assert {name: known(value) for name, value in there[5].items()} == made[5]


@pytest.mark.usefixtures("as_user")
def test_acls_of_the_upper_do_not_come_to_a_base_that_has_none(base, folder):
    os.mkdir(f"{folder}/upper")
    os.setxattr(f"{folder}/upper", "system.posix_acl_default", SOME)
    with ostler.rehearsal(base, upper=f"{folder}/upper") as m:
        assert (m.changes(), m.listxattr("/")) == ([], [])
        put_on(m, "/f", b"")
        assert m.listxattr("/f") == []

"""Permissions beyond parity: on machines, of this process for real, of whole trees."""

import os
import stat
import threading

import pytest

import ostler
from tests.machines import as_self, as_user, kinds


@pytest.fixture
def folder(small_tree):
    return small_tree


# Of files


@pytest.mark.parametrize("kind", [kinds.scratch, kinds.confined, kinds.rehearsal])
def test_of_a_link_or_of_what_it_leads_to(kind, tmp_path):
    (tmp_path / "base").mkdir()
    with kind(str(tmp_path / "base")) as m:
        m.create_file("/f", "text")
        m.symlink("/f", "/l")
        m.chmod("/l", 0o604)
        assert m.stat("/f").st_mode & 0o7777 == 0o604
        with pytest.raises(NotImplementedError, match="follow_symlinks unavailable"):
            m.chmod("/l", 0o600, follow_symlinks=False)
        m.lchown("/l", -1, -1)
        m.chown("/l", m.getuid(), -1, follow_symlinks=False)
        assert m.stat("/f").st_mode & 0o7777 == 0o604


def test_a_machine_that_is_read_only_says_so(tmp_path):
    (tmp_path / "f").write_text("text")
    with ostler.read_only(tmp_path) as m:
        assert m.access("/f", m.R_OK)
        assert not m.access("/f", m.W_OK)  # also for root
        with pytest.raises(OSError, match="Read-only file system"):
            m.chmod("/f", 0o600)


def test_a_link_that_leads_out_gets_no_mode(tmp_path):
    inside, secret = tmp_path / "inside", tmp_path / "secret"
    inside.mkdir()
    secret.write_text("text")
    secret.chmod(0o640)
    (inside / "l").symlink_to(secret)
    with ostler.confined(inside) as m:
        for call in (lambda: m.chmod("/l", 0o777), lambda: m.chown("/l", 1, 1)):
            with pytest.raises(FileNotFoundError):
                call()
        assert not m.access("/l", m.F_OK)
        assert m.access("/l", m.F_OK, follow_symlinks=False)
    assert stat.S_IMODE(secret.stat().st_mode) == 0o640


def test_who_really_asks(tmp_path):
    """access() goes by the real user, and by the effective one when that is wanted."""
    if os.geteuid() != 0:
        pytest.skip("to have two users takes root")
    path = tmp_path / "f"
    path.touch(0o600)

    def asked(system):
        system.setresuid(65534, 0, 0)
        return system.access(path, os.W_OK), system.access(path, os.W_OK, effective_ids=True)

    assert as_self(asked, os) == as_self(asked, ostler.host) == (False, True)


# Of this process: in a child, for these can't be taken back


def become(system, steps):
    """What each of these calls came to, and who the process is then."""
    found = []
    for name, *args in steps:
        try:
            found.append(getattr(system, name)(*args))
        except OSError as error:
            found.append(error.errno)
    return found, system.getresuid(), system.getresgid(), sorted(system.getgroups())


STEPS = [
    [("setgroups", [7, 8]), ("setgid", 1234), ("setuid", 1234), ("setuid", 0)],
    [("seteuid", 1234), ("setuid", 1235), ("seteuid", 0)],
    [("setegid", 1234), ("setregid", 5, -1), ("setreuid", 6, 7)],
    [
        ("setresgid", 1, 2, 3),
        ("setresuid", 1, 2, 3),
        ("setresuid", 3, 3, 3),
        ("setresuid", 1, 1, 1),
    ],
    [("setgroups", range(1000, 1300)), ("initgroups", "root", 77)],
    [("setgroups", []), ("setresuid", -1, 1234, -1), ("setgroups", [1])],
]


@pytest.mark.parametrize("user", [as_self, as_user])
@pytest.mark.parametrize("steps", STEPS)
def test_becoming_another_user_is_as_with_os(user, steps):
    assert user(become, ostler, steps) == user(become, os, steps)


def test_many_groups():
    if os.geteuid() != 0:
        pytest.skip("to have other groups takes root")
    found = as_self(become, ostler, [("setgroups", list(range(2000, 2300)))])
    assert found[-1] == list(range(2000, 2300))


def identity_of_threads():
    """The user of a thread that was there before the process became another one."""
    go, said = threading.Event(), []

    def work():
        go.wait()
        with open(f"/proc/self/task/{threading.get_native_id()}/status") as file:
            said.extend(line.split()[1:] for line in file if line.startswith(("Uid", "Gid")))

    thread = threading.Thread(target=work)
    thread.start()
    ostler.setresgid(1234, 1234, 1234)
    ostler.setresuid(1235, 1235, 1235)
    go.set()
    thread.join()
    return said


def test_all_threads_become_another_user():
    if os.geteuid() != 0:
        pytest.skip("to become another user takes root")
    assert as_self(identity_of_threads) == [["1235"] * 4, ["1234"] * 4]


# Of whole trees


class TestTreePermissions:
    def test_symbolic(self, folder):
        os.chmod("a/one", 0o640)
        os.chmod("a/b/two", 0o755)
        outside = stat.S_IMODE(os.stat("z/three").st_mode)
        os.symlink("../z/three", "a/outside")
        counts = ostler.chmod_tree("a", "u+rwX,go-w,o=")
        assert stat.S_IMODE(os.stat("a/one").st_mode) == 0o640
        assert stat.S_IMODE(os.stat("a/b/two").st_mode) == 0o750
        assert stat.S_IMODE(os.stat("a/b").st_mode) & 0o707 == 0o700
        assert stat.S_IMODE(os.stat("z/three").st_mode) == outside
        assert counts.files == 2

    def test_as_chmod_does(self, folder):
        for mode in ("u=rwx,g=rx,o=", "a+X", "g=u", "o=g-w", "+t", "ug+s,o-rwx", "=r", "755", "a="):
            for root in ("ours", "theirs"):
                os.makedirs(f"{root}/d")
                for name, bits in (("f", 0o644), ("x", 0o711)):
                    os.close(os.open(f"{root}/d/{name}", os.O_CREAT))
                    os.chmod(f"{root}/d/{name}", bits)
            ostler.chmod_tree("ours", mode)
            ostler.run(["chmod", "-R", mode, "theirs"], capture=True)
            if os.geteuid() == 0:
                for name in (".", "d", "d/f", "d/x"):
                    found = [os.stat(f"{root}/{name}").st_mode for root in ("ours", "theirs")]
                    assert found[0] == found[1], (mode, name)
            for root in ("ours", "theirs"):
                os.chmod(root, 0o700)  # a root that its owner can't read is refused
                ostler.chmod_tree(root, 0o700)
                ostler.trees.remove(root)

    @pytest.mark.parametrize(
        ("mode", "says"),
        [("u+rwZ", "position 5, one of rwxXst expected, not 'Z'"), ("", "position 1"),
         ("u", "position 2, \\+, - or ="), ("u+r,,g-w", "position 5"), ("x+r", "position 1"),
         ("u+r,g!w", "position 6"), ("789", "octal"), ("17777", "more than 7777"),
         (0o10000, "range")],
    )  # fmt: skip
    def test_typos(self, folder, mode, says):
        before = os.stat("a").st_mode
        with pytest.raises(ValueError, match=says):
            ostler.chmod_tree("a", mode)
        assert os.stat("a").st_mode == before

    def test_owner(self, folder):
        if os.geteuid() != 0:
            pytest.skip("giving files away takes root")
        os.symlink("../z/three", "a/outside")
        ostler.chown_tree("a", "nobody")
        assert os.stat("a/b/two").st_uid == os.lstat("a/outside").st_uid == 65534
        assert os.stat("z/three").st_uid == 0
        ostler.chown_tree("a", 0, "root")
        assert os.stat("a").st_uid == 0

    def test_owner_who_is_not_there(self, folder):
        with pytest.raises(LookupError, match="no such user: 'nobody-here'"):
            ostler.chown_tree("a", "nobody-here")
        with pytest.raises(FileNotFoundError):
            ostler.chown_tree("missing", os.getuid())

"""Permissions beyond parity: of whole trees."""

import os
import stat

import pytest

import ostler


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a/b/c", "a/d", "z"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("top", "a/one", "a/b/two", "z/three"):
        (tmp_path / name).write_text(name)
    return tmp_path


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

"""chmod, chown and digest, against chmod(1), os.lchown and hashlib."""

import hashlib
import os
import subprocess

import pytest

import ostler
from tests import tree_maker

THREADS = pytest.mark.parametrize("threads", [1, 2, 5])


def modes(top):
    return {n[len(top) :]: os.lstat(n).st_mode for n in [top, *tree_maker.names(top)]}


@pytest.fixture
def pair(tmp_path):
    """The same tree twice."""
    trees = []
    for name in ("a", "b"):
        trees.append(tree_maker.make(str(tmp_path / name), seed=11, size=120))
        for number, path in enumerate(tree_maker.names(trees[-1])):
            if not os.path.islink(path):
                os.chmod(path, [0o644, 0o755, 0o600, 0o4700, 0o777][number % 5] | 0o700)
    return trees


@pytest.mark.parametrize(
    "mode",
    ["u+rwX,go-w", "a+X", "go=", "g=u", "u=rwx,g=rx,o=r", "+x", "-w", "=rx", "o+t", "ug+s",
     "a=rX,u+w", "u-s+x", "o=g-w"],
)  # fmt: skip
@THREADS
def test_chmod_is_that_of_chmod(pair, mode, threads):
    ours, theirs = pair
    os.umask(0o027)
    try:
        # Deepest first, so that chmod(1) does not shut itself out; links have no mode.
        for path in [*tree_maker.names(theirs)[::-1], theirs]:
            if not os.path.islink(path):
                subprocess.run(["chmod", "--", mode, path], check=False, stderr=subprocess.DEVNULL)
                if os.lstat(path).st_nlink > 1 and os.path.isfile(path):
                    break_link(path)
        for path in tree_maker.names(ours):
            if not os.path.islink(path) and os.lstat(path).st_nlink > 1 and os.path.isfile(path):
                break_link(path)
        ostler.trees.chmod(ours, mode, threads=threads)
        assert modes(ours) == modes(theirs)
    finally:
        os.umask(0o022)
        for top in pair:
            subprocess.run(["chmod", "-R", "u+rwx", top], check=True)


@THREADS
def test_chmod_number(pair, threads):
    tree = pair[0]
    try:
        for mode in (0o755, 0o1777, 0o4750, 0o600, 0):
            ostler.trees.chmod(tree, 0o700, threads=threads)
            counts = ostler.trees.chmod(tree, mode, threads=threads)
            if os.geteuid() == 0:
                found = modes(tree)
                plain = [m for m in found.values() if m & 0o170000 != 0o120000]
                assert {m & 0o7777 for m in plain} == {mode}
                assert counts.entries == len(plain)
    finally:
        subprocess.run(["chmod", "-R", "u+rwx", tree], check=True)


def break_link(path):
    mode = os.lstat(path).st_mode & 0o7777
    os.unlink(path)
    with open(path, "w"):
        os.chmod(path, mode)


def test_chmod_bad_modes(tmp_path):
    for bad in ("", "u", "z+x", "u+x,", "u+q", "x", "u~r", 0o10000, -1):
        with pytest.raises(ValueError):
            ostler.trees.chmod(tmp_path, bad)
    for bad in (None, 1.5, b"u+x"):
        with pytest.raises(TypeError):
            ostler.trees.chmod(tmp_path, bad)
    (tmp_path / "link").symlink_to(".")
    for operation in (
        lambda p: ostler.trees.chmod(p, 0o700),
        lambda p: ostler.trees.chown(p, -1, -1),
    ):
        with pytest.raises(NotADirectoryError):
            operation(tmp_path / "link")
        with pytest.raises(FileNotFoundError):
            operation(tmp_path / "missing")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
@THREADS
def test_chown(tmp_path, threads):
    tree = tree_maker.make(str(tmp_path / "t"), seed=12, size=300)
    outside = tmp_path / "outside"
    outside.write_text("")
    os.symlink(outside, os.path.join(tree, "out"))
    counts = ostler.trees.chown(tree, 1234, 5678, threads=threads)
    paths = [tree, *tree_maker.names(tree)]
    assert counts.entries == len(paths)
    assert {(os.lstat(p).st_uid, os.lstat(p).st_gid) for p in paths} == {(1234, 5678)}
    ostler.trees.chown(tree, gid=77, threads=threads)
    assert {(os.lstat(p).st_uid, os.lstat(p).st_gid) for p in paths} == {(1234, 77)}
    assert outside.stat().st_uid == 0


@THREADS
def test_digest(tmp_path, threads):
    tree = tree_maker.make(str(tmp_path / "t"), seed=13, size=400)
    found = ostler.trees.digest(tree, threads=threads)
    expected = {}
    for path in tree_maker.names(tree):
        if os.path.isfile(path) and not os.path.islink(path):
            with open(path, "rb") as file:
                expected[path] = hashlib.sha256(file.read()).hexdigest()
    assert found.files == expected
    ostler.trees.copy(tree, tmp_path / "c")
    again = ostler.trees.digest(os.fsencode(tmp_path / "c"), threads=1)
    assert again.hex == found.hex
    victim = sorted(expected)[3]
    with open(victim, "ab") as file:
        file.write(b"more")
    assert ostler.trees.digest(tree, threads=threads).hex != found.hex
    assert len(ostler.trees.digest(tree, "md5").hex) == 32
    with pytest.raises(ValueError):
        ostler.trees.digest(tree, "no such")
    link = os.path.join(tmp_path / "c", "link")
    os.symlink("one", link)
    one = ostler.trees.digest(tmp_path / "c").hex
    os.unlink(link)
    os.symlink("two", link)
    assert ostler.trees.digest(tmp_path / "c").hex != one


def test_gitignore(tmp_path):
    files = {
        ".gitignore": "*.o\n/build\n!keep.o\nlogs/\n",
        "a.c": "", "a.o": "", "keep.o": "", "build/x": "", "src/build/y": "", "src/b.o": "",
        "src/.gitignore": "!b.o\n*.tmp\n", "src/c.tmp": "", "logs/z": "", "src/logs": "",
        "deep/er/logs/q": "", "deep/er/d.o": "", ".git/config": "",
    }  # fmt: skip
    for name, text in files.items():
        path = tmp_path / "t" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = ostler.trees.find(tmp_path / "t", type="file", gitignore=True, sort=True)
    names = [os.path.relpath(path, tmp_path / "t") for path in found]
    expected = [
        ".gitignore",
        "a.c",
        "keep.o",
        "src/.gitignore",
        "src/b.o",
        "src/build/y",
        "src/logs",
    ]
    assert names == expected
    git = subprocess.run(["git", "--version"], capture_output=True, check=False)
    if git.returncode == 0:
        (tmp_path / "t/.git/config").unlink()
        subprocess.run(["git", "init", "-q", tmp_path / "t"], check=True)
        said = subprocess.run(
            ["git", "-C", tmp_path / "t", "ls-files", "-co", "--exclude-standard"],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        assert sorted(said.stdout.split()) == expected
    only = ostler.trees.find(tmp_path / "t", "*.o", gitignore=True, sort=True, max_depth=1)
    assert [os.path.basename(path) for path in only] == ["keep.o"]

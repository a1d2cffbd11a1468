"""find(gitignore=True): what is left out is what git leaves out."""

import os
import random
import shutil
import subprocess
import sys

import pytest

import ostler
from ostler.trees._ignore import Rules
from ostler.trees._repository import settings

NAMES = [
    b"a", b"b", b"ab", b"foo", b"bar", b"a b", b"a ", b"[", b"a]", b"1", "é".encode(), b"A", b"x\n",
    b"b\\", b"*", b"!a", b"#a", b"-", b"a\r", b"\x0c", "\u2028".encode(), b"foo.o", b".x", b"\t",
    b"\xff", b"a-b",
]  # fmt: skip
PARTS = [
    b"a", b"b", b"ab", b"foo", b"bar", b"*", b"*", b"**", b"?", b"/", b"/", b"**/", b"/**", b"/**/",
    b"[ab]", b"[!a]", b"[^b]", b"[a-c]", b"[[:digit:]]", b"[[:alpha:]x]", b"[[:none:]]", b"[\\]]",
    b"[]a]", b"[", b"]", b"\\", b"\\*", b"\\a", b"!", b"#", b" ", b"\\ ", b"1", "é".encode(),
    b"\xc3", b".", b"o", b"-", b"[a-]", b"[--a]", b"[[:space:]]", b"[[:upper:]]", b"\r", b"\x0c",
    b"\t", b"\0", b"***", b"\\/", b"[a/b]", b"[[a]", b"[[:a]", b"[\\a-\\c]", "\u2028".encode(),
    b"[[:punct:]]", b"\xff", b"[\xfe-\xff]",
]  # fmt: skip
pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is the judge")


class Git:
    """A repository, and what git says of the paths in it."""

    def __init__(self, folder):
        self.home = os.fsencode(folder / "home")
        self.top = os.fsencode(folder / "repository")
        os.mkdir(self.home)
        self.environ = {
            "HOME": os.fsdecode(self.home),
            "PATH": os.environ["PATH"],
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        self.run("init", "-q", self.top)

    def run(self, *arguments, **kwargs):
        return subprocess.run(
            ["git", *arguments], env=self.environ, capture_output=True, check=True, **kwargs
        ).stdout

    def others(self):
        """The untracked paths that are not ignored: files, links and the like."""
        command = ("-C", self.top, "ls-files", "-o", "-z", "--exclude-standard")
        return sorted(self.run(*command).split(b"\0")[:-1])

    def ignored(self, paths):
        done = subprocess.run(
            ["git", "-C", self.top, "check-ignore", "-z", "--stdin", "--no-index"],
            env=self.environ, capture_output=True, input=b"\0".join(paths) + b"\0",
        )  # fmt: skip
        assert done.returncode in (0, 1), done.stderr
        return set(done.stdout.split(b"\0")[:-1])


@pytest.fixture
def git(tmp_path, monkeypatch):
    found = Git(tmp_path)
    for name in ("XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL"):
        monkeypatch.delitem(ostler.environ, name, raising=False)
    monkeypatch.setitem(ostler.environ, "HOME", found.environ["HOME"])
    monkeypatch.setitem(ostler.environ, "GIT_CONFIG_NOSYSTEM", "1")
    return found


def pattern(rng):
    text = b"".join(rng.choice(PARTS) for _ in range(rng.choice([1, 1, 2, 2, 3, 3, 4, 5, 6])))
    if rng.random() < 0.25:
        text = b"!" + text
    if rng.random() < 0.2:
        text = b"/" + text
    if rng.random() < 0.2:
        text += b"/"
    if rng.random() < 0.1:
        text += b" " * rng.randint(1, 2)
    return text


def rules(rng):
    text = b"\n".join(pattern(rng) for _ in range(rng.randint(1, 6)))
    if rng.random() < 0.1:
        text = b"\xef\xbb\xbf" + text
    if rng.random() < 0.7:
        text += rng.choice([b"\n", b"\r\n", b"\n\n"])
    return text


def put(path, text=b""):
    with open(path, "wb") as file:
        file.write(text)


def grow(rng, top):
    """A random tree; its paths, each with whether it is a directory."""
    paths = []
    waiting = [(b"", 0)]
    while waiting:
        at, depth = waiting.pop()
        for name in rng.sample(NAMES, rng.randint(1, 5)):
            path = at + name
            is_directory = depth < 3 and rng.random() < 0.55
            paths.append((path, is_directory))
            if is_directory:
                os.mkdir(os.path.join(top, path))
                waiting.append((path + b"/", depth + 1))
            elif rng.random() < 0.1:
                os.symlink(rng.choice([b"a", b"/usr", b"nowhere"]), os.path.join(top, path))
            else:
                put(os.path.join(top, path))
    return paths


def found(git, top=b"", **kwargs):
    """What ostler finds there, as paths from the repository's top; without directories."""
    start = os.path.join(git.top, top) if top else git.top
    kinds = ["file", "link", "fifo", "socket"]
    paths = ostler.trees.find(start, type=kinds, gitignore=True, **kwargs)
    return sorted(path[len(git.top) + 1 :] for path in paths)


@pytest.mark.parametrize("seed", range(12))
def test_random_rules_and_trees(git, seed):
    rng = random.Random(seed)
    for _ in range(3):
        for name in os.listdir(git.top):
            path = os.path.join(git.top, name)
            if os.path.isdir(path) and not os.path.islink(path):
                if name != b".git":
                    shutil.rmtree(path)
            else:
                os.unlink(path)
        paths = grow(rng, git.top)
        directories = [path for path, is_directory in paths if is_directory]
        for _ in range(5):
            for directory in [b"", *directories]:
                file = os.path.join(git.top, directory, b".gitignore")
                if os.path.lexists(file):
                    os.unlink(file)
                if rng.random() < (0.25 if directory else 0.9):
                    put(file, rules(rng))
            put(os.path.join(git.top, b".git/info/exclude"), rules(rng))
            os.makedirs(os.path.join(git.home, b".config/git"), exist_ok=True)
            put(os.path.join(git.home, b".config/git/ignore"), rules(rng))
            wanted = git.others()
            assert found(git) == wanted, f"seed {seed}"
            assert found(git, threads=4) == wanted
            # From a directory within: as much of it as git gives there, if it is not ignored.
            for directory in rng.sample(directories, min(2, len(directories))):
                if not git.ignored([directory]):
                    inside = [p for p in wanted if p.startswith(directory + b"/")]
                    assert found(git, directory) == inside, f"seed {seed}"


@pytest.mark.parametrize("seed", range(20))
def test_random_rules_against_check_ignore(git, seed):
    """Also what no file is for: each rule by itself, with paths that are nowhere."""
    rng = random.Random(seed)
    paths = [b"/".join(rng.sample(NAMES, rng.randint(1, 4))) for _ in range(60)]
    for _ in range(4):
        text = rules(rng)
        put(os.path.join(git.top, b".gitignore"), text)
        read = Rules(text)

        def left_out(path, read=read):
            parts = path.split(b"/")
            ways = [b"/".join(parts[:n]) for n in range(1, len(parts) + 1)]
            return any(read.says(way, way != path) for way in ways)

        assert {path for path in paths if left_out(path)} == git.ignored(paths), text


def test_a_whitelist(git):
    for path in ("foo/bar/deep", "foo/other", "else/x"):
        path = os.path.join(os.fsdecode(git.top), path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        put(path)
    put(os.path.join(git.top, b".gitignore"), b"*\n!*/\n!/foo/bar/**\n")
    assert found(git) == git.others() == [b"foo/bar/deep"]


@pytest.mark.parametrize("kind", ["directory", "link", "fifo", "unreadable"])
def test_rules_that_are_no_file(git, kind):
    """They count as none, and what is no file is never waited for."""
    file = os.path.join(git.top, b".gitignore")
    put(os.path.join(git.top, b"a.o"))
    put(os.path.join(git.home, b"rules"), b"*.o\n")
    if kind == "directory":
        os.mkdir(file)
    elif kind == "link":
        os.symlink(os.path.join(git.home, b"rules"), file)
    elif kind == "fifo":
        os.mkfifo(file)
    else:
        put(file, b"*.o")
        os.chmod(file, 0)
        if os.geteuid() == 0:
            pytest.skip("root may read everything")
        told = []
        list(ostler.trees.find(git.top, gitignore=True, on_error=told.append))
        assert [error.filename for error in told] == [file]
        return
    assert b"a.o" in found(git)


def test_what_git_is_configured_to_leave_out(git):
    put(os.path.join(git.top, b"a.one"))
    put(os.path.join(git.top, b"a.two"))
    put(os.path.join(git.home, b"one"), b"*.one\n")
    put(os.path.join(git.home, b"two"), b"*.two\n")
    put(os.path.join(git.home, b".gitconfig"), b"[core]\nexcludesFile = ~/one\n")
    assert found(git) == git.others() == [b"a.two"]
    git.run("-C", git.top, "config", "core.excludesFile", os.path.join(git.home, b"two"))
    assert found(git) == git.others() == [b"a.one"]
    put(os.path.join(git.home, b"more"), b'[core]\n excludesFile = "~/one" ; the last counts\n')
    git.run("-C", git.top, "config", "include.path", os.path.join(git.home, b"more"))
    assert found(git) == git.others() == [b"a.two"]


def test_a_worktree_and_a_repository_within(git, tmp_path):
    git.run("-C", git.top, "-c", "user.name=x", "-c", "user.email=x", "commit", "-q",
            "--allow-empty", "-m", "first")  # fmt: skip
    put(os.path.join(git.top, b".git/info/exclude"), b"*.o\n")
    tree = os.fsencode(tmp_path / "tree")
    git.run("-C", git.top, "worktree", "add", "-q", tree)
    for name in (b"a.o", b"b"):
        put(os.path.join(tree, name))
    main, git.top = git.top, tree
    assert found(git) == git.others() == [b"b"]
    git.top = main
    within = os.path.join(main, b"within")
    git.run("init", "-q", within)
    put(os.path.join(within, b".git/info/exclude"), b"*.x\n")
    for name in (b"a.o", b"a.x"):
        put(os.path.join(within, name))
    assert found(git) == [b"within/a.o"]
    git.top = within
    assert git.others() == [b"a.o"]


def test_what_is_called_as_a_repository_and_is_none(git):
    put(os.path.join(git.top, b".gitignore"), b"*.o\n")
    heads = [b"ref: refs/heads/x\n", b"ref:\trefs/x", b"5" * 40, b"ref: x", b"5" * 39, b"", None]
    places = []
    for number, (head, parts) in enumerate(
        (head, parts)
        for head in heads
        for parts in ((b"objects", b"refs"), (b"objects",), (b"refs",), ())
    ):
        places.append(os.path.join(git.top, b"d%d" % number))
        own = os.path.join(places[-1], b".git")
        for part in (b"", *parts):
            os.makedirs(os.path.join(own, part), exist_ok=True)
        if head is not None:
            put(os.path.join(own, b"HEAD"), head)
    places.append(os.path.join(git.top, b"file"))
    os.mkdir(places[-1])
    put(os.path.join(places[-1], b".git"), b"no way to one")
    for place in places:
        put(os.path.join(place, b"a.o"))
    # Git names a repository that lies within, and nothing in it.
    repositories = [path for path in git.others() if path.endswith(b"/")]
    assert repositories == [b"d0/", b"d4/", b"d8/"]
    assert [path for path in found(git) if path.endswith(b".o")] == [
        path + b"a.o" for path in repositories
    ]
    for place in places[:-1]:  # below a file that leads nowhere git says nothing but that
        left = list(ostler.trees.find(place, "*.o", gitignore=True))
        assert len(left) == (os.path.basename(place) + b"/" in repositories)


def test_rules_of_other_files_hold_in_repositories_that_lie_within(git):
    put(os.path.join(git.top, b".ignore"), b"*.o\n")
    git.run("init", "-q", os.path.join(git.top, b"within"))
    put(os.path.join(git.top, b"within", b"a.o"))
    top = os.fsdecode(git.top)
    assert list(ostler.trees.find(top, "*.o", ignore_files=".ignore")) == []


def test_other_files_of_rules(git):
    for name in (b"a", b"b", b"c"):
        put(os.path.join(git.top, name))
    put(os.path.join(git.top, b".gitignore"), b"a\nb\n")
    put(os.path.join(git.top, b".ignore"), b"!b\nc\n")
    find = ostler.trees.find
    assert b"a" not in found(git, ignore_files=".ignore")
    assert b"b" in found(git, ignore_files=[".ignore"])
    assert b"c" not in found(git, ignore_files=".ignore")
    only = find(os.fsdecode(git.top), ignore_files=".ignore", max_depth=1, sort=True)
    assert [os.path.basename(path) for path in only] == [".git", ".gitignore", ".ignore", "a", "b"]
    for wrong in ("", ".", "a/b", "a\0b"):
        with pytest.raises(ValueError, match="no name of a file"):
            find(git.top, ignore_files=wrong)
    with pytest.raises(ValueError, match="do not go together"):
        find(git.top, gitignore=True, executor=object())


def test_configurations_are_read_as_git_reads_them(git, tmp_path):
    rng = random.Random(7)
    words = ["a", "b/c", " ", "  ", '"', '\\"', "\\\\", "\\n", "#", "; x", "~/x", "=", "\\\n", "é"]
    file = tmp_path / "config"
    read = 0
    for _ in range(300):
        text = ""
        for _ in range(rng.randint(1, 3)):
            text += rng.choice(
                ["[core]", "[ core ]", "[CORE]", '[core "x"]', "[other]", "[core]\n"]
            )
            text += rng.choice(["\n", " ", "\n\t"])
            for _ in range(rng.randint(1, 2)):
                text += rng.choice(["excludesFile", "excludesfile", "foo"])
                text += rng.choice([" = ", "=", " =", "= "])
                text += "".join(rng.choice(words) for _ in range(rng.randint(0, 4))) + "\n"
        file.write_text(text)
        done = subprocess.run(
            ["git", "config", "-f", file, "-z", "--get-all", "core.excludesFile"],
            env=git.environ, capture_output=True,
        )  # fmt: skip
        if done.returncode in (0, 1):  # it is a configuration
            read += 1
            ours = [
                v for s, k, v in settings(text.encode()) if (s, k) == (b"core", b"excludesfile")
            ]
            assert ours == done.stdout.split(b"\0")[:-1], text
    assert read > 50


FEW = """
import resource, sys
import ostler

top = sys.argv[1]
print(*ostler.trees.find(top, gitignore=True, threads=1, sort=True))
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
held = []
try:
    while True:
        held.append(ostler.open("/dev/null", ostler.O_RDONLY))
except OSError:
    for _ in range(6):
        ostler.close(held.pop())
print(*ostler.trees.find(top, gitignore=True, threads=1, sort=True))
"""


def test_rules_are_read_where_descriptors_are_few(tmp_path):
    deep = tmp_path
    for _ in range(30):
        (deep / ".gitignore").write_text("x\n")
        (deep / "x").touch()
        for name in "abcd":  # so that it stays open
            (deep / name).mkdir()
        deep = deep / "a"
    for name in ("objects", "refs", "info"):
        (deep / ".git" / name).mkdir(parents=True)
    (deep / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (deep / ".git" / "info" / "exclude").write_text("y\n")
    (deep / "x").touch()  # the rules above end at a repository
    (deep / "y").touch()
    done = subprocess.run(
        [sys.executable, "-c", FEW, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    many, few = done.stdout.splitlines()
    assert few == many and f"{deep}/x" in many and f"{deep}/y" not in many

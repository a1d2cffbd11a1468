"""Names are those of the moment, whatever was moved, linked or mounted since the last call."""

import json
import os
import random
import resource
import shutil
import subprocess
import tempfile

import pytest

import ostler
from tests.machines import as_user
from tests.test_record import PYTHON, deeds, recorded, run

# It reads, makes and removes files of a few directories, and moves these about behind links. It
# says with each what that was, by the path with all links followed, and whether it was done.
WALK = """
import json, os, random, sys
chance = random.Random(int(sys.argv[1]))
names = [f"{a}/{b}" for a in "abc" for b in "xyz"]
def real(path): return os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
def do(what, path, call, *args):
    where = real(path)
    if what == "read": where = os.path.realpath(path)
    try: call(path, *args)
    except OSError: print(json.dumps([what, where, False]), flush=True)
    else: print(json.dumps([what, where, True]), flush=True)
def read(path): os.close(os.open(path, os.O_RDONLY))
def make(path): os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
def write(path): os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC))
here = os.getcwd()
for _ in range(600):
    name = chance.choice(names)
    if chance.random() < 0.3: name = os.path.join(here, name)
    what = chance.choice(["read"] * 8 + ["make", "make", "write", "remove", "turn", "link", "put"])
    if what == "read":
        for _ in range(3): do("read", name, read)
    elif what == "make": do("create", name, make)
    elif what == "write": do("create" if not os.path.lexists(real(name)) else "write", name, write)
    elif what == "remove": do("remove", name, os.unlink)
    elif what == "turn":  # the directory has another name then, and a link its old one
        top, other = name.rpartition("/")[0], f"{here}/d{chance.randrange(10**9)}"
        if not os.path.islink(top):
            do("rename", top, os.rename, other)
            os.symlink(other, top)
    elif what == "link":
        top = name.rpartition("/")[0]
        if os.path.islink(top):
            do("remove", top, os.unlink)
            os.mkdir(top)
    elif what == "put":  # another file takes its place
        make(".new")
        do("rename", ".new", os.rename, name)
"""


@pytest.mark.parametrize("seed", range(4))
def test_names_are_those_of_now(tmp_path, seed):
    top = os.path.realpath(tmp_path)
    for name in "abc":
        os.mkdir(f"{top}/{name}")
    story, result = run(PYTHON, "-c", WALK, str(seed), cwd=top)
    assert result.status == 0, result.stderr
    said = [tuple(json.loads(line)) for line in result.stdout.splitlines()]
    told = [
        (event.kind, event.path, event.outcome)
        for event in story.events
        if event.kind in ("read", "create", "write", "remove", "rename")
        and event.path.startswith(top + "/")
        and (event.kind, event.path) != ("create", f"{top}/.new")
    ]  # fmt: skip
    # Where the name leads to nothing it is told as it was asked for.
    assert [one[2] for one in told] == [one[2] for one in said]
    assert [one for one in told if one[2]] == [one for one in said if one[2]]
    assert len(said) > 600


STEPS = """
import os, sys
for line in sys.stdin:
    what, path = line.split()
    try: os.close(os.open(path, os.O_RDONLY if what == "read" else os.O_CREAT | os.O_WRONLY))
    except OSError: pass
    os.close(os.open("/dev/null", os.O_WRONLY))  # what it did before is looked at now
    print(flush=True)
"""


def test_what_others_change_meanwhile(tmp_path):
    """Of whom nobody is told: the directory and the file are other ones under the same name."""
    top = os.path.realpath(tmp_path)
    os.mkdir(f"{top}/d")
    chance = random.Random(1)
    wanted = []
    (theirs, ask), (answers, tell) = os.pipe(), os.pipe()
    with recorded() as found:
        pid = ostler.posix_spawn(
            PYTHON, [PYTHON, "-uc", STEPS], os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, theirs, 0), (os.POSIX_SPAWN_DUP2, tell, 1)],
        )  # fmt: skip
        os.close(theirs)
        os.close(tell)
        with open(ask, "w", buffering=1) as questions, open(answers) as done:
            for number in range(200):
                name = chance.choice("xyz")
                change = chance.randrange(6)
                if change == 0:
                    os.rename(f"{top}/d", f"{top}/d{number}")
                    os.mkdir(f"{top}/d")
                elif change == 1 and os.path.exists(f"{top}/d/{name}"):
                    os.unlink(f"{top}/d/{name}")
                elif change == 2:
                    with open(f"{top}/new", "w"):
                        pass
                    os.rename(f"{top}/new", f"{top}/d/{name}")
                there = os.path.exists(f"{top}/d/{name}")
                what = chance.choice(["read", "read", "read", "make"])
                print(what, f"{top}/d/{name}", file=questions)
                done.readline()
                kind = "read" if what == "read" else "write" if there else "create"
                wanted.append((kind, f"{top}/d/{name}", there or what == "make"))
        os.waitpid(pid, 0)
    told = [
        # Of a file that was opened to be written to, and was not, nothing can be seen.
        (event.kind, event.path, event.outcome or (event.outcome is None and event.kind == "write"))
        for event in found[0].events if event.path.startswith(f"{top}/d/")
    ]  # fmt: skip
    assert told == wanted


MOVED = {
    "two directories change names": """
make("x"), [make(f"{here}/d/a{n}") for n in range(5)]
assert libc.renameat2(-100, b"x", -100, b"d", 2) == 0
os.unlink("d"), os.symlink("x", "d")
make(f"{here}/d/late")
""",
    "a link to one of two directories": """
make("d/late"), os.mkdir("x"), os.link("d/late", "x/late"), os.symlink("d", "now")
for n in range(4): read("now/late")
os.unlink("now"), os.symlink("x", "now")
read("now/late")
""",
    "a link to one of two names": """
os.mkdir("x"), make("d/late"), os.link("d/late", "x/late"), os.symlink("d/late", "now")
for n in range(4): read("now")
os.unlink("now"), os.symlink("x/late", "now")
read("now")
""",
    "somebody else moves it": """
os.mkdir(f"{here}/q"), [make(f"{here}/d/a{n}") for n in range(5)]
print(flush=True), input()
for n in range(500): make(f"{here}/q/x"), os.unlink(f"{here}/q/x")
make(f"{here}/d/late")
""",
}
BEGIN = """
import ctypes, os
libc = ctypes.CDLL(None)
here = os.getcwd()
def make(name): os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
def read(name): os.close(os.open(name, os.O_RDONLY))
"""


@pytest.mark.parametrize("name", MOVED)
def test_an_object_that_has_another_name(tmp_path, name):
    """It is the same one as ever; but the last thing that was done to it has the new name."""
    top = os.path.realpath(tmp_path)
    os.mkdir(f"{top}/d")
    (theirs, ask), (answers, tell) = os.pipe(), os.pipe()
    with recorded() as found:
        pid = ostler.posix_spawn(
            PYTHON, [PYTHON, "-c", f"import os\nos.chdir({top!r})\n" + BEGIN + MOVED[name]],
            os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, theirs, 0), (os.POSIX_SPAWN_DUP2, tell, 1)],
        )  # fmt: skip
        os.close(theirs)
        os.close(tell)
        if name == "somebody else moves it":
            os.read(answers, 1)
            os.rename(f"{top}/d", f"{top}/x")
            os.symlink("x", f"{top}/d")
        os.write(ask, b"\n")
        _, status = os.waitpid(pid, 0)
        os.close(ask)
        os.close(answers)
    assert status == 0
    late = [path for _, path, _ in deeds(found[0], "create", "read") if path.endswith("/late")]
    assert late[-1] == f"{top}/x/late"
    assert late.count(f"{top}/x/late") == 1


def test_many_directories_at_once(tmp_path):
    """In each of which somebody is about to do something."""
    top = os.path.realpath(tmp_path)
    script = (
        "for i in $(seq 30); do mkdir d$i; done; "
        "for j in 1 2 3; do for i in $(seq 30); do "
        "(: > d$i/a$j; mkdir d$i/a$j 2>&-; : > d$i/b$j) & done; wait; done"
    )
    story, result = run("sh", "-c", script, cwd=top)
    assert result.status == 0, result.stderr
    made = sorted(path for _, path, _ in deeds(story, "create", under=top))
    assert made == sorted(
        f"{top}/d{i}/{name}{j}" for i in range(1, 31) for j in (1, 2, 3) for name in "ab"
    )


def can_mount():
    command = ["unshare", "-rm", "sh", "-c", "mount -t tmpfs t /mnt && umount /mnt"]
    return (
        shutil.which("unshare") is not None
        and subprocess.run(command, check=False, capture_output=True).returncode == 0
    )


@pytest.mark.skipif(not can_mount(), reason="nothing can be mounted here")
@pytest.mark.parametrize("reads", [True, False])
def test_what_is_looked_at_keeps_nothing_mounted(tmp_path, reads):
    (tmp_path / "d").mkdir()
    script = (
        "for i in 1 2 3 4 5; do mount -t tmpfs t d && mkdir d/e && : > d/e/x && : > d/e/y && "
        "cat d/e/x d/e/x d/e/x && umount d || exit 1; done"
    )
    story, result = run("unshare", "-rm", "sh", "-c", script, cwd=tmp_path, reads=reads)
    assert result.status == 0, result.stderr
    mounts = [event for event in story.events if event.kind == "mount"]
    assert len([one for one in mounts if one.path == os.path.realpath(tmp_path / "d")]) == 10


def read_and_may_not(top):
    script = ": > a; for i in 1 2 3 4 5 6 7 8 9; do : < a; done; chmod 0 a; : < a"
    story, _ = run("sh", "-c", script, cwd=top)
    return [e.outcome for e in story.events if e.path == f"{top}/a" and e.kind == "read"]


def test_who_may_no_longer_read_it():
    with tempfile.TemporaryDirectory() as top:
        os.chmod(top, 0o777)
        assert as_user(read_and_may_not, os.path.realpath(top)) == [True] * 9 + [False]


@pytest.mark.parametrize("seed", range(3))
def test_arguments_of_any_number_and_length(seed):
    chance = random.Random(seed)
    lengths = [0, 1, 7, 200, 254, 255, 256, 257, 300, 700]
    arguments = ["x" * chance.choice(lengths) + str(n) * chance.randrange(2) for n in range(35)]
    for count in (0, 1, 15, 16, 17, 31, 32, 33, 35):
        story, _ = run("/bin/true", *arguments[:count])
        assert story.processes[0].programs[-1].arguments == ("/bin/true", *arguments[:count])


def test_what_a_process_used():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    story, _ = run(PYTHON, "-c", "sum(range(1_000_000))")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert 0.5 * used < story.processes[0].cpu < used + 0.02

"""A machine's umask, directory and variables are its own, in every call and for its children.

The same calls are made on a machine, in a process that has others, and on the host in a process
that has the same: what they give, and what is there afterwards, must be the same.
"""

import json
import os
import stat
import struct
import tempfile

import pytest

import ostler
from tests.machines.rehearsing import forked, put, remove_all

UMASKS = [(0o027, 0o077), (0o077, 0o000)]  # the machine's, the process's
MORE = [(0o002, 0o022), (0o007, 0o070), (0, 0o777)]
SHELL = "umask; pwd; echo $VAR $HOME; : > {0}; mkdir {0}d"
CALLS = {
    "mkdir": lambda o: o.mkdir("new"),
    "mkdir with a mode": lambda o: o.mkdir("new", 0o1777),
    "makedirs": lambda o: o.makedirs("new/er/est"),
    "makedirs with a mode": lambda o: o.makedirs("new/er/est", 0o710),
    "renames": lambda o: o.renames("f", "new/er/f"),
    "open": lambda o: o.close(o.open("new", os.O_CREAT | os.O_WRONLY)),
    "open with a mode": lambda o: o.close(o.open("new", os.O_CREAT | os.O_EXCL, 0o666)),
    "open without a name": lambda o: nameless(o),
    "open_file": lambda o: written(opened(o, "new", "w"), "text"),
    "open_file, x": lambda o: written(opened(o, "new", "xb"), b"text"),
    "open_file, a": lambda o: written(opened(o, "new", "a"), "text"),
    "write_atomic": lambda o: o.write_atomic("new", "text"),
    "write_atomic with a mode": lambda o: o.write_atomic("new", b"text", mode=0o666),
    "write_atomic over": lambda o: o.write_atomic("f", "text"),
    "replacing": lambda o: replaced(o, "new"),
    "mkfifo": lambda o: o.mkfifo("new"),
    "mknod": lambda o: o.mknod("new", 0o666 | stat.S_IFREG),
    "symlink": lambda o: o.symlink("f", "new"),
    "copy": lambda o: o.trees.copy("src", "new"),
    "copy without modes": lambda o: o.trees.copy("src", "new", modes=False),
    "copy of a file without modes": lambda o: o.trees.copy("src/sub/b", "new", modes=False),
    "copy over": lambda o: o.trees.copy("src", "there", modes=False, existing="merge"),
    "chmod +w": lambda o: o.trees.chmod("src", "+w"),
    "chmod =rwX": lambda o: o.trees.chmod("src", "=rwX"),
    "chmod -x,+r": lambda o: o.trees.chmod("src", "-x,+r"),
    "chmod_tree": lambda o: o.chmod_tree("src", "+w,o-r"),
    "move": lambda o: o.move("f", "new"),
    "find": lambda o: sorted(o.trees.find("src")),
    "find by gitignore": lambda o: sorted(o.trees.find("repository", gitignore=True)),
    "size": lambda o: o.trees.size("src").files,
    "digest": lambda o: o.trees.digest("src").hex,
    "compare": lambda o: [repr(found) for found in o.trees.compare("src", "../other")],
    "walk": lambda o: sorted((a, sorted(b), sorted(c)) for a, b, c in o.walk(".")),
    "walk_entries": lambda o: sorted(entry.path for entry in o.walk_entries("src")),
    "iter_dir": lambda o: sorted(map(str, o.iter_dir("."))),
    "listdir": lambda o: sorted(o.listdir()),
    "scandir": lambda o: sorted(entry.path for entry in o.scandir()),
    "remove": lambda o: o.trees.remove("src"),
    "temporary_directory": lambda o: temporary(o),
    "temporary_directory here": lambda o: temporary(o, dir="src"),
    "chdir": lambda o: (o.chdir("src"), o.getcwd(), o.mkdir("new"), o.path.abspath("x")),
    "umask": lambda o: (o.umask(0o033), o.mkdir("new"), o.umask(0)),
    "getenv": lambda o: (o.getenv("VAR"), o.getenvb(b"VAR").decode(), o.read_env("VAR", str)),
    "get_exec_path": lambda o: o.get_exec_path(),
}
CALLS.update({
    f"path.{name} {path}": lambda o, name=name, path=path: (
        getattr(o.path, name)(path), repr(getattr(o.path, name)(path.encode()))
    )
    for name in ("abspath", "realpath", "expanduser", "expandvars", "relpath", "exists", "isfile")
    for path in ("src", "~/x", "$VAR/y", "${VAR}", "$HOMELESS", "~root", "../other/f", "src/l")
})  # fmt: skip
CHILDREN = {
    "run": lambda o: said(o, ["sh", "-c", SHELL.format("run")]),
    "run elsewhere": lambda o: said(o, ["sh", "-c", SHELL.format("run")], cwd="src"),
    "run with other variables": lambda o: said(
        o, ["sh", "-c", SHELL.format("run")], env={**o.environ, "VAR": "another"}
    ),
    "popen": lambda o: popen(o),
    "system": lambda o: o.system(f"({SHELL.format('system')}) > said"),
    "posix_spawnp": lambda o: waited(
        o, o.posix_spawnp("sh", ["sh", "-c", SHELL.format("spawn")], o.environ)
    ),
    "execvp": lambda o: waited(o, executed(o)),
}


def opened(o, path, mode):
    return o.open_file(path, mode) if hasattr(o, "open_file") else open(path, mode)


def written(file, data):
    with file:
        file.write(data)


def replaced(o, path):
    with o.replacing(path) as file:
        file.write("text")


def nameless(o):
    fd = o.open("src", os.O_TMPFILE | os.O_WRONLY, 0o666)
    mode = o.fstat(fd).st_mode
    o.close(fd)
    return mode


def temporary(o, **options):
    with o.temporary_directory(**options) as path:
        return o.path.dirname(path), o.stat(path).st_mode


def said(o, arguments, **options):
    return o.run(arguments, capture=True, check=True, **options).stdout.decode()


def popen(o):
    with o.popen(SHELL.format("popen")) as file:
        return file.read()


def waited(o, pid):
    return o.waitpid(pid, 0)[1]


def executed(o):
    pid = o.fork()
    if pid == 0:
        try:
            o.execvp("sh", ["sh", "-c", f"({SHELL.format('exec')}) > said"])
        finally:
            os._exit(77)
    return pid


def planted(top):
    os.umask(0)
    for name, mode in (("src/a", 0o666), ("src/sub/b", 0o777), ("f", 0o640), ("there/a", 0o600)):
        put(f"{top}/work/{name}", name, mode)
    put(f"{top}/other/f", "f")
    os.symlink("a", f"{top}/work/src/l")
    os.chmod(f"{top}/work/src", 0o755)
    os.chmod(f"{top}/work/src/sub", 0o2775)
    put(f"{top}/home/.config/git/ignore", "*.skipped\n")
    for name in ("x.skipped", "y"):
        put(f"{top}/work/repository/{name}")
    for name in ("objects", "refs"):
        os.makedirs(f"{top}/work/repository/.git/{name}")
    put(f"{top}/work/repository/.git/HEAD", "ref: refs/heads/main\n")
    os.makedirs(f"{top}/tmp")


def variables(top):
    return {
        "HOME": f"{top}/home",
        "VAR": "value",
        "PATH": os.environ["PATH"],
        "TMPDIR": f"{top}/tmp",
    }


def below(o, top):
    """All that is below a directory of an operating system, as a value."""
    found = []
    for folder, directories, files in o.walk(top or "/"):
        for name in directories + files:
            path = f"{folder.rstrip('/')}/{name}"
            try:
                status = o.lstat(path)
            except PermissionError:  # an ordinary user's own, in a directory that is closed now
                found.append([path[len(top) :], 0, "not to be told"])
                continue
            text = o.readlink(path) if stat.S_ISLNK(status.st_mode) else ""
            if stat.S_ISREG(status.st_mode) and status.st_mode & 0o400:
                with opened(o, path, "r") as file:
                    text = file.read()
            found.append([path[len(top) :], status.st_mode, text.replace(top or "\0", "")])
    return sorted(found)


def outcomes(calls, prepare, top):
    """{call: [what it gave, what is there afterwards]}, each in a child of its own."""
    found = {}
    for name, call in calls.items():
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                o, here = prepare()
                try:
                    answer = call(o)
                except Exception as error:
                    answer = f"{type(error).__name__}: {error}"
                answer = json.dumps(answer, default=str).replace(here or "\0", "")
                text = json.dumps([answer, below(o, here)])
            except BaseException as error:
                text = json.dumps(repr(error))
            os.write(writer, text.encode())
            os._exit(0)
        os.close(writer)
        with open(reader, "rb") as pipe:
            found[name] = json.load(pipe)
        os.waitpid(pid, 0)
        remove_all(top)
        planted(top)
    return found


@pytest.fixture
def tops():
    top = tempfile.mkdtemp(prefix="ostler-own-", dir="/dev/shm")
    before = os.umask(0)
    for name in ("here", "there"):
        planted(f"{top}/{name}")
    yield f"{top}/here", f"{top}/there"
    os.umask(before)
    remove_all(top)


def as_the_host(top, umask):
    def prepare():
        os.umask(umask)
        ostler.chdir(f"{top}/work")
        ostler.environ.clear()
        ostler.environ.update(variables(top))
        return ostler.host, top

    return prepare


def in_another_process(top, umask, process, make):
    def prepare():
        os.umask(process)
        ostler.chdir("/")
        ostler.environ.update(VAR="the process's", HOME="/none", TMPDIR="/var/tmp")
        m, at = make(top)
        m.environ.clear()
        m.environ.update(variables(at))
        m.umask(umask)
        m.chdir(f"{at}/work")
        return m, at

    return prepare


@pytest.mark.parametrize(
    ("umask", "process"),
    [*UMASKS, *(pytest.param(*pair, marks=pytest.mark.thorough) for pair in MORE)],
)
@pytest.mark.parametrize(
    ("make", "calls"),
    [
        (lambda top: (ostler.confined(top), ""), CALLS),
        (lambda top: (ostler.rehearsal("/"), top), CALLS | CHILDREN),
    ],
    ids=["confined", "rehearsal"],
)
def test_it_is_as_on_a_host_that_has_the_same(tops, umask, process, make, calls):
    here, there = tops
    try:
        make(there)[0].close()
    except ostler.MachineUnavailable as error:
        pytest.skip(f"no such machine here: {error}")
    expected = outcomes(calls, as_the_host(here, umask), here)
    found = outcomes(calls, in_another_process(there, umask, process, make), there)
    different = {name: (expected[name], found[name]) for name in calls}
    assert {name: pair for name, pair in different.items() if pair[0] != pair[1]} == {}
    assert [name for name, answer in expected.items() if isinstance(answer, str)] == []


def acl(*entries):
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e, 0xFFFFFFFF) for e in entries)


@pytest.mark.parametrize("umask", [0, 0o027])
def test_where_a_directory_has_a_list_no_umask_counts(tops, umask):
    here, there = tops
    for top in tops:
        try:
            wanted = acl((1, 7), (4, 5), (32, 0))
            os.setxattr(f"{top}/work", "system.posix_acl_default", wanted)
        except OSError as error:
            pytest.skip(f"no access control lists in /dev/shm: {error}")

    def made(o, work):
        o.close(o.open(f"{work}/new", os.O_CREAT | os.O_WRONLY, 0o666))
        o.mkdir(f"{work}/newer")
        o.mkfifo(f"{work}/fifo", 0o666)
        o.write_atomic(f"{work}/atomic", "text")
        fd = o.open(work, os.O_TMPFILE | os.O_WRONLY, 0o666)
        modes = [o.stat(f"{work}/{name}").st_mode for name in ("new", "newer", "fifo", "atomic")]
        modes.append(o.fstat(fd).st_mode)
        o.close(fd)
        return modes

    os.umask(umask)
    expected = made(ostler.host, f"{here}/work")
    os.umask(0o077)
    try:
        m = ostler.confined(there)
    except ostler.MachineUnavailable as error:
        pytest.skip(f"no such machine here: {error}")
    with m:
        m.umask(umask)
        assert made(m, "/work") == expected


@pytest.mark.parametrize("end", ["\r", "\f", "\u2028"])
def test_the_name_of_the_process_feigns_no_umask(end):
    """Its line in /proc/self/status comes first, and has what the name has, but for a newline."""

    def check():
        with open("/proc/self/comm", "wb") as file:
            file.write(f"x{end}Umask:000".encode())
        os.umask(0o077)
        with ostler.scratch() as m:
            assert m.umask(0) == 0o077
        assert ostler.process(os.getpid()).info().name == f"x{end}Umask:000"

    forked(check)


@pytest.mark.parametrize("kind", ["rehearsal", "read_only"])
def test_where_the_process_stands_nowhere(kind, tmp_path, monkeypatch):
    """It begins in no other directory than the one that was removed, unless a base is given."""
    gone, base = tmp_path / "gone", tmp_path / "base"
    gone.mkdir()
    base.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(FileNotFoundError, match="the working directory was removed"):
        getattr(ostler, kind)()
    with getattr(ostler, kind)(base) as m:
        assert m.getcwd() == "/"
    with ostler.scratch() as m:  # which stands in its own "/"
        assert m.getcwd() == "/"
    with ostler.confined(base) as m:
        assert m.getcwd() == "/"


@pytest.mark.parametrize("kind", ["rehearsal", "scratch"])
def test_a_branch_of_what_stands_nowhere(kind, tmp_path):
    with ostler.scratch() if kind == "scratch" else ostler.rehearsal(tmp_path) as m:
        m.mkdir("/gone")
        m.chdir("/gone")
        m.rmdir("/gone")
        with pytest.raises(FileNotFoundError):
            m.branch()
        assert m.points() == []
        m.chdir("/")
        with m.branch() as other:
            assert other.getcwd() == "/"

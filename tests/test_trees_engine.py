"""What the engine promises for every operation: errors, interruption, descriptors, no way out."""

import contextlib
import os
import resource
import signal
import subprocess
import sys
import textwrap
import time

import pytest

import ostler
from tests import tree_maker


def run(code, *args, limit=120):
    """Run a program of its own and return what it printed."""
    source = os.path.dirname(os.path.dirname(os.path.abspath(ostler.__file__)))
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, args)],
        capture_output=True, text=True, timeout=limit, check=False,
        env={**os.environ, "PYTHONPATH": source},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def ordinary(tmp_path):
    """Become an ordinary user for a while, where root; in a directory that is that user's."""
    home = tmp_path / "home"
    home.mkdir()
    # The interpreter's library may be root's alone: load all that is loaded late.
    ostler.trees.digest(home)
    ostler.trees.chmod(home, "u+r")
    ostler.trees.copy(home, tmp_path / "loaded")
    ostler.trees.remove(tmp_path / "loaded")
    if os.geteuid() == 0:
        for path in (home, *tmp_path.parents[:2], tmp_path):
            os.chmod(path, 0o755)
        os.chown(home, 1234, 1234)
        os.setegid(1234)
        os.seteuid(1234)
        yield home
        os.seteuid(0)
        os.setegid(0)
    else:
        yield home


# ---- errors


def test_what_can_not_be_read_is_told(ordinary):
    top = ordinary / "t"
    (top / "open/below").mkdir(parents=True)
    (top / "closed/below").mkdir(parents=True)
    (top / "closed").chmod(0)
    try:
        operations = (
            ostler.trees.size,
            lambda *a, **k: list(ostler.trees.find(*a, **k)),
            lambda *a, **k: list(ostler.trees.walk(*a, **k)),
            ostler.trees.digest,
        )
        for operation in operations:
            told = []
            operation(top, on_error=told.append)
            assert [(type(e), e.filename) for e in told] == [(PermissionError, str(top / "closed"))]
            with pytest.raises(PermissionError) as caught:
                operation(top)
            assert caught.value.filename == str(top / "closed")
            assert caught.value.done is not None
        counts = ostler.trees.size(top, on_error="collect")
        assert counts.directories == 4
        assert [e.filename for e in counts.errors] == [str(top / "closed")]
        copied = ostler.trees.copy(top, ordinary / "c", on_error="collect")
        assert [e.filename for e in copied.errors] == [str(top / "closed")]
        assert (ordinary / "c/open/below").is_dir()
        # It may be opened by its owner.
        ostler.trees.chmod(top, "u+rwx")
        assert (top / "closed/below").is_dir()
    finally:
        (top / "closed").chmod(0o700)


def test_what_can_not_be_removed_is_told(ordinary):
    top = ordinary / "t"
    (top / "a/locked/inner").mkdir(parents=True)
    (top / "b").mkdir()
    (top / "b/file").write_text("x")
    (top / "a/locked").chmod(0o500)
    try:
        with pytest.raises(PermissionError) as caught:
            ostler.trees.remove(top, threads=1)
        assert caught.value.filename == str(top / "a/locked/inner")
        assert caught.value.done.directories <= 1
        done = ostler.trees.remove(top, on_error="collect")
        assert [e.filename for e in done.errors] == [str(top / "a/locked/inner")]
        assert tree_maker.names(ordinary) == [
            str(ordinary / name) for name in ("t", "t/a", "t/a/locked", "t/a/locked/inner")
        ]
    finally:
        (top / "a/locked").chmod(0o700)


def test_what_the_callers_function_raises_comes_out(tmp_path):
    tree = tree_maker.make(str(tmp_path / "t"), size=500)

    class OwnError(Exception):
        pass

    def fail(_):
        raise OwnError

    for threads in (1, 3):
        with pytest.raises(OwnError):
            ostler.trees.size(tree, progress=fail, threads=threads)
        with pytest.raises(OwnError):
            ostler.trees.copy(tree, tmp_path / f"c{threads}", special=False, on_error=fail)


def test_audit_hooks_may_forbid(tmp_path):
    printed = run(
        """
        import os, sys
        from ostler import trees
        top = sys.argv[1]
        os.makedirs(top + "/a")
        heard = []
        def hook(event, arguments):
            if event.startswith("ostler.trees"):
                heard.append(event.removeprefix("ostler.trees."))
                if event == "ostler.trees.remove":
                    raise RuntimeError("no")
        sys.addaudithook(hook)
        trees.size(top)
        trees.copy(top, top + "2")
        trees.chmod(top, 0o700)
        trees.chown(top)
        try:
            trees.remove(top)
        except RuntimeError as error:
            print(error, os.path.exists(top + "/a"))
        print(*heard)
        """,
        tmp_path / "t",
    )
    assert printed.splitlines() == [
        "no True", "open open copy open open chmod open chown remove",
    ]  # fmt: skip


# ---- interruption


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_ctrl_c(tmp_path, threads):
    # What takes for ever is stopped, in a tenth of a second on an idle machine; no thread is left.
    # A signal that comes between two operations is none of theirs: then it is tried again.
    printed = run(
        """
        import os, signal, sys, threading, time
        import ostler
        from ostler import trees

        top, threads = sys.argv[1], int(sys.argv[2])
        for number in range(30):
            os.makedirs(f"{top}/d{number}")
            for file in range(100):
                open(f"{top}/d{number}/f{file}", "w").close()

        def pull(operation):
            def later():
                time.sleep(0.15)
                os.kill(os.getpid(), signal.SIGINT)
            sender = threading.Thread(target=later)
            sender.start()
            try:
                while True:
                    operation()
            except KeyboardInterrupt as error:
                told = hasattr(error, "done")
            else:
                raise AssertionError("not interrupted")
            sender.join()
            for _ in range(500):  # the sender's own thread may still be ending
                left = len(os.listdir("/proc/self/task"))
                if left == 1:
                    return told
                time.sleep(0.01)
            raise AssertionError(f"{left} threads are left")

        def pull_and_tell(operation):
            for _ in range(100):
                if pull(operation):
                    return
            raise AssertionError("never told what was done")

        pull(lambda: trees.size(top, threads=threads))
        pull(lambda: list(trees.find(top, threads=threads)))
        pull(lambda: trees.compare(top, top, threads=threads))
        with open(f"{top}/big", "wb") as file:
            file.truncate(1 << 40)
        pull_and_tell(lambda: trees.copy(top, top + "2", sparse=False, reflink="never",
                                         existing="merge", threads=threads))
        assert not os.path.exists(top + "2/big")
        pull_and_tell(lambda: trees.digest(top, threads=threads))
        print("all stopped")
        """,
        tmp_path / "t", threads,
    )  # fmt: skip
    assert printed == "all stopped\n"


@pytest.mark.parametrize("operation", ["digest", "size", "find", "compare", "copy"])
def test_no_signal_is_lost(tmp_path, operation):
    # An exception from a signal handler, at 60 moments of a long operation: each is raised, and no
    # thread goes on. The operation is done once before: its first imports are importlib's, whose
    # callbacks of weak references print an exception in place of raising it.
    printed = run(
        """
        import os, random, signal, sys, time
        from ostler import trees

        top, operation = sys.argv[1:]
        for number in range(30):
            os.makedirs(f"{top}/d{number}")
            for file in range(30):
                open(f"{top}/d{number}/f{file}", "w").close()
        begin = {
            "digest": lambda: trees.digest(top, threads=8),
            "size": lambda: trees.size(top, threads=8),
            "find": lambda: list(trees.find(top, threads=8)),
            "compare": lambda: trees.compare(top, top, threads=8),
            "copy": lambda: trees.copy(top, top + "2", sparse=False, reflink="never",
                                       existing="merge", threads=8),
        }[operation]
        begin()
        with open(f"{top}/big", "wb") as file:
            file.truncate(1 << 40)

        class Struck(BaseException):
            pass

        def strike(*args):
            raise Struck

        signal.signal(signal.SIGALRM, strike)
        chance = random.Random(operation)
        for _ in range(60):
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.0001 + chance.random() * 0.02)
                while True:
                    begin()
            except Struck:
                pass
            for _ in range(1000):
                if len(os.listdir("/proc/self/task")) == 1:
                    break
                time.sleep(0.01)
            else:
                raise AssertionError("threads go on")
        print("all raised", len(os.listdir("/proc/self/fd")))
        """,
        tmp_path / "t", operation,
    )  # fmt: skip
    assert printed == "all raised 4\n"


def test_a_dropped_stream_leaves_no_thread(tmp_path):
    printed = run(
        """
        import os, sys
        from ostler import trees
        for number in range(300):
            os.makedirs(f"{sys.argv[1]}/d{number}/e")
        for operation in (trees.find, trees.walk):
            stream = operation(sys.argv[1], threads=8)
            next(stream)
            del stream
        print(len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd")) < 10)
        """,
        tmp_path / "t",
    )
    assert printed.split() == ["1", "True"]


def test_fork_while_a_stream_runs(tmp_path):
    printed = run(
        """
        import os, sys
        from ostler import trees
        for number in range(300):
            os.makedirs(f"{sys.argv[1]}/d{number}/e")
        stream = trees.walk(sys.argv[1], threads=4)
        next(stream)
        child = os.fork()
        if child == 0:
            try:
                list(stream)
            except RuntimeError as error:
                del stream
                os._exit(7)
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), len(list(stream)))
        """,
        tmp_path / "t",
    )
    assert printed.split() in (["7", "600"], ["0", "600"])


# ---- few descriptors, little memory


def make_deep(top, depth, siblings=1):
    """A chain of directories, each with some empty ones beside the next."""
    fd = os.open(top, os.O_RDONLY)
    for _ in range(depth):
        for sibling in range(siblings):
            os.mkdir(f"a{sibling}", dir_fd=fd)
        os.mkdir("m", dir_fd=fd)
        for sibling in range(siblings):
            os.mkdir(f"z{sibling}", dir_fd=fd)
        below = os.open("m", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(fd)


@pytest.mark.parametrize("threads", [1, 4])
def test_deep(tmp_path, threads):
    # Far deeper than the descriptors that there are, every level with more to come back for.
    top = tmp_path / "t"
    top.mkdir()
    depth = 600
    make_deep(top, depth)
    printed = run(
        """
        import os, resource, sys
        from ostler import trees
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        top, threads = sys.argv[1], int(sys.argv[2])
        trees.chmod(top, 0o711, threads=threads)
        print(trees.size(top, threads=threads).directories)
        print(sum(1 for _ in trees.find(top, threads=threads)))
        print(sum(1 for _ in trees.walk(top, threads=threads)))
        print(trees.copy(top, top + "2", threads=threads).directories)
        print(len(trees.compare(top, top + "2", times=True, threads=threads)))
        print(trees.remove(top, threads=threads).directories)
        print(trees.remove(top + "2", threads=threads).directories)
        """,
        top, threads,
    )  # fmt: skip
    n = 3 * depth + 1
    assert [int(word) for word in printed.split()] == [n, n - 1, n, n, 0, n, n]
    assert os.listdir(tmp_path) == []


def test_hard_links_are_made_where_descriptors_are_few(tmp_path):
    top = tmp_path / "t"
    top.mkdir()
    (top / "f").touch()
    deep = top
    for _ in range(40):
        for name in "abcd":  # so that each stays open
            (deep / name).mkdir()
        deep = deep / "a"
        os.link(top / "f", deep / "f")
    printed = run(
        """
        import os, resource, sys
        from ostler import trees
        top = sys.argv[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        held = []
        try:
            while True:
                held.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            for _ in range(10):
                os.close(held.pop())
        for more in range(4):  # a directory of a copy has two
            trees.copy(top, f"{top}{more}", threads=1)
            print(os.stat(f"{top}{more}/f").st_nlink)
            os.close(held.pop())
        """,
        top,
    )
    assert printed.split() == ["41"] * 4


MEMORY = """
    import sys
    from ostler import trees
    top, operation = sys.argv[1:3]
    def peak():
        # VmHWM is this program's own; ru_maxrss begins with that of the parent.
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
    before = peak()
    if operation == "find":
        count = sum(1 for _ in trees.find(top))
    elif operation == "walk":
        count = sum(len(d) + len(f) for _, d, f in trees.walk(top))
    elif operation == "copy":
        count = trees.copy(top, top + "2").entries - 1
    else:
        count = getattr(trees, operation)(top).entries - 1
    print(count, peak() - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["files", "directories"])
def test_a_million_names(kind):
    # On tmpfs, within 200 MiB, and with the descriptors that everybody has.
    top = f"/dev/shm/ostler-wide-{os.getpid()}"
    os.mkdir(top)
    try:
        fd = os.open(top, os.O_RDONLY)
        for number in range(1_000_000):
            if kind == "files":
                os.mknod(f"name-{number:07}", dir_fd=fd)
            else:
                os.mkdir(f"name-{number:07}", dir_fd=fd)
        os.close(fd)
        for operation in ("size", "find", "walk", "remove"):
            count, grown = map(int, run(MEMORY, top, operation, limit=600).split())
            print(f"{kind} {operation}: {grown} KiB")
            assert count == 1_000_000
            assert grown < 200 * 1024
    finally:
        subprocess.run(["rm", "-rf", top], check=True)


@pytest.mark.slow
def test_ten_thousand_levels():
    top = f"/dev/shm/ostler-deep-{os.getpid()}"
    os.mkdir(top)
    try:
        make_deep(top, 10_000)
        for operation in ("size", "find", "walk", "copy", "remove"):
            count, grown = map(int, run(MEMORY, top, operation, limit=600).split())
            print(f"deep {operation}: {grown} KiB")
            assert count == 30_000
            assert grown < 200 * 1024
        ostler.trees.remove(top + "2")
    finally:
        subprocess.run(["rm", "-rf", top, top + "2"], check=True)


# ---- no way out


@contextlib.contextmanager
def swapping(top, outside):
    """Another process swaps directories for links that lead out, as fast as it can."""
    swapper = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent("""
            import ctypes, os, sys
            top, outside = sys.argv[1:]
            libc = ctypes.CDLL(None)
            os.symlink(outside, top + ".link")
            print("ready", flush=True)
            done = 0
            told = os.open(top + ".swaps", os.O_CREAT | os.O_WRONLY)
            while os.getppid() != 1:
                for number in range(40):
                    # RENAME_EXCHANGE
                    done += not libc.renameat2(-100, f"{top}/d{number}".encode(), -100,
                                               (top + ".link").encode(), 2)
                os.pwrite(told, str(done).encode(), 0)
            """), top, outside],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        swapper.stdout.readline()
        yield
    finally:
        swapper.send_signal(signal.SIGKILL)
        swapper.wait()
        swapper.stdout.close()
    with open(f"{top}.swaps") as file:
        assert int(file.read()) > 1000


def test_directories_of_a_destination_that_become_links(tmp_path):
    outside = tmp_path / "outside"
    (outside / "deep").mkdir(parents=True)
    (outside / "f0").write_text("mine")
    (outside / "deep/f0").write_text("mine")
    for number in range(40):
        (tmp_path / f"t/d{number}/deep").mkdir(parents=True)
        for name in ("f0", "f1", "deep/f0", "deep/f1"):
            (tmp_path / f"t/d{number}" / name).write_text("theirs")
    to = tmp_path / "c"
    ostler.trees.copy(tmp_path / "t", to)
    before = tree_maker.picture(outside)
    with swapping(to, outside):
        end = time.monotonic() + 2
        rounds = 0
        while time.monotonic() < end or rounds < 3:
            rounds += 1
            ostler.trees.copy(tmp_path / "t", to, existing="merge", on_error="collect")
            assert tree_maker.picture(outside) == before


@pytest.mark.parametrize("operation", ["remove", "chmod", "chown", "copy"])
def test_directories_that_become_links(tmp_path, operation):
    outside = tmp_path / "outside"
    (outside / "deep").mkdir(parents=True)
    for number in range(20):
        (outside / f"f{number}").write_text("mine")
        (outside / f"deep/f{number}").write_text("mine")
    outside.chmod(0o750)
    before = {p: (os.lstat(p)[:6], os.lstat(p).st_ctime_ns) for p in tree_maker.names(outside)}
    top = tmp_path / "t"
    with swapping(top, outside):
        end = time.monotonic() + 3
        rounds = 0
        while time.monotonic() < end or rounds < 3:
            rounds += 1
            for number in range(40):
                try:
                    os.makedirs(top / f"d{number}" / "deep", exist_ok=True)
                except FileExistsError:  # it was swapped between the attempt and the look
                    continue
                for file in range(5):
                    for name in (f"f{file}", f"deep/f{file}"):
                        path = top / f"d{number}" / name
                        try:
                            os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW))
                        except OSError:
                            continue
            before = {p: (os.lstat(p)[:6], os.lstat(p).st_ctime_ns) for p in before}
            if operation == "remove":
                ostler.trees.remove(top, on_error="collect")
            elif operation == "chmod":
                ostler.trees.chmod(top, 0o707, on_error="collect")
            elif operation == "chown":
                ostler.trees.chown(top, os.getuid(), os.getgid(), on_error="collect")
            else:
                to = tmp_path / f"c{rounds}"
                ostler.trees.copy(top, to, on_error="collect")
                copied = list(ostler.trees.find(to, ["f1?", "f[5-9]"], type="file"))
                assert copied == []  # names that only the outside has
            after = {
                p: (os.lstat(p)[:6], os.lstat(p).st_ctime_ns) for p in tree_maker.names(outside)
            }
            assert after == before


def test_reopened_directories_are_the_same_ones(tmp_path):
    # A directory closed for want of descriptors and moved away meanwhile is not taken for another.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    top = tmp_path / "t"
    top.mkdir()
    make_deep(top, 300)
    moved = []

    def move(_):
        if not moved:
            moved.append(True)
            os.rename(top / "m", tmp_path / "away")
            os.mkdir(top / "m")

    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    try:
        count = 0
        stream = ostler.trees.walk(top, threads=1, on_error="collect")
        for _ in stream:
            count += 1
            if count == 200:
                move(None)
        assert count <= 901
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

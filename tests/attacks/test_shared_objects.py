"""Objects with a descriptor or a buffer in C, used by eight threads while others close them.

Each runs in a process of its own, in which a crash, an error that is not told of here, or a thread
that never ends is the failure.
"""

import subprocess
import sys
import textwrap

import pytest

BEFORE = """
import faulthandler, os, sys, tempfile, threading, time, ostler
faulthandler.enable()
faulthandler.dump_traceback_later(60, exit=True)
sys.setswitchinterval(1e-5)
SECONDS = 0.7
wrong = []

def hammer(*kinds):
    # Eight threads, of these kinds in turn, until the time is up.
    end = time.monotonic() + SECONDS
    def go(function):
        try:
            while time.monotonic() < end:
                function()
        except BaseException as error:
            wrong.append(error)
    threads = [threading.Thread(target=go, args=(kinds[i % len(kinds)],)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

class Shared:
    # The newest of its kind, for all threads.
    def __init__(self, make):
        self.make = make
        self.it = make()
    def use(self):
        try:
            for _ in self.it:
                pass
        except (StopIteration, ValueError) as error:
            assert "already" in str(error) or "closed" in str(error), error
        self.it = self.make()
    def close(self):
        try:
            self.it.close()
        except ValueError as error:
            assert "already" in str(error), error
        time.sleep(0)

def opened():
    return len(os.listdir("/proc/self/fd"))

top = tempfile.mkdtemp(dir=sys.argv[1])
for i in range(1500):
    open(f"{top}/{i:040}", "w").close()
for i in range(20):
    os.mkdir(f"{top}/d{i}")
    open(f"{top}/d{i}/x", "w").close()
before = opened()
"""
AFTER = """
import gc
gc.collect()
assert not wrong, wrong
assert opened() == before, (before, os.listdir("/proc/self/fd"))
print("fine")
"""

CASES = {
    "a scandir iterator": """
        shared = Shared(lambda: ostler.scandir(top))
        hammer(shared.use, shared.close)
        shared.close()
    """,
    "a scandir iterator of a descriptor": """
        fd = os.open(top, os.O_RDONLY)
        shared = Shared(lambda: ostler.scandir(fd))
        hammer(shared.use, shared.close)
        shared.close()
        os.close(fd)
    """,
    "the entries of a scandir iterator, each handed out once": """
        def once():
            with ostler.scandir(top) as it:
                lists = [[] for _ in range(8)]
                def take(into):
                    for entry in it:
                        into.append(entry.name)
                threads = [threading.Thread(target=take, args=(into,)) for into in lists]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
            assert sorted(sum(lists, [])) == sorted(os.listdir(top))
        for _ in range(20):
            once()
    """,
    "what a DirEntry keeps": """
        def entries():
            return [entry for entry in ostler.scandir(top)]
        held = entries()
        numbers = {e.name: e.inode() for e in held}
        def ask():
            for e in held:
                assert e.stat(follow_symlinks=False).st_ino == numbers[e.name] == e.stat().st_ino
                assert e.stat() is e.stat() and e.path == top + "/" + e.name
        def renew():
            held[:] = entries()
        hammer(ask, ask, renew, ask)
    """,
    "a walk": """
        shared = Shared(lambda: ostler.walk(top))
        hammer(shared.use, shared.close)
        shared.close()
    """,
    "an fwalk": """
        shared = Shared(lambda: ostler.fwalk(top))
        hammer(shared.use, shared.close)
        shared.close()
        del shared
    """,
    "an iter_dir": """
        shared = Shared(lambda: ostler.iter_dir(top))
        def elsewhere():  # what is opened meanwhile gets the numbers that were closed
            os.close(os.open("/", os.O_RDONLY))
        def use():
            it = shared.it
            for entry in it:
                assert entry.info.stx_ino == os.lstat(entry.path).st_ino
            shared.it = shared.make()
        hammer(use, shared.close, elsewhere, use)
        shared.close()
    """,
    "a walk_entries": """
        shared = Shared(lambda: ostler.walk_entries(top))
        hammer(shared.use, shared.close)
        shared.close()
        del shared
    """,
    "a stream of trees.find": """
        shared = Shared(lambda: ostler.trees.find(top, threads=2))
        hammer(shared.use)
        shared = None
    """,
    "the paths of a stream of trees.find, each handed out once": """
        for _ in range(20):
            it = ostler.trees.find(top, threads=2)
            found = []
            def take():
                found.extend(it)
            threads = [threading.Thread(target=take) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(found) == len(set(found)) == 1540, len(found)
        it = None
    """,
    "a stream of trees.walk": """
        shared = Shared(lambda: ostler.trees.walk(top, threads=2))
        hammer(shared.use)
        shared = None
    """,
    "the environment": """
        names = [f"OSTLER_TRIED_{i}" for i in range(50)]
        def write():
            for name in names:
                ostler.environ[name] = "x" * 100
            for name in names:
                ostler.environ.pop(name, None)
        def read():
            for name in names:
                value = ostler.environ.get(name)
                assert value in (None, "x" * 100), value
            ostler.environ.copy(), ostler.environb.copy(), repr(ostler.environ)
            try:
                dict(ostler.environb)
            except KeyError:  # it asks for the names first, and then for each value, in C
                assert not getattr(sys, "_is_gil_enabled", lambda: True)()
        SECONDS = 0.5
        hammer(write, read)
        assert not any(name in ostler.environ for name in names)
    """,
    "popen's streams": """
        shared = [ostler.popen("exit 3")]
        def close():
            stream = shared[0]
            assert stream.close() == 3 << 8
            shared[0] = ostler.popen("exit 3")
        hammer(close)
        shared[0].close()
        # One that was dropped stays until its command has ended and somebody asks for another.
        for _ in range(1000):
            if opened() == before:
                break
            time.sleep(0.01)
            ostler.popen("exit 3").close()
    """,
    "a handle of a process": """
        import signal
        def make():
            pid = os.posix_spawn("/bin/sleep", ["sleep", "60"], os.environ)
            return ostler.process(pid)
        class Held:
            it = make()
        ended = []
        def use():
            it = Held.it
            try:
                it.poll()
                it.info()
                it.signal(signal.SIGCONT)
            except ValueError as error:
                assert "closed" in str(error), error
            except ProcessLookupError:
                pass  # killed by the other kind
        one_at_a_time = threading.Lock()
        def swap():
            with one_at_a_time:
                it, Held.it = Held.it, make()
            it.close()
            os.kill(it.pid, signal.SIGKILL)
            ended.append(os.waitpid(it.pid, 0)[1])
        hammer(use, swap)
        Held.it.signal(signal.SIGKILL)
        assert Held.it.wait() == -signal.SIGKILL
        Held.it.close()
        assert set(ended) == {signal.SIGKILL}
    """,
    "a handle that is waited for and closed meanwhile": """
        for _ in range(30):
            one = os.posix_spawn("/bin/sleep", ["sleep", "0.05"], os.environ)
            other = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 5"], os.environ)
            handle = ostler.process(one)
            told = []
            waiter = threading.Thread(target=lambda: told.append(handle.wait()))
            waiter.start()
            time.sleep(0.01)
            handle.close()
            another = ostler.process(other)  # would get the number of the first
            waiter.join()
            assert told in ([0], []) and another.wait() == 5, told
            if not told:
                os.waitpid(one, 0)
            another.close()
    """,
    "a directory that is cleaned up by all": """
        for _ in range(50):
            directory = ostler.temporary_directory(dir=top)
            path = directory.__enter__()
            open(path + "/x", "w").close()
            threads = [threading.Thread(target=directory.cleanup) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert not os.path.exists(path)
    """,
}


@pytest.mark.parametrize("what", CASES)
def test_shared_by_eight_threads(what, tmp_path):
    program = BEFORE + textwrap.dedent(CASES[what]) + AFTER
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0 and done.stdout == "fine\n", done.stderr[-3000:]


def test_a_pattern_that_is_half_made(tmp_path):
    # The first expandvars() makes two patterns: nobody may see the one without the other.
    program = """
import re, threading, ostler
ostler.environ["A"] = "a"
compile, told = re.compile, []
def slow(text, flags=0):
    if isinstance(text, bytes) and not told:
        told.append(None)
        thread = threading.Thread(target=lambda: told.append(ostler.path.expandvars(b"$A/b")))
        thread.start()
        thread.join(20)
    return compile(text, flags)
re.compile = slow
assert ostler.path.expandvars("$A/b") == "a/b"
assert told == [None, b"a/b"], told
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)

"""What a machine holds: made once, whoever comes at once; given back at once, whoever is busy."""

import contextlib
import gc
import os
import signal
import sys
import threading
import time
import weakref

import pytest

import ostler
from tests.machines import as_self, as_user, kinds

both_users = pytest.mark.parametrize("user", [as_self, as_user])


KINDS = [*kinds.WHOLE, kinds.rehearsal]
every_kind = pytest.mark.parametrize("kind", KINDS)
with_programs = pytest.mark.parametrize("kind", kinds.WHOLE)


def held():
    """What this process has: descriptors by what they are, children, threads."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{name}").partition(":")[0])
        except FileNotFoundError:  # that of the listing itself
            pass
    return sorted(found), children(), threads_of_the_kernel()


def threads_of_the_kernel():
    """How many threads there are; one that was joined is the kernel's for a moment longer."""
    wanted = threading.active_count()
    for _ in range(1000):
        found = len(os.listdir("/proc/self/task"))
        if found <= wanted:
            break
        time.sleep(0.01)
    return found


def children():
    """The children of all threads that have not ended; a first process is one."""
    found = []
    for thread in os.listdir("/proc/self/task"):
        try:
            with open(f"/proc/self/task/{thread}/children") as file:
                found += file.read().split()
        except (FileNotFoundError, ProcessLookupError):  # it has ended since
            pass
    return [pid for pid in found if state_of(pid) not in "ZX"]


def state_of(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


class Busy:
    """A second thread that is in and out of calls, on a machine of its own."""

    def __enter__(self):
        self.over = threading.Event()
        self.outside = threading.Lock()
        self.machine = ostler.scratch()
        self.thread = threading.Thread(target=self.work)
        self.thread.start()
        return self.outside

    def work(self):
        while not self.over.wait(0.0001):
            with self.outside:
                for _ in range(100):
                    self.machine.listdir("/")

    def __exit__(self, *exception):
        self.over.set()
        self.thread.join()
        self.machine.close()


def at_once(count, work):
    """What each of so many threads gave, or its exception, begun as much at once as can be."""
    barrier = threading.Barrier(count)
    outcomes = [None] * count

    def run(number):
        barrier.wait()
        try:
            outcomes[number] = work(number)
        except BaseException as error:
            outcomes[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


# ---- made once ----


def first_children(kind, directory):
    """What eight threads leave that start the first children of a machine at once."""
    kind(directory).close()
    old = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        before = held()
        seen = set()
        codes = []
        for _ in range(4):
            machine = kind(directory)
            alone = held()
            codes += at_once(8, lambda number, machine=machine: machine.run(["true"]).code)
            more = held()
            # One namespace of mounts, and what else there is of a confined one.
            fds = [more[0].count(each) - alone[0].count(each) for each in ("mnt", "pid", "ipc")]
            seen.add((*fds, len(more[1]) - len(alone[1])))
            machine.close()
        return before, held(), codes, seen
    finally:
        sys.setswitchinterval(old)


@both_users
@with_programs
def test_what_children_share_is_made_once(kind, user, directory):
    before, after, codes, seen = user(first_children, kind, directory)
    assert codes == [0] * 32
    assert after == before
    assert len(seen) == 1
    mnt, pid, ipc, processes = seen.pop()
    assert (pid, ipc, processes) == ((1, 1, 1) if kind is kinds.whole_confined else (0, 0, 0))
    assert mnt == (2 if kind is kinds.whole_confined else 1)


def failed_making(kind, directory):
    """A first child that can't be had for want of descriptors, and the next one."""
    import resource

    kind(directory).close()
    before = held()
    machine = kind(directory)
    alone = held()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    outcomes = []
    for spare in range(40):
        # The lowest numbers that are free: a limit below the highest one in use is permitted.
        limit = spare + 3
        filled = []
        while True:
            fd = os.open("/dev/null", os.O_RDONLY)
            if fd >= limit:
                os.close(fd)
                break
            filled.append(fd)
        for fd in filled[3:]:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        try:
            machine.run(["true"])
            outcomes.append("ok")
        except OSError as error:
            outcomes.append(error.errno)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            for fd in filled[:3]:
                os.close(fd)
        if outcomes[-1] == "ok":
            break
        # What has been made is whole, and kept for the next one: never more than one of each.
        now = held()
        for each in ("mnt", "pid", "ipc", "net", "user"):
            most = 2 if kind is kinds.whole_confined and each in ("mnt", "user") else 1
            assert now[0].count(each) - alone[0].count(each) <= most, outcomes
        assert len(now[1]) <= 1
    last = machine.run(["true"]).code
    machine.close()
    return before, held(), outcomes, last


@both_users
@with_programs
def test_a_failed_making_leaves_nothing_and_is_tried_again(kind, user, directory):
    before, after, outcomes, last = user(failed_making, kind, directory)
    assert after == before
    assert last == 0
    # EMFILE; or ESRCH, of a first process that had none to spare.
    assert 24 in outcomes and set(outcomes[:-1]) <= {24, 3}
    assert outcomes[-1] in ("ok", 24)


def closed_meanwhile(kind, directory):
    """Close a machine while four threads start children on it; what is left alive."""
    kind(directory).close()
    before = held()
    outcomes = set()
    alive = []
    for turn in range(20):
        machine = kind(directory)
        pids = []

        def work(number, machine=machine, pids=pids, turn=turn):
            if number == 4:
                time.sleep(turn * 0.0008)
                machine.close()
                return None
            pid = machine.spawnv(os.P_NOWAIT, "/bin/sleep", ["sleep", "60"])
            pids.append(pid)
            return "started"

        for outcome in at_once(5, work):
            outcomes.add(outcome if isinstance(outcome, str | None) else type(outcome).__name__)
        if kind is kinds.whole_confined:
            end = time.monotonic() + 10
            while [p for p in pids if state_of(p) not in "ZX"] and time.monotonic() < end:
                time.sleep(0.001)
        for pid in pids:
            alive.append(state_of(pid) not in "ZX")
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    gc.collect()
    end = time.monotonic() + 10
    while held() != before and time.monotonic() < end:  # a first process is on its way
        time.sleep(0.001)
    return before, held(), outcomes, alive


@both_users
@with_programs
def test_closed_while_children_are_started(kind, user, directory):
    before, after, outcomes, alive = user(closed_meanwhile, kind, directory)
    assert after == before
    assert outcomes <= {"started", None, "ValueError", "OSError", "BlockingIOError"}, outcomes
    if kind is kinds.whole_confined:
        assert not any(alive)


def forked_meanwhile(kind, directory):
    """Fork while other threads make what children need; what the child can do."""
    codes = []
    for _ in range(10):
        machine = kind(directory)
        threads = [
            threading.Thread(target=lambda machine=machine: machine.run(["true"])) for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        pid = os.fork()
        if pid == 0:
            signal.alarm(60)
            code = 1
            try:
                code = machine.run(["true"]).code
                machine.listdir("/")
                machine.close()
            finally:
                os._exit(code)
        for thread in threads:
            thread.join()
        codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        machine.close()
    return codes


@both_users
@with_programs
def test_a_process_forked_in_the_middle(kind, user, directory):
    assert user(forked_meanwhile, kind, directory) == [0] * 10


# ---- given back ----


def end(machine, how):
    if how == "close":
        machine.close()
    elif how == "with":
        with machine:
            pass
    elif how == "error":
        with pytest.raises(KeyError), machine:
            raise KeyError
    elif how == "killed child":
        pid = machine.spawnv(os.P_NOWAIT, "/bin/sleep", ["sleep", "60"])
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        machine.close()
    elif how == "forked":
        pid = os.fork()
        if pid == 0:
            before = held()
            machine.close()
            os._exit(0 if len(held()[0]) < len(before[0]) else 1)
        assert os.waitpid(pid, 0)[1] == 0
        machine.close()
    else:
        assert how == "dropped"


def what_stays(kind, directory, how, busy, runs):
    """What the process has before and after machines that end in this way, without collector."""
    with Busy() if busy else contextlib.nullcontext(threading.Lock()) as outside:
        kind(directory).close()
        gc.collect()
        gc.disable()
        with outside:  # of its calls, which have descriptors of their own
            before = held()
        for _ in range(5):
            machine = kind(directory)
            machine.chdir("/")
            machine.path.exists("/file")
            machine.path.join("a", "b")
            machine.environ["A"] = "b"
            machine.faults.add("mkdir")
            machine.trees.count("/dev" if runs else "/", on_error="collect")
            if runs:
                machine.run(["true"])
            end(machine, how)
            del machine
        with outside:
            after = held()
        gc.enable()
        return before, after


HOW = ["close", "with", "error", "forked", "dropped", "killed child"]


@pytest.mark.parametrize("busy", [False, True], ids=["alone", "busy"])
@both_users
@every_kind
@pytest.mark.parametrize("how", HOW)
def test_nothing_stays(kind, user, how, busy, directory):
    runs = kind is not kinds.rehearsal
    if not runs and how == "killed child":
        how = "close"
    before, after = user(what_stays, kind, directory, how, busy, runs)
    assert after == before


def many(kind, directory):
    """So many machines, each closed or dropped, under a low limit and beside a busy thread."""
    import resource

    with Busy():
        gc.disable()
        low = len(os.listdir("/proc/self/fd")) + 60
        resource.setrlimit(resource.RLIMIT_NOFILE, (low, low))
        for number in range(300):
            machine = kind(directory)
            machine.listdir("/")
            if number % 2:
                machine.close()
            del machine
    return "all"


@both_users
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=pytest.mark.thorough if kind is kinds.whole_rehearsal else ())
        for kind in KINDS
    ],
)
def test_many_machines_under_a_limit(kind, user, directory):
    assert user(many, kind, directory) == "all"


def test_the_path_of_a_machine(directory):
    machine = ostler.rehearsal(directory)
    assert machine.path is machine.path
    paths = machine.path
    assert paths.machine is machine
    assert machine.path is paths
    exists = machine.path.exists
    before = len(os.listdir("/proc/self/fd"))
    gc.disable()
    try:
        del machine
        # Who has the paths, or a function of theirs, has the machine.
        assert paths.exists("/file")
        del paths
        assert exists("/file")
        assert len(os.listdir("/proc/self/fd")) == before
        del exists
        assert len(os.listdir("/proc/self/fd")) < before
    finally:
        gc.enable()


def descriptors():
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture
def no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_a_machine_that_was_kept_by_its_path_alone(no_collector):
    """It is as any other when it has a name again, and is gone at once with the last one."""
    before = descriptors()
    machine = ostler.scratch()
    seen = weakref.ref(machine)
    exists = machine.path.exists
    del machine
    machine = seen()
    assert machine.path is machine.path
    assert machine.path.exists == exists
    del machine
    assert exists("/")
    machine = exists.__self__.machine
    assert machine is seen()
    del exists
    assert machine.path.exists("/")
    paths = machine.path
    del machine
    assert paths.exists("/") and paths.machine.path is paths
    assert descriptors() > before
    del paths
    assert seen() is None
    assert descriptors() == before


def test_the_last_name_goes_while_a_path_is_asked(no_collector):
    """What a thread waits for is the machine's until it has it."""
    before = descriptors()
    machine = ostler.scratch()
    begun, dropped = threading.Event(), threading.Event()

    class Slow:
        def __fspath__(self):
            begun.set()
            assert dropped.wait(30)
            return "/"

    outcome = []
    thread = threading.Thread(
        target=lambda of: outcome.append(of(Slow())), args=[machine.path.exists]
    )
    thread.start()
    assert begun.wait(30)
    seen = weakref.ref(machine)
    del machine
    dropped.set()
    thread.join()
    assert outcome == [True]
    del thread
    assert seen() is None
    assert descriptors() == before


def derived(**names):
    kind = type(ostler.scratch())
    return type("Derived", (kind,), {"__slots__": (), **names})


def test_a_derived_machine_with_an_end_of_its_own(no_collector):
    ended = []
    kind = derived(__del__=lambda self: ended.append(self.path.exists("/")))
    before = descriptors()
    machine = ostler.scratch()
    machine.__class__ = kind
    paths = machine.path
    assert machine.path is paths
    del machine
    assert paths.exists("/") and paths.machine.path is paths
    assert ended == []
    del paths
    assert ended == [True]
    assert descriptors() == before


@pytest.mark.skipif("t" in sys.abiflags, reason="without the GIL a Path keeps its machine always")
def test_a_path_whose_machine_went_without_it(no_collector):
    before = descriptors()
    machine = ostler.scratch()
    paths = machine.path
    machine.__class__ = derived(__del__=lambda self: None)
    del machine
    assert descriptors() == before
    with pytest.raises(TypeError, match="a Path without a machine"):
        paths.exists("/")
    assert paths.join("a", "b") == "a/b"
    nobodys = type(paths).__new__(type(paths))
    with pytest.raises(TypeError, match="a Path without a machine"):
        nobodys.getsize("/")
    with pytest.raises(TypeError, match="stays with its machine"):
        ostler.scratch().path.__init__(ostler.scratch())


def test_a_path_that_is_taken_while_its_machine_is_collected():
    """From a finalizer, of what nobody has any more: it is alive again, with its machine."""
    kept = []

    class Holder:
        def __del__(self):
            kept.append(self.machine.path)

    gc.collect()
    before = descriptors()
    for _ in range(5):
        holder = Holder()
        holder.machine = ostler.scratch()
        holder.itself = holder
        holder.machine.environ = {"holder": holder}
        del holder
    gc.collect()
    assert [path.exists("/") for path in kept] == [True] * 5
    assert all(path.machine.path is path for path in kept)
    kept.clear()
    gc.collect()
    assert descriptors() == before


def test_a_cycle_of_a_users_own_is_collected(directory):
    class Holder:
        pass

    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        holder = Holder()
        holder.machine = ostler.scratch()
        holder.path = holder.machine.path
        holder.machine.environ = {"holder": holder}
        holder.itself = holder
        del holder
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_call_under_way_ends_before_the_descriptors_go():
    """One thread waits inside open(); the other closes the machine, and the numbers stay its."""
    machine = ostler.scratch()
    machine.mkfifo("/pipe")
    twin = machine.open("/", os.O_PATH)
    root = machine._root
    begun = threading.Event()
    outcome = []

    def work():
        begun.set()
        outcome.append(machine_open("/pipe", os.O_RDONLY))

    machine_open = machine.open
    thread = threading.Thread(target=work)
    thread.start()
    begun.wait()
    time.sleep(0.1)
    machine.close()
    assert os.path.samestat(os.fstat(root), os.fstat(twin))  # still in use
    os.close(os.open(f"/proc/self/fd/{twin}/pipe", os.O_WRONLY))
    thread.join(30)
    os.close(outcome[0])
    os.close(twin)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(root)

"""Points beside threads: other threads of the program, and the background that squashes layers."""

import contextvars  # noqa: F401  # an ordinary user can't read the interpreter's files everywhere
import errno
import os
import sys
import threading
from collections import deque
from functools import partial

import pytest

import ostler
from ostler.machines.rehearsal import commits, flat, layers, moments, points  # noqa: F401
from ostler.points import background, history
from tests.machines.rehearsing import put_on, text

pytestmark = [
    pytest.mark.usefixtures("as_user"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def at_once(functions):
    """Call them in a thread each, all at the same time; the first error of any is ours."""
    begin, errors = threading.Barrier(len(functions)), []

    def call(function):
        begin.wait()
        try:
            function()
        except BaseException as error:
            errors.append(error)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=call, args=(each,)) for each in functions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    if errors:
        raise errors[0]


def test_the_background_squashes_while_a_checkpoint_fails(base, monkeypatch):
    """What is written after the checkpoint that was refused is in the next one."""
    monkeypatch.setattr(history, "BLOCK", 2)
    held, remove_stores = threading.Event(), layers.remove_stores

    def held_up(*args):
        held.wait(60)
        remove_stores(*args)

    def full(*args, **kwargs):
        held.set()
        m._history.background.finish()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with ostler.rehearsal(base) as m:
        put_on(m, "/a", b"a")
        with monkeypatch.context() as patch:
            patch.setattr(layers, "remove_stores", held_up)
            m.checkpoint()
            put_on(m, "/b", b"b")
            patch.setattr(layers, "mounted_again", full)
            with pytest.raises(OSError, match="No space"):
                m.checkpoint()
        put_on(m, "/c", b"c")
        m.mkdir("/d")
        point = m.checkpoint()
        put_on(m, "/c", b"later")
        m.rollback(point)
        assert sorted(m.listdir("/")) == ["a", "b", "c", "d"]
        with m.open_file("/c") as file:
            assert file.read() == "c"
        m.commit()
    assert text(f"{base}/c") == "c"


def test_what_is_being_squashed_stays(monkeypatch):
    monkeypatch.setattr(history, "BLOCK", 2)
    known = history.History()
    for number in range(2):
        known.at = known.freeze({b"": b"layers/%d" % number})
        known.top = known.number()
    point = known.note("point", known.at)
    parts = known.to_squash()
    assert len(parts) == 2
    known.at = None
    known.drop(point)
    assert known.sweep(set()) == set()
    known.squashed(parts, 9, {b"": b"layers/9"})
    assert known.sweep(set()) == {b"layers/0", b"layers/1", b"layers/9"}


@pytest.mark.parametrize(
    "rounds", [5, pytest.param(100, marks=pytest.mark.thorough)], ids=["few", "many"]
)
def test_many_threads_make_the_first_point(base, rounds):
    for _ in range(rounds):
        with ostler.rehearsal(base) as m:
            for number in range(8):
                put_on(m, f"/{number}", b"x")
            at_once([m.checkpoint] * 8)
            assert len(m.points()) == 8
            assert len({point.name for point in m.points()}) == 8
            put_on(m, "/later", b"x")
            for point in m.points():
                m.rollback(point)
                assert len(m.listdir("/")) == 8


@pytest.mark.parametrize(
    "rounds", [5, pytest.param(100, marks=pytest.mark.thorough)], ids=["few", "many"]
)
def test_points_beside_commits(base, rounds):
    """All that was written is in the base in the end, whoever commits and makes points."""
    with ostler.rehearsal(base) as m:

        def busy(call, *args):
            while True:
                try:
                    return call(*args)
                except OSError as error:
                    if error.errno not in (errno.EBUSY, errno.EROFS):
                        raise

        def write(number):
            for count in range(rounds):
                busy(put_on, m, f"/{number}-{count}", b"x")
                busy(m.commit if number % 2 else m.checkpoint)

        def look():
            for _ in range(rounds):
                m.changes()
                m.points()
                m.diff()

        at_once([*(partial(write, number) for number in range(4)), look])
        m.commit()
        assert not m.changes()
    assert len(os.listdir(base)) == 4 * rounds


@pytest.mark.parametrize("first", ["commit", "discard", "keep", "checkpoint", "rollback"])
def test_one_thing_at_a_time(base, folder, first, monkeypatch):
    """What takes a machine's state as a whole waits for another thread that does."""
    under_way, go_on, done = threading.Event(), threading.Event(), threading.Event()
    with ostler.rehearsal(base) as m:
        put_on(m, "/a", b"a")
        point = m.checkpoint()
        put_on(m, "/b", b"b")
        calls = {
            "commit": m.commit,
            "discard": m.discard,
            "keep": partial(m.keep, f"{folder}/kept"),
            "checkpoint": m.checkpoint,
            "rollback": partial(m.rollback, point),
        }
        place, name = (layers, "stand_on") if first != "keep" else (points, "squash_into")
        function = getattr(place, name)

        def slowly(*args):
            if under_way.is_set():
                return function(*args)
            under_way.set()
            go_on.wait(60)
            function(*args)
            done.set()

        def other():
            under_way.wait(60)
            threading.Timer(0.05, go_on.set).start()
            m.checkpoint("second")
            assert done.is_set()

        monkeypatch.setattr(place, name, slowly)
        at_once([calls[first], other])
        assert "second" in [each.name for each in m.points()]
        with pytest.raises(RuntimeError, match="in the middle"):
            monkeypatch.setattr(place, name, lambda *args: m.checkpoint())
            put_on(m, "/c", b"c")
            m.discard() if first == "discard" else calls[first]()
        monkeypatch.undo()


def test_forks_beside_new_backgrounds(monkeypatch):
    """Each copy waits for the background of all machines, whatever is added meanwhile."""
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", seen.append)
    over = threading.Event()

    def make():
        while not over.is_set():
            [background.Background() for _ in range(20)]

    def fork():
        try:
            for _ in range(100):
                pid = os.fork()
                if pid == 0:
                    os._exit(0)
                os.waitpid(pid, 0)
        finally:
            over.set()

    at_once([fork, make, make])
    assert not seen


def test_it_is_not_waited_for_all_of_the_background(monkeypatch):
    """A point waits until there are few enough layers, and not until nothing is left to be done."""
    monkeypatch.setattr(history, "BLOCK", 3)
    monkeypatch.setattr(points, "_MANY", 5)
    first, last = threading.Lock(), threading.Lock()
    first.acquire()
    last.acquire()
    too_late = threading.Timer(20, last.release)
    too_late.daemon = True
    begins = threading.Timer(0.2, first.release)
    too_late.start()
    with ostler.scratch() as m:
        try:
            m.checkpoint()
            m._history.background.finish()
            m._history.background.add(lambda: first.acquire())
            for number in range(4):
                put_on(m, f"/{number}", b"x")
                m.checkpoint()
            m._history.background.add(lambda: last.acquire())
            begins.start()
            for number in range(4, 8):
                put_on(m, f"/{number}", b"x")
                m.checkpoint()
            assert last.locked()
            assert len(m.points()) == 9
        finally:
            too_late.cancel()
            last.release() if last.locked() else None
        m._history.background.finish()


class Deque(deque):
    """One during whose first look at its length somebody else acts."""

    meanwhile = None

    def __len__(self):
        length = super().__len__()
        if length and self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        return length


def test_jobs_are_dropped_while_one_is_begun():
    """The thread goes on, and whoever waits for it."""
    queue = background.Background()
    queue._jobs = jobs = Deque()
    dropping = threading.Thread(target=queue.drop, daemon=True)

    begun = threading.Event()

    def drop():
        dropping.start()
        begun.set()
        dropping.join(0.1)  # where that does not wait, it is over by then

    def begin():
        jobs.meanwhile = drop

    done = []
    queue.add(begin, lambda: done.append(1), lambda: done.append(2))
    assert begun.wait(10)
    dropping.join(10)
    waiting = threading.Thread(target=queue.finish, daemon=True)
    waiting.start()
    waiting.join(10)
    assert not waiting.is_alive() and not dropping.is_alive()
    queue.add(lambda: done.append(3))
    queue.finish()
    assert done[-1] == 3


def test_an_error_that_nobody_can_be_told_does_not_end_the_background(monkeypatch):
    def fail(*arguments):
        raise RuntimeError

    queue, done = background.Background(), []
    monkeypatch.setattr(sys, "excepthook", fail)
    queue.add(lambda: 1 / 0, lambda: done.append(1))
    queue.finish()
    assert done == [1]

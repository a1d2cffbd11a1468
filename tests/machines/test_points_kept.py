"""Points that are kept on disk: taken up as they were, by whom, and what is refused."""

import contextlib
import contextvars  # noqa: F401  # an ordinary user can't read the interpreter's files everywhere
import errno
import json
import os
import random
import subprocess
import time

import pytest

import ostler
from ostler.machines.rehearsal import kept_points, layers, moments, state_files, uppers  # noqa: F401
from ostler.machines.rehearsal.places import OwnTree
from ostler.points import history
from tests.machines import as_self
from tests.machines.rehearsing import by_steps, got, kinds, put, put_on, text, view
from tests.machines.test_rehearsal_random import furnish, operate, timeless
from tests.test_durable import run_and_kill

pytestmark = [
    pytest.mark.usefixtures("as_user"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(autouse=True)
def checked(monkeypatch):
    """Whatever is written down, all of it together is the state as it stands, to the letter."""
    write = kept_points.Keeper.write

    def and_read(keeper, stores_are_new=False):
        write(keeper, stores_are_new)
        machine = keeper._machine()
        wanted = json.loads(json.dumps(kept_points.state_of(machine, keeper.has_rule)))
        stands = uppers.state_of(machine._stores, machine._directory)
        for known in (wanted, stands):  # a counter may have gone on; what has it has not
            if known.get("history"):
                known["history"].pop("next")
        assert stands == wanted

    monkeypatch.setattr(kept_points.Keeper, "write", and_read)


@pytest.fixture(params=["beside", "within"])
def upper(request, base):
    """Where changes are kept: beside the base, or within it, where layers lie in what is below."""
    return f"{base}/.kept" if request.param == "within" else f"{base}-kept"


def taken(base, upper, **how):
    os.makedirs(upper, mode=0o700, exist_ok=True)
    return ostler.rehearsal(base, upper=upper, **how)


def seen(m):
    """The files that there are, but for where the changes themselves are kept."""
    return view(m, without=[b"/.kept"])


def state(upper):
    fd = os.open(upper, os.O_RDONLY)
    try:
        return uppers.state_of(fd, upper)
    finally:
        os.close(fd)


def files_below(upper):
    """All that is in an upper, but what the kernel has for itself in the top's work directory."""
    found = subprocess.run(["find", ".", "-name", "work", "-prune", "-o", "-print"],
                           cwd=upper, capture_output=True, text=True)  # fmt: skip
    return set(found.stdout.split())


def test_taken_up(base, upper):
    put(f"{base}/file", "base")
    with taken(base, upper) as m:
        put_on(m, "/file", b"one")
        first = m.checkpoint("first", command=["make", "all"])
        first.ended(2, {"modified": 1})
        put_on(m, "/more", b"more")
        m.checkpoint()
        m.unlink("/file")
        shown = seen(m)
    with taken(base, upper) as m:
        assert seen(m) == shown
        first, second = m.points()
        assert (first.name, first.command, first.status) == ("first", ["make", "all"], 2)
        assert (first.counts, second.status, second.parent) == ({"modified": 1}, None, first)
        assert kinds(m, base)["file"] == "removed"
        left = m.rollback("first")
        assert left.name == "2"
        assert (m.open_file("/file").read(), m.path.exists("/more")) == ("one", False)
    with taken(base, upper) as m:
        assert [p.name for p in m.points()] == ["first", "1", "2"]
        assert m.redo().name == "2"
        assert seen(m) == shown
        with pytest.raises(ValueError, match="redo"):
            m.redo()
        assert {c.kind for c in m.changes(since="first", until="1")} == {"created"}
        with m.at("first") as then:
            assert then.open_file("/file").read() == "one"
        m.drop("2")
        m.commit(leave_behind=True)
        assert m.points() == []
        assert not os.path.exists(f"{base}/file")
        assert text(f"{base}/more") == "more"
    with taken(base, upper) as m:
        assert (m.points(), m.changes()) == ([], [])
        m.create_file("/again", "")
        m.checkpoint("again")
    with taken(base, upper) as m:
        assert [p.name for p in m.points()] == ["again"]
        m.discard()
        assert (m.points(), kinds(m, base)) == ([], {})
    assert not os.path.exists(f"{upper}/layers")


def test_without_points_it_is_kept_as_before(base, upper):
    with taken(base, upper) as m:
        m.create_file("/a", "")
    assert set(state(upper)) == {"base", "started", "overlays", "own", "marks"}
    with taken(base, upper) as m:
        assert m.path.exists("/a")
        m.checkpoint()
        m.create_file("/b", "")
    assert state(upper)["version"] == 3
    with taken(base, upper) as m:
        m.rollback("1")
        assert (m.path.exists("/a"), m.path.exists("/b")) == (True, False)


def test_nothing_is_made_where_nothing_was_changed(base, upper):
    for number in range(3):
        with taken(base, upper) as m:
            m.checkpoint(f"p{number}")
            m.checkpoint()
    assert len(state(upper)["history"]["layers"]) <= 1
    with taken(base, upper) as m:
        assert len(m.points()) == 6


def test_a_command_that_can_not_be_written_down(base, upper):
    with taken(base, upper) as m:
        with pytest.raises(TypeError, match="command"):
            m.checkpoint(command=object())
        assert m.points() == []
        m.checkpoint(command="make")


def test_with_a_point_that_is_a_copy(base, upper):
    """Its layer has a later number than that which was the top then, and is a layer after it."""
    with taken(base, upper) as m:
        put_on(m, "/file", b"one")
        with pytest.raises(TypeError, match="command"):
            m.checkpoint("copied", children="copy", command=1)
        m.checkpoint("copied", children="copy", command="make")
        put_on(m, "/file", b"two")
        m.checkpoint("second")
        put_on(m, "/file", b"three")
        m.checkpoint("third")
        shown = standing(m)
    with taken(base, upper) as m:
        assert standing(m) == shown
        m.rollback("copied")
        put_on(m, "/more", b"")
        m.checkpoint("fourth")
        shown = standing(m)
    with taken(base, upper) as m:
        assert standing(m) == shown
        assert list(shown[0]) == ["copied", "second", "third", "fourth"]


def test_in_the_middle_of_itself(base, upper, monkeypatch):
    """As from a signal's handler: it is an error, and not a wait without an end."""
    with taken(base, upper) as m:
        point = m.checkpoint()
        put_on(m, "/a", b"")
        stand_on = layers.stand_on

        def interrupted(*args):
            with pytest.raises(RuntimeError, match="in the middle"):
                point.ended(0)
            return stand_on(*args)

        monkeypatch.setattr(layers, "stand_on", interrupted)
        m.checkpoint()
        point.ended(1)
        assert [p.status for p in m.points()] == [1, None]


class Full:
    """The host, with no room for a state: not for a whole one, and for a part of a record."""

    def __getattr__(self, name):
        known = {"write_atomic": self.full, "write": self.half}
        return known.get(name) or getattr(ostler.host, name)

    def full(self, *args, **named):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def half(self, fd, data):
        if len(data) < 20:
            self.full()
        return ostler.host.write(fd, data[: len(data) // 2])


def test_it_is_as_it_was_where_it_can_not_be_written_down(base, upper, monkeypatch):
    with taken(base, upper) as m:
        put_on(m, "/a", b"one")
        first = m.checkpoint()
        put_on(m, "/a", b"two")
        m._history.background.finish()  # which tidies up behind the checkpoint
        shown, before = seen(m), files_below(upper)
        raw = text(f"{upper}/{uppers.STATE}")

        monkeypatch.setattr(state_files, "host", Full())
        for call in (m.checkpoint, lambda: m.rollback(first), lambda: m.drop(first),
                     lambda: first.ended(1)):  # fmt: skip
            with pytest.raises(OSError, match="No space") as caught:
                call()
            assert caught.value.errno == errno.ENOSPC
            assert (seen(m), m.points(), first.status) == (shown, [first], None)
            assert files_below(upper) == before
            assert text(f"{upper}/{uppers.STATE}") == raw
        monkeypatch.undo()
        put_on(m, "/b", b"it goes on")
        m.checkpoint("second")
        shown = standing(m)
    with taken(base, upper) as m:
        assert standing(m) == shown


def test_what_is_discarded_is_dropped_where_not_even_that_makes_room(base, upper, monkeypatch):
    with taken(base, upper) as m:
        before = seen(m)
        put_on(m, "/a", b"one")
        m.checkpoint()
        monkeypatch.setattr(state_files, "host", Full())
        with pytest.raises(OSError, match="No space"):
            m.discard()
        with pytest.raises(ValueError, match="its changes are dropped"):
            m.listdir("/")
        monkeypatch.undo()
    with taken(base, upper) as m:
        assert (seen(m), m.points()) == (before, [])


def test_of_a_later_version(base, upper):
    with taken(base, upper) as m:
        m.create_file("/a", "")
        m.checkpoint()
    kept = state(upper)
    for change, match in (
        ({"version": 4, "what": 1}, "written by a later ostler.* 4"),
        ({"version": 1}, "damaged"),
        ({"version": True}, "damaged"),
        ({"version": "4"}, "damaged"),
    ):
        with open(f"{upper}/ostler-rehearsal.json", "w") as file:
            json.dump({**kept, **change}, file)
        before = files_below(upper)
        with pytest.raises(ValueError, match=match):
            taken(base, upper)
        assert files_below(upper) == before


def test_who_holds_it(base, upper):
    def other():
        try:
            taken(base, upper)
        except OSError as error:
            return error.errno, error.strerror, error.filename
        return None

    with taken(base, upper):
        number, said, path = as_self(other)
    assert (number, path) == (errno.EBUSY, upper)
    assert f"process {os.getpid()} (" in said


def test_who_lives_on(folder):
    """What a killed rehearsal has started would write to the top that is taken up."""
    upper, place = f"{folder}/kept", f"{folder}/place"
    os.mkdir(upper, 0o700)
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            m = ostler.rehearsal(upper=upper)
            m.create_file(f"{place}-a", "")
            m.checkpoint()
            script = f"echo > {place}-b; exec sleep 1000"
            child = m.posix_spawn("/bin/sh", ["sh", "-c", script], {"PATH": "/usr/bin:/bin"})
            while not m.path.exists(f"{place}-b"):
                time.sleep(0.001)
            os.write(writing, str(child).encode())
        finally:
            os.kill(os.getpid(), 9)
    os.close(writing)
    os.waitpid(pid, 0)
    child = int(os.read(reading, 100))
    os.close(reading)
    try:
        with pytest.raises(OSError, match=f"process {child} .*still runs") as caught:
            ostler.rehearsal(upper=upper)
        assert (caught.value.errno, caught.value.filename) == (errno.EBUSY, upper)
    finally:
        os.kill(child, 9)
    with ostler.rehearsal(upper=upper) as m:  # its end is waited for
        assert m.path.exists(f"{place}-b")
        m.rollback("1")
        assert m.path.exists(f"{place}-a")
        assert not m.path.exists(f"{place}-b")
    assert not os.path.exists(f"{place}-a")


def at_once(monkeypatch):
    """What the background does is done before the call returns: so it can be stopped, too."""

    def add(self, *jobs):
        for job in jobs:
            with contextlib.suppress(OSError):
                job()

    monkeypatch.setattr(history.Background, "add", add)


def whole(base, upper, wanted):
    """Whether all that is kept is one of these: (the views of the points, that of the top)."""
    with taken(base, upper) as m:
        points, top = standing(m)
        m._history and m._history.background.finish()
        named = set() if m._history is None else m._history.paths()
        named |= {overlay.store for overlay in m._overlays}
    assert (points, top) in wanted, (list(points), [list(p) for p, _ in wanted])
    left = {
        f"layers/{number}/{place}".encode()
        for number in (os.listdir(f"{upper}/layers") if os.path.isdir(f"{upper}/layers") else ())
        for place in os.listdir(f"{upper}/layers/{number}")
    }
    assert left <= named
    assert not [name for name in os.listdir(upper) if name.startswith(".")]


def standing(m):
    points = {}
    for point in m.points():
        with m.at(point) as then:
            points[point.name] = timeless(seen(then))
    return points, timeless(seen(m))


def prepared(base, upper, renames=True):
    with OwnTree(os.open(os.path.dirname(base), os.O_PATH | os.O_DIRECTORY)) as place:
        for path in (base, upper):  # whatever its modes are
            place.remove(os.fsencode(os.path.basename(path)))
    os.mkdir(base)
    put(f"{base}/file", "base")
    put(f"{base}/d/x", "x")
    with taken(base, upper) as m:
        for number in range(3):
            put_on(m, f"/new{number}", b"%d" % number)
            put_on(m, "/file", b"%d" % number)
            m.checkpoint()
        m.rollback("2")
        if renames:
            m.rename("/d/x", "/moved")
        m.unlink("/new0")


def do(what, m):
    if what == "checkpoint":
        m.checkpoint("new")
    elif what == "rollback":
        m.rollback("1")
    elif what == "redo":
        m.redo()
    elif what == "drop":
        m.drop("1")
    elif what == "discard":
        m.discard()
    elif what == "ended":
        m.points()[0].ended(1)


def check_killed(memory, what, step):
    """Kill one change at every so many-th system call: it is done or not done each time.

    How it stands (before, after) the change, and how often it was begun.
    """
    base, upper = f"{memory}/base", f"{memory}/kept"
    prepared(base, upper)
    with taken(base, upper) as m:
        before = standing(m)
        do(what, m)
        after = standing(m)

    def work():
        with taken(base, upper) as m:
            do(what, m)

    for count, stops in enumerate(range(1, 5000, step), 1):
        prepared(base, upper)
        ended = run_and_kill(work, stops)
        whole(base, upper, [before, after])
        if ended:
            return before, after, count
    raise AssertionError("it has not come to its end")


@pytest.mark.parametrize("what", ["checkpoint", "rollback", "redo", "drop", "discard", "ended"])
@by_steps(7)
def test_killed_at_every_system_call(memory, what, step, monkeypatch):
    at_once(monkeypatch)
    monkeypatch.setattr(history, "BLOCK", 2)  # a checkpoint squashes, too
    before, after, count = check_killed(memory, what, step)
    assert (before == after) == (what == "ended")
    assert count > 2


@pytest.fixture(params=["same", "another"])
def place(request, base, folder, memory):
    """Where a second one is to be kept: on the file system of the first one, or on another one."""
    return f"{memory if request.param == 'another' else folder}/second"


def test_kept_once_more(base, folder, place):
    first = f"{folder}/first"
    os.mkdir(first)
    with taken(base, first) as m:
        m.mkdir("/d")
        put_on(m, "/d/file", b"one")
        m.link("/d/file", "/d/link")
        m.checkpoint(command="make").ended(3)
        m.rename("/d/file", "/d/moved")
        m.symlink("x", "/s")
        m.checkpoint()
        m.unlink("/d/moved")
        put_on(m, "/d/link", b"two")
        shown = standing(m)
        m.keep(place, points=True)
        assert standing(m) == shown
        put_on(m, "/after", b"")
        with pytest.raises(OSError, match="not empty") as caught:
            m.keep(place, points=True)
        assert caught.value.errno == errno.ENOTEMPTY
    with taken(base, place) as m:
        assert standing(m) == shown
        assert [(p.command, p.status) for p in m.points()] == [("make", 3), (None, None)]
        assert m.checkpoint().name == "3"  # of nothing new
        put_on(m, "/more", b"")
        shown = standing(m)
    with taken(base, first) as m:
        assert m.path.exists("/after")
        m.discard()
        put_on(m, "/d", b"")
    with taken(base, place) as m:
        assert standing(m) == shown
        m.rollback("1")
        m.redo()
        assert standing(m)[1] == shown[1]
        m.commit()
    with ostler.confined(base) as real:
        assert timeless(view(real)) == shown[1]


def test_what_is_in_memory_is_kept_with_its_points(base, place):
    with ostler.rehearsal(base) as m:
        put_on(m, "/file", b"one")
        m.checkpoint()
        put_on(m, "/file", b"two")
        m.checkpoint()
        m.rollback("1")
        shown = standing(m)
        m.keep(place, points=True)
    with taken(base, place) as m:
        assert standing(m) == shown
        m.redo()
        assert m.open_file("/file").read() == "two"


def test_a_branch_is_kept_with_its_points(base, folder, place):
    """Its stores are in other places than those of a kept rehearsal; so they are after a commit."""
    with ostler.rehearsal(base) as m:
        put_on(m, "/file", b"one")
        m.checkpoint("first")
        with m.branch() as branch:
            put_on(branch, "/file", b"two")
            branch.checkpoint("second")
            put_on(branch, "/more", b"three")
            branch.keep(place, points=True)
            shown = standing(branch)
        m.commit()
        put_on(m, "/after", b"")
        m.keep(f"{folder}/committed", points=True)
        after = standing(m)
    with taken(base, f"{folder}/committed") as m:
        assert standing(m) == after
    os.unlink(f"{base}/file")
    with taken(base, place) as m:
        assert standing(m) == shown
        m.rollback("first")
        assert got(m, "/file") == "one"
        m.rollback("second")
        assert got(m, "/file") == "two"
        m.redo()
        put_on(m, "/last", b"")
        m.checkpoint()
        shown = standing(m)
    with taken(base, place) as m:
        assert standing(m) == shown


def course(base, upper, seed, steps):
    rng = random.Random(seed)
    furnish(base, seed)
    known, top = {}, None
    for step in range(steps):
        with taken(base, upper) as m:
            if top is not None:
                assert view(m) == top
            assert [point.name for point in m.points()] == list(known)
            for point in rng.sample(m.points(), min(3, len(known))):
                with m.at(point) as then:
                    assert view(then) == known[point.name]
            for part in range(rng.choice((1, 1, 3))):
                operate(m, seed * 1000 + step * 10 + part, rng.choice((0, 1, 5)), False)
                seen = view(m)
                what = rng.random()
                if what < 0.6 or not known:
                    known[m.checkpoint().name] = seen
                elif what < 0.85:
                    name = rng.choice(list(known))
                    known.setdefault(m.rollback(name).name, seen)
                    assert view(m) == known[name]
                else:
                    name = rng.choice(list(known))
                    m.drop(name)
                    del known[name]
            top = view(m)
    with taken(base, upper) as m:
        m.commit()
    with ostler.confined(base) as after:
        assert view(after) == top


@pytest.mark.parametrize("seed", range(2))
def test_every_point_is_what_it_was(base, folder, seed, monkeypatch):
    monkeypatch.setattr(history, "BLOCK", 3)
    course(f"{base}/files", f"{folder}/kept", seed, 12)


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(2, 30))
def test_more_of_it(base, folder, seed, monkeypatch):
    monkeypatch.setattr(history, "BLOCK", random.Random(seed).choice((2, 3, 5)))
    course(f"{base}/files", f"{folder}/kept", seed, 40)


def test_no_room_for_one_more_layer(base, folder, monkeypatch):
    """It is the directory's disk that is full: nothing else would help."""

    def full(*args):
        raise ostler.MachineUnavailable("no layer", "a smaller base", errno.ENOSPC)

    with taken(base, f"{folder}/kept") as m:
        put_on(m, "/file", b"one")
        with monkeypatch.context() as patched:
            patched.setattr(layers, "mounted_again", full)
            with pytest.raises(OSError, match="No space left") as caught:
                m.checkpoint()
        assert not isinstance(caught.value, ostler.MachineUnavailable)
        assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, f"{folder}/kept")
        put_on(m, "/file", b"two")
        m.checkpoint()

"""What is written down of points: added to, torn, grown, of an earlier version, and of no sense."""

import errno
import itertools
import json
import os
import random
import shutil

import pytest

import ostler
from ostler.machines.rehearsal import kept_points, moments, state_files, uppers  # noqa: F401
from ostler.machines.rehearsal.places import OwnTree
from tests.attacks.test_planted_uppers import paths_in, put_in
from tests.machines.rehearsing import by_steps, got, put, put_on
from tests.machines.test_points_kept import (
    at_once,
    check_killed,
    checked,  # noqa: F401
    standing,
    state,
    taken,
)
from tests.test_durable import run_and_kill

pytestmark = [
    pytest.mark.usefixtures("as_user"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture
def upper(base):
    return f"{base}-kept"


def raw(upper):
    with open(f"{upper}/{uppers.STATE}", "rb") as file:
        return file.read()


def write(upper, text):
    with open(f"{upper}/{uppers.STATE}", "wb") as file:
        file.write(text)


def with_points(base, upper):
    """Make some; the length of the state file before the last one, and what there was then."""
    put(f"{base}/file", "base")
    with taken(base, upper) as m:
        put_on(m, "/file", b"one")
        m.checkpoint("first")
        put_on(m, "/file", b"two")
        m.checkpoint("second")
        length, before = len(raw(upper)), state(upper)
        put_on(m, "/more", b"three")
        m.checkpoint("third")
    return length, before


def test_a_record_is_added_for_each_of_them(base, upper):
    """It is as long for the last one as for the first, and says nothing of the others."""
    with taken(base, upper) as m:
        m.checkpoint()
        lengths = [len(raw(upper))]
        inode = os.stat(f"{upper}/{uppers.STATE}").st_ino
        for number in range(40):
            put_on(m, "/file", b"%d" % number)
            m.checkpoint(f"point {number:02}")
            lengths.append(len(raw(upper)))
        for number in range(10, 20):
            m.rollback(f"point {number}")
            lengths.append(len(raw(upper)))
        m._history.background.finish()
        size = len(raw(upper))
        m.points()[5].ended(1)
        assert len(raw(upper)) - size < 300
    added = [after - before for before, after in itertools.pairwise(lengths)]
    assert max(added) < 1000  # a block that was squashed, too
    assert max(added[-10:]) < 600
    assert os.stat(f"{upper}/{uppers.STATE}").st_ino == inode


def test_a_torn_record_is_none(base, upper):
    length, before = with_points(base, upper)
    text, after = raw(upper), state(upper)
    assert text[:length] != text
    assert before != after
    for cut in range(length, len(text), 7):
        for rest in (b"", b"\0" * (len(text) - cut), b"x\n"):
            write(upper, text[:cut] + rest)
            assert state(upper) == before, (cut, rest)
    write(upper, text)
    assert state(upper) == after


@pytest.mark.parametrize("rest", [b"", b"12 00000000 {}\n"], ids=["cut", "other"])
def test_it_goes_on_after_a_torn_record(base, upper, rest):
    length, _ = with_points(base, upper)
    with taken(base, upper) as m:
        shown = standing(m)
    shown[0].pop("third")
    text = raw(upper)
    write(upper, text[: length + 30] + rest)
    with taken(base, upper) as m:
        points, top = standing(m)
        assert points == shown[0]
        assert top == shown[1]  # what the last one has made a layer is what was changed, again
        put_on(m, "/more", b"again")
        m.checkpoint("third")
        m.points()[0].ended(3)
        now = standing(m)
    assert text[length:] not in raw(upper)
    with taken(base, upper) as m:
        assert standing(m) == now
        assert m.points()[0].status == 3


def test_what_is_damaged_in_the_middle(base, upper):
    length, _ = with_points(base, upper)
    text = raw(upper)
    for at in random.Random(1).sample(range(text.index(b"\n") + 1, length - 1), 15):
        write(upper, text[:at] + bytes([text[at] ^ 1]) + text[at + 1 :])
        with pytest.raises(ValueError, match="damaged"):
            taken(base, upper)
    write(upper, text[:length])
    with pytest.raises(FileNotFoundError, match="missing"):
        layer = state(upper)["history"]["layers"][0][2][0][1]
        os.rename(f"{upper}/{layer}", f"{upper}/{layer}-away")
        taken(base, upper)


def test_somebody_else_has_replaced_the_file(base, upper):
    """Then it is written as a whole: nothing is added to what is not known."""
    with_points(base, upper)
    with taken(base, upper) as m:
        text = raw(upper)
        os.unlink(f"{upper}/{uppers.STATE}")
        write(upper, text + b" ")
        m.checkpoint("fourth")
    assert [row[0] for row in state(upper)["history"]["points"]][-1] == "fourth"
    assert b"\n " not in raw(upper)


def test_it_is_written_anew_when_it_has_grown(base, upper, monkeypatch):
    monkeypatch.setattr(state_files, "_FEW", 2000)
    put(f"{base}/file", "base")
    sizes = []
    with taken(base, upper) as m:
        for number in range(30):
            put_on(m, "/file", b"%d" % number)
            m.checkpoint(f"point {number}")
            if number >= 4:
                m.drop(f"point {number - 4}")
            sizes.append(len(raw(upper)))
        shown = standing(m)
    shrunk = sum(after < before for before, after in itertools.pairwise(sizes))
    assert 1 <= shrunk < 10
    assert max(sizes[15:]) <= 2 * max(sizes[:15])
    with taken(base, upper) as m:
        assert standing(m) == shown


def test_what_the_background_counts_meanwhile(base, upper, monkeypatch):
    add, counted = state_files.StateFile.add, []

    def and_count(file, stores, record):
        found = add(file, stores, record)
        counted.append(m._history.number())
        return found

    with taken(base, upper) as m:
        put_on(m, "/file", b"one")
        m.checkpoint()
        put_on(m, "/file", b"two")
        with monkeypatch.context() as patched:
            patched.setattr(state_files.StateFile, "add", and_count)
            point = m.checkpoint()
        point.ended(1)
        assert state(upper)["history"]["next"] > max(counted)


def test_the_next_directories_are_made_before(base, upper):
    """They are used in turn, whoever was faster; those that are left go at the next time."""
    with taken(base, upper) as m:
        for number in range(40):
            put_on(m, "/file", b"%d" % number)
            m.checkpoint()
            if number % 3:
                m._history.background.finish()
        m._history.background.finish()
        shown = standing(m)
        assert m._history.ahead is not None
        assert os.listdir(f"{upper}/layers/{m._history.ahead}") == ["0"]
        ahead = m._history.ahead
    with taken(base, upper) as m:
        m._history.background.finish()
        assert not os.path.exists(f"{upper}/layers/{ahead}")
        assert standing(m) == shown


def test_of_an_earlier_version(base, upper):
    """As it was written before records were: one object, of version 2."""
    with_points(base, upper)
    with taken(base, upper) as m:
        shown = standing(m)
    old = {**state(upper), "version": 2}
    write(upper, json.dumps(old).encode())
    with taken(base, upper) as m:
        assert standing(m) == shown
    assert json.loads(raw(upper)) == old
    with taken(base, upper) as m:
        put_on(m, "/last", b"")
        m.checkpoint("last")
        shown = standing(m)
    assert state(upper)["version"] == 3
    with taken(base, upper) as m:
        assert standing(m) == shown
    write(upper, json.dumps(old).encode() + b"\n" + raw(upper).splitlines()[-1] + b"\n")
    with pytest.raises(ValueError, match="damaged"):
        taken(base, upper)


@by_steps(3)
def test_killed_before_anything_is_written_down(memory, step):
    """Whatever the first of all has left there is as good as nothing, for the next one."""
    base, upper = f"{memory}/base", f"{memory}/kept"
    put(f"{base}/file", "base")

    def work():
        with taken(base, upper) as m:
            put_on(m, "/file", b"new")

    left = set()
    for stops in range(1, 5000, step):
        with OwnTree(os.open(memory, os.O_PATH | os.O_DIRECTORY)) as place:
            place.remove(b"kept")  # whatever its modes are
        os.mkdir(upper, 0o700)
        ended = run_and_kill(work, stops)
        names = tuple(sorted(name[:3] for name in os.listdir(upper)))
        left.add(names)
        if uppers.STATE not in os.listdir(upper) and names:
            with pytest.raises(FileNotFoundError, match="nothing is kept"):
                kept_points.listed(upper)
        with taken(base, upper) as m:
            assert got(m, "/file") == ("new" if ended else got(m, "/file"))
            m.checkpoint("first")
        with taken(base, upper) as m:
            assert [point.name for point in m.points()] == ["first"]
        if ended:
            break
    assert ended
    assert {(), ("0",)} <= left


@pytest.mark.parametrize(
    "what",
    ["0/upper/file", "0/work/work/file", "0/other", "file", "0/upper/d/", "0/work/a/b/c/d/e/"],
)
def test_what_was_not_begun_by_it_is_not_removed(base, upper, what):
    for name in ("0/upper", "0/work/work", "1/upper"):
        os.makedirs(f"{upper}/{name}", mode=0o700)
    put(f"{upper}/{what}x", "mine")
    before = sorted(os.walk(upper))
    with pytest.raises(OSError, match="no rehearsal is kept there") as caught:
        ostler.rehearsal(base, upper=upper)
    assert caught.value.errno == errno.ENOTEMPTY
    assert sorted(os.walk(upper)) == before
    os.unlink(f"{upper}/{what}x")
    if what.count("/") < 3:
        shutil.rmtree(f"{upper}/{what}", ignore_errors=True)
        os.makedirs(f"{upper}/0/upper", mode=0o700, exist_ok=True)
        with taken(base, upper) as m:
            assert m.changes() == []


@pytest.mark.parametrize("what", ["2026/", "007/", "0/work/notes/", "0/work/work/todo", "00/"])
def test_names_that_somebody_else_has_given_are_left_though_nothing_is_in_them(base, upper, what):
    os.makedirs(f"{upper}/0/work/work/incompat/volatile", mode=0o700)
    put(f"{upper}/0/work/work/incompat/volatile/dirty", "")
    if what.endswith("/"):
        os.makedirs(f"{upper}/{what}", mode=0o700)
    else:
        put(f"{upper}/{what}", "")
    before = sorted(os.walk(upper))
    with pytest.raises(OSError, match="no rehearsal is kept there"):
        ostler.rehearsal(base, upper=upper)
    assert sorted(os.walk(upper)) == before
    (os.rmdir if what.endswith("/") else os.unlink)(f"{upper}/{what}")
    taken(base, upper).close()


JUNK = [
    None, True, -1, 1.5, 1 << 70, "", "..", "../../victim", "a\0b", "\udcff", [], [[]], {}, [1],
    [[1]], [["x"]], [[1, 2, 3]], [[[]]], [["", "0"]], [0, ["no point"]],
    [[], [], []], [[{}], [], []],
]  # fmt: skip


@by_steps(31)
def test_every_part_of_a_record_is_something_else(base, upper, step):
    """It is refused, or what it says is what a rehearsal can have: nothing else is raised."""
    with_points(base, upper)
    with taken(base, upper) as m:
        m.rollback("first")
        put_on(m, "/after", b"")
        m.checkpoint("fourth").ended(1, {"created": 1})
        m.rollback("third")
        m.drop("second")
    shown = raw(upper)
    first, records, length = state_files.lines(shown)
    assert length == len(shown)
    assert len(records) > 4
    tried = taken_up = 0
    for number, record in enumerate(records):
        data = json.loads(record)
        others = [put_in(data, path, junk) for path in paths_in(data) for junk in JUNK]
        others += [{**data, "more": 1}, {**data, "version": 9}]
        others += [{**data, "history": {**data["history"], "more": 1}}]
        for other in others[number % step :: step]:
            text = json.dumps(other).encode()
            lines = [state_files._line(each) for each in records]
            lines[number] = state_files._line(text)
            write(upper, first + b"\n" + b"".join(lines))
            tried += 1
            try:
                read = kept_points.listed(upper)
            except ValueError as error:
                assert "damaged" in str(error) or "later ostler" in str(error)
                continue
            taken_up += 1
            for path in read[1].paths():
                assert uppers.is_layer(os.fsdecode(path))
    assert tried > 2000 // step
    assert taken_up < tried / 2
    write(upper, shown)
    with taken(base, upper) as m:
        assert [point.name for point in m.points()] == ["first", "third", "fourth"]


@pytest.mark.parametrize("what", ["checkpoint", "drop"])
@by_steps(13)
def test_killed_while_it_is_written_anew(memory, what, step, monkeypatch):
    at_once(monkeypatch)
    monkeypatch.setattr(state_files, "_FEW", 1)
    monkeypatch.setattr(state_files, "_TIMES", 0)
    check_killed(memory, what, step)


class FullAfterOne:
    """The host, with room for one write more."""

    writes = 0

    def __getattr__(self, name):
        return self.once if name in ("write_atomic", "write") else getattr(ostler.host, name)

    def once(self, *args, **named):
        self.writes += 1
        if self.writes > 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        call = ostler.host.write if isinstance(args[0], int) else ostler.host.write_atomic
        return call(*args, **named)


def test_a_point_that_is_dropped_is_dropped_though_no_room_is_left_to_give_back(
    base, upper, monkeypatch
):
    with taken(base, upper) as m:
        put_on(m, "/a", b"one")
        m.checkpoint("first")
        put_on(m, "/a", b"two")
        m.checkpoint("second")
        m.rollback("first")
        host = FullAfterOne()
        monkeypatch.setattr(state_files, "host", host)
        m.drop("second")  # an error would say that nothing was done
        assert host.writes == 2
        assert [point.name for point in m.points()] == ["first"]
        monkeypatch.undo()
        put_on(m, "/b", b"it goes on")
        m.checkpoint("third")
        shown = standing(m)
    with taken(base, upper) as m:
        assert standing(m) == shown
    with taken(base, upper) as m:
        assert standing(m) == shown

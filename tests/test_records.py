"""The records are os's own in all that a program can see: each is held against os's."""

import copy
import gc
import os
import pickle
import sys
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ostler

NAMES = ("stat_result", "statvfs_result", "times_result", "uname_result", "terminal_size",
         "sched_param", "waitid_result")  # fmt: skip
RECORDS = [name for name in NAMES if hasattr(ostler, name)]


def outcome(call, *args, **options):
    try:
        return call(*args, **options)
    except Exception as error:
        return type(error), str(error)


def test_hash_of_what_the_system_gave(tmp_path):
    """The first hash of a record: what its room held before must not be taken for it."""
    made = [ostler.stat(path) for path in ["/", tmp_path] * 200]
    assert [hash(record) for record in made] == [hash(tuple(record)) for record in made]
    assert len({*made, *map(tuple, made)}) == len({tuple(record) for record in made})


@pytest.mark.parametrize("name", RECORDS)
def test_type(name):
    own, ours = getattr(os, name), getattr(ostler, name)
    assert issubclass(ours, tuple)
    for attribute in ("n_fields", "n_sequence_fields", "n_unnamed_fields", "__match_args__",
                      "__name__", "__qualname__"):  # fmt: skip
        assert getattr(ours, attribute) == getattr(own, attribute)
    assert dir(ours) == dir(own)
    with pytest.raises(TypeError):
        type("Sub", (ours,), {})


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("size", [*range(13), 19, 20])
def test_construct_from_a_sequence(name, size):
    own, ours = getattr(os, name), getattr(ostler, name)
    expected = outcome(own, list(range(size)))
    made = outcome(ours, list(range(size)))
    assert repr(made) == repr(expected)
    if isinstance(expected, own):
        assert made == expected
        if name != "sched_param":  # of a list
            assert hash(made) == hash(expected)
        for field in own.__match_args__:
            assert getattr(made, field) == getattr(expected, field)


@pytest.mark.parametrize(
    ("args", "options"),
    [
        ((), {}), ((5,), {}), ((range(10), 5), {}), ((range(10), {}), {}),
        ((range(10), {"st_atime": 1.5, "st_rdev": 3}), {}), ((range(10), {"no": 1}), {}),
        ((range(12), {"st_atime": 1}), {}), ((range(10),), {"dict": {"st_mtime": None}}),
        ((), {"sequence": "abcdefghij"}), ((range(10), {}, 1), {}), ((range(19),), {}),
        ((range(13),), {}),
    ],
)  # fmt: skip
def test_construct_stat_result(args, options):
    expected = outcome(os.stat_result, *args, **options)
    made = outcome(ostler.stat_result, *args, **options)
    assert repr(made) == repr(expected)
    if isinstance(expected, os.stat_result):
        assert made.__reduce__()[1] == expected.__reduce__()[1]


@pytest.mark.parametrize("args", [(), (5,), ((5,),), ("x",), (1, 2)])
def test_construct_sched_param(args):
    assert repr(outcome(ostler.sched_param, *args)) == repr(outcome(os.sched_param, *args))


def samples():
    values = [ostler.stat("."), ostler.lstat("/"), ostler.stat_result(range(10)),
              ostler.stat_result(range(19)), ostler.statvfs("/"),
              ostler.sched_param(3)]  # fmt: skip
    return values + [getattr(ostler, name)(range(5)) for name in ("times_result", "uname_result")]


@pytest.mark.parametrize("record", samples(), ids=lambda record: type(record).__name__)
def test_copies_keep_every_field(record):
    copies = [copy.copy(record), copy.deepcopy(record)]
    copies += [pickle.loads(pickle.dumps(record, level)) for level in range(6)]
    fields = [name for name in dir(record) if name.startswith(("st_", "f_", "sched_"))]
    for other in copies:
        assert type(other) is type(record)
        assert other == record
        assert [getattr(other, n) for n in fields] == [getattr(record, n) for n in fields]


@pytest.mark.parametrize("name", ["st_mode", "st_atime", "st_mtime_ns", "st_rdev"])
def test_read_only(name):
    ours, own = ostler.stat("."), os.stat(".")
    assert outcome(setattr, ours, name, 1) == outcome(setattr, own, name, 1)
    assert outcome(delattr, ours, name) == outcome(delattr, own, name)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="copy.replace() is of 3.13")
def test_replace():
    for record, own in [(ostler.stat("."), os.stat(".")), (ostler.statvfs("/"), os.statvfs("/"))]:
        for change in ({}, {"f_fsid": 3}, {"f_bsize": 1}, {"st_mode": 1}, {"no": 1}):
            made = outcome(copy.replace, record, **change)
            expected = outcome(copy.replace, own, **change)
            if isinstance(expected, os.statvfs_result):
                assert made.f_bsize == expected.f_bsize
                assert made.f_fsid == expected.f_fsid
            else:
                assert made == expected


def test_collected():
    class Marker:
        pass

    def made():
        marker = Marker()
        ring = [marker]
        ring.append(ostler.stat_result([ring] * 19))
        tracked = gc.is_tracked(ring[1])
        seen = any(other is ring for other in gc.get_referents(ring[1]))
        return weakref.ref(marker), tracked, seen

    marker, tracked, seen = made()
    gc.collect()
    assert (marker(), tracked, seen) == (None, True, True)


def test_same_as_the_interpreter(tmp_path):
    for path in ("/", "/dev/null", "/proc/self", tmp_path, "/dev/tty"):
        ours, own = ostler.stat(path), os.stat(path)
        assert repr(ours) == repr(own)
        assert ours.__reduce__()[1] == own.__reduce__()[1]
        assert [type(v) for v in ours.__reduce__()[1][1].values()] == [
            type(v) for v in own.__reduce__()[1][1].values()
        ]


@given(
    seconds=st.integers(-(2**31), 2**34 - 1) | st.integers(-100, 100),
    nanoseconds=st.integers(0, 999_999_999),
)
def test_times_of_any_moment(tmp_path_factory, seconds, nanoseconds):
    path = tmp_path_factory.getbasetemp() / "moment"
    path.touch()
    moment = seconds * 1_000_000_000 + nanoseconds
    ostler.utime(path, ns=(moment, moment))
    ours, own = ostler.stat(path), os.stat(path)
    assert ours.st_mtime_ns == own.st_mtime_ns
    assert (ours.st_atime, ours.st_mtime) == (own.st_atime, own.st_mtime)
    assert ours[7:9] == own[7:9]


@given(st.floats(-(2**31), 2**34, allow_nan=False), st.floats(-(2**31), 2**34))
def test_utime_of_floats(tmp_path_factory, atime, mtime):
    path = tmp_path_factory.getbasetemp() / "floats"
    path.touch()
    os.utime(path, (atime, mtime))
    expected = os.stat(path).st_atime_ns, os.stat(path).st_mtime_ns
    ostler.utime(path, (atime, mtime))
    assert (os.stat(path).st_atime_ns, os.stat(path).st_mtime_ns) == expected

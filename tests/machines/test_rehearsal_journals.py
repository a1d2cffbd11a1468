"""Journals of any size: written in parts, and read in parts, as what json gives and takes."""

import json
import random

import pytest

from ostler.machines.rehearsal import journal_reader, journals
from ostler.machines.rehearsal.packed import Rows

STASH = "d/.ostler-commit-0123456789abcdef"
BEGIN = ["begin", "/base", ["/base"], [[0, STASH]], 2]


@pytest.fixture(params=[1, 7, 100, 1 << 20])
def in_parts(request, monkeypatch):
    monkeypatch.setattr(journal_reader, "_BLOCK", request.param)
    monkeypatch.setattr(journals, "_BLOCK", request.param)


def steps_of(rng, many):
    names = [b"a", b"d/b", b"\xff \xc3\xa9", b'"quoted\\"', b"new\nline", b"x" * 300, b", [", b"]"]
    for number in range(many):
        slot, name = STASH.encode() + b"/%d" % number, rng.choice(names)
        kind = rng.choice(("move", "swap", "meta"))
        inode = rng.choice((0, 7, 1 << 63))
        if kind == "meta":
            side = {"mode": 0o644, "times": [-1, 1 << 60], "xattrs": {"user.é": "\xff]"}}
            yield "meta", 0, name, inode, {"mode": 0o600}, side
        else:
            yield kind, 0, slot, name, inode


def looks_of(rng, many):
    seen = (None, "1 2 3", "1 2 -3 4", "tree 5", "tree 5 ff")
    for _ in range(many):
        yield [rng.choice(seen), rng.choice(seen)]


def as_json(value):
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return [as_json(part) for part in value] if isinstance(value, tuple) else value


def a_go(rng, many):
    times = [(0, b"d", b"", 5, [1, 2], None), (0, b"\0gone", b"gone", 5, None, None)]
    steps, looks = list(steps_of(rng, many)), list(looks_of(rng, many))
    return ["go", steps, times[: rng.randrange(3)], looks]


def read(path, text):
    path.write_bytes(text)
    with open(path, "r+b", buffering=0) as file:
        return journal_reader.read(file)


@pytest.mark.parametrize("many", [0, 1, 511, 512, 513, 1500])
def test_what_is_written_in_parts_is_what_json_gives(tmp_path, in_parts, many):
    go = a_go(random.Random(many), many)
    text = b"".join(journals.parts_of(["go", *map(Rows, go[1:])]))
    expected = json.dumps(["go", *(as_json(tuple(part)) for part in go[1:])])
    assert text == expected.encode() + b"\n"
    if many < 1000:
        found = read(tmp_path / "journal", journals.line_of(BEGIN) + text)
        assert [list(found.steps.packed()), found.times, list(found.looks)] == go[1:]
        assert found.notes == ["go"]


def test_a_go_without_looks_is_read(tmp_path):
    go = a_go(random.Random(1), 20)[:3]
    line = json.dumps(["go", *(as_json(tuple(part)) for part in go[1:])]).encode()
    found = read(tmp_path / "journal", json.dumps(BEGIN[:-1]).encode() + b"\n" + line + b"\n")
    assert list(found.steps.packed()) == go[1]
    assert list(found.looks) == [[None, None]] * 20


@pytest.mark.parametrize("seed", range(60))
def test_what_json_refuses_is_damaged(tmp_path, in_parts, seed):
    rng = random.Random(seed)
    line = bytearray(b"".join(journals.parts_of(["go", *map(Rows, a_go(rng, 4)[1:])])))
    at = rng.randrange(4, len(line) - 1)
    if rng.random() < 0.5:
        line[at] = rng.choice(b' ,[]{}"x0\\\x00\xff')
    else:
        del line[at : at + rng.randrange(1, 30)]
    line = line.rstrip(b"\n") + b"\n"
    try:
        record = json.loads(line.decode("ascii"))
    except ValueError:
        record = None
    try:
        found = read(tmp_path / "journal", journals.line_of(BEGIN) + bytes(line))
    except journal_reader.Damaged:
        return
    assert [as_json(step) for step in found.steps.packed()] == record[1]
    assert list(found.looks) == record[3]


def test_rows_are_a_list():
    rows = Rows()
    expected = []
    for number in range(1700):
        assert len(rows) == number
        row = ("move", number, b"\xff" * (number % 7), "\udcff", None, {"a": [1, -(1 << 70)]})
        rows.append(row)
        expected.append(row)
    assert list(rows) == expected
    assert [rows[number] for number in range(1699, -1, -1)] == expected[::-1]
    for number in (-1, 1700):
        with pytest.raises(IndexError):
            rows[number]
    assert not Rows()

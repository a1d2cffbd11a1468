"""A log that is read while it is written, and the story that is told while it happens."""

import os
import random
import re
import subprocess

import pytest

import ostler
from ostler.record import log
from ostler.record.following import Follower, lines
from ostler.record.outline import Wanted
from ostler.record.recorder import ProgramRecorder
from tests.command_line import called, on_terminal, program, run


@pytest.fixture
def written(tmp_path):
    """The path of a log."""
    script = "for i in 1 2 3; do mkdir d$i; cp /dev/null d$i/x; done; rm -r d1; cat none; kill $$"
    with open(tmp_path / "log", "wb") as file, ProgramRecorder(ostler.host, file.fileno()):
        ostler.run(["sh", "-c", script], cwd=tmp_path, capture=True)
    return tmp_path / "log"


@pytest.mark.parametrize("seed", range(4))
def test_what_comes_bit_by_bit_is_the_whole(written, tmp_path, seed):
    whole = log.read(open(written, "rb"))
    data, chance = written.read_bytes(), random.Random(seed)
    found, started, ended, at = [], [], [], 0
    with open(tmp_path / "copy", "w+b", buffering=0) as file:
        follower = Follower(file.fileno())
        while at < len(data):
            size = chance.choice((1, 7, 8, 40, 1000, 20_000))
            file.write(data[at : at + size])
            at += size
            news = follower.news()
            found += news.events
            started += news.started
            ended += news.ended
    story = follower.story
    assert [(e[0], e.process.number, *e[2:]) for e in sorted(found, key=lambda e: e.time)] == [
        (e[0], e.process.number, *e[2:]) for e in whole.events
    ]
    assert [vars(one).keys() for one in story.processes] == [
        vars(one).keys() for one in whole.processes
    ]
    for one, other in zip(story.processes, whole.processes, strict=True):
        assert (one.pid, one.status, one.programs) == (other.pid, other.status, other.programs)
    assert story.complete and story.events == []
    assert [program for _, program in started] == [
        program
        for one in sorted(whole.processes, key=lambda p: p.began)
        for program in one.programs
        if program.outcome
    ]
    assert {one.number for one in ended} == {p.number for p in whole.processes}


def test_what_is_no_log(tmp_path):
    for data in (b"x" * 100, log.head({}) + b"x" * 8, log.head({}) + b"E" + b"\xff" * 31):
        (tmp_path / "log").write_bytes(data)
        with open(tmp_path / "log", "rb") as file, pytest.raises(log.NotALog):
            Follower(file.fileno()).news()


def test_what_many_do_at_once_is_folded(written):
    with open(written, "rb") as file:
        news = Follower(file.fileno()).news()
    every = [text for _, text in lines(news, Wanted())]
    at = os.path.dirname(os.path.realpath(written))
    starts = [text for what, text in lines(news, Wanted()) if what == "process"]
    assert len(starts) == 5  # sh, mkdir, cp, rm and cat
    assert any(re.fullmatch(r" +\d+\.\d{3} s  mkdir x3  started 3 times: .*", t) for t in starts)
    assert sum(f"mkdir x3  created {at}/d" in text for text in every) == 3
    assert any(re.search(r"sh\[\d+\]  killed by signal 15$", text) for text in every)
    only = [*lines(news, Wanted("written", processes=["rm"]))]
    assert {what for what, _ in only} == {"removed"}
    assert all(re.match(r" +\d+\.\d{3} s  rm\[\d+\]  removed ", text) for _, text in only)


def test_it_is_told_while_it_happens(tmp_path):
    """On a terminal: the program goes on when the line about what it did before was read."""
    at = os.path.realpath(tmp_path)
    words = program("record", "--live", "sh", "-c", "touch one; read line; touch two; exit 3")
    status, said = on_terminal(
        words, cwd=tmp_path, keys=[(f"created {at}/one".encode(), b"\n")], columns=200
    )
    assert status == 3
    assert re.search(rf"\x1b\[32m +\d\.\d{{3}} s  touch\[\d+\]  created {at}/two\x1b\[0m\n", said)
    assert re.search(r"\x1b\[31m +\d\.\d{3} s  sh\[\d+\]  exit status 3\x1b\[0m\n", said)
    assert re.search(r"\n3 processes, 2 paths changed, \d+ read\n$", said)
    assert said.count(f"created {at}/one") == 1


def test_it_is_kept_besides(tmp_path):
    done = run("record", "--live", "--only", "written", "-o", "log", "mkdir", "one", cwd=tmp_path)
    at = os.path.realpath(tmp_path)
    assert done.returncode == 0 and done.stdout == b""
    assert re.fullmatch(rf" +\d\.\d+ s  mkdir\[\d+\]  created {at}/one\n", done.stderr.decode())
    assert called("record", "show", "log", cwd=tmp_path)[0] == 0
    for words in (("show", "--live", "log"), ("diff", "log", "--live", "log")):
        assert called("record", *words, cwd=tmp_path)[0] == 2


def test_names_do_not_steer_a_terminal(tmp_path):
    made = ": > \"$(printf 'a\\033[31mb\\377\\nc\\303\\251')\""
    done = run(
        "record", "--live", "sh", "-c", made, cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert b"a\\x1b[31mb\\udcff\\nc\\xe9" in done.stderr and b"\x1b" not in done.stderr


def test_nobody_reads_it(tmp_path):
    """The program goes on, and its status is told."""
    words = program("record", "--live", "-o", "log", "sh", "-c", "touch one; sleep 0.5; exit 3")
    out, into = os.pipe()
    os.close(out)
    with open(into, "wb") as pipe:
        done = subprocess.run(words, stderr=pipe, check=False, cwd=tmp_path)
    assert done.returncode == 3
    assert called("record", "show", "log", cwd=tmp_path)[0] == 0


def test_nothing_is_told_above_what_it_needed(written, tmp_path):
    """Also where a process that has begun earlier comes upon what a later one has made."""
    script = "sleep 0.05 & mkdir a; echo x > a/f; mkdir a/b; mv a/f a/b/g; rm -r a; exit 4"
    with open(tmp_path / "log", "wb") as file, ProgramRecorder(ostler.host, file.fileno()):
        ostler.run(["sh", "-c", script], cwd=tmp_path, capture=True)
    with open(tmp_path / "log", "rb") as file:
        told = [text for _, text in lines(Follower(file.fileno()).news(), Wanted("written"))]
        file.seek(0)
        whole = [text for _, text in lines(Follower(file.fileno()).news(), Wanted())]
    times = [float(text.split()[0]) for text in whole]
    assert times == sorted(times)
    assert re.search(r"sh\[\d+\]  exit status 4$", whole[-1])
    at = os.path.realpath(tmp_path)
    words = [re.sub(r"^.*\]  ", "", text).replace(f"{at}/", "") for text in told]
    places = [words.index(text) for text in ("created a", "created a/f", "created a/b")]
    places += [next(i for i, text in enumerate(words) if text.startswith("renamed a/f"))]
    places += [words.index("removed a")]
    assert places == sorted(places), words

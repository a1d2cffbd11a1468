"""Who changed what: the last recorded program that did, and nobody where that is not known."""

import errno
import json
import os
import random
import re
import tempfile
from pathlib import Path

import pytest

import ostler
from ostler.machines.recording import Log
from ostler.machines.rehearsal import (  # noqa: F401  # others may not read them later
    authors,
    commits,
    keeping,
    moments,
    pictures,
    second,
    stage,
)
from ostler.machines.rehearsal.authors import Author
from ostler.machines.rehearsal.walk import Walk  # noqa: F401
from ostler.record import log, recorder  # noqa: F401
from tests.command_line import called, has_rehearsals
from tests.machines import ORDINARY, as_self, as_user

pytestmark = pytest.mark.skipif(not has_rehearsals(), reason="no machine can be made here")


def furnished(top):
    place = top / "work"
    (place / "d/e").mkdir(parents=True)
    for name in ("a", "b", "c", "d/a", "d/b", "d/e/a"):
        (place / name).write_text(f"the old {name}")
    return place


@pytest.fixture
def place(tmp_path):
    return str(furnished(tmp_path))


@pytest.fixture(params=[as_self, as_user])
def run(request, tmp_path):
    """Calls a function with a directory of what is there, as root and as an ordinary user.

    All directories above it are this user's, or /tmp: others a user's rehearsal can't change.
    """
    if request.param is as_self or os.geteuid():
        yield lambda function, *args: as_self(function, str(furnished(tmp_path)), *args)
        return
    with tempfile.TemporaryDirectory(prefix="ostler-tests-") as top:
        furnished(Path(top))
        for path in (Path(top), *Path(top).rglob("*")):
            os.chown(path, ORDINARY, ORDINARY)
        yield lambda function, *args: as_user(function, f"{top}/work", *args)


def recorded(m, place, *lines):
    with m.recorded(children=True, reads=False):
        ran(m, place, *lines)


def ran(m, place, *lines):
    done = m.run(["sh", "-ec", "\n".join(lines)], cwd=place, capture=True)
    assert done.status == 0, done.stderr


def who(changes, place):
    """{path: (kind, the words of who it was)}; None for who is not known."""
    return {
        change.path[len(place) + 1 :]: (change.kind, change.by and " ".join(change.by.argv))
        for change in changes
    }


LINES = "touch new", "mkdir -p d/n/m", "cp a d/copy", "chmod 700 b", "rm c", "mv d/b d/bb"


def test_each_change_has_its_author(place):
    with ostler.rehearsal() as m:
        recorded(m, place, *LINES, "echo x >>a", "touch gone", "rm gone")
        found = {change.path[len(place) + 1 :]: change for change in m.changes()}
        told = who(m.changes(), place)
        script = told.pop("a")[1]
        assert script.startswith("sh -ec") and script.endswith("rm gone")
        assert told == {
            "new": ("created", "touch new"),
            "d/n": ("created", "mkdir -p d/n/m"),
            "d/n/m": ("created", "mkdir -p d/n/m"),
            "d/copy": ("created", "cp a d/copy"),
            "b": ("metadata", "chmod 700 b"),
            "c": ("removed", "rm c"),
            "d/bb": ("renamed", "mv d/b d/bb"),
        }
        by = found["d/copy"].by
        assert isinstance(by, Author) and by.point is None and by.cwd == place
        assert by.argv == ("cp", "a", "d/copy") and os.path.basename(by.program) == "cp"
        assert by.uid == os.getuid() and by.process > 1
        assert found["d/copy"].as_dict()["by"] == {**by._asdict(), "argv": ["cp", "a", "d/copy"]}
        assert f"{place}/c: by rm c [{found['c'].by.process}]\n" in m.diff()
        assert f"new  0 B, by touch [{found['new'].by.process}]" in m.tree()


def test_nobody_is_told_where_nobody_is_known(place):
    with ostler.rehearsal() as m:
        ran(m, place, "touch before")
        recorded(m, place, "touch one two", "rm a b", "mkdir dir", "mkdir dir2")
        ran(m, place, "echo x >one", "rm two", "echo back >a", "touch dir/in", "chmod 700 dir2")
        m.remove(f"{place}/c")
        assert who(m.changes(), place) == {
            "before": ("created", None),
            "one": ("created", None),
            "a": ("modified", None),
            "b": ("removed", "rm a b"),
            "dir": ("created", "mkdir dir"),
            "dir/in": ("created", None),
            "dir2": ("created", None),
            "c": ("removed", None),
        }


def test_a_rename_carries_along(place):
    with ostler.rehearsal() as m:
        recorded(m, place, "mkdir n", "touch n/one", "touch n/two", "echo x >>n/two")
        recorded(m, place, "mv n nn", "rm nn/two", "mv nn d/nnn", "touch nn")
        told = who(m.changes(), place)
        assert told == {
            "d/nnn": ("created", "mv nn d/nnn"),
            "d/nnn/one": ("created", "touch n/one"),
            "nn": ("created", "touch nn"),
        }


def check_points(place):
    with ostler.rehearsal() as m:
        recorded(m, place, "touch one", "rm a")
        first = m.checkpoint("first")
        recorded(m, place, "cp b one", "cp b a", "rm b")
        m.checkpoint("second")
        recorded(m, place, "rm one", "touch three")
        assert who(m.changes(), place) == {
            "a": ("modified", "cp b a"),
            "b": ("removed", "rm b"),
            "three": ("created", "touch three"),
        }
        assert {change.by.point for change in m.changes()} == {"first", "second"}
        assert who(m.changes(since="second"), place) == {
            "one": ("removed", "rm one"),
            "three": ("created", "touch three"),
        }
        assert who(m.changes(until=first), place) == {
            "one": ("created", "touch one"),
            "a": ("removed", "rm a"),
        }
        assert who(m.changes("first", "second"), place)["one"] == ("modified", "cp b one")
        assert "one: by rm one [" in m.diff(since="second")
        m.rollback(first)
        assert who(m.changes(), place) == {
            "one": ("created", "touch one"),
            "a": ("removed", "rm a"),
        }
        with m.branch() as other:
            recorded(other, place, "touch one")
            assert who(m.changes(), place)["one"] == ("created", "touch one")
            assert who(other.changes(), place)["a"] == ("removed", "rm a")
        m.redo()
        assert who(m.changes(), place)["three"] == ("created", "touch three")
        m.discard()
        ran(m, place, "touch one", "rm a")
        assert set(who(m.changes(), place).values()) == {("created", None), ("removed", None)}


def test_points(run):
    run(check_points)


def check_devices(place):
    with ostler.rehearsal() as m:
        first = m.checkpoint("first")
        with m.recorded(children=True, reads=False):
            m.run(["sh", "-c", "echo x > /dev/null; echo y > /dev/full; touch one"], cwd=place)
        assert {path for path in authors.of(m).of(authors.present(m))} == {f"{place}/one"}
        assert [change.path for change in m.changes(since=first)] == [f"{place}/one"]


def test_what_goes_to_a_device_has_no_author(run):
    run(check_devices)


def check_merged(place):
    with ostler.rehearsal() as m:
        recorded(m, place, "touch mine")
        with m.branch() as other:
            recorded(other, place, "touch one", "rm a", "mv d moved", "cp b c")
            ran(other, place, "touch two")
            wanted = who(other.changes(), place)
            done = m.merge(other)
        assert wanted.pop("mine") == ("created", "touch mine")
        assert wanted["one"] == ("created", "touch one") and wanted["two"] == ("created", None)
        assert who(done, place) == wanted
        now = who(m.changes(), place)
        assert now.pop("mine") == ("created", "touch mine")
        # A directory that was renamed is made anew here.
        assert now.pop("moved") == ("created", wanted.pop("moved")[1])
        for path in ("d", "d/a", "d/e", "d/e/a"):
            assert now[path] == wanted.setdefault(path, now[path]) == ("removed", "mv d moved")
        assert {path: one for path, one in now.items() if path in wanted} == wanted


def test_what_was_merged_keeps_its_authors(run):
    run(check_merged)


def test_one_run_and_what_is_watched(place):
    with ostler.rehearsal() as m:
        log = Log()
        m.run(["touch", "one"], cwd=place, record=log)
        m.run(["touch", "two"], cwd=place)
        with m.watch(reads=False) as events:
            m.run(["touch", "three"], cwd=place)
            next(event for event in events if event.kind == "create")
        assert who(m.changes(), place) == {
            "one": ("created", "touch one"),
            "two": ("created", None),
            "three": ("created", "touch three"),
        }


def check_while_it_is_recorded(place):
    with ostler.rehearsal() as m, m.recorded(children=True, reads=False):
        ran(m, place, "touch one")
        assert who(m.changes(), place) == {"one": ("created", "touch one")}
        first = m.checkpoint("first")
        ran(m, place, "rm one", "touch two")
        assert who(m.changes(since=first), place)["one"] == ("removed", "rm one")
        m.rollback("first")
        assert who(m.changes(), place) == {"one": ("created", "touch one")}
        assert m.changes()[0].by.point is None
        m.redo()
        # What is open goes on being written to, and no call tells of it.
        m.mkfifo(f"{place}/fifo")
        line = f"cd {place}; exec >three; echo 1; read line <fifo; echo 2"
        pid = m.posix_spawnp("sh", ["sh", "-c", line], dict(m.environ))
        with m.open_file(f"{place}/fifo", "w") as fifo:
            assert who(m.changes(), place)["three"] == ("created", f"sh -c {line}")
            fifo.write("go on\n")
        assert m.waitpid(pid, 0)[1] == 0
        found = m.changes()
        assert who(found, place)["three"] == ("created", f"sh -c {line}")
        assert who(found, place)["fifo"] == ("created", None)
        done = m.commit([f"{place}/two"])
        assert who(done, place) == {"two": ("created", "touch two")}
        assert who(m.changes(), place)["three"] == ("created", f"sh -c {line}")


def test_while_it_is_recorded(run):
    run(check_while_it_is_recorded)


def check_kept(place):
    top = os.path.dirname(place)
    upper = f"{top}/kept"
    os.mkdir(upper, 0o700)
    with ostler.rehearsal(upper=upper) as m:
        recorded(m, place, "touch one", "rm a")
        m.checkpoint("first")
        recorded(m, place, "touch two", "cp b one")
        told = who(m.changes(), place)
        assert told["one"] == ("created", "cp b one") and told["a"] == ("removed", "rm a")
    assert os.stat(f"{upper}/ostler-authors.json").st_mode & 0o777 == 0o600
    with ostler.rehearsal(upper=upper) as m:
        assert who(m.changes(), place) == told
        assert who(m.changes(since="first"), place)["two"] == ("created", "touch two")
        m.keep(f"{top}/plain")
        m.keep(f"{top}/points", points=True)
        m.commit([f"{place}/two"])
        del told["two"]
        assert who(m.changes(), place) == told
    for name in ("kept", "plain", "points"):
        with ostler.rehearsal(upper=f"{top}/{name}") as m:
            now = who(m.changes(), place)
            now.pop("two", None)  # which is committed
            assert now == told, name
            if name == "points":
                m.rollback("first")
                assert who(m.changes(), place)["one"] == ("created", "touch one")
            m.discard()
            assert m.changes() == []
        assert "ostler-authors.json" not in os.listdir(f"{top}/{name}")


def test_what_is_kept_keeps_them(run):
    run(check_kept)


BAD = {
    "no JSON": b"{",
    "no object": b"[]",
    "another version": b'{"version": 2}',
    "no text": b"\xff",
    "too deep": b"[" * 100_000,
    "a path that is none": b'{"version":1,"started":1,"authors":[],"layers":[[0,[[1,0,null]]]]}',
    "an author that is none": b'{"version":1,"started":1,"authors":[[1]],"layers":[]}',
    "nobody": b'{"version":1,"started":1,"authors":[],"layers":[[0,[["/x",0,null]]]]}',
}


def test_what_is_written_down_is_checked(place, tmp_path):
    upper = tmp_path / "kept"
    upper.mkdir(0o700)
    with ostler.rehearsal(upper=upper) as m:
        recorded(m, place, "touch one")
    file = upper / "ostler-authors.json"
    good = file.read_bytes()
    for name, text in BAD.items():
        file.write_bytes(text)
        with ostler.rehearsal(upper=upper) as m:
            with pytest.raises(ValueError, match=r"ostler-authors\.json is damaged"):
                m.changes()
            assert not m.closed, name
    file.write_bytes(good)
    file.chmod(0o666)
    with ostler.rehearsal(upper=upper) as m, pytest.raises(PermissionError, match="not trusted"):
        m.changes()
    file.unlink()
    file.symlink_to("/etc/passwd")
    with ostler.rehearsal(upper=upper) as m, pytest.raises(PermissionError, match="not trusted"):
        m.changes()
    file.unlink()
    file.write_text(json.dumps({**json.loads(good), "started": 5}))  # of another rehearsal
    with ostler.rehearsal(upper=upper) as m:
        assert who(m.changes(), place) == {"one": ("created", None)}


def test_a_disk_that_is_full_leaves_what_is_known(place, tmp_path, monkeypatch):
    upper = tmp_path / "kept"
    upper.mkdir(0o700)

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "full")

    with ostler.rehearsal(upper=upper) as m:
        with monkeypatch.context() as patch:
            patch.setattr(authors, "write_into", full)
            with pytest.raises(OSError, match="full"):
                recorded(m, place, "touch one")
        assert who(m.changes(), place) == {"one": ("created", "touch one")}


# --- by chance: a model says who it must be


class Model:
    """Who has done what last, by the commands alone."""

    def __init__(self, chance):
        self.chance = chance
        self.there = {"a": "f", "b": "f", "c": "f", "d": "d", "d/a": "f", "d/b": "f", "d/e": "d",
                      "d/e/a": "f"}  # fmt: skip
        self.base = set(self.there)
        self.by = {}

    def free(self):
        above = self.chance.choice(
            ["", *(p + "/" for p, kind in self.there.items() if kind == "d")]
        )
        while True:
            name = above + self.chance.choice("abcdexyz") * self.chance.randrange(1, 3)
            if name not in self.there:
                return name

    def line(self):
        """One more command."""
        files = [path for path, kind in self.there.items() if kind == "f"]
        made = [path for path in self.there if path not in self.base]
        what = self.chance.choice(["touch", "mkdir", "rm", "mv", "cp", "chmod", "ln", "append"])
        path = self.chance.choice(list(self.there))
        new = self.free()
        if what in ("touch", "mkdir"):
            self.there[new] = "f" if what == "touch" else "d"
            return self.did(f"{what} {new}", new)
        if what == "rm":
            gone = self.below(path)
            for each in gone:
                del self.there[each]
            return self.did(f"rm -r {path}", *gone)
        if what == "chmod":
            if self.there[path] == "l":
                return "true"
            return self.did(
                f"chmod 7{self.chance.randrange(8)}{self.chance.randrange(8)} {path}", path
            )
        if not files:
            return "true"
        file = self.chance.choice(files)
        if what == "cp":
            self.there[new] = "f"
            return self.did(f"cp {file} {new}", new)
        if what == "ln":
            self.there[new] = "l"
            return self.did(f"ln -s {file} {new}", new)
        if what == "append":
            words = f"sed -i s/$/x/ {file}"
            return self.did(words, file)
        # Directories of the base may be copied by mv; then it is who has made all that is in them.
        path = self.chance.choice([file, *(p for p in made if not new.startswith(p + "/"))])
        for each in self.below(path):
            to = new + each[len(path) :]
            self.there[to] = self.there.pop(each)
            if each in self.by:
                self.by[to] = self.by[each]
            self.by[each] = f"mv -T {path} {new}"
        return self.did(f"mv -T {path} {new}", path, new)

    def below(self, path):
        return [p for p in self.there if p == path or p.startswith(path + "/")]

    def did(self, line, *paths):
        for path in paths:
            self.by[path] = line
        return line


def check_random(place, seed):
    model = Model(random.Random(seed))
    with ostler.rehearsal() as m:
        states = []
        for step in range(3):
            recorded(m, place, *(model.line() for _ in range(14)))
            check_told(m, model, place)
            point = m.checkpoint(str(step))
            if os.geteuid():
                model.base = set(model.there)  # the kernel renames none of its directories now
            states.append((point, dict(model.by), dict(model.there)))
        point, model.by, model.there = states[seed % 3]
        m.rollback(point)
        check_told(m, model, place)


def check_told(m, model, place):
    for path, (kind, by) in who(m.changes(), place).items():
        if kind == "metadata" and path not in model.by:
            continue  # the time of a directory, in which something was done
        assert by == model.by[path], (path, kind)


@pytest.mark.parametrize("seed", range(3))
def test_random_commands(place, seed):
    check_random(place, seed)


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(100, 160))
def test_many_random_commands(run, seed):
    run(check_random, seed)


# --- on the command line


def test_on_the_command_line(place, monkeypatch):
    monkeypatch.chdir(place)
    status, out, _ = called("rehearse", "--record", "--json", "--discard", "rm", "a")
    (change,) = json.loads(out.splitlines()[-1])["changes"]
    assert status == 0 and change["by"]["argv"] == ["rm", "a"]
    status, out, _ = called("rehearse", "--record", "--discard", "touch", "new")
    assert status == 0 and b"/new  0 B, by touch [" in out
    status, out, _ = called("rehearse", "--record", "--exact", "--discard", "touch", "new")
    assert status == 0 and b"/new  0 B, by touch [" in out
    assert called("rehearse", "--exact", "--discard", "touch", "new")[0] == 2
    words = "record", "--rehearse", "-o", "log", "--html", "page", "sh", "-c", "rm a; touch new"
    assert called(*words)[0] == 0 and os.path.exists("a")
    _, out, _ = called("record", "show", "--json", "log")
    story = [json.loads(line) for line in out.splitlines()]
    by = {one["number"]: one["programs"] for one in story if one["type"] == "process"}
    assert [
        (path, kind, source, by[number][-1]["arguments"])
        for path, kind, source, number in story[0]["changes"]
    ] == [
        (f"{place}/a", "removed", None, ["rm", "a"]),
        (f"{place}/new", "created", None, ["touch", "new"]),
    ]
    page = re.search('id="data">(.*?)</script>', open("page").read(), re.DOTALL)[1]
    assert [kind for _, kind, _, process in json.loads(page)["changes"]] == ["removed", "created"]
    for words in (["sh", "-c", "touch one; rm a"], ["sh", "-c", "cp b c; cp b two"]):
        assert called("exec", "--kept", "../s", "--point", "--record", "--", *words)[0] == 0
    assert called("rehearse", "--kept", "../s", "rm", "b")[0] == 0
    _, out, _ = called("points", "../s")
    lines = [line.split(" [")[0].strip() for line in out.decode().splitlines()]
    assert lines[1:3] == ["1 path by touch one", "1 path by rm a"]
    assert lines[4:6] == ["1 path by cp b c", "1 path by cp b two"]
    assert len(lines) == 7
    _, out, _ = called("points", "--json", "../s")
    told = [[by["argv"] for by in point["by"]] for point in json.loads(out)["points"]]
    assert told == [[["touch", "one"], ["rm", "a"]], [["cp", "b", "c"], ["cp", "b", "two"]], []]
    _, out, _ = called("diff", "../s")
    assert f"{place}/two: by cp b two [" in out.decode() and ", after point 2\n" in out.decode()
    assert f"{place}/b: by" not in out.decode()
    _, out, _ = called("diff", "../s", "1", "2")
    assert f"{place}/one: by touch one [" in out.decode()
    assert called("discard", "../s")[0] == 0
    assert not os.path.exists("../s")
    status, _, said = called("exec", "--record", "true")
    assert status == 2 and "belong to --kept DIR" in said

"""`ostler shell` with a shell that lives on: a point is made when it is asked for."""

import json
import os
import shutil

import pytest

from tests.command_line import has_rehearsals, on_terminal, program, run


@pytest.fixture
def place(tmp_path, monkeypatch):
    if not has_rehearsals():
        pytest.skip("this kernel, or this user, can't have a rehearsal")
    for name in ("state", "home", "work"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PS1", "at> ")
    monkeypatch.delenv("ENV", raising=False)
    return tmp_path / "work"


def needs(name):
    return pytest.param(
        name,
        marks=pytest.mark.skipif(shutil.which(name) is None, reason=f"there is no {name} here"),
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", [*map(needs, ["dash", "busybox", "ksh", "mksh", "yash"])])
def test_points_on_request(place, name):
    kept = str(place.parent / "s")
    (place.parent / "home" / ".yashrc").write_text("PS1='at> '\n")
    prompt = b"# " if name == "mksh" and os.getuid() == 0 else b"at> "  # it insists on that
    keys = [
        (prompt, b"x=1; echo one >made; point first\n"),
        (b"this is point first\r\n", b"echo two >made; cd /; point\n"),
        (b"this is point 1\r\n", b"point first || echo $x refused\n"),
        (b"there is a point 'first' already\r\n1 refused\r\n", b"exit\n"),
        (b"keep (k)? ", b"k\n"),
    ]
    words = program("shell", "--shell", name, "--kept", kept)
    _, text = on_terminal(words, 120, cwd=place, keys=keys)
    assert "point [NAME] makes a point" in text
    assert os.listdir(place) == []
    made = json.loads(run("points", "--json", kept, cwd=place).stdout)["points"]
    assert [point["name"] for point in made] == ["first", "1"]
    assert b"first" in run("undo", kept, "first", cwd=place).stdout
    assert b"+one" in run("diff", kept, cwd=place).stdout


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", [needs("fish")])
def test_points_on_request_in_fish(place, name):
    keys = [
        (b"/work", b"echo one >made; and point first\r"),
        (b"this is point first\r\n", b"point first; or echo refused\r"),
        (b"already\r\n", b"exit\r"),
        (b"keep (k)? ", b"c\n"),
    ]
    words = program("shell", "--shell", name)
    on_terminal(words, 120, cwd=place, keys=keys, term="dumb")
    assert (place / "made").read_text() == "one\n"


def test_a_shell_that_is_not_there(place):
    done = run("shell", "--shell", "no-such-shell", cwd=place)
    assert done.returncode == 125 and b"no-such-shell" in done.stderr


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_shell_that_is_not_there_on_a_terminal(place):
    """Nothing is promised before that is told."""
    status, text = on_terminal(program("shell", "--shell", "no-such-shell"), cwd=place)
    assert status == 125 and text.startswith("ostler: no-such-shell: ")

"""`ostler shell` whose lines are run by zsh, each of which can be undone."""

import os
import re
import shutil
import subprocess

import pytest

from ostler.cli.shell_zsh import _DUMP, _FIRST, _LINE, _RUN, Zsh
from tests.command_line import has_rehearsals, on_terminal, program

needs_zsh = pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh here")


@pytest.fixture
def place(tmp_path, monkeypatch):
    if not has_rehearsals():
        pytest.skip("this kernel, or this user, can't have a rehearsal")
    for name in ("state", "home", "work"):
        (tmp_path / name).mkdir()
    (tmp_path / "home" / ".zshrc").write_text(
        "alias ll='echo aliased'\nPS1='at %1~> '\nstarted=yes\ntouch ~/touched\n"
        "seen() { typeset -gi count; (( count += 1 )) }\nprecmd_functions=(seen)\n"
        "preexec() { print -r -- \"about to: ${1%%$'\\n'*}\" }\nzshexit() { echo 'zsh is left' }\n"
    )
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ZDOTDIR", raising=False)
    monkeypatch.setenv("SHELL", shutil.which("zsh") or "zsh")
    (tmp_path / "work" / "there").write_text("old\n")
    return tmp_path / "work"


def typed(place, text, *words, status=0):
    done = subprocess.run(
        program("shell", *words), cwd=place, input=text.encode(), capture_output=True, timeout=100
    )
    assert done.returncode == status, done.stderr
    lines = done.stdout.decode().splitlines()
    return [line for line in lines if not line.startswith("about to")], done.stderr.decode()


def test_what_it_is_given():
    """Where there is no zsh, too: its descriptors are filled in, and quotes and braces agree."""
    zsh = Zsh((61, 62, 63, 64))
    for text in (_DUMP, _FIRST, _LINE, _RUN):
        filled = zsh._filled(text)
        assert not re.search("@[A-Z]+@", filled)
        assert filled.count("{") == filled.count("}")
    assert zsh._filled(_RUN).count("\n") == 0
    assert zsh.prompt(b"\x1b[31mat\x1b[0m> ") == b"\1\x1b[31m\2at\1\x1b[0m\2> "
    assert not zsh.has_end(b"trap -- '{ __ostler_dump \"$@\"; } 2>&63' EXIT\n")
    assert zsh.has_end(b"trap -- 'echo over' EXIT\n")


@needs_zsh
def test_what_goes_on_from_line_to_line(place):
    said, failed = typed(place, """\
x='a  b'; y=(1 "2 3"); export Z=out; f() { echo "f $1 $x" }
f one; echo "$y[2] $(printenv Z)"
ll
echo "$started $count"
typeset -A m; m=(k 'v w'); readonly r=5; typeset -i n=7
echo "$m[k] $r $n"; r=6
mkdir d && cd d; umask 027
pwd; umask; setopt null_glob
echo *; [[ -o null_glob ]] && echo null; false
echo $?
for i in 1 2
do
echo "i$i"
done
cat <<END
here
END
cd ..; pushd d
cd -; echo $OLDPWD
set -- "a  b" c; echo lastword
echo "$_|$1|$#"
ulimit -Sn 77
ulimit -Sn
echo $LINENO; nosuch
echo x; )
echo "${(k)parameters[(I)__ostler*]}"
echo an open "quote
over two lines"
""")  # fmt: skip
    wanted = [
        "f one a  b", "2 3 out", "aliased", "yes 4", "v w 5 7", f"{place}/d", "027", "", "null",
        "1", "i1", "i2", "here", f"{place}/d", "lastword", "lastword|a  b|2", "77", "1", "",
        "an open quote", "over two lines", "zsh is left",
    ]  # fmt: skip
    assert [line for line in said if not line.startswith(("~", "/", "└")) or line in wanted][
        : len(wanted)
    ] == wanted
    assert "1: command not found: nosuch" in failed and "parse error" in failed
    assert "__ostler" not in failed
    assert not (place.parent / "home" / "touched").exists()


@needs_zsh
def test_every_line_can_be_undone(place):
    said, _ = typed(place, """\
echo new >there; x=1
rm there; x=2
undo
cat there; echo $x
undo
cat there
redo
cat there
point mine
echo more >there
undo mine
cat there
points
exit 7
""", "--kept", "../s", status=7)  # fmt: skip
    assert [line for line in said if line in ("new", "old", "2")] == [
        "new",
        "2",
        "old",
        "new",
        "new",
    ]
    assert "this is point mine" in said
    assert any(line.endswith("rm there; x=2") for line in said)
    assert (place / "there").read_text() == "old\n"


@needs_zsh
@pytest.mark.parametrize(
    ("lines", "said", "status"),
    [
        ("trap 'echo over' EXIT; exit 3", ["over", "zsh is left"], 3),
        ("trap 'echo over' EXIT\necho one\nexit 4", ["one", "over", "zsh is left"], 4),
        ("trap 'echo over' EXIT\necho one", ["one", "over", "zsh is left"], 0),
        ("exit 200", ["zsh is left"], 200),
        ("exec sh -c 'echo other; exit 5'", ["other"], 5),
        ("kill -9 $$\necho $?", ["137", "zsh is left"], 0),
    ],
)
def test_what_leaves_it(place, lines, said, status):
    shown, failed = typed(place, f"touch made\n{lines}\n", status=status)
    assert sorted(shown[: len(said)]) == sorted(said)
    assert "1 created" in "".join(shown) + failed


@needs_zsh
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_on_a_terminal(place):
    prompt = b"\r\n[rehearsal] at work> "
    keys = [
        (b"at work> ", b"echo new >there\n"),
        # read is at work by then: what zsh does of its own between two commands ends with no Ctrl-C
        (b"echo new >there" + prompt, b"{ sleep 0.5; echo begun } & read -t 100; echo not\n"),
        (b"\r\nbegun\r\n", b"\x03"),
        (b"^C" + prompt, b"cat there\n"),
        (b"\r\nnew" + prompt, b"undo\n"),
        (b"is kept as 3)" + prompt, b"cat there\n"),
        (b"\r\nold" + prompt, b"redo\n"),
        (b"cat there" + prompt, b"exit\n"),
        (b"keep (k)? ", b"c\n"),
    ]
    status, text = on_terminal(program("shell"), 120, cwd=place, keys=keys)
    assert "back at" in text and "1 change: 1 modified" in text
    assert (place / "there").read_text() == "new\n"
    assert sorted(os.listdir(place.parent / "home")) == [".zshrc"]
    assert status == 0


@needs_zsh
def test_only_exit_leaves_where_the_directory_is_gone(place):
    """What only begins like it could be meant for the directory that is gone."""
    said, errors = typed(place, """\
echo old > there; mkdir d; cd d
rmdir ../d
exit_code=3; rm -f *
ls
cd; mkdir d; cd d; rmdir ../d
exit & rm -f *
exit 5; echo on
""", status=5)  # fmt: skip
    assert "there" in said
    assert "on" not in said
    assert errors.count("is gone: nothing was run") == 2


@needs_zsh
def test_a_line_that_no_shell_takes(place):
    """It is told, and what was done before is still there."""
    said, errors = typed(place, "echo one > a\n: " + "x" * 140_000 + "\necho $?; ca\0t a\n")
    assert said[:2] == ["126", "one"]
    assert "zsh: Argument list too long" in errors
    assert "the changes are discarded" in errors


@needs_zsh
def test_functions_with_the_names_of_builtins(place):
    names = "eval exec set trap setopt echo read unset source exit ulimit functions"
    lines = [f"{name}() {{ builtin print mine $1 }}" for name in names.split()]
    said, failed = typed(place, "\n".join([
        "x=kept; setopt no_glob", *lines, "y=too", 'echo "$x $y"; exec sh', "eval one; set two",
        "print *",
    ]))  # fmt: skip
    assert said[:5] == ["mine kept too", "mine sh", "mine one", "mine two", "*"]
    assert failed == "ostler: nothing was changed\n"


@needs_zsh
def test_too_few_descriptors(place):
    said, failed = typed(place, "x=5\nulimit -n 3; x=6\necho $? $x\nexit 3\n", status=3)
    assert said[0] == "1 5"
    assert failed.count("ostler: too few descriptors are left (ulimit -n)") == 1

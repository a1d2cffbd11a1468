"""`ostler shell`: lines that are typed, or come from a pipe, each of which can be undone."""

import os
import re
import shutil
import subprocess

import pytest

from tests.command_line import has_rehearsals, on_terminal, program, run

pytestmark = [
    pytest.mark.skipif(shutil.which("bash") is None, reason="it runs bash"),
    pytest.mark.usefixtures("rehearsals"),
]


@pytest.fixture
def rehearsals():
    if not has_rehearsals():
        pytest.skip("this kernel, or this user, can't have a rehearsal")


@pytest.fixture
def place(tmp_path, monkeypatch):
    for name in ("state", "home", "work"):
        (tmp_path / name).mkdir()
    (tmp_path / "home" / ".bashrc").write_text(
        "alias ll='echo aliased'\nPS1='at \\W> '\nstarted=yes\ntouch ~/touched\n"
    )
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "work" / "there").write_text("old\n")
    return tmp_path / "work"


def typed(place, text, *words, status=0):
    done = subprocess.run(
        program("shell", *words), cwd=place, input=text.encode(), capture_output=True, timeout=100
    )
    assert done.returncode == status, done.stderr
    return done.stdout.decode(), done.stderr.decode()


def test_what_goes_on_from_line_to_line(place):
    said, _ = typed(place, """\
x='a  b'; y=(1 "2 3"); export Z=out; f() { echo "f $1 $x"; }
f one; echo "${y[1]} $(printenv Z)"
ll
echo "$started"
mkdir d && cd d; umask 027
pwd; umask; set -f; shopt -s nullglob
echo *; shopt nullglob; false
echo $?
for i in 1 2
do
echo "i$i"
done
cat <<END
here
END
cd ..; unset x; unset -f f
echo "<$x>"; f one
read line; echo "got $line"
typed
exit 7
""", status=7)  # fmt: skip
    lines = said.splitlines()[:14]
    lines[7] = " ".join(lines[7].split())  # newer bashes have wider columns
    assert lines == [
        "f one a  b", "2 3 out", "aliased", "yes", str(place / "d"), "0027", "*",
        "nullglob on", "1", "i1", "i2", "here", "<>", "got typed",
    ]  # fmt: skip
    assert os.listdir(place) == ["there"]


def test_more_that_goes_on_from_line_to_line(place):
    said, errors = typed(place, """\
cd /usr; v=1
echo "$OLDPWD"
cd -
cd - >/dev/null; pushd /var >/dev/null
dirs -l
set -- "a  b" c
echo "$1|$#"
(exit 5)
echo $?; echo lastword
echo $_
g() { echo "exported $1"; }; export -f g; cd() { builtin cd "$@" && echo "went"; }
bash -c 'g yes'
shopt -s extglob
h() { case $1 in !(x)) echo "not x" ;; esac; }
h y
ulimit -Sn 77
ulimit -Sn
alias printf=false set=false exit=false eval=false
trap 'echo bye' EXIT; v=kept
echo $v
unalias -a
set -x
echo traced
set +x
echo "<$(compgen -v __ostler)>"
set -e
(exit 3) || echo "$?"
false
echo never
""", status=1)  # fmt: skip
    assert said.splitlines()[:15] == [
        str(place), str(place), "/var /usr",
        "a  b|2", "5", "lastword", "lastword", "exported yes", "not x", "77",
        "kept", "traced", "<>", "3", "bye",
    ]  # fmt: skip
    assert errors.splitlines()[:2] == ["++ echo traced", "++ set +x"]


def test_nothing_is_run_where_the_directory_is_gone(place):
    said, errors = typed(place, """\
mkdir -p "new dir/d" && cd "new dir/d"
rm -r "../../new dir"
rm -f *
echo $?; pwd; ls
undo 2
cd "new dir/d"; pwd
undo 1
exit 5
""", status=5)  # fmt: skip
    assert said.splitlines()[:3] == ["1", str(place), "there"]
    assert f"{place}/new dir/d is gone: nothing was run, and this is {place} now" in errors
    assert f"{place}/new dir/d" in said.splitlines()
    assert os.listdir(place) == ["there"]


def test_every_line_can_be_undone(place):
    said, _ = typed(place, """\
echo one >there
rm there
undo
cat there
undo
cat there
redo
redo
ls there
undo 1
undo nowhere
points 1
echo more >>there; exit 0
""")  # fmt: skip
    lines = said.splitlines()
    assert lines[0].startswith("back at 2, before: rm there (")
    assert lines.index("one") < lines.index("old")
    assert os.listdir(place) == ["there"] and (place / "there").read_text() == "old\n"


def test_what_is_its_own_stands_alone(place):
    lines = [
        "undo 1 2", "points | head -1", "changes >file", "points;ls", "  redo && ls", "undo --help",
        "differences 1 2 | less",
    ]  # fmt: skip
    out, said = typed(place, "\n".join(["redo 1", "undo -x", *lines, "points=3; echo $points"]))
    assert out == "3\n"
    names = ["undo", "points", "changes", "points", "redo", "undo", "differences"]
    assert said.splitlines()[:9] == [
        "ostler: redo takes no argument", "ostler: there is no point '-x'",
        *[
            f"ostler: {name} is the shell's own, and stands alone on its line "
            "(ostler shell --help tells more)"
            for name in names
        ],
    ]  # fmt: skip
    out, _ = typed(place, "changes() { echo mine; }; changes\nfunction undo { :; }; undo\n")
    assert out == "mine\n"
    assert os.listdir(place) == ["there"]


def test_only_exit_leaves_where_the_directory_is_gone(place):
    """What only begins like it could be meant for the directory that is gone."""
    said, errors = typed(place, """\
mkdir d; cd d
rmdir ../d
exit_code=3; rm -f *
ls
cd; mkdir d; cd d; rmdir ../d
exit & rm -f ../work/*
 exit 5; echo on
""", status=5)  # fmt: skip
    assert said.startswith("there\n/\n")
    assert errors.count("is gone: nothing was run") == 2


def test_a_line_that_no_bash_takes(place):
    """It is told, and what was done before is still there."""
    said, errors = typed(place, "echo one > a\n: " + "x" * 140_000 + "\necho $?; ca\0t a\n")
    assert said.startswith("126\none\n")
    assert "bash: Argument list too long" in errors
    assert "the changes are discarded" in errors


def test_a_kept_one_goes_on(place):
    _, said = typed(place, "echo one >a\ncd /; exit\n", "--kept", "../s")
    assert "still kept in ../s" in said
    assert not (place / "a").exists()
    said, _ = typed(place, "cat a\npoints\necho two >a\ndifferences\n", "--kept", "../s")
    assert said.startswith("one\n")
    assert re.search(r"1  [\d:]+  0  \+1  echo one >a", said)
    assert "touched" not in said
    assert "+two" in said
    done = run("commit", "../s", cwd=place)
    assert done.stdout == b"1 change committed; ../s is gone\n"
    assert (place / "a").read_text() == "two\n"


def test_who_changed_what_is_told_where_that_is_asked_for(place):
    lines = "echo one >a; echo x >/dev/null\ncp a c; rm there\npoints\n"
    said, _ = typed(place, lines, "--record", "--kept", "../s")
    by = [re.sub(r"\[\d+\]", "[]", line.strip()) for line in said.splitlines() if " by " in line]
    wanted = [
        "1 path by bash -c 'echo one >a; echo x >/dev/null' []", "1 path by cp a c []",
        "1 path by rm there []",
    ]  # fmt: skip
    assert by[:3] == wanted
    assert "+ a  4 B, by bash [" in said and "+ c  4 B, by cp [" in said
    listed = run("points", "../s", cwd=place).stdout.decode()
    by = [re.sub(r"\[\d+\]", "[]", line.strip()) for line in listed.splitlines() if " by " in line]
    assert by == wanted
    said, _ = typed(place, "touch d\npoints\n")
    assert " by " not in said


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_on_a_terminal(place):
    prompt = b"\r\n[rehearsal] at work> "
    keys = [
        (b"at work> ", b"echo new >there\n"),
        (b"there" + prompt, b"echo begun; read -t 100; echo not\n"),
        (b"\r\nbegun\r\n", b"\x03"),
        (b"^C" + prompt, b"cat there\n"),
        (b"\r\nnew" + prompt, b"undo\n"),
        (b"is kept as 3)" + prompt, b"cat there\n"),
        (b"\r\nold" + prompt, b"redo\n"),
        (b"cat there" + prompt, b"\x04"),
        (b"keep (k)? ", b"c\n"),
    ]
    status, text = on_terminal(program("shell"), 120, cwd=place, keys=keys)
    assert "[rehearsal] at work> " in text
    opening, _, _ = text.partition("\n")
    assert opening.startswith("Nothing real is changed.")
    words = "undo", "redo", "point,", "points", "differences", "exit"
    assert all(word in opening for word in words)
    assert "back at" in text and "1 change: 1 modified" in text
    assert text.count("not\n") + text.count("not\r") <= 1  # Ctrl-C has ended the whole line
    assert (place / "there").read_text() == "new\n"
    assert not (place.parent / "home" / "touched").exists()
    assert status == 0


def test_line_numbers_are_those_of_what_was_typed(place):
    said, failed = typed(place, """\
echo "$LINENO"
f() { nosuch; }; f
if true
then echo "$LINENO"
f() { nosuch; }; f
fi
echo x; )
""", status=2)  # fmt: skip
    assert said.splitlines() == ["1", "2"]
    numbers = re.findall(r"line (\d+): nosuch", failed)
    assert numbers == ["1", "3"]
    assert "syntax error" in failed and "__ostler" not in failed


@pytest.mark.parametrize(
    ("lines", "said", "status"),
    [
        ("trap 'echo over' EXIT; exit 3", ["over"], 3),
        ("trap 'echo over' EXIT\necho one\nexit 4", ["one", "over"], 4),
        ("trap 'echo over' EXIT\necho one", ["one", "over"], 0),
        ("trap 'echo \"it is\" over' EXIT; true\ntrap - EXIT; echo two", ["two"], 0),
        ("trap 'echo usr' USR1\nkill -USR1 $$; echo on", ["usr", "on"], 0),
        ("exit 200", [], 200),
        ("exec sh -c 'echo other; exit 5'", ["other"], 5),
        ("exec nosuch-program\necho on", ["on"], 0),
        ("x=1; exec nosuch-program; exit 6", [], 6),
        ("bash -c 'exit 3'\necho $?", ["3"], 0),
        ("kill -9 $$\necho $?", ["137"], 0),
    ],
)
def test_what_leaves_it(place, lines, said, status):
    """As in any bash; what was changed until then is told."""
    shown, failed = typed(place, f"touch made\n{lines}\n", status=status)
    assert [line for line in shown.splitlines() if "made" not in line][: len(said)] == said
    assert "1 created" in shown + failed
    kept = "--kept", str(place.parent / "k")
    typed(place, f"touch made\n{lines}\n", *kept, status=status)
    assert typed(place, "ls", *kept)[0].splitlines()[0] == "made"


def test_functions_with_the_names_of_builtins(place):
    names = "eval exec set declare printf trap shopt echo read unset source exit ulimit"
    lines = [f"{name}() {{ builtin echo mine $1; }}" for name in names.split()]
    said, failed = typed(place, "\n".join([
        "x=kept; set -f", *lines, "y=too", 'printf "$x $y"; exec sh', "eval one; set two",
        "builtin unset -f printf", 'printf "%s\\n" "$-" | grep -c f',
    ]))  # fmt: skip
    assert said.splitlines()[:5] == ["mine kept too", "mine sh", "mine one", "mine two", "1"]
    assert failed == "ostler: nothing was changed\n"


def test_too_few_descriptors(place):
    """What such a line has set is forgotten, and it is said; the shell goes on."""
    said, failed = typed(place, """\
x=5; echo one >made
ulimit -n 3; x=6
echo $? $x
ulimit -n 20; x=8
echo $x $(ulimit -n)
exit 3
""", status=3)  # fmt: skip
    assert said.splitlines()[:2] == ["1 5", "8 20"]
    assert failed.count("ostler: too few descriptors are left (ulimit -n)") == 1
    assert "1 created" in said


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("how", ["bash", "exec bash", "trap 'echo over' EXIT; exit"])
def test_what_leaves_it_on_a_terminal(place, how):
    """The question is asked in any case, and what was changed is there."""
    keys = [(b"at work> ", b"echo new >there\n"), (b"at work> ", f"{how}\n".encode())]
    if how != "trap 'echo over' EXIT; exit":
        keys += [(b"hat work> ", b"echo newer >there\n"), (b"hat work> ", b"exit\n")]
    if how == "bash":
        keys += [(b"\n[rehearsal] at work> ", b"cat there; exit\n")]
    keys += [(b"keep (k)? ", b"c\n")]
    status, text = on_terminal(program("shell"), 120, cwd=place, keys=keys)
    assert status == 0 and "committed" in text
    wanted = "new\n" if how.startswith("trap") else "newer\n"
    assert (place / "there").read_text() == wanted


LONG = "seq 100 >there"


@pytest.mark.skipif(shutil.which("less") is None, reason="it is looked at in less")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_pager_can_change_nothing(place, monkeypatch):
    monkeypatch.delenv("PAGER", raising=False)
    keys = [
        (b"at work> ", f"{LONG}\n".encode()), (b"there\r\n[rehearsal] at work> ", b"differences\n"),
        (b":", b"!"), (b"ommand not available", b"\n"), (b":", b"ssaved\n"),
        (b"not available", b"\n"), (b":", b"q"), (b"at work> ", b"\x04"),
        (b"keep (k)? ", b"x\n"),
    ]  # fmt: skip
    on_terminal(program("shell"), 120, cwd=place, keys=keys)
    assert os.listdir(place) == ["there"]
    # Of another program nothing is known: where it is run nothing can be changed.
    monkeypatch.setenv("PAGER", "tail -n 1; touch escaped; rm there; echo over")
    keys = [
        (b"at work> ", f"{LONG}\n".encode()), (b"there\r\n[rehearsal] at work> ", b"differences\n"),
        (b"over\r\n[rehearsal] at work> ", b"\x04"), (b"keep (k)? ", b"d\n"), (b"over\r\n", b"x\n"),
    ]  # fmt: skip
    _, text = on_terminal(program("shell"), 120, cwd=place, keys=keys)
    assert text.count("Read-only file system") == 4 and text.count("+100") == 2
    assert os.listdir(place) == ["there"] and (place / "there").read_text() == "old\n"


def system(top):
    """A directory with nothing but bash, and what that needs."""
    for path in re.findall(
        r"/\S+", subprocess.check_output(["ldd", shutil.which("bash")], text=True)
    ):
        os.makedirs(f"{top}{os.path.dirname(path)}", exist_ok=True)
        shutil.copy(path, f"{top}{path}")
    os.makedirs(f"{top}/bin", exist_ok=True)
    shutil.copy(shutil.which("bash"), f"{top}/bin/bash")


def test_another_base(place, tmp_path, monkeypatch):
    """It is a whole system, of which nothing outside is seen."""
    top = tmp_path / "system"
    system(str(top))
    monkeypatch.setenv("PATH", "/bin:" + os.environ["PATH"])
    text = f"""\
x='a b'; f() {{ echo "f $x"; }}; set -f
pwd; f; [ -e {place} ] || echo none; echo *
set +f; echo one >/a; [ -e a ] && echo made
undo
[ -e /a ] || echo gone
redo
"""
    said, _ = typed(place, text, "--base", str(top), "--kept", "../s")
    lines = said.splitlines()
    assert lines[:5] == ["/", "f a b", "none", "*", "made"]
    assert "gone" in lines
    assert not (top / "a").exists()
    said, _ = typed(place, "echo two >/b\n", "--base", str(top), "--kept", "../s")
    assert not (top / "b").exists()
    done = run("commit", "../s", cwd=place)
    assert done.returncode == 0, done.stderr
    assert [(top / name).read_text() for name in "ab"] == ["one\n", "two\n"]


def test_a_base_that_can_not_be_had(place, tmp_path):
    (tmp_path / "empty").mkdir()
    _, said = typed(place, "", "--base", "../empty", status=125)
    assert "there is no bash" in said
    _, said = typed(place, "", "--base", "../none", status=125)
    assert "none" in said
    typed(place, "echo one >a\n", "--kept", "../s")
    _, said = typed(place, "", "--base", "../empty", "--kept", "../s", status=125)
    assert "belongs to a rehearsal of '/'" in said

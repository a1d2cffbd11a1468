"""From a run to a profile, and runs with it: what a program needs it has, and nothing more."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import zipfile

import pytest

from ostler.record import profiles
from ostler.record.log import Event, Program, RecordedProcess, Story
from tests.command_line import AS_USER, called, has_rehearsals, program, run

pytestmark = pytest.mark.skipif(not has_rehearsals(), reason="namespaces are refused here")


@pytest.fixture
def place(tmp_path):
    (tmp_path / "work").mkdir()
    (tmp_path / "secret").write_text("secret")
    return tmp_path / "work"


def recorded(place, *command):
    """The profile of a command that is run in a directory."""
    file = place.parent / "needs"
    done = run("record", "--profile", file, *command, cwd=place)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(file.read_text())


def again(place, *command):
    return run("exec", "--profile", place.parent / "needs", *command, cwd=place)


def check_others_are_refused(place):
    """What the profile does not name can't be read or changed, and there is no network."""
    secret = place.parent / "secret"
    assert again(place, "cat", secret).returncode != 0
    done = again(place, "sh", "-c", "echo x > /etc/new")
    assert done.returncode != 0 and b"Read-only file system" in done.stderr
    done = again(place, "sh", "-c", f"echo x > {place.parent}/new; echo y > {secret}")
    assert not (place.parent / "new").exists() and secret.read_text() == "secret"
    program = "import socket; socket.create_connection(('127.0.0.1', 1))"
    done = again(place, "/usr/bin/python3", "-c", program)
    assert done.returncode != 0


def needs_program(name):
    return pytest.mark.skipif(shutil.which(name) is None, reason=f"there is no {name}")


@needs_program("make")
@needs_program("cc")
def test_make(place):
    (place / "Makefile").write_text("all: a.o\na.o: a.c a.h\n\tcc -c -o a.o a.c\n")
    (place / "a.c").write_text('#include <stdio.h>\n#include "a.h"\n')
    (place / "a.h").write_text("int f(void);\n")
    profile = recorded(place, "make")
    assert profile["writes"] == [os.path.realpath(place)]
    assert profile["network"] is False
    (place / "a.o").unlink()
    done = again(place, "make")
    assert done.returncode == 0, done.stderr.decode()
    assert (place / "a.o").exists()
    check_others_are_refused(place)


@needs_program("tar")
def test_tar_reads_here_and_writes_there(place):
    (place / "in").mkdir()
    (place / "out").mkdir()
    for name in "abcd":
        (place / "in" / name).write_text(name)
    profile = recorded(place, "tar", "-cf", "out/all.tar", "-C", "in", ".")
    assert profile["writes"] == [os.path.realpath(place / "out")]
    (place / "out/all.tar").unlink()
    done = again(place, "tar", "-cf", "out/all.tar", "-C", "in", ".")
    assert done.returncode == 0, done.stderr.decode()
    assert (place / "out/all.tar").stat().st_size > 1000
    done = again(place, "sh", "-c", "echo x > in/a")
    assert done.returncode != 0 and b"Read-only file system" in done.stderr
    assert (place / "in/a").read_text() == "a"
    check_others_are_refused(place)


@needs_program("git")
def test_git(place):
    (place / "file").write_text("text")
    script = (
        "git init -q . && git add file && git -c user.name=a -c user.email=a@b.example "
        "commit -qm one && git log --oneline"
    )
    recorded(place, "sh", "-c", script)
    shutil.rmtree(place / ".git")
    done = again(place, "sh", "-c", script)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.endswith(b" one\n") and (place / ".git/HEAD").exists()
    check_others_are_refused(place)


def test_pip(place):
    """Of this interpreter, wherever it is installed; a package from a file."""
    wheel = place / "small-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("small.py", "answer = 42\n")
        archive.writestr("small-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: small\n"
                         "Version: 1.0\n")  # fmt: skip
        archive.writestr("small-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: x\n"
                         "Root-Is-Purelib: true\nTag: py3-none-any\n")  # fmt: skip
        archive.writestr("small-1.0.dist-info/RECORD", "small.py,,\n")
    (place / "site").mkdir()
    command = [
        sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-cache-dir",
        "--disable-pip-version-check", "--root-user-action=ignore", "--target", "site", wheel.name,
    ]  # fmt: skip
    profile = recorded(place, *command)
    assert os.path.realpath(place / "site") in profile["writes"]
    shutil.rmtree(place / "site")
    (place / "site").mkdir()
    done = again(place, *command)
    assert done.returncode == 0, done.stderr.decode()
    assert (place / "site/small.py").read_text() == "answer = 42\n"
    check_others_are_refused(place)


def test_a_network_is_given_to_who_used_one(place):
    program = (
        "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); "
        "c = socket.create_connection(s.getsockname()); print('through')"
    )
    assert recorded(place, "/usr/bin/python3", "-c", program)["network"] is True
    assert again(place, "/usr/bin/python3", "-c", program).stdout == b"through\n"


# --- of an ordinary user

# Who became one may still see the namespaces that it makes.
AS_ORDINARY = f"""
import ctypes, sqlite3
import ostler.cli.exec, ostler.cli.kept, ostler.cli.record, ostler.cli.record_files
import ostler.cli.running, ostler.core.descendants, ostler.machines.among, ostler.machines.confined
import ostler.record.database, ostler.record.outline, ostler.record.profiles
import ostler.record.recorder
{AS_USER if os.geteuid() == 0 else ""}
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
"""


@pytest.fixture
def users_place():
    with tempfile.TemporaryDirectory(prefix="ostler-tests-") as top:
        for name in ("", "/work", "/work/in", "/work/out"):
            os.makedirs(top + name, exist_ok=True)
            if os.geteuid() == 0:
                os.chown(top + name, 65534, 65534)
        for name in ("a", "b", "c", "d"):
            with open(f"{top}/work/in/{name}", "w") as file:
                file.write(name)
        with open(f"{top}/secret", "w") as file:
            file.write("secret")
        yield top


def as_ordinary(top, *words):
    return subprocess.run(
        program(*words, before=AS_ORDINARY), cwd=f"{top}/work", capture_output=True, check=False,
        stdin=subprocess.DEVNULL, env={"HOME": "/nonexistent", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip


@needs_program("tar")
def test_an_ordinary_user_has_no_more_than_it_needs(users_place):
    top = os.path.realpath(users_place)
    command = ["tar", "-cf", "out/all.tar", "-C", "in", "."]
    done = as_ordinary(top, "record", "--profile", "../needs", *command)
    assert done.returncode == 0, done.stderr.decode()
    with open(f"{top}/needs") as file:
        profile = json.load(file)
    assert profile["writes"] == [f"{top}/work/out"]
    assert f"{top}/work" in profile["reads"] and not profile["network"]
    os.unlink(f"{top}/work/out/all.tar")
    with_it = ("exec", "--profile", "../needs")
    done = as_ordinary(top, *with_it, *command)
    assert done.returncode == 0, done.stderr.decode()
    assert os.path.getsize(f"{top}/work/out/all.tar") > 1000
    done = as_ordinary(top, *with_it, "sh", "-c", "id -u; echo x > in/a; cat ../secret /etc/shadow")
    said = done.stderr.decode()
    assert "Read-only file system" in said and "secret: No such file" in said
    assert done.stdout.split()[:1] == [b"65534" if os.geteuid() == 0 else b"%d" % os.geteuid()]
    assert "shadow: No such file" in said
    assert open(f"{top}/work/in/a").read() == "a"
    # Nor can it change what says what it may.
    done = as_ordinary(top, *with_it, "sh", "-c", "echo x > ../needs; rm -f ../needs")
    with open(f"{top}/needs") as file:
        assert json.load(file) == profile


@pytest.mark.skipif(os.geteuid() != 0, reason="all files are ours")
def test_a_profile_that_a_user_may_not_read(users_place):
    with open(f"{users_place}/needs", "w") as file:
        file.write('{"profile": 1}')
    os.chmod(f"{users_place}/needs", 0o600)
    done = as_ordinary(users_place, "exec", "--profile", "../needs", "true")
    assert done.returncode == 125 and done.stderr == b"ostler: ../needs: Permission denied\n"


# --- what is made of what was seen


def story_of(*events, cwd="/home/me/work", ran="/usr/bin/sh"):
    story = Story()
    story.about["cwd"] = cwd
    one = RecordedProcess(1, 100, 0, None, 0.0)
    one.programs.append(Program(ran, ("sh",), cwd, 0.0, True, False, 0))
    story.processes.append(one)
    for kind, path, *rest in events:
        other, outcome = (*rest, *("", True)[len(rest) :])
        story.events.append(Event(0.0, one, kind, path, other, 0, outcome, 0, False))
    return story


@pytest.mark.parametrize(
    ("events", "reads", "writes"),
    [
        ([("read", "/usr/lib/x.so"), ("read", "/proc/1/stat"), ("read", "/dev/null")], [], []),
        ([("read", "/etc/a"), ("read", "/etc/b"), ("read", "/etc/c"), ("read", "/etc/d")],
         ["/etc/a", "/etc/b", "/etc/c", "/etc/d"], []),
        ([("read", f"/opt/x/{name}") for name in "abc"], ["/opt/x"], []),
        ([("read", "/opt/x/a"), ("read", "/opt/x/b")], ["/opt/x/a", "/opt/x/b"], []),
        ([("read", "/opt/x/a", "", False)], [], []),
        ([("read", "/home/me/work/a")], ["/home/me/work"], []),
        # What it has made itself, wherever: the directory that was there before is what it needs.
        ([("mkdir", "/srv/x/new"), ("create", "/srv/x/new/a"), ("read", "/srv/x/new/a")],
         [], ["/srv/x"]),
        ([("create", "/tmp/cc12.s"), ("write", "/tmp/cc12.s"), ("remove", "/tmp/cc12.s")], [], []),
        ([("create", "/tmp/mine/a")], [], ["/tmp/mine"]),
        ([("write", "/srv/x/log")], [], ["/srv/x/log"]),
        ([("write", "/srv/x/log"), ("create", "/srv/x/b")], [], ["/srv/x"]),
        ([("rename", "/srv/a/x", "/srv/b/x")], [], ["/srv/a", "/srv/b"]),
        ([("write", "/dev/null"), ("write", "/dev/tty")], [], []),
        ([("create", "/home/me/work/a"), ("read", "/home/me/work/b")], [], ["/home/me/work"]),
        ([("read", "/srv/x/a"), ("create", "/srv/xy/a")], ["/srv/x/a"], ["/srv/xy"]),
    ],
)  # fmt: skip
def test_directories_and_not_names_that_change(events, reads, writes):
    profile = profiles.profile_of(story_of(*events))
    assert [*profile.reads] == reads
    assert [*profile.writes] == writes
    assert not profile.network and not profile.left_out


def test_of_other_people_nothing_goes_along_with_what_was_read():
    """What was read of their homes is given, and directories of which the names were read."""
    own = os.path.expanduser("~")
    done = [("read", f"{home}/{name}") for home in ("/home/you", own) for name in "abc"]
    done += [("read", f"/home/you/open/{name}") for name in "abc"]
    done += [("read", "/home/you/open")]
    done += [
        ("read", f"{top}/{name}") for top in ("/home/you/closed", f"{own}/own") for name in "abc"
    ]
    profile = profiles.profile_of(story_of(*done, cwd="/srv"))
    assert set(profile.reads) == {
        *(f"{home}/{name}" for home in ("/home/you", own) for name in "abc"),
        *(f"/home/you/closed/{name}" for name in "abc"), "/home/you/open", f"{own}/own",
    }  # fmt: skip
    # Nor the whole, because its names were read or something was made there.
    profile = profiles.profile_of(story_of(("read", "/home/you"), ("create", "/home/you/x")))
    assert (profile.reads, profile.writes, profile.left_out) == ((), (), ("/home/you",))


def test_people_whose_homes_are_elsewhere():
    with open("/etc/passwd") as file:
        fields = [line.split(":") for line in file]
    homes = {one[5] for one in fields if 1000 <= int(one[2]) < 60000 and one[5].count("/") > 1}
    for home in {"/root", *homes} - {"/nonexistent"}:
        done = [("read", f"{home}/{name}") for name in "abcd"]
        assert profiles.profile_of(story_of(*done)).reads == tuple(path for _, path in done)


def test_what_would_be_too_much_is_not_given(tmp_path):
    profile = profiles.profile_of(story_of(("create", "/etc/new"), ("create", "/file")))
    assert profile.writes == () and profile.left_out == ("/", "/etc")
    connects = story_of(("connect", "1.2.3.4:80", "", None), ("connect", "/run/x/s", "", None))
    assert profiles.profile_of(connects).network
    assert profiles.profile_of(connects).reads == ("/run/x/s",)
    path = str(tmp_path / "p")
    profiles.write(profile, path)
    assert profiles.read(path) == profile


@pytest.mark.parametrize("directory", ["/etc", "/usr/bin", "/usr/local/bin", "/boot", "~", "/"])
def test_where_it_began_is_not_given_either_where_that_is_too_much(directory):
    directory = os.path.expanduser(directory)
    path = os.path.join(directory, "new")
    profile = profiles.profile_of(story_of(("create", path), cwd=directory))
    assert profile.writes == () and profile.left_out == (directory,)


def test_what_a_process_has_in_proc_is_nothing_to_be_given():
    done = [("write", "/proc/12/oom_score_adj"), ("write", "/proc/12/root/srv/x"),
            ("create", "/proc/12/cwd/a"), ("write", "/proc/sys/kernel/core_pattern")]  # fmt: skip
    profile = profiles.profile_of(story_of(*done))
    assert profile.writes == () and profile.left_out == ("/proc/sys/kernel/core_pattern",)


def test_names_that_are_no_paths_are_passed_over(tmp_path):
    """A log may be anybody's."""
    names = ("rel", "a/b", "", "//", "//x", "/a/../..", "/a\0b")
    for kind in ("create", "write", "read", "mkdir"):
        for name in names:
            done = [("mkdir", "/srv/x/a"), (kind, name), ("rename", "/srv/x/b", name)]
            profile = profiles.profile_of(story_of(*done, ("link", "/srv/x/c", name), cwd="rel"))
            assert profile.writes == ("/srv/x",) and (profile.reads, profile.cwd) == ((), "/")
            path = str(tmp_path / f"{kind} {names.index(name)}")
            profiles.write(profile, path)
            assert profiles.read(path) == profile


def test_after_a_mount_names_may_be_those_of_other_files():
    done = [("create", "/srv/x/a"), ("mount", "/opt/x", "", False), ("create", "/srv/y/a"),
            ("mount", "/opt/x"), ("create", "/opt/x/a"), ("create", "/etc/cron.d/a"),
            ("read", "/home/you/secret"), ("create", "/srv/x/b")]  # fmt: skip
    profile = profiles.profile_of(story_of(*done))
    assert profile.writes == ("/srv/x", "/srv/y") and profile.reads == ()
    assert profile.left_out == ("/etc/cron.d", "/opt/x")


def _told_more(place, file):
    # What a command could do to have more the next time, each on a line.
    more = json.dumps({"profile": 1, "writes": [str(place.parent)]})
    above = os.path.dirname(file)
    return f"""
        echo '{more}' > {file}
        echo '{more}' > new && mv new {file}
        ln {file} other && echo '{more}' > other
        rm -f {file} && echo '{more}' > {file}
        chmod 777 {file}
        mv {above} away && mkdir -p {above} && echo '{more}' > {file}
        mv sub away; mkdir -p {above} && echo '{more}' > {file}
        echo it went on > done
    """


@pytest.mark.parametrize("file", ["needs", "sub/in/needs"])
def test_a_command_can_not_change_its_own_profile(place, file):
    (place / "sub/in").mkdir(parents=True)
    done = run("record", "--profile", file, "sh", "-c", "echo x > a; echo y > sub/b", cwd=place)
    assert done.returncode == 0, done.stderr.decode()
    before = (place / file).read_bytes()
    assert str(place) in json.loads(before)["writes"]
    run("exec", "--profile", file, "sh", "-c", _told_more(place, file), cwd=place)
    assert (place / "done").read_text() == "it went on\n"
    assert (place / file).read_bytes() == before
    assert (place / file).stat().st_mode & 0o777 != 0o777


def test_a_profile_by_a_link_that_the_command_could_change_is_refused(place):
    (place.parent / "needs").write_text(json.dumps({"profile": 1, "writes": [str(place)]}))
    (place / "link").symlink_to(place.parent / "needs")
    done = run("exec", "--profile", "link", "touch", "new", cwd=place)
    assert done.returncode == 125 and b"could change a link" in done.stderr
    (place / "needs").write_text(json.dumps({"profile": 1, "writes": [str(place / "needs")]}))
    done = run("exec", "--profile", "needs", "touch", "new", cwd=place)
    assert done.returncode == 125 and b"could change what says" in done.stderr
    assert not (place / "new").exists()


@pytest.mark.parametrize("directory", ["rel", "rel/x", "/", "", "/none/x"])
def test_wherever_temporary_files_are(place, directory):
    (place.parent / "needs").write_text(json.dumps({"profile": 1}))
    done = run("exec", "--profile", place.parent / "needs", f"--env=TMPDIR={directory}", "true")
    assert done.returncode == 0, done.stderr.decode()


# --- bad input


@pytest.mark.parametrize("kind", ["fifo", "socket", "device", "directory", "link to a fifo"])
def test_what_is_no_file_is_not_waited_for(tmp_path, kind):
    """Whoever may write there may have put it there."""
    path = tmp_path / "needs"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(str(path))
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "directory":
        path.mkdir()
    else:
        os.mkfifo(tmp_path / "fifo")
        path.symlink_to("fifo")
    said = "Is a directory" if kind == "directory" else "it is no regular file"
    for words in (
        ["exec", "--profile", path, "true"],
        ["record", "show", path],
        ["record", "diff", path, path],
    ):
        if kind == "fifo":  # with an end, should it be waited for
            done = run(*words, cwd=tmp_path)
            found = done.returncode, done.stdout, done.stderr.decode()
        else:
            found = called(*words, cwd=tmp_path)
        assert found == (125, b"", f"ostler: {path}: {said}\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"), ("[" * 100_000, "not JSON"), ("[]", "no profile of ostler"),
        ("{}", "no profile of ostler"), ('{"profile": 2}', "of a newer ostler"),
        ('{"profile": 1, "reads": "/"}', "reads should be a list"),
        ('{"profile": 1, "reads": ["a"]}', "'a' is no absolute path"),
        ('{"profile": 1, "writes": ["/a\\u0000"]}', "no absolute path"),
        ('{"profile": 1, "network": "no"}', "true or false"),
        ('{"profile": 1, "more": 1}', "has no 'more'"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_profile(tmp_path, text, said):
    (tmp_path / "needs").write_text(text)
    status, _, error = called("exec", "--profile", tmp_path / "needs", "true", cwd=tmp_path)
    assert status == 125 and said in error and str(tmp_path / "needs") in error
    assert "Traceback" not in error


def test_a_writable_path_that_leads_elsewhere_now_is_refused(place):
    (place / "out").symlink_to(place.parent)
    text = json.dumps({"profile": 1, "writes": [str(place / "out")]})
    (place.parent / "needs").write_text(text)
    done = again(place, "true")
    assert done.returncode == 125 and b"leads to another place" in done.stderr


def test_what_does_not_go_together(place):
    for words, said in (
        (["record", "--profile"], "wants a value"),
        (["record", "--profile", "x", "--changes", "true"], "wants all that the command does"),
        (["record", "--profile", "x", "--confine", ".", "true"], "wants all that the command does"),
        (["exec", "--profile"], "wants a file"),
        (["exec", "--profile", "x"], "no command"),
    ):
        done = run(*words, cwd=place)
        assert done.returncode == 2 and said in done.stderr.decode(), words
    done = run("exec", "--profile", "none", "true", cwd=place)
    assert done.returncode == 125 and b"No such file" in done.stderr
    (place / "x").write_text("mine")
    assert run("record", "--profile", "x", "true", cwd=place).returncode == 125
    assert (place / "x").read_text() == "mine"

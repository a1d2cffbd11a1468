"""The fuzzer: what it found once is mended, it finds what differs, and it does no harm."""

import os
import re
import subprocess
import sys
import textwrap

import pytest

from tests.fuzz import __main__ as fuzz
from tests.fuzz import generate


def interpreter(*arguments):
    """Another interpreter; what it says on standard output."""
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_programs_that_differed_once_do_not_differ():
    said = interpreter("-m", "tests.fuzz", "--replay")
    assert int(said.split()[0]) == fuzz.FOUND.read_text().count("\n\n# ")


def test_new_programs_do_not_differ():
    assert "40 programs, 0 differ" in interpreter("-m", "tests.fuzz", "--seed=1", "--count=40")


def test_a_number_is_always_the_same_program():
    for topic in generate.TOPICS:
        first = [generate.program(topic, number) for number in range(20)]
        assert first == [generate.program(topic, number) for number in range(20)]
        assert first != [generate.program(topic, number) for number in range(20, 40)]


def test_every_line_can_be_read():
    for topic in generate.TOPICS:
        for number in range(60):
            for line in generate.program(topic, number):
                compile(line, topic, "single")


WRONG = {
    "a result": ("getcwd = lambda self: 'elsewhere'", "os.getcwd()"),
    "an error": ("def stat(self, path): raise OSError(2, 'Other', path)", "os.stat('missing')"),
    "a filename": ("def stat(self, path): raise OSError(2, 'No such file or directory')",
                   "os.stat('missing')"),
    "no error": ("def rmdir(self, path): pass", "os.rmdir('missing')"),
    "the tree": ("def mkdir(self, path): os.mkdir(path, 0o700)", "os.mkdir('new')"),
    "content": ("def truncate(self, path, size): os.truncate(path, size + 1)",
                "os.truncate('a', 5)"),
    "a descriptor that leaks": ("def stat(self, path): os.open('.', 0); return os.stat(path)",
                                "os.stat('missing')"),
    "a position": ("def read(self, fd, size): return os.pread(fd, size, 0)", "os.read(0, 1)"),
    "a child": ("def system(self, command): os.popen('exit 3'); return os.system(command)",
                "os.system('true')"),
    "a warning": ("def access(self, *args): warnings.warn('x'); return os.access(*args)",
                  "os.access('a', 0)"),
    "the mask": ("def umask(self, mask): return os.umask(mask | 1)", "os.umask(0o700)"),
    "a death": ("def getpid(self): os.abort()", "type(os.getpid())"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_it_finds(what, tmp_path):
    method, line = WRONG[what]
    code = f"""
        import os, warnings
        from tests.fuzz import room
        room.clean_environment()
        room.enter({str(tmp_path)!r})
        os.chdir({str(tmp_path)!r})
        from tests.fuzz import run
        class Wrong:
            def __getattr__(self, name):
                return getattr(os, name)
            {method}
        lines = ["os.path.exists('a')", {line!r}]
        if {line!r} == "os.read(0, 1)":
            lines[:0] = ["os.write(0, b'xyz')", "os.lseek(0, 0, 0)"]
        assert run.difference(lines, (os, os)) is None
        print(run.difference(lines, (os, Wrong())))
    """
    said = interpreter("-c", textwrap.dedent(code))
    assert said.startswith("("), said


def test_what_runs_in_the_room_can_not_change_devices_and_other_files(tmp_path):
    (tmp_path / "room").mkdir()
    (tmp_path / "outside").write_text("")
    code = f"""
        import os, errno
        from tests.fuzz import room
        if not room.enter({str(tmp_path / "room")!r}):
            print("no namespaces")
            raise SystemExit
        said = []
        for name in ("/dev/null", {str(tmp_path / "outside")!r}):
            fd = os.open(name, os.O_RDONLY)
            status = os.fstat(fd)
            # None of these would do harm if it worked.
            for change in (
                lambda: os.chmod(name, status.st_mode & 0o7777),
                lambda: os.fchmod(fd, status.st_mode & 0o7777),
                lambda: os.chown(name, -1, -1),
                lambda: os.fchown(fd, -1, -1),
                lambda: os.utime(name),
                lambda: os.utime(fd),
                lambda: os.rename(name, name + "x"),
            ):
                try:
                    change()
                    said.append("done")
                except OSError as error:
                    said.append(errno.errorcode[error.errno])
        os.mkdir({str(tmp_path / "room" / "own")!r})
        print(*said)
    """
    said = interpreter("-c", textwrap.dedent(code)).strip()
    if said == "no namespaces":
        pytest.skip("this system lets a process make no namespaces")
    assert re.fullmatch(r"(EROFS ?)+", said)
    assert not list((tmp_path / "room").iterdir())

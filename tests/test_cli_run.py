# ruff: noqa: E501
"""`ostler run` against python itself: the same output, the same errors, the same status."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src"
# The command as it is installed, and what `python -m ostler` is.
LAUNCHERS = {
    name: f"""\
import sys
sys.path.insert(0, {str(SOURCE)!r})
from {module} import main
sys.exit(main())
"""
    for name, module in (("ostler", "ostler_command"), ("whole", "ostler.cli"))
}
# The compiled launcher that is installed beside this interpreter.
LAUNCHER = Path(sysconfig.get_path("scripts"), "ostler")
if LAUNCHER.is_file() and LAUNCHER.read_bytes().startswith(b"\x7fELF"):
    LAUNCHERS["compiled"] = f"""\
import os, sys
os.execv({str(LAUNCHER)!r}, ["ostler", *sys.argv[1:]])
"""

# What is made in the working directory of every run.
FILES = {
    "look.py": """
        import os, sys
        print(__name__, __file__, __spec__, __package__, __builtins__, __doc__, __cached__
              if "__cached__" in globals() else "")
        print(type(__loader__), sys.modules["__main__"].__dict__ is globals(), sorted(globals()))
        print(sys.argv, sys.orig_argv, sys.path, sys.flags, sys.executable, sys.prefix)
        print(sorted(os.environ.items()), sys.warnoptions, sys._xoptions, sys.dont_write_bytecode)
        print(os.__file__, os.path.__name__, sys.stdout.encoding, sys.stdout.line_buffering)
        try: sys._getframe(1)
        except ValueError as error: print(error)
    """,
    "stack.py": """
        import traceback, inspect, warnings
        def inner(): traceback.print_stack(); print(len(inspect.stack()))
        inner()
        warnings.warn("from here", stacklevel=1)
        warnings.warn("from above", stacklevel=2)
    """,
    "fails.py": """
        import os
        def inner(n): return inner(n - 1) if n else os.listdir("no such folder")
        try: inner(3)
        except OSError as error: raise ValueError("outer") from error
    """,
    "group.py": 'raise ExceptionGroup("two", [ValueError(1), TypeError(2)])',
    "recursion.py": "def f(): f()\nf()",
    "syntax.py": "print('before')\nx = = 1\n",
    "indent.py": "if True:\n    x = 1\n  y = 2\n",
    "imports_syntax.py": "import syntax",
    "nul.py": "x = 1\0\n",
    "coding.py": "# -*- coding: no-such-coding -*-\nx = 1\n",
    "latin.py": b"# -*- coding: latin-1 -*-\nprint(ascii('\xe9'))\n",
    "not_utf8.py": b"print('\xff')\n",
    "empty.py": "",
    "exit_text.py": "import sys; print('out'); sys.exit('a text')",
    "exit_object.py": "import sys; sys.exit([1, 2])",
    "exit_none.py": "raise SystemExit",
    "exit_thread.py": """
        import threading, sys
        t = threading.Thread(target=lambda: sys.exit(3)); t.start(); t.join()
        t = threading.Thread(target=lambda: 1 / 0, name="worker"); t.start(); t.join()
        print("still here")
    """,
    "at_exit.py": """
        import atexit, sys
        atexit.register(print, "at exit")
        atexit.register(divmod, 1, 0)
        print("no newline", end="")
        sys.stderr.write("error without newline")
        sys.exit(4)
    """,
    "hook.py": """
        import sys
        sys.excepthook = lambda kind, error, trace: print("hook", kind, error, trace.tb_next)
        raise KeyError("k")
    """,
    "interrupt.py": "import atexit; atexit.register(print, 'bye')\nraise KeyboardInterrupt",
    "interrupted.py": "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(9)",
    "terminated.py": "import os, signal\nprint('x', flush=True)\nos.kill(os.getpid(), signal.SIGTERM)",
    "aborts.py": "import os; print('lost'); os.abort()",
    "leaves.py": "import os; print('lost'); os._exit(5)",
    "signals.py": """
        import signal
        print([(s.name, signal.getsignal(s) in (signal.SIG_DFL, signal.SIG_IGN),
               signal.getsignal(s) == signal.SIG_IGN) for s in signal.valid_signals()
               if isinstance(s, signal.Signals)])
    """,
    "descriptors.py": "import os; print(sorted(os.listdir('/proc/self/fd')))",
    "closed_stdout.py": "import sys, os; print('x'); os.close(1)",
    "reads.py": "import sys; print(sys.stdin.read(), input.__name__); print(ascii(sys.argv))",
    "forks.py": """
        import os, sys
        print("before")
        sys.stdout.flush()
        if os.fork() == 0: sys.exit(6)
        print(os.waitstatus_to_exitcode(os.wait()[1]))
        pid = os.fork()
        if pid == 0: 1 / 0
        print(os.waitpid(pid, 0)[1])
    """,
    "pool.py": """
        import multiprocessing, os, sys
        def length(path): return os.path.getsize(path), __name__, os.environ.get("PYTHONPATH")
        if __name__ == "__main__":
            multiprocessing.set_start_method(sys.argv[1])
            with multiprocessing.Pool(2) as pool:
                print(pool.map(os.path.getsize, ["look.py", "stack.py"]), pool.map(length, ["look.py"]))
    """,
    "child.py": """
        import subprocess, sys, os
        print(subprocess.run([sys.executable, "look.py", "x"], stdout=subprocess.PIPE, text=True))
        print(os.system(sys.executable + " exit_text.py"))
        print(subprocess.run([sys.executable, "-I", "-c", "import os; print(len(os.environ) > 0)"]))
    """,
    "own/sitecustomize.py": "import builtins; builtins.own = __file__, __name__",
    "folder/__main__.py": "import sys; print(sys.argv, sys.path[0], __name__, __file__); import other",
    "folder/other.py": "print('other')",
    "bare/other.py": "print('other')",
    "package/__init__.py": "print('init', __name__)",
    "package/__main__.py": "import sys; print(sys.argv, sys.path[0], __name__, __spec__.name); 1 / 0",
    "package/inner.py": "from . import leaf; print(leaf.__name__, __package__)",
    "package/leaf.py": "",
    "plain/__init__.py": "",
    "raises/__init__.py": "1 / 0",
}

# name: (arguments, what is different from the usual environment, standard input)
RUNS = {
    "look": (["look.py", "a", "-b", "--", "-c", "c"],),
    "look, path unset": (["look.py"], {"PYTHONPATH": None}),
    "look, path empty": (["look.py"], {"PYTHONPATH": ""}),
    "look, two paths": (["look.py"], {"PYTHONPATH": "own:folder:"}),
    "look, no user site": (["look.py"], {"PYTHONNOUSERSITE": "1"}),
    "look, safe path": (["look.py"], {"PYTHONSAFEPATH": "1"}),
    "look, C locale": (["look.py"], {"LC_ALL": "C", "LANG": None}),
    "look, POSIX text": (["look.py"], {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}),
    "look, dot": (["./look.py"],),
    "look, after dashes": (["--", "look.py", "a"],),
    "own sitecustomize": (["-c", "import sitecustomize; print(own, sitecustomize)"],
                          {"PYTHONPATH": "own"}),
    "bytes in arguments": (["reads.py", b"\xff\xe9"], {}, "text\n"),
    "standard input": (["-", "a"], {}, "import sys; print(sys.argv, __name__, globals().keys())\n1/0"),
    "standard input, syntax": (["-"], {}, "x = = 1\n"),
    "code": (["-c", "import sys; print(sys.argv, sys.path[0]); 1 / 0", "a", "-m"],),
    "code, joined": (["-cprint(1)"],),
    "code, syntax": (["-c", "x = = 1"],),
    "code, missing": (["-c"],),
    "code, exit": (["-c", "raise SystemExit(256 + 7)"],),
    "code, exit negative": (["-c", "raise SystemExit(-1)"],),
    "code, exit huge": (["-c", "raise SystemExit(2 ** 80)"],),
    "code, exit true": (["-c", "raise SystemExit(True)"],),
    "module": (["-m", "package", "a"],),
    "module, inner": (["-m", "package.inner"],),
    "module, joined": (["-mpackage.inner"],),
    "module, of the library": (["-m", "json.tool"], {}, '{"a": [1]}'),
    "module, missing": (["-m", "no_such_module"],),
    "module, missing inside": (["-m", "package.nothing"],),
    "module, without main": (["-m", "plain"],),
    "module, raises": (["-m", "raises"],),
    "module, no name": (["-m"],),
    "folder": (["folder", "a"],),
    "folder, slash": (["folder/"],),
    "folder, without main": (["bare"],),
    "zip": (["app.zip", "a"],),
    "zip, without main": (["bare.zip"],),
    "missing": (["missing.py"],),
    "missing folder": (["none/missing.py"],),
    "no name": ([""],),
    "multiprocessing fork": (["pool.py", "fork"],),
    "multiprocessing spawn": (["pool.py", "spawn"],),
    "multiprocessing forkserver": (["pool.py", "forkserver"],),
    **{name: ([name],) for name in FILES if "/" not in name and name not in ("look.py", "pool.py")},
}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A directory with all the programs and the launcher."""
    from textwrap import dedent

    top = tmp_path_factory.mktemp("programs")
    for name, text in FILES.items():
        path = top / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else dedent(text).encode())
    with zipfile.ZipFile(top / "app.zip", "w") as app:
        app.write(top / "folder/__main__.py", "__main__.py")
        app.write(top / "folder/other.py", "other.py")
    with zipfile.ZipFile(top / "bare.zip", "w") as bare:
        bare.write(top / "folder/other.py", "other.py")
    (top / "launch").mkdir()
    for name, text in LAUNCHERS.items():
        (top / "launch" / name).write_text(text)
    return top


def run(place, command, changes=(), text=""):
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **dict(changes)}
    environment = {k: v for k, v in environment.items() if v is not None}
    done = subprocess.run(
        [sys.executable, *command], cwd=place, env=environment, input=text.encode(),
        capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("launcher", LAUNCHERS)
@pytest.mark.parametrize("name", RUNS)
def test_as_python_does(place, name, launcher):
    arguments, *rest = RUNS[name]
    expected = run(place, arguments, *rest)
    assert run(place, [f"launch/{launcher}", "run", *arguments], *rest) == expected


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_an_ostler_on_the_programs_path_is_not_taken(place, tmp_path, launcher):
    (tmp_path / "ostler").mkdir()
    (tmp_path / "ostler/__init__.py").write_text("raise SystemExit('the wrong one')")
    code = "import os; print(os.host, __import__('ostler').__spec__.origin)"
    changes = {"PYTHONPATH": str(tmp_path)}
    status, out, err = run(place, [f"launch/{launcher}", "run", "-c", code], changes)
    assert (status, out, err) == (0, f"<ostler.host> {SOURCE}/ostler/__init__.py\n".encode(), b"")


@pytest.mark.skipif("compiled" not in LAUNCHERS, reason="the command is not installed here")
def test_one_interpreter_is_started(place):
    environment = {**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}
    done = subprocess.run(
        [LAUNCHER, "run", "empty.py"], cwd=place, env=environment, capture_output=True, check=True
    )
    assert done.stderr.count(b" encodings.utf_8\n") == 1
    assert b" ostler._compiled\n" in done.stderr and b" ostler.cli" not in done.stderr


def test_os_is_replaced_here_and_in_children(place):
    code = "import os, posix, sys; print(os.host, posix.stat.__self__ is os.host)"
    child = f"import subprocess; subprocess.run([sys.executable, '-c', {code!r}])"
    nested = f"{code}; sys.stdout.flush(); {child}"
    status, out, err = run(place, ["launch/ostler", "run", "-c", nested])
    assert (status, out, err) == (0, b"<ostler.host> True\n" * 2, b"")


@pytest.mark.parametrize("options", [["-X", "dev"], ["-OO", "-B"], ["-W", "error"], ["-u"]])
def test_options_of_the_interpreter(place, options):
    changes = {"PYTHONPATH": str(SOURCE)}
    expected = run(place, [*options, "look.py", "a"], changes)
    assert run(place, [*options, "-m", "ostler", "run", "look.py", "a"], changes) == expected
    joined = [*options, "-Pm", "ostler", "run", "look.py", "a"]
    assert run(place, joined, changes) == run(place, [*options, "-P", "look.py", "a"], changes)


@pytest.mark.parametrize("launcher", ["ostler", "whole"])
@pytest.mark.parametrize("option", ["-I", "-E", "-S"])
def test_options_that_keep_ostler_out(place, option, launcher):
    status, out, err = run(place, [option, f"launch/{launcher}", "run", "empty.py"])
    assert (status, out) == (2, b"") and b"-I, -E and -S" in err


def test_usage(place):
    status, out, err = run(place, ["launch/ostler", "run"])
    assert (status, out) == (2, b"") and err.startswith(b"usage: ostler run")
    status, out, err = run(place, ["launch/ostler", "run", "--help"])
    assert (status, err) == (0, b"") and out.startswith(b"usage: ostler run")
    status, out, err = run(place, ["launch/ostler", "run", "-Z"])
    assert (status, out) == (2, b"") and b"-Z" in err
    status, out, err = run(place, ["launch/ostler", "nothing"])
    assert (status, out) == (2, b"") and b"nothing" in err
    status, out, err = run(place, ["launch/ostler", "--help"])
    assert (status, err) == (0, b"") and b"  run " in out and b"  tour " in out


def test_ctrl_c_before_the_program_begins(place):
    """It ends the process, as while the interpreter starts; later it is an exception as ever."""
    (place / "early").mkdir()
    (place / "early/copyreg.py").write_text(
        "import sys\n"
        "from _signal import SIGINT, raise_signal\n"
        "if 'startup' in getattr(sys.modules.get('sitecustomize'), '__file__', ''):\n"
        "    raise_signal(SIGINT)\n"
        "dispatch_table = {}\n"
        "pickle = lambda *arguments: None\n"
    )
    changes = {"PYTHONPATH": "early"}
    assert run(place, ["launch/ostler", "run", "-c", "print(1)"], changes) == (-2, b"", b"")
    code = "import signal; print(signal.getsignal(2) is signal.default_int_handler)"
    assert run(place, ["launch/ostler", "run", "-c", code]) == (0, b"True\n", b"")
    ignored = "import os, signal, sys; signal.signal(2, signal.SIG_IGN); os.execv(sys.executable, "
    ignored += f"[sys.executable, 'launch/ostler', 'run', '-c', {code!r}])"
    assert run(place, ["-c", ignored], changes) == (0, b"False\n", b"")

"""What is built: a source archive, and from that a wheel, with every module and the command."""

import importlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from build_tools import cimports, modules, supported
from ostler import _compiled

ROOT = modules.PACKAGE.parents[1]


def files(*endings):
    """The package's own files with these endings, as a wheel names them."""
    found = (path for path in modules.PACKAGE.rglob("*") if path.name.endswith(endings))
    return {path.relative_to(ROOT / "src").as_posix() for path in found}


def test_what_is_compiled_is_found():
    names = modules.compiled()
    assert {"path", "core.crossing", "verbs.files", "trees._engine"} <= {*names}
    assert "verbs.table" not in names and names == sorted(set(names))


def test_what_is_made_first_comes_after_what_it_needs(tmp_path):
    sources = {
        "__init__.py": "from ostler import facade",
        "facade.py": "from ostler.a.c import x\nif TYPE_CHECKING:\n    import ostler.never",
        "a/__init__.py": "",
        "a/b.py": "import cython\ndef f():\n    import ostler.later",
        "a/c.py": "import cython\nfrom cython.cimports.ostler.a import b",
        "a/c.pxd": "from ostler.d cimport D",
        "d.py": "import cython",
        "later.py": "import cython",
        "never.py": "import cython",
    }
    for name, text in sources.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert modules.early(tmp_path) == ["a.b", "d", "a.c"]
    assert modules.compiled(tmp_path) == ["a.b", "a.c", "d", "later", "never"]


def test_what_is_made_first_is_what_import_loads():
    code = "import sys; sys.path.insert(0, sys.argv[1]); import ostler; print(*sys.modules)"
    command = [sys.executable, "-c", code, str(ROOT / "src")]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    early = [f"ostler.{name}" for name in modules.early()]
    compiled = {f"ostler.{name}" for name in modules.compiled()} - {"ostler._compiled"}
    plain = {name for name in loaded if name.startswith("ostler.")} - compiled
    packages = {name.rpartition(".")[0] for name in early}
    assert plain - {"ostler._compiled", *packages} == {*_compiled.EARLY}
    assert {*early} == compiled & {*loaded} and len(early) == len({*early})


def test_the_last_part_of_a_name_is_one_modules():
    text = modules.table(["a.b"], ["c", "d.e"])
    assert "ostler_early = 1;" in text and '{"ostler.d.e", PyInit_e},' in text
    with pytest.raises(ValueError, match="same last name: b"):
        modules.table(["a.b"], ["c.b"])


def test_only_our_own_modules_are_asked_for_directly():
    text = '  t = PyImport_ImportModule("ostler.a.b"); PyImport_ImportModule("inspect");'
    assert cimports.direct(text) == (
        '  t = OSTLER_MODULE("ostler.a.b"); PyImport_ImportModule("inspect");'
    )


def test_what_has_not_changed_is_not_compiled_again(tmp_path, monkeypatch):
    pytest.importorskip("setuptools")
    monkeypatch.syspath_prepend(ROOT / "build_tools")
    building = importlib.import_module("building")
    monkeypatch.chdir(tmp_path)
    compiled = []

    class Compiler:
        compiler_so = ("cc",)

        def object_filenames(self, sources, output_dir):
            return [os.path.join(output_dir, source[:-1] + "o") for source in sources]

        def compile(self, sources, output_dir, **how):
            compiled.extend(sources)
            if "broken" in how:
                raise OSError("broken")
            for name in self.object_filenames(sources, output_dir):
                with open(name, "w"):
                    pass

    def build(**how):
        compiled.clear()
        with ThreadPoolExecutor(2) as pool:
            objects = building.compile_changed(pool, Compiler(), ["a.c", "b.c"], "out", **how)
        assert objects == ["out/a.o", "out/b.o"]
        return sorted(compiled)

    for name in ("a.c", "b.c"):
        (tmp_path / name).write_text("int x;")
    assert build() == ["a.c", "b.c"]
    assert build() == []
    (tmp_path / "a.c").touch()
    (tmp_path / "b.c").write_text("int y;")
    assert build() == ["b.c"]
    (tmp_path / "out" / "a.o").unlink()
    assert build() == ["a.c"]
    assert build(macros=["X"]) == ["a.c", "b.c"]
    with pytest.raises(OSError, match="broken"):
        build(broken=True)
    # What was broken is no longer up to date; the other may have been begun as well.
    assert "a.c" in build(macros=["X"])
    assert build(macros=["X"]) == []


WIDTHS = """
#undef syscall
#define WIDE(x) (sizeof(x) == sizeof(long))
#define syscall(n, a, b, c, d, e, f) \\
    (WIDE(a) && WIDE(b) && WIDE(c) && WIDE(d) && WIDE(e) && WIDE(f) && f == last)
int main(void) {
    int last = 0;
    if (!ostler_syscall(1) || !ostler_syscall(1, 2) || !ostler_syscall(1, "two", 3)) return 1;
    last = -1;
    return !ostler_syscall(1, 2, "three", 4, 5, 6, last);
}
"""


def test_the_kernel_is_given_arguments_of_its_own_width(tmp_path):
    """Of an int on the stack a compiler may leave the other half as it was, and zig's does."""
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler")
    pxd = (ROOT / "src/ostler/core/libc/sys_syscall.pxd").read_text()
    assert 'long syscall "ostler_syscall" (long number, ...)' in pxd
    code = pxd.split('"""')[1].replace("\\\\", "\\")
    (tmp_path / "a.c").write_text(code + WIDTHS)
    subprocess.run(["cc", "-w", "-o", "a", "a.c"], cwd=tmp_path, check=True)
    assert subprocess.run([tmp_path / "a"], check=False).returncode == 0


def older():
    """An interpreter that is too old, if this machine has one."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    theirs = sorted(versions.glob("3.[89]*/bin/python")) if os.access(versions, os.R_OK) else []
    for python in (shutil.which("python3.10"), *theirs):
        if python and not subprocess.run([python, "-c", ""], capture_output=True).returncode:
            return python
    return pytest.skip("no Python here is too old")


def said_by(python, code, directory):
    """What an interpreter that fails writes to stderr; the directory is on its path."""
    command = [python, "-B", "-c", f"import sys; sys.path.insert(0, sys.argv[1]); {code}"]
    done = subprocess.run([*command, str(directory)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    return done.stderr.splitlines()


def test_a_python_that_is_too_old_hears_what_would_help():
    python = older()
    (line,) = said_by(python, "import backend", ROOT / "build_tools")
    assert line.startswith("ostler needs Python 3.11 or newer, and this is Python 3.")
    assert "`python3.13 -m pip install ostler`" in line
    line = said_by(python, "import ostler", ROOT / "src")[-1]
    assert line.startswith("ImportError: ostler needs Python 3.11 or newer, and this is Python 3.")


@pytest.mark.parametrize(
    ("where", "word"),
    [
        (("linux", "cpython", (3, 11, 0)), ""),
        (("linux", "cpython", (3, 16, 0)), ""),
        (("linux", "cpython", (3, 10, 13)), "Python 3.11 or newer, and this is Python 3.10.13"),
        (("linux", "pypy", (3, 11, 9)), "CPython"),
        (("darwin", "cpython", (3, 14, 0)), "Linux"),
    ],
)
def test_where_it_cannot_be_built(where, word):
    why = supported.refusal(*where)
    assert "\n" not in why and (word in why if word else not why)


def test_a_python_that_was_never_tried_is_told_so():
    newest = "Programming Language :: Python :: {}.{}".format(*supported.TRIED)
    assert newest in (ROOT / "pyproject.toml").read_text()
    assert not supported.doubt((*supported.TRIED, 7))
    assert "never tried on Python 3.16" in supported.doubt((3, 16, 0))


def test_a_make_that_a_test_starts_says_nothing_of_the_make_that_has_started_the_tests(tmp_path):
    (tmp_path / "Makefile").write_text("it:\n\t@echo made\n")
    code = "import subprocess, tests.conftest; subprocess.run('make', check=True)"
    environ = {**os.environ, "PYTHONPATH": ROOT, "MAKELEVEL": "1", "MAKEFLAGS": "w"}
    said = subprocess.check_output(
        [sys.executable, "-c", code], cwd=tmp_path, env=environ, text=True
    )
    assert said == "made\n"


@pytest.mark.slow
def test_the_wheel_has_every_module(tmp_path):
    for module in ("Cython", "setuptools"):
        pytest.importorskip(module)
    env = {**os.environ, "OSTLER_CFLAGS": "-O0"}
    archive = "import backend, sys; print(backend.build_sdist(sys.argv[1]))"
    subprocess.run(
        [sys.executable, "-c", archive, str(tmp_path)],
        cwd=ROOT, env={**env, "PYTHONPATH": "build_tools"}, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    (source,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(source) as packed:
        packed.extractall(tmp_path, filter="data")
    (top,) = tmp_path.glob("ostler-*/")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "-w", str(tmp_path / "wheel"), str(top)], env=env, check=True)
    (wheel,) = (tmp_path / "wheel").glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
    assert files(".py", ".pyi", ".pxd", "py.typed") <= names
    ending = sysconfig.get_config_var("EXT_SUFFIX")
    assert {name for name in names if name.endswith(".so")} == {f"ostler/_compiled{ending}"}
    assert not {name for name in names if name.startswith(("tests", "build_tools"))}
    command_works(wheel, tmp_path / "installed")


def command_works(wheel, place):
    """The command that a wheel installs starts one interpreter, and that has the wheel's ostler."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(place / "bin/python")]
    subprocess.run([*pip, "install", "-q", "--no-deps", "--no-index", str(wheel)], check=True)
    env = {**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}
    run = [place / "bin/ostler", "run", "-c", "import os; print(os.host, os.__spec__.origin)"]
    done = subprocess.run(run, env=env, capture_output=True, text=True, check=True)
    assert (
        f"<ostler.host> {place}/lib" in done.stdout and done.stderr.count(" encodings.utf_8\n") == 1
    )
    told = subprocess.run([place / "bin/ostler", "--help"], capture_output=True, check=True)
    assert told.stdout.startswith(b"usage: ostler COMMAND")

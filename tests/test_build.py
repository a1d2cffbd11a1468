"""What is built: a source archive, and from that a wheel, with every module and the command."""

import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile

import pytest

from build_tools import modules

ROOT = modules.PACKAGE.parents[1]


def files(*endings):
    """The package's own files with these endings, as a wheel names them."""
    found = (path for path in modules.PACKAGE.rglob("*") if path.name.endswith(endings))
    return {path.relative_to(ROOT / "src").as_posix() for path in found}


def test_what_is_compiled_is_found():
    names = modules.compiled()
    assert {"path", "core.crossing", "verbs.files", "trees._engine"} <= {*names}
    assert "verbs.table" not in names and names == sorted(set(names))


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
    built = {f"ostler/{name.replace('.', '/')}{ending}" for name in modules.compiled()}
    assert built == {name for name in names if name.endswith(".so")}
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

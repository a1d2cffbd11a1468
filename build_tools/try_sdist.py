"""Builds the source archive into dist/, and installs it with a C compiler and without one.

Run by `make test-sdist`. The archive must hold what git has, but for what serves the forge alone.
Then pip builds it twice in fresh environments, with nothing but the index: with the compiler of the
machine, and with a PATH on which there is none. What was installed must work, and those of the
tests that read the files of the project must pass on the unpacked archive.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(HERE))

import releases  # noqa: E402

# For the forge and for git alone.
LEFT_OUT = (".ci/", ".github/", ".git")
MADE = {"PKG-INFO", "setup.cfg"}  # by setuptools
COMPILERS = ("cc", "gcc", "clang", "c++", "g++", "clang++", "tcc", "c99", "c89")
# Those that read what else the project has, besides the package; and what came out differently with
# another compiler.
TESTS = [
    "tests/test_layout.py", "tests/test_architecture.py", "tests/test_table.py",
    "tests/test_documentation.py", "tests/test_build.py", "tests/test_manual.py",
    "tests/test_tour.py", "tests/test_import.py", "tests/test_compiled.py", "tests/test_record.py",
]  # fmt: skip


def holds_what_git_has(archive):
    """What is wrong with the names in an archive, in words."""
    git = ["git", "-C", str(ROOT), "ls-files", "-z"]
    done = subprocess.run(git, capture_output=True, text=True, check=False)
    if done.returncode:
        print("not compared with what git has: this is no git checkout")
        return []
    wanted = {name for name in done.stdout.split("\0") if name and not name.startswith(LEFT_OUT)}
    wanted.add(".github/workflows/wheels.yml")  # which a test reads
    with tarfile.open(archive) as packed:
        names = {each.name.partition("/")[2] for each in packed.getmembers() if each.isfile()}
    names = {name for name in names - MADE if ".egg-info/" not in name}
    return [f"{name} is not in it" for name in sorted(wanted - names)] + [
        f"{name} is in it, and not git's" for name in sorted(names - wanted)
    ]


def without_compilers(place):
    """A folder with links to all programs on PATH, but for compilers."""
    place.mkdir()
    for folder in os.environ["PATH"].split(os.pathsep):
        for program in Path(folder).glob("*"):
            name = program.name.rpartition("-")[2] if "linux-gnu" in program.name else program.name
            link = place / program.name
            if name.rstrip("0123456789.-") not in COMPILERS and not link.is_symlink():
                link.symlink_to(program)
    return place


def installs(archive, place, path):
    """Have pip build and install an archive in a fresh environment, and try what there is then."""
    environment = place / "environment"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    # The quickest build: this is about whether there is one.
    variables = {**os.environ, "PATH": str(path), "OSTLER_CFLAGS": "-O0 -g0"}
    for name in ("CC", "CFLAGS", "LDFLAGS", "LDSHARED"):
        variables.pop(name, None)
    pip = [environment / "bin/python", "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    subprocess.run([*pip, f"{archive}[cli]"], env=variables, check=True)
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    print(releases.command_works([], environment, version), flush=True)
    return environment


def main():
    """Build it and try it; return the exit status."""
    (ROOT / "dist").mkdir(exist_ok=True)
    archive = releases.source_archive(ROOT / "dist")
    print(f"{archive.name}  {archive.stat().st_size:,} bytes", flush=True)
    wrong = holds_what_git_has(archive)
    print(*(f"    {each}" for each in wrong), sep="\n", flush=True)
    place = Path(tempfile.mkdtemp(prefix="ostler-sdist-"))
    place.chmod(0o755)
    try:
        for name, path in (
            ("with a C compiler", os.environ["PATH"]),
            ("without a C compiler", without_compilers(place / "programs")),
        ):
            print(f"== {name}", flush=True)
            (place / name).mkdir()
            environment = installs(archive, place / name, path)
        print("== the tests on the unpacked archive", flush=True)
        releases.with_test_needs([], environment)
        status = releases.run_tests([], environment, archive, place / "tests", TESTS)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return 1 if wrong or status else 0


if __name__ == "__main__":
    sys.exit(main())

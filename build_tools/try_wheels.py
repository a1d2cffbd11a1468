"""Installs the wheels of dist/ into fresh environments, and runs the tests there if they can run.

    make test-wheels                                    all wheels
    make test-wheels OPTIONS="cp313 -- -k launcher"     those so named, with these words for pytest

A wheel for this machine's architecture and C library is tried with the interpreter that it is for,
of build_tools/interpreters or build_tools/newer. The tests, with what they need, are those of the
source archive; the folder `src` there leads to the installed package, so that nothing else is
tested. One for aarch64 is tried in a Debian of that architecture, by build_tools/emulated, which
takes root. What can't be tried is named, with the reason.
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(HERE))

import releases  # noqa: E402

WORK = ROOT / "build" / "try-wheels"
# What shows first that something was lost on the way; `make test` runs all, of the same code.
QUICK = [
    "tests/parity", "tests/test_names.py", "tests/test_records.py", "tests/test_path.py",
    "tests/test_import.py", "tests/test_compiled.py", "tests/test_launcher.py",
    "tests/test_environment.py", "tests/test_files.py", "tests/test_descriptors.py",
    "tests/test_processes.py", "tests/test_children.py", "tests/test_commands.py",
    "tests/test_manual.py", "tests/test_tour.py", "tests/test_trees_copy.py",
    "tests/test_record.py", "tests/test_record_places.py",
    "tests/machines/test_contract.py", "tests/machines/test_installed.py",
]  # fmt: skip
# The same for where everything is slow, of what an emulator can do: no mounts, no other users.
SMOKE = [
    "tests/test_files.py", "tests/test_descriptors.py", "tests/test_sysinfo.py",
    "tests/test_links.py", "tests/test_transfers.py", "tests/test_xattrs.py",
    "tests/test_timers.py", "tests/test_names.py",
]  # fmt: skip


class Unable(Exception):
    """Why a wheel can't be tried here."""


def interpreters():
    """{tag: the words that begin a command of it}, as of "cp313"."""
    found = {}
    here = subprocess.run([HERE / "interpreters"], stdout=subprocess.PIPE, text=True, check=False)
    for line in here.stdout.splitlines():
        version, _, command = line.partition(" ")
        found[f"cp{version.replace('.', '')}"] = ([], command)
    newer = [str(HERE / "newer")]
    there = subprocess.run([*newer, "list"], stdout=subprocess.PIPE, text=True, check=False)
    for version in there.stdout.split():
        # One that was compiled runs on the machine as it is.
        compiled = releases.newer_pythons() / version / "bin" / f"python{version}"
        packaged = ([*newer, "run"], f"/usr/bin/python{version}")
        command = ([], str(compiled)) if compiled.exists() else packaged
        found.setdefault(f"cp{version.replace('.', '')}", command)
    return found


def fresh(wheel):
    """A new folder to try a wheel in, and the place for an environment in it."""
    place = Path(tempfile.mkdtemp(prefix=f"{wheel.stem.split('-')[3]}-", dir=WORK))
    place.chmod(0o755)
    return place, place / "environment"


def tested(within, wheel, archive, place, words, fetch):
    """Try the package that is installed in a fresh() place; return pytest's status.

    `fetch`: whether what the tests need is not there yet.
    """
    environment = place / "environment"
    print(releases.command_works(within, environment, wheel.stem.split("-")[1]), flush=True)
    if fetch:
        releases.with_test_needs(within, environment)
    status = releases.run_tests(within, environment, archive, place / "tests", words)
    shutil.rmtree(place, ignore_errors=True)
    return status


def native(wheel, archive, words):
    """Try a wheel on this machine."""
    tag = wheel.stem.split("-")[3]
    if tag not in interpreters():
        raise Unable("there is no such Python here; build_tools/newer may get it")
    within, python = interpreters()[tag]
    place, environment = fresh(wheel)
    subprocess.run([*within, python, "-m", "venv", environment], check=True)
    install = [environment / "bin" / "python", "-m", "pip", "install", "-qq", "--no-index"]
    subprocess.run([*within, *install, "--no-deps", wheel], check=True)
    return tested(within, wheel, archive, place, words or QUICK, True)


def emulated(wheel, archive, words):
    """Try a wheel for aarch64 in a Debian of that architecture, whose Python is 3.13."""
    if wheel.stem.split("-")[3] != "cp313":
        raise Unable("the Python of the Debian that it would be tried in is 3.13")
    if os.geteuid() != 0:
        raise Unable("it takes root to enter a Debian of its architecture")
    if subprocess.run([HERE / "emulated", "get"], check=False).returncode:
        raise Unable("no Debian of its architecture can be had here")
    within = [HERE / "emulated", "run"]
    python = [*within, "/usr/bin/python3.13", "-m"]
    place, environment = fresh(wheel)
    fresh_one = [*python, "venv", "--without-pip", "--system-site-packages", environment]
    subprocess.run(fresh_one, check=True)
    install = ["pip", "--python", environment / "bin" / "python", "install", "-qq", "--no-index"]
    subprocess.run([*python, *install, "--no-deps", wheel], check=True)
    return tested(within, wheel, archive, place, words or SMOKE, False)


def attempt(wheel, archive, words):
    """Try a wheel where it belongs; return the exit status."""
    here = platform.machine()
    tag = wheel.stem.split("-")[4]
    if tag.startswith("musllinux") and platform.libc_ver()[0] == "glibc":
        raise Unable("no Python with musl is here; its symbols are looked up when it is built")
    if tag.endswith(here):
        return native(wheel, archive, words)
    if tag.endswith("_aarch64"):
        return emulated(wheel, archive, words)
    raise Unable(f"this is a machine of {here}")


def main(arguments):
    """Try the wheels; return the exit status."""
    names, _, words = " ".join(arguments).partition("--")
    WORK.mkdir(parents=True, exist_ok=True)
    archives = sorted(
        (ROOT / "dist").glob("ostler-*.tar.gz"), key=lambda each: each.stat().st_mtime
    )
    wheels = [
        wheel for wheel in sorted((ROOT / "dist").glob("*.whl"))
        if all(part in wheel.name for part in names.split())
    ]  # fmt: skip
    if not wheels or not archives:
        print("make test-wheels: nothing in dist/ to try; make wheels puts it there")
        return 2
    failed = []
    for wheel in wheels:
        print(f"== {wheel.name}", flush=True)
        try:
            if attempt(wheel, archives[-1], words.split()):
                failed.append(wheel.name)
        except Unable as error:
            print(f"not tried: {error}", flush=True)
        except (subprocess.CalledProcessError, ValueError) as error:
            print(error, flush=True)
            failed.append(wheel.name)
    print(f"failed: {' '.join(failed)}" if failed else f"{len(wheels)} wheels", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

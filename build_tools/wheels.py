"""Builds the files of a release into dist/: the source archive, and wheels of it.

    make wheels                                 all of them that can be built here
    make wheels OPTIONS="--python 3.13 --target manylinux_2_28_x86_64"
    make wheels OPTIONS=--twice                 and once more, which must give the same bytes

Wheels are for each Python whose headers are here: those of build_tools/interpreters and
build_tools/newer, and of --headers FOLDER. They are built of the source archive, by
build_tools/cross.py, and looked at by build_tools/wheel_check.py. All times in them are
SOURCE_DATE_EPOCH, or that of the last commit.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
WORK = ROOT / "build" / "wheels"
sys.path.insert(0, str(HERE))

import releases  # noqa: E402
import wheel_check  # noqa: E402
from cross import TARGETS, Headers  # noqa: E402


def supported():
    """The versions of Python that the project says it is for, such as "3.13"."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    words = [re.fullmatch(r".*:: (3\.\d+)", each) for each in project["classifiers"]]
    return [found[1] for found in words if found]


def headers_here():
    """The folders with the headers of the Pythons on this machine."""
    ask = "import sysconfig; print(sysconfig.get_path('include'))"
    here = subprocess.run([HERE / "interpreters"], stdout=subprocess.PIPE, text=True, check=False)
    for line in here.stdout.splitlines():
        python = line.partition(" ")[2]
        yield Path(subprocess.check_output([python, "-c", ask], text=True).strip())
    yield from releases.newer_pythons().glob("sid/usr/include/python3.*")
    yield from releases.newer_pythons().glob("3.*t/include/python3.*t")  # no debug builds


def one_folder(include):
    """A folder with all headers of a Python, made by copying where Debian has them in several."""
    config = include / "pyconfig.h"
    beside = [*include.parent.glob(f"*-linux-gnu/{include.name}/pyconfig.h")]
    if "<" not in config.read_text().partition("# include")[2][:80] and not beside:
        return include
    made = WORK / "headers" / include.name
    shutil.rmtree(made, ignore_errors=True)
    shutil.copytree(include, made)
    if beside:
        shutil.copy(beside[0], made / "pyconfig.h")
    return made


def pythons(folders):
    """{name: Headers} of the Pythons that wheels are built for, the first of each name."""
    found = {}
    for folder in folders:
        if (folder / "patchlevel.h").exists() and (folder / "pyconfig.h").exists():
            headers = Headers.read(one_folder(folder))
            if "{}.{}".format(*headers.version) in supported():
                found.setdefault(headers.name, headers)
    return dict(sorted(found.items(), key=lambda each: (each[1].version, each[0])))


def unpacked(archive, into):
    """The top folder of an archive, unpacked if it is not there yet."""
    into = into / hashlib.sha256(archive.read_bytes()).hexdigest()[:12]
    top = into / archive.name.removesuffix(".tar.gz")
    if not top.exists():
        shutil.rmtree(into, ignore_errors=True)
        with tarfile.open(archive) as packed:
            releases.unpack(packed, into.with_suffix(".new"))
        into.with_suffix(".new").rename(into)
    return top


def build(source, headers, tag, out, work):
    """Build one wheel; return its path."""
    before = {*out.glob("*.whl")}
    fresh = work / "out"
    shutil.rmtree(fresh, ignore_errors=True)
    log = work / f"{headers.abi}-{tag}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "build_tools/cross.py", headers.folder, tag, fresh]
    with log.open("w") as told:
        done = subprocess.run(
            [*map(str, command), str(work / f"{headers.abi}-{tag}")],
            cwd=source, stdout=told, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
    if done.returncode:
        end = "\n".join(log.read_text().splitlines()[-30:])
        raise SystemExit(f"{end}\nmake wheels: the build failed; all of it is in {log}")
    (made,) = fresh.glob("*.whl")
    if out / made.name in before:
        (out / made.name).unlink()
    return Path(shutil.move(made, out))


def chosen(arguments):
    """The options."""
    parser = argparse.ArgumentParser("make wheels", description=__doc__.partition("\n")[0])
    parser.add_argument("--python", action="append", metavar="VERSION", help="as 3.13; all")
    parser.add_argument("--target", action="append", choices=TARGETS, help="all")
    parser.add_argument("--headers", action="append", default=[], type=Path, metavar="FOLDER")
    parser.add_argument("--out", default=ROOT / "dist", type=Path, metavar="FOLDER", help="dist")
    parser.add_argument("--twice", action="store_true", help="each, in another folder again")
    return parser.parse_args(arguments)


def main(arguments=None):
    """Build what the arguments ask for; return the exit status."""
    options = chosen(arguments)
    os.environ["SOURCE_DATE_EPOCH"] = releases.the_time()
    options.out.mkdir(parents=True, exist_ok=True)
    here = pythons([*options.headers, *headers_here()])
    wanted = options.python or here
    missing = [version for version in options.python or supported() if version not in here]
    archive = releases.source_archive(options.out)
    print(f"{archive.name}  {archive.stat().st_size:,} bytes", flush=True)
    places = [(unpacked(archive, WORK / "source"), WORK)]
    if options.twice:
        again = WORK / "again"
        shutil.rmtree(again, ignore_errors=True)
        places.append((unpacked(archive, again / "in another folder"), again))
    status = 0
    for name in (name for name in wanted if name in here):
        for tag in options.target or TARGETS:
            status |= one(here[name], tag, options.out, places)
    for name in missing:
        print(f"no wheel for Python {name}: its headers are not here", flush=True)
    return status or (2 if options.python and missing else 0)


def one(headers, tag, out, places):
    """Build one wheel, perhaps twice, and look at it; 1 where something is wrong."""
    began = time.monotonic()
    (source, work), *again = places
    wheel = build(source, headers, tag, out, work)
    found = wheel_check.faults(wheel)
    for source, work in again:
        other = build(source, headers, tag, work, work)
        if other.read_bytes() != wheel.read_bytes():
            found.append(f"another build gave another file, {other}")
    took = time.monotonic() - began
    print(f"{wheel.name}  {wheel.stat().st_size:,} bytes  {took:.0f} s", flush=True)
    for each in found:
        print(f"    {each}", flush=True)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

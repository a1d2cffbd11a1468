"""Builds one wheel for a Python of which only the headers are here, and for another C library.

    python build_tools/cross.py HEADERS TARGET OUT BUILD

HEADERS is the folder of Python.h and pyconfig.h, TARGET a platform tag of TARGETS, OUT the folder
for the wheel, BUILD that for what comes of it on the way. It is run in the unpacked source, which
setup.py then builds as it always does. What setuptools asks of the interpreter is answered by
`answers` here, in the way that CPython has for that: a module named by _PYTHON_SYSCONFIGDATA_NAME.
The compiler is that of ziglang, which brings the C libraries of all targets.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

MODULE = "_ostler_sysconfigdata"


@dataclass(frozen=True)
class Target:
    """What a platform tag means for the compiler and for names of files."""

    zig: str  # what it is called by zig
    triplet: str  # as it stands in the name of an extension module

    @property
    def machine(self):
        """The architecture."""
        return self.triplet.partition("-")[0]

    @property
    def is_musl(self):
        """Whether the C library is musl, and not glibc."""
        return self.triplet.endswith("musl")


TARGETS = {
    "manylinux_2_28_x86_64": Target("x86_64-linux-gnu.2.28", "x86_64-linux-gnu"),
    "manylinux_2_28_aarch64": Target("aarch64-linux-gnu.2.28", "aarch64-linux-gnu"),
    "musllinux_1_2_x86_64": Target("x86_64-linux-musl", "x86_64-linux-musl"),
    "musllinux_1_2_aarch64": Target("aarch64-linux-musl", "aarch64-linux-musl"),
}


@dataclass(frozen=True)
class Headers:
    """A Python of which there are the headers."""

    folder: Path
    version: tuple[int, int]
    flags: str  # "t" without the GIL

    @classmethod
    def read(cls, folder):
        """The Python whose headers are in a folder. ValueError for one that no wheel is for."""
        folder = Path(folder).resolve()
        text = (folder / "patchlevel.h").read_text()
        major, minor = (
            int(re.search(rf"^#define\s+PY_{part}_VERSION\s+(\d+)", text, re.MULTILINE)[1])
            for part in ("MAJOR", "MINOR")
        )
        config = (folder / "pyconfig.h").read_text()
        if re.search(r"^#define\s+Py_DEBUG\b", config, re.MULTILINE):
            raise ValueError(f"{folder}: the headers of a debug build")
        free = re.search(r"^#define\s+Py_GIL_DISABLED\s+1", config, re.MULTILINE)
        return cls(folder, (major, minor), "t" if free else "")

    @property
    def name(self):
        """As in "3.13" and "3.13t"."""
        return "{}.{}".format(*self.version) + self.flags

    @property
    def abi(self):
        """As in "cp313" and "cp313t"."""
        return "cp{}{}".format(*self.version) + self.flags


def answers(headers, target):
    """What sysconfig is to know of the Python that is built for.

    CFLAGS are those that CPython builds its own extension modules with, but for -O, which is
    setup.py's matter, and -g.
    """
    soabi = f"cpython-{headers.abi[2:]}-{target.triplet}"
    return {
        "AR": "ar",
        "ARFLAGS": "rcs",
        "CC": "cc",
        "CCSHARED": "-fPIC",
        "CFLAGS": "-fwrapv -DNDEBUG",
        "CXX": "c++",
        "EXT_SUFFIX": f".{soabi}.so",
        "INCLUDEPY": str(headers.folder),
        "CONFINCLUDEPY": str(headers.folder),
        "LDCXXSHARED": "c++ -shared",
        "LDSHARED": "cc -shared",
        "LIBDIR": "",
        "MULTIARCH": target.triplet,
        "Py_DEBUG": 0,
        "Py_ENABLE_SHARED": 0,
        "Py_GIL_DISABLED": 1 if headers.flags else 0,
        "SHLIB_SUFFIX": ".so",
        "SIZEOF_VOID_P": 8,
        "SOABI": soabi,
        "VERSION": "{}.{}".format(*headers.version),
    }


def compiler(target, *options):
    """The command of the C compiler for a target."""
    return [sys.executable, "-m", "ziglang", "cc", "-target", target.zig, *options]


def environment(headers, target, build):
    """The environment in which setup.py builds for them; what it needs is written into `build`."""
    told = Path(build, "told")
    told.mkdir(parents=True, exist_ok=True)
    (told / f"{MODULE}.py").write_text(f"build_time_vars = {answers(headers, target)!r}\n")
    kept = {name: value for name, value in os.environ.items() if name in KEPT}
    cc = shlex.join(compiler(target))
    return kept | {
        "CC": cc,
        "LDSHARED": f"{cc} -shared",
        # Where it's not told, zig compiles the whole of musl, to put what is used into the command.
        "LDFLAGS": "-Wl,-s -dynamic" if target.is_musl else "-Wl,-s",
        "PATH": os.path.dirname(sys.executable) + os.pathsep + os.environ.get("PATH", os.defpath),
        "PYTHONPATH": str(told),
        "SETUPTOOLS_EXT_SUFFIX": answers(headers, target)["EXT_SUFFIX"],
        "_PYTHON_HOST_PLATFORM": f"linux-{target.machine}",
        "_PYTHON_SYSCONFIGDATA_NAME": MODULE,
    }


# What else is in the environment may lead to another wheel, as CFLAGS do.
KEPT = ("HOME", "LANG", "SOURCE_DATE_EPOCH", "TMPDIR", "XDG_CACHE_HOME")


def name_libc(file, target):
    """Name musl as its systems do, which zig calls libc.so: auditwheel knows it by that name."""
    subprocess.run(
        ["patchelf", "--replace-needed", "libc.so", f"libc.musl-{target.machine}.so.1", str(file)],
        check=True,
    )


def forget(build):
    """Remove what an earlier build has left of another source; its objects stay.

    All files of the archive have one time, so that no changed module would seem newer than the copy
    of before; and what is no longer in the source would go into the wheel.
    """
    for name in ("base/lib*", "base/scripts*", "packed"):
        for left in Path(build).glob(name):
            shutil.rmtree(left)


def build_here(tag, out, build):
    """Build the wheel; this process has the environment for it."""
    import setuptools  # noqa: F401  which brings the distutils that follow

    from distutils.core import run_setup  # isort: skip

    target = TARGETS[tag]
    os.umask(0o022)  # the wheel has the modes of its files
    forget(build)
    work = [f"--build-base={build}/base", "bdist_wheel", f"--plat-name={tag}"]
    work += [f"--dist-dir={out}", f"--bdist-dir={build}/packed"]
    made = run_setup(os.path.abspath("setup.py"), ["-q", "build", *work], stop_after="commandline")
    made.run_command("build")
    if target.is_musl:
        command = Path(made.get_command_obj("build_scripts").build_dir, "ostler")
        modules = Path(made.get_command_obj("build").build_lib).rglob("*.so")
        for file in (command, *sorted(modules)):
            name_libc(file, target)
    made.get_command_obj("bdist_wheel").skip_build = True  # it would compile the command again
    made.run_command("bdist_wheel")


def main(arguments):
    """Build the wheel that the arguments name, in another process with the environment for it."""
    if arguments[0] == "--here":
        build_here(*arguments[1:])
        return 0
    folder, tag, out, build = arguments
    env = environment(Headers.read(folder), TARGETS[tag], build)
    command = [sys.executable, __file__, "--here", tag, out, build]
    return subprocess.run(command, env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Compiles the modules that are written in Cython's pure-Python mode."""

import os
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "build_tools"))

import compiler  # noqa: E402

# One entry per compiled module; tests/test_layout.py holds this list against the files.
COMPILED = (
    "_convert",
    "_core",
    "commands",
    "descriptors",
    "directories",
    "environment",
    "files",
    "path",
    "permissions",
    "processes",
    "records",
    "sysinfo",
)

DIRECTIVES = {
    "language_level": 3,
    "binding": False,  # methods of a machine are real builtins
    "embedsignature": True,
    "embedsignature.format": "clinic",  # so that inspect.signature works on them
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": False,
    "freethreading_compatible": True,
}
DEFINES = [("_GNU_SOURCE", "1"), ("_FILE_OFFSET_BITS", "64")]


def extensions():
    flags = os.environ.get("OSTLER_CFLAGS", "-O2 -g0").split()
    return [
        Extension(
            f"ostler.{name}",
            [f"src/ostler/{name.replace('.', '/')}.py"],
            define_macros=DEFINES,
            extra_compile_args=[*flags, "-fno-strict-overflow", "-Wno-unused-function"],
        )
        for name in COMPILED
    ]


def jobs():
    return len(os.sched_getaffinity(0))


os.chdir(HERE)
compiler.choose()
setup(
    ext_modules=cythonize(
        extensions(),
        build_dir="build/c",
        include_path=["src"],
        compiler_directives=DIRECTIVES,
        nthreads=jobs(),
        quiet=True,
    ),
    options={"build_ext": {"parallel": jobs()}},
)

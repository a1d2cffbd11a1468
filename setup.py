"""Compiles the modules that are written in Cython's pure-Python mode."""

import os
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "build_tools"))

import compiler  # noqa: E402
import frames  # noqa: E402
import launcher  # noqa: E402
import modules  # noqa: E402

DIRECTIVES = {
    "language_level": 3,
    "binding": False,  # methods of a machine are real builtins
    "embedsignature": True,
    "embedsignature.format": "clinic",  # so that inspect.signature works on them
    "cdivision": True,
    "initializedcheck": False,
    "auto_pickle": False,
    "freethreading_compatible": True,
}
FLAGS = [
    "-fno-plt",  # the interpreter's functions are called without a detour
    "-fno-strict-overflow",
    # a*b+c is rounded twice; clang would fuse it, and times would differ in the last digit.
    "-ffp-contract=off",
    "-Wno-unused",
]
DEFINES = [
    ("_GNU_SOURCE", "1"),
    ("_FILE_OFFSET_BITS", "64"),
    ("CYTHON_CLINE_IN_TRACEBACK", "0"),
    ("OSTLER_FRAME(...)", "((void)0)"),
]
# For `make coverage`: every line tells that it was run. The coverage plugin wants the C beside it.
TRACED = bool(os.environ.get("OSTLER_TRACE"))
if TRACED:
    DIRECTIVES["linetrace"] = True
# Not the lines that run without the GIL, which have no frame to tell it of; nor modules whose code
# threads or processes run that Python does not know of.
UNSEEN = (
    "trees.", "machines.", "core.asking", "core.by_name", "core.confine", "core.creating",
    "core.filter", "core.helper", "core.landlock", "core.masks", "core.mounts",
    "core.own_descriptors", "core.putting", "core.rulesets", "core.spawn", "core.starting",
    "core.status",
)  # fmt: skip


def trace(name):
    return [("CYTHON_TRACE", "1")] if TRACED and not name.startswith(UNSEEN) else []


def extensions():
    flags = os.environ.get("OSTLER_CFLAGS", "-O2 -g0").split()
    return [
        Extension(
            f"ostler.{name}",
            [f"src/ostler/{name.replace('.', '/')}.py"],
            define_macros=[*DEFINES, *trace(name)],
            extra_compile_args=[*flags, *FLAGS],
        )
        for name in modules.compiled()
    ]


def without_frames(extensions):
    """Let errors leave our functions as they leave os's: with no traceback line of ours.

    Build with OSTLER_FRAMES=1 to see them.
    """
    if os.environ.get("OSTLER_FRAMES"):
        return extensions
    for source in (Path(source) for extension in extensions for source in extension.sources):
        text = source.read_text()
        try:
            changed = frames.without_frames(text)
        except ValueError as error:
            raise SystemExit(f"setup.py: {source}: {error}") from None
        if changed != text:
            source.write_text(changed)
    return extensions


def jobs():
    return len(os.sched_getaffinity(0))


# Where processes are not forked, those that write the C import this file again.
if __name__ == "__main__":
    os.chdir(HERE)
    compiler.choose()
    setup(
        ext_modules=without_frames(
            cythonize(
                extensions(),
                build_dir=None if TRACED else "build/c",
                include_path=["src"],
                compiler_directives=DIRECTIVES,
                nthreads=jobs(),
                quiet=True,
            )
        ),
        scripts=[str(launcher.SOURCE.relative_to(HERE))],
        cmdclass={"build_scripts": launcher.BuildLauncher},
        options={"build_ext": {"parallel": jobs()}},
    )

"""Compiles the modules that are written in Cython's pure-Python mode."""

import os
import re
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "build_tools"))

import compiler  # noqa: E402

# One entry per compiled module; tests/test_layout.py holds this list against the files.
COMPILED = (
    "core.arguments",
    "core.asking",
    "core.become",
    "core.by_name",
    "core.calls",
    "core.confine",
    "core.creating",
    "core.crossing",
    "core.descendants",
    "core.environ",
    "core.filter",
    "core.fwalk",
    "core.held",
    "core.identity",
    "core.landlock",
    "core.masks",
    "core.mounts",
    "core.numbers",
    "core.own_descriptors",
    "core.pathjoin",
    "core.pathtext",
    "core.pipes",
    "core.popen",
    "core.putting",
    "core.realpath",
    "core.records",
    "core.rulesets",
    "core.scan",
    "core.shell",
    "core.spawn",
    "core.starting",
    "core.status",
    "core.umask",
    "core.walk",
    "installation.kinship",
    "installation.sweep",
    "machines.below_root",
    "path",
    "trees._change",
    "trees._compare",
    "trees._content",
    "trees._copy",
    "trees._destination",
    "trees._engine",
    "trees._find",
    "trees._holding",
    "trees._ignore",
    "trees._ignoring",
    "trees._linking",
    "trees._links",
    "trees._metadata",
    "trees._output",
    "trees._patterns",
    "trees._remove",
    "trees._run",
    "trees._single",
    "trees._size",
    "verbs.answers",
    "verbs.children",
    "verbs.commands",
    "verbs.descriptors",
    "verbs.directories",
    "verbs.durable",
    "verbs.entries",
    "verbs.environment",
    "verbs.facts",
    "verbs.files",
    "verbs.links",
    "verbs.permissions",
    "verbs.processes",
    "verbs.replacing",
    "verbs.sysinfo",
    "verbs.terminals",
    "verbs.timers",
    "verbs.transfers",
    "verbs.xattrs",
)

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
    "core.filter", "core.landlock", "core.masks", "core.mounts", "core.own_descriptors",
    "core.putting", "core.rulesets", "core.spawn", "core.starting", "core.status",
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
        for name in COMPILED
    ]


# Cython's line for the traceback; not the one of an `except` that looks at its exception, which
# must find a traceback on it.
FRAME = re.compile(r'(?:__Pyx_AddTraceback|OSTLER_FRAME)(\("[^\n]*\n)(\s*if \(__Pyx_GetException)?')


def frame(match):
    name = "__Pyx_AddTraceback" if match[2] else "OSTLER_FRAME"
    return name + match[1] + (match[2] or "")


def without_frames(extensions):
    """Let errors leave our functions as they leave os's: with no traceback line of ours.

    Cython adds one for every compiled function on an error's way, 200 to 350 ns each. Build with
    OSTLER_FRAMES=1 to see them.
    """
    if os.environ.get("OSTLER_FRAMES"):
        return extensions
    found = 0
    for extension in extensions:
        for source in map(Path, extension.sources):
            text = source.read_text()
            changed, count = FRAME.subn(frame, text)
            found += count
            if changed != text:
                source.write_text(changed)
    if not found:
        raise SystemExit("setup.py: the C of this Cython has no traceback lines where FRAME looks")
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
        options={"build_ext": {"parallel": jobs()}},
    )

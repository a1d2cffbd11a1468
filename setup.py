"""Compiles the modules that are written in Cython's pure-Python mode."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "build_tools"))

import supported  # noqa: E402

supported.check()

import cimports  # noqa: E402
import compiler  # noqa: E402
import frames  # noqa: E402
import launcher  # noqa: E402
import links  # noqa: E402
import main_only  # noqa: E402
import modules  # noqa: E402
from building import build_ext, jobs  # noqa: E402
from Cython.Build import cythonize  # noqa: E402
from setuptools import Extension, setup  # noqa: E402

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
    ("CYTHON_COMPRESS_STRINGS", "0"),  # to unpack them takes longer than to read them
    ("OSTLER_FRAME(...)", "((void)0)"),
    cimports.MACRO,
]
# The shared object's own names come before equal ones of the program that loads it.
LINK = ["-Wl,-Bsymbolic"]
C = Path("build/c")
# For `make coverage`: every line tells that it was run. The coverage plugin wants the C beside it,
# and a shared object for each module.
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


def edited(extensions):
    """The same, their C without what costs time: see build_tools/frames.py and cimports.py.

    That of the driver is for the main interpreter alone: see build_tools/main_only.py.

    Build with OSTLER_FRAMES=1 to see our own lines in tracebacks.
    """
    for source in (Path(source) for extension in extensions for source in extension.sources):
        text = source.read_text()
        changed = cimports.direct(text)
        if source.stem == modules.DRIVER:
            changed = main_only.main_only(changed)
        if not os.environ.get("OSTLER_FRAMES"):
            try:
                changed = frames.without_frames(changed)
            except ValueError as error:
                raise SystemExit(f"setup.py: {source}: {error}") from None
        if changed != text:
            source.write_text(changed)
    return extensions


def table(name, early, others):
    """The C file with the table of the modules that stand in the driver's shared object."""
    file = C / f"{name}.c"
    text = modules.table(early, others)
    if not file.exists() or file.read_text() != text:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return str(file)


def objects(extensions):
    """All modules in the shared object of the driver; each in its own where lines are traced."""
    driver = next(one for one in extensions if one.name == f"ostler.{modules.DRIVER}")
    driver.extra_link_args = LINK
    if TRACED:
        driver.sources.append(table("no_modules", [], []))
        return extensions
    early = modules.early()
    others = [name for name in modules.compiled() if name not in (*early, modules.DRIVER)]
    driver.sources = [source for extension in extensions for source in extension.sources]
    driver.sources.append(table("modules", early, others))
    return [driver]


# Where processes are not forked, those that write the C import this file again.
if __name__ == "__main__":
    os.chdir(HERE)
    compiler.choose()
    setup(
        ext_modules=objects(
            edited(
                cythonize(
                    extensions(),
                    build_dir=None if TRACED else str(C),
                    include_path=["src"],
                    compiler_directives=DIRECTIVES,
                    nthreads=jobs(),
                    quiet=True,
                )
            )
        ),
        long_description=links.absolute(Path("README.md").read_text(encoding="utf-8")),
        long_description_content_type="text/markdown",
        scripts=[str(launcher.SOURCE.relative_to(HERE))],
        cmdclass={"build_ext": build_ext, "build_scripts": launcher.BuildLauncher},
        options={"build_ext": {"parallel": jobs()}},
    )

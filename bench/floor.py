"""Builds and loads the floor's loop of C, in build/bench, when it is first asked for."""

import importlib.util
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "bench"
BUILT = ROOT / "build" / "bench" / sys.implementation.cache_tag

_BUILD = """
import os, sys
from Cython.Build import cythonize
from setuptools import Extension, setup

sys.path.insert(0, {root!r} + "/build_tools")
import compiler

compiler.choose()
extension = Extension(
    "bench.floor_loop", [{root!r} + "/bench/floor_loop.py"],
    define_macros=[("_GNU_SOURCE", "1"), ("_FILE_OFFSET_BITS", "64")],
    extra_compile_args=["-O2", "-g0", "-Wno-unused"],
)
made = cythonize([extension], build_dir={c!r}, include_path=[{root!r} + "/src", {root!r}], quiet=True,
                 compiler_directives={{"language_level": 3, "cdivision": True, "boundscheck": False}})
setup(ext_modules=made, script_args=["-q", "build_ext", "--build-lib", {lib!r}, "--build-temp", {lib!r}])
"""


def load():
    """The module with measure(); built anew where its source is newer. Needs cython."""
    sources = [HERE / "floor_loop.py", HERE / "floor_loop.pxd", Path(__file__)]
    found = next(BUILT.glob("bench/floor_loop*.so"), None)
    if found is None or found.stat().st_mtime < max(s.stat().st_mtime for s in sources):
        code = _BUILD.format(root=str(ROOT), c=str(BUILT / "c"), lib=str(BUILT))
        BUILT.mkdir(parents=True, exist_ok=True)
        # Not beside pyproject.toml, which setup() would take for its own.
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=BUILT, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise ImportError(
                f"the floor can't be built:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
            )
        found = next(BUILT.glob("bench/floor_loop*.so"))
    spec = importlib.util.spec_from_file_location("bench.floor_loop", found)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

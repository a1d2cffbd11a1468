"""What bench_trees.py runs beside ours: the floor, the known tools, and what people write."""

import os
import pathlib
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

HERE = pathlib.Path(__file__).parent


def floor_module():
    """bench/floor_trees.py, compiled into build/."""
    from Cython.Build import cythonize
    from setuptools import Extension
    from setuptools.dist import Distribution

    build = HERE.parent / "build" / "bench"
    extension = Extension(
        "floor_trees", [str(HERE / "floor_trees.py")],
        define_macros=[("_GNU_SOURCE", "1")], extra_compile_args=["-O2", "-g0", "-Wno-unused"],
    )  # fmt: skip
    extensions = cythonize(
        [extension], build_dir=str(build / "c"), include_path=[str(HERE.parent / "src")], quiet=True,
        compiler_directives={"language_level": 3},
    )  # fmt: skip
    command = Distribution({"ext_modules": extensions}).get_command_obj("build_ext")
    command.build_lib = str(build)
    command.build_temp = str(build / "tmp")
    command.ensure_finalized()
    command.run()
    sys.path.insert(0, str(build))
    import floor_trees

    return floor_trees


COUNT, STAT, REMOVE, COPY = range(4)


class Floor:
    """The tight loop, on one thread, or with the work shared out to several.

    They share the directories below the root. In a flat directory each reads on where the others
    are, to look at what it read; to count alone would not be faster so.
    """

    def __init__(self):
        self.module = floor_module()

    def __call__(self, what, top, threads, to=None):
        top = os.fsencode(top)
        if to is not None:
            to = os.fsencode(to)
            os.mkdir(to)
        if threads == 1:
            if to is not None:
                os.rmdir(to)
                to = os.path.dirname(to)
            return self.module.run([top], what, to)
        below = [entry.path for entry in os.scandir(top) if entry.is_dir(follow_symlinks=False)]
        with ThreadPoolExecutor(threads) as pool:
            if below:
                parts = list(pool.map(lambda part: self.module.run([part], what, to), below))
            elif what == STAT:
                fd = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
                try:
                    parts = list(pool.map(lambda _: self.module.share(fd, what), range(threads)))
                finally:
                    os.close(fd)
            else:
                return self(what, top, 1, to)
        return sum(parts) + 1


def tool(name):
    """A tool's path where it is installed (fd is fdfind on Debian), or None."""
    return shutil.which(name) or (shutil.which("fdfind") if name == "fd" else None)


def missing():
    """Which peers are not there."""
    names = [name for name in ("find", "du", "rm", "cp", "fd", "bfs", "gdu") if not tool(name)]
    try:
        import scandir_rs  # noqa: F401
    except ImportError:
        names.append("scandir-rs")
    return names


def quietly(*command):
    """Run a tool, its output thrown away."""
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def lines(*command):
    """Run a tool; its output's parts that end with NUL, in order."""
    return sorted(subprocess.run(command, check=True, capture_output=True).stdout.split(b"\0")[:-1])


def done(_):
    """No result to compare."""


def scandir_names(top):
    """Every path below top by os.scandir, as people write it."""
    with os.scandir(top) as found:
        for entry in found:
            yield entry.path
            if entry.is_dir(follow_symlinks=False):
                yield from scandir_names(entry.path)


def walk_names(top):
    """Every path below top by os.walk."""
    return [d + "/" + name for d, ds, fs in os.walk(top) for name in ds + fs]


def walk_sizes(top):
    """Bytes of the files below top by os.walk and os.lstat."""
    total = 0
    for directory, directories, files in os.walk(top):
        for name in files:
            total += os.lstat(f"{directory}/{name}").st_size
        for name in directories:
            os.lstat(f"{directory}/{name}")
    return total


def scandir_sizes(top):
    """The same by os.scandir and DirEntry.stat."""
    total = 0
    with os.scandir(top) as found:
        for entry in found:
            st = entry.stat(follow_symlinks=False)
            if entry.is_dir(follow_symlinks=False):
                total += scandir_sizes(entry.path)
            else:
                total += st.st_size
    return total

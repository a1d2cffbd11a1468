"""The trees that bench_trees.py works on."""

import os
import pathlib
import sysconfig

from ostler import trees


def wide(top, scale):
    """200,000 files of 100 bytes in 2,000 directories."""
    for number in range(max(1, int(2000 * scale))):
        os.makedirs(f"{top}/d{number // 50}/e{number}")
        fd = os.open(f"{top}/d{number // 50}/e{number}", os.O_RDONLY)
        for name in range(100):
            file = os.open(f"f{name}.txt", os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=fd)
            os.write(file, b"x" * 100)
            os.close(file)
        os.close(fd)


def source(top, scale):
    """About 300,000 files, copied from the interpreter's library."""
    library = sysconfig.get_path("stdlib")
    many = trees.count(library).files
    for number in range(max(1, round(300_000 * scale / many))):
        trees.copy(library, f"{top}/copy{number}", owners=False)


def flat(top, scale):
    """500,000 names in one directory."""
    fd = os.open(top, os.O_RDONLY)
    for number in range(int(500_000 * scale)):
        os.mknod(f"name{number:06}", dir_fd=fd)
    os.close(fd)


def small(top, scale):
    """50,000 files of 100 bytes in 500 directories: for what changes trees."""
    wide(top, scale / 4)


def twenty(top, scale):
    """A tree of twenty entries."""
    for number in range(4):
        os.mkdir(f"{top}/d{number}")
        for name in range(4):
            with open(f"{top}/d{number}/f{name}", "w") as file:
                file.write("x")


def kept(corpus, scale, directory):
    """The tree of this corpus in a directory where it stays: built there once."""
    there = pathlib.Path(directory) / f"{corpus.__name__}-{scale:g}"
    complete = there / "complete"
    top = there / "tree"
    if not complete.exists():
        if there.exists():
            trees.remove(there)
        top.mkdir(parents=True)
        corpus(str(top), scale)
        os.sync()
        complete.touch()
    return str(top)

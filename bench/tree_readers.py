"""What bench_trees.py runs of the operations that only read: the implementations side by side.

`goals` are (ours, another, how many times as fast ours shall be). Those of a corpus that differs
stand in `goals_<corpus>`.
"""

import glob
import os
import pathlib
import subprocess

import ostler
from bench.tree_tools import (
    COUNT,
    STAT,
    done,
    lines,
    quietly,
    scandir_names,
    scandir_sizes,
    tool,
    walk_names,
    walk_sizes,
)
from ostler import trees


def steps(walk):
    """How many names a walk gives."""
    return sum(len(step[1]) + len(step[2]) for step in walk)


class Walk:
    """Every directory with its names."""

    goals = (("ostler.walk", "os.walk", 1.6), ("ostler.walk", "find", 1.2),
             ("ostler.fwalk", "os.fwalk", 1.6), ("trees.walk 2", "os.walk", 2.2))  # fmt: skip
    goals_flat = goals[:3]  # nothing to read ahead
    goals_twenty = (("ostler.walk", "os.walk", 1), ("ostler.fwalk", "os.fwalk", 1),
                    ("trees.walk 2", "os.walk", 1))  # fmt: skip

    def implementations(self, top, floor):
        return {
            "os.walk": lambda: steps(os.walk(top)),
            "ostler.walk": lambda: steps(ostler.walk(top)),
            "os.fwalk": lambda: steps(os.fwalk(top)),
            "ostler.fwalk": lambda: steps(ostler.fwalk(top)),
            "trees.walk 1": lambda: steps(trees.walk(top, threads=1)),
            "trees.walk 2": lambda: steps(trees.walk(top, threads=2)),
            "find": lambda: quietly("find", top),
            "floor 1": lambda: floor(COUNT, top, 1) - 1,
        }

    def check(self, top):
        theirs = list(os.walk(top))
        assert list(ostler.walk(top)) == theirs
        assert list(trees.walk(top)) == theirs
        assert [step[:3] for step in ostler.fwalk(top)] == theirs
        theirs = list(os.walk(top, topdown=False))
        assert list(ostler.walk(top, topdown=False)) == theirs


class Count:
    """How many entries there are."""

    goals = (("trees.count 2", "os.walk", 3.3), ("trees.count 2", "find", 2.2),
             ("trees.count 2", "bfs", 1.4), ("trees.count 2", "fd", 1.5),
             ("trees.count 2", "scandir_rs.Count", 4), ("trees.count 1", "floor 1", 0.9),
             ("trees.count 2", "floor 2", 0.9))  # fmt: skip
    goals_twenty = (("trees.count 1", "os.walk", 1), ("trees.count 2", "os.walk", 1),
                    ("trees.count 2", "trees.count 1", 0.9))  # fmt: skip

    def implementations(self, top, floor):
        made = {
            "os.walk": lambda: steps(os.walk(top)),
            "scandir": lambda: sum(1 for _ in scandir_names(top)),
            "trees.count 1": lambda: trees.count(top, threads=1).entries - 1,
            "trees.count 2": lambda: trees.count(top, threads=2).entries - 1,
            "find": lambda: quietly("find", top),
            "floor 1": lambda: floor(COUNT, top, 1) - 1,
            "floor 2": lambda: floor(COUNT, top, 2) - 1,
        }
        if tool("fd"):
            made["fd"] = lambda: quietly(tool("fd"), "-uu", ".", top)
        if tool("bfs"):
            made["bfs"] = lambda: quietly("bfs", top)
        try:
            import scandir_rs
        except ImportError:
            return made

        def rust():
            found = scandir_rs.Count(top, skip_hidden=False).collect()
            return found.files + found.dirs + found.slinks

        made["scandir_rs.Count"] = lambda: done(rust())
        return made

    def check(self, top):
        ours = trees.count(top)
        assert ours.entries == len(walk_names(top)) + 1
        said = subprocess.run(["find", top, "-type", "d", "-printf", "d"], check=True,
                              capture_output=True).stdout  # fmt: skip
        assert ours.directories == len(said)


class Find:
    """Every path in a list, and those that match a pattern, as a list or as a tool's lines."""

    goals = (("trees.find 2", "os.walk", 2.0), ("trees.find 2", "pathlib.rglob", 5),
             ("trees.find 2", "glob **", 10), ("trees.find 2 *.py", "os.walk *.py", 3.3),
             ("trees.find 2 *.py", "find *.py", 2.2), ("trees.find 2 *.py", "bfs *.py", 1.4),
             ("trees.find 2 *.py", "fd *.py", 1.5))  # fmt: skip
    goals_twenty = (("trees.find 1", "os.walk", 1), ("trees.find 2", "os.walk", 1))

    def implementations(self, top, floor):
        made = {
            "os.walk": lambda: len(walk_names(top)),
            "pathlib.rglob": lambda: sum(1 for _ in pathlib.Path(top).rglob("*")),
            "glob **": lambda: len(glob.glob(top + "/**", recursive=True, include_hidden=True)) - 1,
            "trees.find 1": lambda: len(list(trees.find(top, threads=1))),
            "trees.find 2": lambda: len(list(trees.find(top, threads=2))),
            "os.walk *.py": lambda: done(
                [d + "/" + name for d, ds, fs in os.walk(top) for name in ds + fs
                 if name.endswith(".py")]
            ),
            "trees.find 2 *.py": lambda: done(list(trees.find(top, "*.py", threads=2))),
            "find *.py": lambda: quietly("find", top, "-name", "*.py"),
        }  # fmt: skip
        if tool("fd"):
            made["fd *.py"] = lambda: quietly(tool("fd"), "-uu", "--glob", "*.py", top)
        if tool("bfs"):
            made["bfs *.py"] = lambda: quietly("bfs", top, "-name", "*.py")
        return made

    def check(self, top):
        ours = sorted(map(os.fsencode, trees.find(top)))
        assert ours == sorted(map(os.fsencode, walk_names(top)))
        assert ours == lines("find", top, "-mindepth", "1", "-print0")
        python = sorted(map(os.fsencode, trees.find(top, "*.py")))
        assert python == lines("find", top, "-name", "*.py", "-print0")
        if tool("fd"):
            assert python == lines(tool("fd"), "-uu", "-0", "--glob", "*.py", top)


class Size:
    """The bytes of all files."""

    goals = (("trees.size 2", "os.walk + lstat", 3.7), ("trees.size 2", "du", 2.2),
             ("trees.size 1", "floor 1", 0.9), ("trees.size 2", "floor 2", 0.9))  # fmt: skip
    goals_flat = (("trees.size 2", "os.walk + lstat", 3.7), ("trees.size 2", "du", 1.8),
                  ("trees.size 1", "floor 1", 0.9), ("trees.size 2", "floor 2", 0.9))  # fmt: skip
    goals_twenty = (("trees.size 1", "os.walk + lstat", 1), ("trees.size 2", "os.walk + lstat", 1),
                    ("trees.size 2", "trees.size 1", 0.9))  # fmt: skip

    def implementations(self, top, floor):
        made = {
            "os.walk + lstat": lambda: walk_sizes(top),
            "scandir + stat": lambda: scandir_sizes(top),
            "trees.size 1": lambda: trees.size(top, threads=1).bytes,
            "trees.size 2": lambda: trees.size(top, threads=2).bytes,
            "du": lambda: quietly("du", "-s", top),
            "floor 1": lambda: done(floor(STAT, top, 1)),
            "floor 2": lambda: done(floor(STAT, top, 2)),
        }
        if tool("gdu"):
            made["gdu"] = lambda: quietly("gdu", "-nps", top)
        return made

    def check(self, top):
        counts = trees.size(top)
        assert counts.bytes == walk_sizes(top) == scandir_sizes(top)
        said = subprocess.run(["du", "-s", "-B1", top], check=True, capture_output=True).stdout
        assert counts.disk == int(said.split()[0])

"""What bench_trees.py runs of the operations that change a tree; see tree_readers.py."""

import os
import shutil

from bench.tree_tools import COPY, REMOVE, done, quietly
from ostler import trees


class Remove:
    """Removing a tree of small files."""

    goals = (("trees.remove 2", "shutil.rmtree", 1.8), ("trees.remove 2", "rm -rf", 1.6),
             ("trees.remove 2", "floor 2", 0.9))  # fmt: skip
    goals_elsewhere = (
        ("trees.remove 2", "shutil.rmtree", 0.95),
        ("trees.remove 2", "rm -rf", 0.95),
    )

    def implementations(self, top, floor):
        return {
            "shutil.rmtree": lambda: shutil.rmtree(top),
            "rm -rf": lambda: quietly("rm", "-rf", top),
            "trees.remove 1": lambda: done(trees.remove(top, threads=1)),
            "trees.remove 2": lambda: done(trees.remove(top, threads=2)),
            "floor 1": lambda: done(floor(REMOVE, top, 1)),
            "floor 2": lambda: done(floor(REMOVE, top, 2)),
        }

    def check(self, top):
        assert not os.path.exists(top) or not os.listdir(top)


class Copy:
    """Copying a tree of small files."""

    goals = (("trees.copy 2", "shutil.copytree", 4), ("trees.copy 2", "cp -a", 2.3))
    goals_elsewhere = (("trees.copy 2", "shutil.copytree", 2), ("trees.copy 2", "cp -a", 1.2))

    def implementations(self, top, floor):
        to = os.path.join(os.path.dirname(top), "copy", "tree")
        os.makedirs(os.path.dirname(to), exist_ok=True)

        def floor_copy(threads):
            floor(COPY, top, threads, to)

        return {
            "shutil.copytree": lambda: done(shutil.copytree(top, to, symlinks=True)),
            "cp -a": lambda: quietly("cp", "-a", top, to),
            "trees.copy 1": lambda: done(trees.copy(top, to, threads=1)),
            "trees.copy 2": lambda: done(trees.copy(top, to, threads=2)),
            "floor 1": lambda: floor_copy(1),
            "floor 2": lambda: floor_copy(2),
        }

    def check(self, top):
        to = os.path.join(os.path.dirname(top), "copy", "tree")
        assert trees.compare(top, to, metadata=False) == []

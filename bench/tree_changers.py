"""What bench_trees.py runs of the operations that change a tree; see tree_readers.py."""

import os
import shutil

from bench.tree_tools import COPY, REMOVE, quietly
from ostler import trees


class Remove:
    """Removing a tree of small files; without a number, with the threads that we choose."""

    goals = (("trees.remove", "shutil.rmtree", 1.8), ("trees.remove", "rm -rf", 1.6),
             ("trees.remove 1", "floor 1", 0.9), ("trees.remove 2", "floor 2", 0.9))  # fmt: skip
    goals_elsewhere = (("trees.remove", "shutil.rmtree", 0.95), ("trees.remove", "rm -rf", 0.95),
                       ("trees.remove 1", "floor 1", 0.9))  # fmt: skip

    def implementations(self, top, floor):
        return {
            "shutil.rmtree": lambda: shutil.rmtree(top),
            "rm -rf": lambda: quietly("rm", "-rf", top),
            "trees.remove": lambda: trees.remove(top),
            "trees.remove 1": lambda: trees.remove(top, threads=1),
            "trees.remove 2": lambda: trees.remove(top, threads=2),
            "floor 1": lambda: floor(REMOVE, top, 1),
            "floor 2": lambda: floor(REMOVE, top, 2),
        }

    def check(self, top):
        assert not os.path.exists(top) or not os.listdir(top)


class Copy:
    """Copying a tree of small files; without a number, with the threads that we choose."""

    goals = (("trees.copy", "shutil.copytree", 4), ("trees.copy", "cp -a", 2.3),
             ("trees.copy 1", "floor 1", 0.9), ("trees.copy 2", "floor 2", 0.9))  # fmt: skip
    goals_elsewhere = (("trees.copy", "shutil.copytree", 2), ("trees.copy", "cp -a", 1.2),
                       *goals[2:])  # fmt: skip

    def implementations(self, top, floor):
        to = os.path.join(os.path.dirname(top), "copy", "tree")
        os.makedirs(os.path.dirname(to), exist_ok=True)
        return {
            "shutil.copytree": lambda: shutil.copytree(top, to, symlinks=True),
            "cp -a": lambda: quietly("cp", "-a", top, to),
            "trees.copy": lambda: trees.copy(top, to),
            "trees.copy 1": lambda: trees.copy(top, to, threads=1),
            "trees.copy 2": lambda: trees.copy(top, to, threads=2),
            "floor 1": lambda: floor(COPY, top, 1, to),
            "floor 2": lambda: floor(COPY, top, 2, to),
        }

    def check(self, top):
        to = os.path.join(os.path.dirname(top), "copy", "tree")
        assert trees.compare(top, to, metadata=False) == []

"""Layered: what was changed before several points and since, read as one upper layer."""

from __future__ import annotations

from ostler.machine import host
from ostler.machines.rehearsal.places import OwnTree
from ostler.points.stack import Stack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ostler.core.records import stat_result
    from ostler.core.status import Status

_OPEN = host.O_PATH | host.O_DIRECTORY | host.O_NOFOLLOW | host.O_CLOEXEC


def upper_tree(stores: int, layers: Iterable[bytes], marks: str) -> OwnTree:
    """What these layers of one overlay hold, the uppermost first, as a tree of our own."""
    trees: list[OwnTree] = []
    try:
        _open_all(stores, layers, trees)
        return trees[0] if len(trees) == 1 else LayeredTree(trees, marks)
    except BaseException:
        for tree in trees:
            tree.close()
        raise


def _open_all(stores: int, layers: Iterable[bytes], trees: list[OwnTree]) -> None:
    for layer in layers:
        trees.append(OwnTree(host.open(layer + b"/upper", _OPEN, dir_fd=stores)))


def stack_of(tree: OwnTree, marks: str) -> Stack:
    """The layers that upper_tree() has given, as a stack."""
    return tree.stack if isinstance(tree, LayeredTree) else Stack([tree], marks)


class LayeredTree(OwnTree):
    """Several trees of our own, the uppermost first, seen as one; see points/stack.py.

    The marks are those of the whole. How many names a file has no layer says: see Walk.
    """

    def __init__(self, trees: list[OwnTree], marks: str) -> None:
        super().__init__(-1)
        for tree in trees:
            tree.keeps = max(2, tree.keeps // len(trees))
        self.trees = trees
        self.marks = marks
        self.stack = Stack(trees, marks)

    def close(self) -> None:
        """Close all of them."""
        for tree in self.trees:
            tree.close()

    def __del__(self) -> None:
        pass  # each of them does it

    def forget(self) -> None:
        """Close what is held open: names may mean something else from now on."""
        for tree in self.trees:
            tree.forget()
        self.stack.forget()

    def forget_below(self, path: bytes) -> None:
        """As forget(), of all."""
        self.forget()

    def _at(self, path: bytes) -> tuple[OwnTree, bytes]:
        # What no layer has is nowhere, for the uppermost one, too.
        seen = self.stack.seen(path)
        return (self.trees[0], path) if seen is None else (self.trees[seen.layer], seen.path)

    def remove(self, path: bytes) -> None:
        """A TypeError: what is below the uppermost layer belongs to points."""
        raise TypeError("what several points share is not changed")

    def directory(self, path: bytes) -> int:
        """A descriptor (O_PATH) of the uppermost part of a directory."""
        tree, at = self._at(path)
        return tree.directory(at)

    def parent(self, path: bytes) -> tuple[int, bytes]:
        """(descriptor of the directory that has the name, name) in the layer that has it."""
        tree, at = self._at(path)
        return tree.parent(at)

    def status(self, path: bytes) -> stat_result | None:
        """lstat of an object, None when it isn't there."""
        seen = self.stack.seen(path)
        return None if seen is None else self.trees[seen.layer].status(seen.path)

    def entries(self, path: bytes, quiet: bool = False) -> list[tuple[bytes, Status]]:
        """[(name, Status)] of a directory, sorted."""
        return [(name, seen.status) for name, seen in self.stack.entries(path)]

    def open(self, path: bytes, flags: int | None = None) -> int:
        """Open an object: of a file, what has its content."""
        seen = self.stack.seen(path)
        tree, at = self._at(path)
        if seen is not None and seen.data is not None:
            tree, at = self.trees[seen.data[0]], seen.data[1]
        return tree.open(at) if flags is None else tree.open(at, flags)

    def name(self, path: bytes) -> bytes:
        """A path for the calls that take no directory descriptor."""
        tree, at = self._at(path)
        return tree.name(at)

    def target(self, path: bytes) -> str:
        """Where a link points, as os gives it."""
        tree, at = self._at(path)
        return tree.target(at)

    def xattr(self, path: bytes, attribute: str) -> bytes | None:
        """The value of an extended attribute; of a mark, what the whole has."""
        if attribute.startswith(self.marks):
            return self.stack.mark(path, attribute[len(self.marks) :])
        tree, at = self._at(path)
        return tree.xattr(at, attribute)

    def xattrs(self, path: bytes, without: str, opened: bytes | None = None) -> dict[str, bytes]:
        """The extended attributes, but those whose names begin with `without`: a dict."""
        tree, at = self._at(path)
        return tree.xattrs(at, without, opened)

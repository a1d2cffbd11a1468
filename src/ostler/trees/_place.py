"""Where a piece of a tree is: below the tree's root by names, each a directory and no link.

It pickles, and other machines find it. What the root was when the work was shared out goes along:
the inode and, for processes on the same kernel, the device, whose number means nothing elsewhere.
"""


class Place:
    """A name in a tree; as a path it is what the caller's root makes of it."""

    __slots__ = ("identity", "names", "root")

    def __init__(self, root, identity, names=()):
        self.root = root
        self.identity = identity  # (kernel, device, inode) of the root
        self.names = names

    def __fspath__(self):
        slash = b"/" if isinstance(self.root, bytes) else "/"
        if not self.names:
            return self.root
        return (self.root if self.root.endswith(slash) else self.root + slash) + slash.join(
            self.names
        )

    def __repr__(self):
        return f"Place({self.__fspath__()!r})"

    def below(self, *names):
        """What has these names below this."""
        return Place(self.root, self.identity, self.names + names)

    def place_of(self, machine, path):
        """What has this path, given as bytes, below this."""
        names = path.split(b"/")
        if not isinstance(self.root, bytes):
            names = map(machine.fsdecode, names)
        return self.below(*names)

    def above(self):
        """The directory that holds this."""
        return Place(self.root, self.identity, self.names[:-1])


def this_kernel():
    """What tells this running kernel from all others."""
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()

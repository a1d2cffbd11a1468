"""Modules: what stands for os, os.path and open of a FakeFilesystem that is installed nowhere."""

from ostler.fakefs.refusals import refuse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _OfMachine:
    """All names of a machine, or of a part of one."""

    _part = ""

    def __init__(self, filesystem: "Any") -> None:
        self.filesystem = filesystem

    def __getattr__(self, name: str) -> "Any":
        machine = self.filesystem.machine
        return getattr(getattr(machine, self._part) if self._part else machine, name)


class FakeOsModule(_OfMachine):
    """os of a file system: its machine's functions."""

    @property
    def path(self) -> "Any":
        """os.path of it."""
        return self.filesystem.machine.path


class FakePathModule(_OfMachine):
    """os.path of a file system."""

    _part = "path"

    def __init__(self, filesystem: "Any", os_module: "Any" = None) -> None:
        super().__init__(filesystem)


class FakeFileOpen:
    """open() of a file system."""

    def __init__(
        self, filesystem: "Any", delete_on_close: bool = False, raw_io: bool = False
    ) -> None:
        self.filesystem = filesystem

    def __call__(self, *args: "Any", **kwargs: "Any") -> "Any":
        """As the built-in open()."""
        return self.filesystem.machine.open_file(*args, **kwargs)


class FakeIoModule:
    """io of a file system: its open()."""

    def __init__(self, filesystem: "Any") -> None:
        self.filesystem = filesystem
        self.open = FakeFileOpen(filesystem)

    def __getattr__(self, name: str) -> "Any":
        import io

        return getattr(io, name)


class FakePathlibModule:
    """Unsupported: pathlib acts on a file system where that is installed."""

    def __init__(self, filesystem: "Any", from_patcher: bool = False) -> None:
        _refuse("pathlib")


class FakeShutilModule:
    """Unsupported: shutil acts on a file system where that is installed."""

    def __init__(self, filesystem: "Any") -> None:
        _refuse("shutil")


def _refuse(name):
    refuse(
        f"a {name} for one file system",
        f"{name} itself acts on the machine that is installed, and there is no second one",
        f"use {name} inside `with fs.machine.installed():`, with a Patcher or the fixture fs",
    )

"""Making: how a FakeFilesystem is furnished, by hand or with what is on the host."""

import errno
import stat

from ostler.fakefs import real_files
from ostler.fakefs.fake_file import FakeDirectory, FakeFile
from ostler.fakefs.helpers import get_gid, get_uid
from ostler.fakefs.room import Room
from ostler.machine import host
from ostler.machines import binds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Making(Room):
    """The part of a FakeFilesystem that makes entries."""

    def _write(self, path, data):
        with self._as_root():
            fd = self.machine.open(path, host.O_WRONLY | host.O_TRUNC)
        try:
            self._write_all(fd, data)
        finally:
            host.close(fd)

    def _write_all(self, fd, data):
        done = 0
        while done < len(data):
            done += self.machine.write(fd, data[done:])

    def _make_parents(self, path, wanted=True):
        above = self.machine.path.dirname(path)
        if above and wanted:
            self.machine.makedirs(above, exist_ok=True)

    def _own(self, *paths):
        # What is made as root belongs to who makes the calls.
        if self._machine_is_anothers():
            for path in paths:
                self.machine.lchown(path, get_uid(), get_gid())

    # --- making entries

    def create_file(
        self,
        file_path: "Any",
        st_mode: int = stat.S_IFREG | 0o666,
        contents: "str | bytes" = "",
        st_size: "int | None" = None,
        create_missing_dirs: bool = True,
        apply_umask: bool = True,
        encoding: "str | None" = None,
        errors: "str | None" = None,
        side_effect: "Callable[[FakeFile], object] | None" = None,
    ) -> FakeFile:
        """Make a file, and the directories above it; the object that stands for it.

        `contents`: str by the encoding, or bytes; with `st_size`, in bytes, it is a hole of that
        size instead, which takes no room. `side_effect` is called with the object each time that
        the file was written. FileExistsError where anything has the name. "." and ".." in the path
        are taken out of its text first.
        """
        path = self.absnormpath(host.fsdecode(file_path))
        machine = self.machine
        data = contents
        if isinstance(contents, str):
            data = contents.encode(encoding or "utf-8", errors or "strict")
        elif contents is None:
            data = b""
        bits = st_mode & 0o7777
        self._make_parents(path, create_missing_dirs)
        flags = host.O_WRONLY | host.O_CREAT | host.O_EXCL
        fd = machine.open(path, flags, bits & 0o777 | 0o200)
        try:
            self._fill(fd, data, st_size)
            machine.fchmod(fd, bits & ~self.umask if apply_umask else bits)
        except BaseException:
            machine.unlink(path)
            raise
        finally:
            host.close(fd)
        made = FakeFile._at(self, self._text(path))
        made.encoding, made.errors, made.side_effect = encoding, errors or "strict", side_effect
        if side_effect is not None:
            self._watched().effects[made._key] = lambda: side_effect(made)
        return made

    def _fill(self, fd, data, st_size):
        if st_size is not None:
            if st_size < 0:
                raise OSError(errno.ENOSPC, host.strerror(errno.ENOSPC))
            self.machine.ftruncate(fd, st_size)
        else:
            self._write_all(fd, data)

    def create_dir(
        self, directory_path: "Any", perm_bits: int = 0o777, apply_umask: bool = True
    ) -> FakeDirectory:
        """Make a directory, and those above it; FileExistsError where anything has the name.

        "." and ".." in the path are taken out of its text first. "/", and where a file system is
        mounted, is there already, and stays as it is.
        """
        path = self.absnormpath(host.fsdecode(directory_path))
        if path not in self._mounts:
            self._make_parents(path)
            self.machine.mkdir(path)
            bits = perm_bits & ~self.umask if apply_umask else perm_bits
            self.machine.chmod(path, bits & 0o7777)
        made = FakeFile._at(self, self._text(path))
        assert isinstance(made, FakeDirectory)
        return made

    def create_symlink(
        self, file_path: "Any", link_target: "Any", create_missing_dirs: bool = True
    ) -> FakeFile:
        """Make a symbolic link at `file_path` that leads to `link_target`."""
        path = host.fsdecode(file_path)
        self._make_parents(path, create_missing_dirs)
        self.machine.symlink(host.fsdecode(link_target), path)
        return FakeFile._at(self, self._text(path))

    def create_link(
        self,
        old_path: "Any",
        new_path: "Any",
        follow_symlinks: bool = True,
        create_missing_dirs: bool = True,
    ) -> FakeFile:
        """Give a file another name, `new_path`: a hard link."""
        path = host.fsdecode(new_path)
        self._make_parents(path, create_missing_dirs)
        self.machine.link(host.fsdecode(old_path), path, follow_symlinks=follow_symlinks)
        return FakeFile._at(self, self._text(path))

    def link(self, old_path: "Any", new_path: "Any", follow_symlinks: bool = True) -> FakeFile:
        """As create_link(), in a directory that is there."""
        return self.create_link(old_path, new_path, follow_symlinks, create_missing_dirs=False)

    def makedir(self, dir_path: "Any", mode: int = 0o777) -> None:
        """Make a directory, as os.mkdir()."""
        self.machine.mkdir(dir_path, mode)

    def makedirs(self, dir_name: "Any", mode: int = 0o777, exist_ok: bool = False) -> None:
        """Make a directory and those above it, as os.makedirs()."""
        self.machine.makedirs(dir_name, mode, exist_ok)

    def add_object(self, file_path: "Any", file_object: FakeFile) -> None:
        """Put an object that was made by hand into the directory `file_path`."""
        path = f"{self._text(file_path).rstrip('/')}/{file_object._name}"
        mode, contents = file_object._pending or (file_object.st_mode, file_object.byte_contents)
        if isinstance(file_object, FakeDirectory):
            self.machine.mkdir(path)
            self.machine.chmod(path, mode & 0o7777)
        else:
            self.create_file(
                path, mode, contents or "", None, False, False, file_object.encoding,
                side_effect=file_object.side_effect,
            )  # fmt: skip
        file_object._put(path, self._look(path))

    # --- what is on the host

    def add_real_file(
        self, source_path: "Any", read_only: bool = True, target_path: "Any" = None
    ) -> FakeFile:
        """Copy a file of the host to the same path, or to `target_path`; without rights to write
        with `read_only`. The host's is never changed.
        """
        path = real_files.add_file(self, source_path, read_only, target_path)
        return FakeFile._at(self, path)

    def add_real_directory(
        self,
        source_path: "Any",
        read_only: bool = True,
        lazy_read: bool = True,
        target_path: "Any" = None,
    ) -> FakeDirectory:
        """Copy a directory of the host with all below it; as add_real_file().

        One of more than 64 MiB that is to be read only is shown instead: nothing can be made in
        it then. `lazy_read` makes no difference.
        """
        path = real_files.add_directory(self, source_path, read_only, target_path)
        made = FakeFile._at(self, path)
        assert isinstance(made, FakeDirectory)
        return made

    def add_real_symlink(self, source_path: "Any", target_path: "Any" = None) -> FakeFile:
        """Copy a symbolic link of the host; OSError (EINVAL) where it is none."""
        return FakeFile._at(self, real_files.add_link(self, source_path, target_path))

    def add_real_paths(
        self, path_list: "list[Any]", read_only: bool = True, lazy_dir_read: bool = True
    ) -> None:
        """Copy files and directories of the host."""
        for path in path_list:
            if host.path.isdir(path):
                self.add_real_directory(path, read_only, lazy_dir_read)
            else:
                self.add_real_file(path, read_only)

    def add_package_metadata(self, package_name: str) -> None:
        """Copy what an installed package tells of itself: the files beside it, no code."""
        from importlib import metadata

        found = metadata.distribution(package_name)
        folder = getattr(found, "_path", None)
        if folder is not None:
            self.add_real_directory(host.fspath(folder))

    def add_programs(self, *paths: "Any") -> None:
        """Show the host's programs, and what else of it lies at these paths, read-only.

        Then subprocess can start a shell, and what is found by PATH; with `sys.prefix` and
        `sys.base_prefix` also this interpreter. What is there already stays.
        """
        shown = [host.fsencode(path) for path in (*binds.shell(), *paths)]
        sources = binds.sources(shown)
        with self._as_root():
            self._show(self._not_there(sources))

    def _not_there(self, paths: "list[bytes]") -> "list[bytes]":
        return [path for path in paths if not self.machine.path.lexists(path)]

    def _show(self, paths: "list[bytes]") -> None:
        # What is mounted there is the host's: never to be emptied with the rest.
        self.machine._mounted = True
        used = self._used("/")
        binds.show(self.machine, paths)
        self._mounts["/"]["extra"] -= self._used("/") - used  # it takes none of the room here

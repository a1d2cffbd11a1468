"""Directories below one, by descriptors, and what the kernel would refuse there."""

import errno

from ostler import host

_DIRECTORY = 0o040000
_FORMAT = 0o170000
_STICKY = 0o1000
_MOST = 100  # descriptors that stay open
_LASTING = ("immutable", "append")


def failure(number, *names):
    """The OSError of this number about these names."""
    first, second = (*names, None, None)[:2]
    return OSError(number, host.strerror(number), first, None, second)


def is_directory(st):
    """Whether a stat result is a directory's."""
    return st.st_mode & _FORMAT == _DIRECTORY


def opened(path, name, holder=None, follow=False):
    """A descriptor of a directory that shall be read; what fails is told of `path`."""
    flags = host.O_RDONLY | host.O_DIRECTORY | host.O_NONBLOCK
    flags |= 0 if follow else host.O_NOFOLLOW
    try:
        return host.open(name, flags, dir_fd=holder)
    except OSError as error:
        raise failure(error.errno, path) from None


class Below:
    """Descriptors of the directories below one, found name by name and never through a link."""

    def __init__(self, top):
        self.fds = [host.open(top, host.O_PATH | host.O_DIRECTORY)]
        self.names = []
        self.deep = None

    def directory(self, names):
        """The descriptor of the directory with these names below the top, until the next call."""
        self._let_go()
        kept = 0
        while kept < min(len(names), len(self.names)) and names[kept] == self.names[kept]:
            kept += 1
        while len(self.names) > kept:
            self.names.pop()
            host.close(self.fds.pop())
        for name in names[kept:_MOST]:
            self.fds.append(_step(name, self.fds[-1]))
            self.names.append(name)
        for name in names[_MOST:]:
            fd = _step(name, self.fds[-1] if self.deep is None else self.deep)
            self._let_go()
            self.deep = fd
        return self.fds[-1] if self.deep is None else self.deep

    def _let_go(self):
        if self.deep is not None:
            host.close(self.deep)
            self.deep = None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._let_go()
        while self.fds:
            host.close(self.fds.pop())


def _step(name, holder):
    return host.open(name, host.O_PATH | host.O_DIRECTORY | host.O_NOFOLLOW, dir_fd=holder)


def refuses_change(directory):
    """The errno with which an open directory refuses new and removed names; 0 when it does not."""
    if host.statvfs(directory).f_flag & host.ST_RDONLY:
        return errno.EROFS
    wanted = host.W_OK | host.X_OK
    if host.access(".", wanted, dir_fd=directory, effective_ids=True):
        return 0
    lasting = host.geteuid() == 0 and _lasts(".", directory)
    return errno.EPERM if lasting else errno.EACCES


def refuses_removal(directory, name, st):
    """The errno with which a name in an open directory could not be removed, or 0."""
    number = refuses_change(directory)
    if number:
        return number
    above = host.stat(".", dir_fd=directory)
    me = host.geteuid()
    if above.st_mode & _STICKY and me not in (0, st.st_uid, above.st_uid):
        return errno.EPERM
    attributes = _attributes(name, directory)
    if any(word in attributes for word in _LASTING):
        return errno.EPERM
    return errno.EBUSY if is_directory(st) and "mount root" in attributes else 0


def _lasts(name, directory):
    return any(word in _attributes(name, directory) for word in _LASTING)


def _attributes(name, directory):
    try:
        return host.statx(name, 0, dir_fd=directory, follow_symlinks=False).attributes
    except OSError:
        return ()


def around(directory):
    """(device, inode) of an open directory and of all that it lies in."""
    held = [host.open(".", host.O_PATH | host.O_DIRECTORY, dir_fd=directory)]
    try:
        return _up_to_the_root(held)
    finally:
        host.close(held[0])


def _up_to_the_root(held):
    # `held`: the one descriptor, of where it stands.
    found = set()
    while True:
        here = identity(host.stat(held[0]))
        if here in found:  # the root lies in itself
            return found
        found.add(here)
        above = host.open("..", host.O_PATH | host.O_DIRECTORY, dir_fd=held[0])
        below, held[0] = held[0], above
        host.close(below)


def identity(st):
    """What tells a file from all others."""
    return st.st_dev, st.st_ino

"""Trust: whether state that is read back from a disk can only be the reader's own.

Journals, uppers and the directories of machines are acted upon: what stands in them is done with
the reader's rights. So they are reached from "/" component by component, by descriptors:

- a directory on the way belongs to root or to the reader, and others can't write to it, unless it
  is sticky, as /tmp is: then nobody can put anything in the place of what is the reader's;
- a link on the way is followed where it is root's or the reader's, in a directory that only these
  can write to (a home that is elsewhere, say);
- the directories of the state itself are the reader's own, others can't write to them, and none
  is a link; its files are regular, the reader's own, and have no other name.

What is not so is refused, with what it is and whose; nothing in it is read, locked or waited for.
"""

import errno
import stat

from ostler.machine import host

_ENTER = host.O_PATH | host.O_NOFOLLOW | host.O_CLOEXEC
_LIST = host.O_RDONLY | host.O_DIRECTORY | host.O_NOFOLLOW | host.O_CLOEXEC
_LINKS = 40  # as the kernel has it
_EVERYONE = "0 0 4294967295"  # the map of a user namespace in which all users are themselves


class Refused(PermissionError):
    """Somebody else could have made this, or put it there.

    `there`: whether what was looked for is there, as far as it can be told.
    """

    there = True

    def __init__(self, path, reason):
        super().__init__(errno.EPERM, f"not trusted: {reason}", host.fsdecode(path))
        self.why = reason
        self.reason = f"{host.fsdecode(path)} is not trusted: {reason}"


def directory(path, own=0, make=None, anywhere=False):
    """A descriptor of the directory at an absolute path; the last `own` components are the state's.

    The directory itself is the reader's own in any case. With `make`, what is missing is made; it
    is a function of (descriptor, name) that is called before, and raises where that may not be.
    With `anywhere` the directories above it may be anybody's, but no link is followed in those.
    """
    walk = _Way(host.fsencode(path), own, make)
    walk.anywhere = anywhere
    return walk.to_the_end(True)


def shared_directory(path):
    """A descriptor of a directory in which nobody can exchange what is the reader's, as /tmp is."""
    return _Way(host.fsencode(path), 0, None).to_the_end(False)


def plain_directory(path):
    """A descriptor (O_PATH) of the directory at an absolute path in which no component is a link.

    Whose it is does not matter.
    """
    flags = _ENTER | host.O_DIRECTORY
    fd = host.open(b"/", flags)
    for name in path.split(b"/"):
        if name:
            above = fd
            try:
                fd = host.open(name, flags, dir_fd=above)
            except OSError as error:
                raise OSError(error.errno, error.strerror, host.fsdecode(path)) from None
            finally:
                host.close(above)
    return fd


def own_directory(name, dir_fd, shown):
    """A descriptor of one of the state's directories, in one that is trusted."""
    fd = host.open(name, _ENTER, dir_fd=dir_fd)
    try:
        status = host.fstat(fd)
        if not stat.S_ISDIR(status.st_mode):
            what = "a link" if stat.S_ISLNK(status.st_mode) else "no directory"
            raise Refused(shown, f"it is {what} of user {status.st_uid}")
        check_directory(status, shown, fd)
        return host.open(b".", _LIST, dir_fd=fd)
    finally:
        host.close(fd)


def own_file(name, dir_fd, shown, flags=host.O_RDONLY, private=False):
    """A descriptor of one of the state's files, in a directory that is trusted.

    What isn't one is not even opened. With `private` nobody else may read it either.
    """
    fd = host.open(name, _ENTER, dir_fd=dir_fd)
    try:
        status = host.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise Refused(shown, "it is no regular file")
        if status.st_uid != host.geteuid():
            raise Refused(shown, f"it belongs to user {status.st_uid}")
        if status.st_mode & (0o077 if private else 0o022):
            raise Refused(shown, f"others have rights to it (mode {status.st_mode & 0o7777:o})")
        if status.st_nlink > 1:
            raise Refused(shown, "it has other names (hard links)")
        return host.open(b"/proc/self/fd/%d" % fd, flags | host.O_CLOEXEC)
    finally:
        host.close(fd)


def check_directory(status, shown, fd=None):
    """Refused unless a directory is the reader's own, and others can't write to it.

    `fd`: its descriptor, without which a group that may write is refused, too.
    """
    if status.st_uid != host.geteuid():
        raise Refused(shown, f"it belongs to user {status.st_uid}")
    if status.st_mode & 0o022 and not _is_private_group(status, fd):
        raise Refused(shown, f"others may write to it (mode {status.st_mode & 0o7777:o})")


class _Way:
    """A way down, one component a step. `fd` is where it stands, `names` what is still to go."""

    def __init__(self, path, own, make):
        if not path.startswith(b"/"):
            raise ValueError(f"not an absolute path: {host.fsdecode(path)!r}")
        self.path = path
        self.names = _parts(path)
        self.own = own
        self.make = make
        self.anywhere = False
        self.links = 0
        self.owners = {0, host.geteuid()}
        self.fd = host.open(b"/", _ENTER)
        self.way = [b""]  # the components of where it stands
        self.shared = False  # whether others may put names beside those that are ours

    def to_the_end(self, is_own):
        """A descriptor of the directory that the way leads to, which it is the end of."""
        try:
            self._go()
            if is_own:
                self.check_own(host.fstat(self.fd))
            return host.open(b".", _LIST, dir_fd=self.fd)
        finally:
            host.close(self.fd)

    def _go(self):
        while self.names:
            self._step()

    def _step(self):
        name = self.names.pop()
        fd = self._opened(name)
        try:
            status = host.fstat(fd)
            here = b"/".join([*self.way, name])
            if stat.S_ISLNK(status.st_mode):
                self._follow(name, status, here)
                return
            if not stat.S_ISDIR(status.st_mode):
                raise NotADirectoryError(errno.ENOTDIR, "Not a directory", host.fsdecode(here))
            if name == b"..":
                here = b"/".join(self.way[:-1])
            self._check(fd, status, here)
            fd, self.fd = self.fd, fd
            self.way = here.split(b"/")
        finally:
            host.close(fd)

    def _opened(self, name):
        try:
            return host.open(name, _ENTER, dir_fd=self.fd)
        except OSError as error:
            if error.errno != errno.ENOENT or self.make is None:
                raise OSError(error.errno, error.strerror, host.fsdecode(self.path)) from None
        self.make(self.fd, name)
        try:
            host.mkdir(name, 0o700, dir_fd=self.fd)
        except FileExistsError:
            pass  # another process of ours was faster
        return host.open(name, _ENTER, dir_fd=self.fd)

    def _follow(self, name, status, here):
        if len(self.names) < self.own:
            self._refuse(None, here, f"it is a link of user {status.st_uid}")
        if status.st_uid not in self.owners:
            self._refuse(None, here, f"it is a link of user {status.st_uid}")
        if self.shared:
            self._refuse(None, here, "it is a link in a directory for all")
        self.links += 1
        if self.links > _LINKS:
            raise OSError(errno.ELOOP, "Too many levels of symbolic links", host.fsdecode(here))
        target = host.readlink(name, dir_fd=self.fd)
        if target.startswith(b"/"):
            host.close(self.fd)
            self.fd = host.open(b"/", _ENTER)
            self.way = [b""]
            self.shared = False
        self.names += _parts(target)

    def _check(self, fd, status, here):
        if len(self.names) < self.own:
            self.check_own(status, fd, here)
            self.shared = False
            return
        foreign = status.st_uid not in self.owners and status.st_uid != _stranger()
        if foreign and not self.anywhere:
            self._refuse(fd, here, f"it belongs to user {status.st_uid}")
        self.shared = foreign or bool(status.st_mode & 0o022 and not _is_private_group(status, fd))
        if self.shared and not self.anywhere and not status.st_mode & stat.S_ISVTX:
            self._refuse(fd, here, f"others may write to it (mode {status.st_mode & 0o7777:o})")

    def check_own(self, status, fd=None, here=None):
        try:
            shown = b"/".join(self.way) or b"/" if here is None else here
            check_directory(status, shown, self.fd if fd is None else fd)
        except Refused as error:
            error.there = fd is None or _is_there(fd, self.names)
            raise

    def _refuse(self, fd, path, reason):
        error = Refused(path, reason)
        error.there = fd is None or _is_there(fd, self.names)
        raise error


def _parts(path):
    """The components of a path, the first one last."""
    return [name for name in reversed(path.split(b"/")) if name not in (b"", b".")]


def _is_private_group(status, fd):
    """Whether only the reader is in the group that may write: each user has one on many systems.

    Where there is an access list, what the mode shows for the group is what any user may have.
    """
    return (
        fd is not None
        and not status.st_mode & 0o002
        and status.st_gid == status.st_uid == host.geteuid()
        and status.st_uid != 0
        and not _has_access_list(fd)
    )


def _has_access_list(fd):
    try:
        return "system.posix_acl_access" in host.listxattr(b"/proc/self/fd/%d" % fd)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.ENOSYS):
            raise
        return False


def number_outside():
    """The reader's number outside its user namespace, which root has one of in a container, too."""
    user = host.geteuid()
    try:
        with open("/proc/self/uid_map") as file:
            lines = file.readlines()
    except OSError:
        return user
    for line in lines:
        inside, outside, count = map(int, line.split())
        if inside <= user < inside + count:
            return outside + user - inside
    return user


def _stranger():
    """Who owns what nobody here does, where root outside is nobody here; else None."""
    try:
        with open("/proc/self/uid_map") as file:
            if file.read().split() == _EVERYONE.split():
                return None
        with open("/proc/sys/kernel/overflowuid") as file:
            return int(file.read())
    except OSError:
        return None


def _is_there(fd, names):
    """Whether there is something below a directory that is not trusted.

    No link is followed there, and no other mount entered, whose maker could let us wait.
    """
    held = [host.dup(fd)]
    try:
        return _leads_to_something(held, names)
    finally:
        host.close(held[0])


def _leads_to_something(held, names):
    # `held`: the one descriptor, of where it stands.
    mount = _mount_of(held[0])
    for name in reversed(names):
        try:
            below = host.open(name, _ENTER, dir_fd=held[0])
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True  # it can't be told
        above, held[0] = held[0], below
        host.close(above)
        if _mount_of(below) != mount:
            return True
    return True


def _mount_of(fd):
    with open(f"/proc/self/fdinfo/{fd}") as file:
        lines = file.readlines()
    for line in lines:
        if line.startswith("mnt_id:"):
            return int(line[7:])
    return None

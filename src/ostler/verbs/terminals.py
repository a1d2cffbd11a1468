"""Terminals: their names, sizes, process groups, and pairs of pseudo-terminals."""

import sys

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.crossing import Core, plain_failure
from cython.cimports.ostler.core.numbers import to_fildes, to_int, to_parsed_int
from cython.cimports.ostler.core.records import new_terminal_size

CONSTANTS = {}
TYPES = {}
_PATH = cython.declare(cython.int, 4097)


@cython.cclass
class Terminals(Core):
    """The calls of os that are about terminals."""

    def isatty(self, fd, /):
        """Whether a descriptor is a terminal; False for a closed one; isatty(3)."""
        number: cython.int = to_int(fd)
        r: cython.int
        with cython.nogil:
            r = libc.isatty(number)
        return r != 0

    def ttyname(self, fd, /):
        """The path of the terminal of a descriptor; ttyname_r(3)."""
        number: cython.int = to_int(fd)
        room: cython.char[4097]
        r: cython.int
        with cython.nogil:
            r = libc.ttyname_r(number, room, _PATH)
        if r:
            raise plain_failure(r)
        return py.PyUnicode_DecodeFSDefault(room)

    def ctermid(self):
        """The path of the controlling terminal; ctermid(3)."""
        room: cython.char[4097]
        libc.ctermid(room)
        return py.PyUnicode_DecodeFSDefault(room)

    def get_terminal_size(self, fd=1, /):
        """(columns, lines) of a terminal window; ioctl(2), TIOCGWINSZ."""
        size: libc.winsize
        if libc.ioctl(to_int(fd), libc.TIOCGWINSZ, cython.address(size)) < 0:
            raise plain_failure(libc.errno)
        return new_terminal_size(size.ws_col, size.ws_row)

    def device_encoding(self, fd):
        """The encoding of a terminal's text; None when the descriptor is no terminal."""
        number: cython.int = to_int(fd)
        r: cython.int
        with cython.nogil:
            r = libc.isatty(number)
        if r == 0:
            return None
        if sys.flags.utf8_mode:
            return "utf-8"
        name = py.PyUnicode_DecodeFSDefault(libc.nl_langinfo(libc.CODESET))
        return name or "utf-8"

    def tcgetpgrp(self, fd, /):
        """The process group in the foreground of a terminal; tcgetpgrp(3)."""
        r: cython.int = libc.tcgetpgrp(to_int(fd))
        if r < 0:
            raise plain_failure(libc.errno)
        return r

    def tcsetpgrp(self, fd, pgid, /):
        """Put a process group in the foreground of a terminal; tcsetpgrp(3)."""
        number: cython.int = to_parsed_int(fd)
        group: cython.int = to_parsed_int(pgid)
        if libc.tcsetpgrp(number, group) < 0:
            raise plain_failure(libc.errno)

    def openpty(self):
        """A new pair of pseudo-terminals, not inheritable: (master, slave); openpty(3)."""
        master: cython.int = -1
        slave: cython.int = -1
        if (
            libc.openpty(
                cython.address(master), cython.address(slave), cython.NULL, cython.NULL, cython.NULL
            )
            < 0
        ):
            raise plain_failure(libc.errno)
        libc.ioctl(master, libc.FIOCLEX)
        libc.ioctl(slave, libc.FIOCLEX)
        return master, slave

    def login_tty(self, fd, /):
        """Make a terminal the controlling one of a new session, and the standard streams."""
        if libc.login_tty(to_fildes(fd)) < 0:
            raise plain_failure(libc.errno)

    def posix_openpt(self, oflag, /):
        """Open a new master pseudo-terminal, not inheritable; posix_openpt(3)."""
        r: cython.int = libc.posix_openpt(to_int(oflag) | libc.O_CLOEXEC)
        if r < 0:
            raise plain_failure(libc.errno)
        return r

    def grantpt(self, fd, /):
        """Give access to the slave of a master pseudo-terminal; grantpt(3)."""
        number: cython.int = to_fildes(fd)
        # A handler of SIGCHLD must not see the helper that the C library may start.
        before: py.signal_handler = py.PyOS_setsig(libc.SIGCHLD, libc.SIG_DFL)
        r: cython.int = libc.grantpt(number)
        e: cython.int = libc.errno
        py.PyOS_setsig(libc.SIGCHLD, before)
        if r < 0:
            raise plain_failure(e)

    def unlockpt(self, fd, /):
        """Unlock the slave of a master pseudo-terminal; unlockpt(3)."""
        if libc.unlockpt(to_fildes(fd)) < 0:
            raise plain_failure(libc.errno)

    def ptsname(self, fd, /):
        """The path of the slave of a master pseudo-terminal; ptsname_r(3)."""
        room: cython.char[4097]
        r: cython.int = libc.ptsname_r(to_fildes(fd), room, _PATH)
        if r:
            raise plain_failure(r)
        return py.PyUnicode_DecodeFSDefault(room)

"""Cases of terminals.py."""

from tests.parity import BAD_INTS, CLOSED, attempt, case, file, opened


@case
def terminals(os):
    master, slave = os.openpty()
    with opened(os, master, slave):
        results = [
            os.get_inheritable(master), os.get_inheritable(slave), os.isatty(slave),
            os.ttyname(slave).startswith("/dev/pts/"), os.get_terminal_size(slave),
            attempt(os.tcgetpgrp, slave), attempt(os.tcsetpgrp, slave, 1), os.ctermid(),
            os.device_encoding(slave),
        ]  # fmt: skip
    results += [attempt(os.get_terminal_size, v) for v in BAD_INTS]
    results += [attempt(os.tcsetpgrp, CLOSED, v) for v in BAD_INTS]
    with file(os) as fd:
        results += [os.isatty(fd), attempt(os.ttyname, fd), attempt(os.get_terminal_size, fd)]
    if "posix_openpt" in os.__all__:
        with opened(os, os.posix_openpt(os.O_RDWR | os.O_NOCTTY)) as fd:
            results += [os.get_inheritable(fd), attempt(os.grantpt, fd), attempt(os.unlockpt, fd)]
            results.append(os.ptsname(fd).startswith("/dev/pts/"))
    return results

"""One contract, every machine, as root and as an ordinary user."""

import ctypes
import encodings.ascii
import encodings.latin_1  # noqa: F401
import fcntl
import gc
import linecache  # noqa: F401
import os
import pickle
import resource  # noqa: F401
import tempfile
import tokenize  # noqa: F401
import traceback

ORDINARY = 65534
_PR_SET_DUMPABLE = 4
_CLONE_NEWUSER, _CLONE_NEWNS = 0x10000000, 0x00020000


def as_user(function, *args, user=ORDINARY, group=None):
    """Call function in a child process that is an ordinary user; return what it returned.

    Its group, if none is given, has the user's number. For who is no superuser, the child is who
    we are.
    """
    return _in_child((user, user if group is None else group), function, args)


def as_self(function, *args):
    """Call function in a child process that is who we are; return what it returned."""
    return _in_child(None, function, args)


def _in_child(become, function, args):
    reading, low = os.pipe()
    # Out of the range of numbers that a case may open and close.
    writing = fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, 500)
    os.close(low)
    pid = os.fork()
    if pid == 0:
        try:
            gc.freeze()  # to collect what is this child's own takes no look at all else
            os.close(reading)
            if become is not None and os.geteuid() == 0:
                user, group = become
                os.setgroups([])
                os.setresgid(group, group, group)
                os.setresuid(user, user, user)
                # As a program that this user has started: /proc/self is the user's own, and its
                # uid_map can be written.
                ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
            answer = pickle.dumps((True, function(*args)))
        except BaseException as error:
            try:
                answer = pickle.dumps((False, traceback.format_exc()))
            except BaseException:
                answer = pickle.dumps((False, repr(error)))
        try:
            with open(writing, "wb") as stream:
                stream.write(answer)
        finally:
            os._exit(0)  # whatever happens: the child must not go on with the tests
    os.close(writing)
    with open(reading, "rb") as stream:
        data = stream.read()
    _, status = os.waitpid(pid, 0)
    assert data, f"the child died ({status})"
    good, value = pickle.loads(data)
    assert good, value
    return value


def as_root_of_namespaces(function, *args):
    """Call function in this process, which is root of a user and a mount namespace then."""
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = os.geteuid(), os.getegid()
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "unshare")
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    return function(*args)


def let_all_in(path):
    """Let an ordinary user search the temporary directories above a path that are ours."""
    top = tempfile.gettempdir()
    for above in path.parents:
        if not above.is_relative_to(top) or str(above) == top:
            return
        status = above.stat()
        if status.st_uid == os.getuid() and status.st_mode & 0o7777 == 0o700:
            above.chmod(0o711)

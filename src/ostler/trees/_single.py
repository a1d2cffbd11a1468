"""Copying a single entry that is no directory, with all that trees.copy takes along."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.crossing import Core, Where, failure, take
from cython.cimports.ostler.trees._copy import Copy, copied_into, entry, mask_of
from cython.cimports.ostler.trees._engine import engine_root
from cython.cimports.ostler.trees._run import open_holder, split


def copy_entry(machine, top, to, to_machine, how, keep, clone):
    """Copy the file, link or special file `top` to the name `to`; the counts of what was made.

    A link is copied itself. An entry at `to` is replaced where `keep` says merge.
    """
    w: Where
    st: libc.stat_t
    made: libc.stat_t
    number: cython.int = 0
    holder: cython.int
    run: Copy = Copy(machine, how, {**keep, "hard_links": False}, clone)
    take(cython.address(w), top, "copy", "top", 0)
    take(cython.address(w), to, "copy", "to", 0)
    path = py.PyOS_FSPath(top)
    new = py.PyOS_FSPath(to)
    head, name = split(path)
    if path != path.rstrip(b"/" if isinstance(path, bytes) else "/"):
        raise failure(libc.ENOTDIR, path)
    to_head, to_name = split(new)
    old_text: bytes = _text(name)
    new_text: bytes = _text(to_name)
    head_text: bytes = b"" if head in (b".", ".") and not path.startswith(head) else _text(head)
    old: cython.p_const_char = old_text
    run.writes_to(to_machine, new if isinstance(new, bytes) else py.PyUnicode_EncodeFSDefault(new))
    run.as_bytes = isinstance(path, bytes)
    run.kept, run.goes_to, run.alone = path, new, True
    py.audit2(b"ostler.trees.copy", b"OO", path, new)
    holder = open_holder(machine, head, "copy", path)
    if engine_root(run.e, holder, -1, py.PyBytes_AS_STRING(head_text), len(head_text)) < 0:
        libc.close(holder)
        raise MemoryError
    run.e.root.fd[1] = run.e.roots[1] = open_holder(to_machine, to_head, "copy", new)
    run.task.target = new_text
    with cython.nogil:
        if libc.fstatat(holder, old, cython.address(st), libc.AT_SYMLINK_NOFOLLOW) < 0:
            number = libc.errno
        elif st.st_mode & libc.S_IFMT == libc.S_IFDIR:
            number = libc.EISDIR
    if number:
        raise failure(number, path)
    if (
        libc.fstatat(
            run.e.root.fd[1], run.task.target, cython.address(made), libc.AT_SYMLINK_NOFOLLOW
        )
        == 0
    ):
        if not run.task.keep.merge:
            raise failure(libc.EEXIST, new)
        if made.st_dev == st.st_dev and made.st_ino == st.st_ino:
            raise OSError(libc.EINVAL, "the destination is the source", path, None, new)
        if made.st_mode & libc.S_IFMT == libc.S_IFDIR:
            raise failure(libc.EISDIR, new)
    libc.fstat(run.e.root.fd[1], cython.address(made))
    mask_of(run.task, to_machine)
    run.e.mounted = cython.cast(Core, to_machine).has_mounts()
    copied_into(run.task, run.e.root.fd[1], cython.address(made))
    number = run.asked_root(old, (st.st_mode & libc.S_IFMT) >> 12)
    if number:
        raise failure(number, path)
    with cython.nogil:
        entry(cython.address(run.e.workers[0]), run.e.root, old, (st.st_mode & libc.S_IFMT) >> 12)
        run.e.stop = 1  # the directory itself is not gone through
    return run.finish()


def _text(name):
    return name if isinstance(name, bytes) else py.PyUnicode_EncodeFSDefault(name)

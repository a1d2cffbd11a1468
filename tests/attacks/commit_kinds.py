"""Every kind of change that a commit has to do with, each as what stands there and what is done.

A kind has a directory of its own, so that any of them, or all at once, make one rehearsal.
"""

import os
import shutil
import struct

from tests.machines.rehearsing import put, put_on

DEEP = "/".join("d" * 30)
ODD = ["new\nline", "\udcff\udcfe", " ", "-rf", "x" * 255, "žluť", "a\\b", "*"]


def _acl(user):
    entries = [(1, 6, -1), (2, 4, user), (4, 4, -1), (16, 4, -1), (32, 0, -1)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in entries)


def _files(*names):
    def make(d):
        for name in names:
            put(f"{d}/{name}", b"old " + os.fsencode(name))

    return make


def _nothing(d):
    pass


def _written(m, path, content=b"new"):
    put_on(m, path, content)
    m.utime(path, ns=(1, 1))


def _created_file(m, d):
    _written(m, f"{d}/f", b"x" * 5000)


def _created_tree(m, d):
    m.makedirs(f"{d}/new/deeper")
    _written(m, f"{d}/new/f")
    _written(m, f"{d}/new/deeper/g")
    m.chmod(f"{d}/new/deeper", 0o500)


def _created_others(m, d):
    m.symlink("nowhere", f"{d}/link")
    m.utime(f"{d}/link", ns=(1, 1), follow_symlinks=False)
    m.mkfifo(f"{d}/fifo", 0o640)
    m.utime(f"{d}/fifo", ns=(1, 1))


def _created_device(m, d):
    m.mknod(f"{d}/device", 0o020600, m.makedev(1, 3))
    m.utime(f"{d}/device", ns=(1, 1))


def _linked(m, d):
    _written(m, f"{d}/one")
    m.mkdir(f"{d}/sub")
    m.link(f"{d}/one", f"{d}/sub/two")
    m.link(f"{d}/kept", f"{d}/sub/kept too")


def _has_links(d):
    put(f"{d}/a", "old")
    os.link(f"{d}/a", f"{d}/b")
    put(f"{d}/kept", "kept")


def _parted(m, d):
    _written(m, f"{d}/a")


def _has_links_below(d):
    put(f"{d}/t/s/a", "old")
    for name in ("t/s/b", "t/c", "e"):
        os.link(f"{d}/t/s/a", f"{d}/{name}")
    put(f"{d}/t/s/one", "one")
    put(f"{d}/t/s/two", "two")
    os.link(f"{d}/t/s/two", f"{d}/two")


def _linked_below(m, d):
    """New names of files of which others stay, in directories that are renamed, and out of them."""
    m.rename(f"{d}/t", f"{d}/u")
    m.rename(f"{d}/u/s/a", f"{d}/u/s/z")
    m.link(f"{d}/u/s/b", f"{d}/new")
    m.link(f"{d}/e", f"{d}/u/s/new")
    m.link(f"{d}/u/s/one", f"{d}/one")
    m.chmod(f"{d}/u/s/one", 0o600)
    m.rename(f"{d}/u/s", f"{d}/u/r")
    m.unlink(f"{d}/two")
    m.link(f"{d}/u/r/two", f"{d}/u/two")


def _modified(m, d):
    _written(m, f"{d}/a", b"new content")
    with m.open_file(f"{d}/b", "ab") as file:
        file.write(b"more")
    m.utime(f"{d}/b", ns=(1, 1))


def _removed(m, d):
    m.unlink(f"{d}/a")


def _removed_tree(m, d):
    m.trees.remove(f"{d}/t")


def _renamed(m, d):
    m.rename(f"{d}/a", f"{d}/z")


def _renamed_directory(m, d):
    m.rename(f"{d}/t", f"{d}/moved")
    _written(m, f"{d}/moved/more")


def _swapped(m, d):
    m.rename(f"{d}/a", f"{d}/tmp")
    m.rename(f"{d}/b", f"{d}/a")
    m.rename(f"{d}/tmp", f"{d}/b")


def _chain(m, d):
    m.rename(f"{d}/c", f"{d}/d")
    m.rename(f"{d}/b", f"{d}/c")
    m.rename(f"{d}/a", f"{d}/b")


def _into_new(m, d):
    m.mkdir(f"{d}/new")
    m.rename(f"{d}/a", f"{d}/new/a")
    m.rename(f"{d}/t", f"{d}/new/t")


def _over(m, d):
    m.rename(f"{d}/a", f"{d}/b")


def _renamed_and_changed(m, d):
    m.rename(f"{d}/a", f"{d}/z")
    m.chmod(f"{d}/z", 0o600)
    m.rename(f"{d}/t", f"{d}/s")
    m.chmod(f"{d}/s", 0o700)


def _retyped(m, d):
    m.unlink(f"{d}/a")
    m.makedirs(f"{d}/a/in")
    m.trees.remove(f"{d}/t")
    _written(m, f"{d}/t")
    m.unlink(f"{d}/b")
    m.symlink("a", f"{d}/b")
    m.utime(f"{d}/b", ns=(1, 1), follow_symlinks=False)


def _metadata(m, d):
    m.chmod(f"{d}/a", 0o600)
    m.utime(f"{d}/b", ns=(5, 7))
    m.setxattr(f"{d}/c", "user.colour", b"\0green\xff")
    m.chmod(f"{d}/t", 0o700)
    m.setxattr(f"{d}/t", "user.colour", b"red")


def _owned(m, d):
    m.chown(f"{d}/a", 5, 6)
    m.chown(f"{d}/t", 5, 6)


def _acls(m, d):
    m.setxattr(f"{d}/a", "system.posix_acl_access", _acl(m.geteuid()))
    m.setxattr(f"{d}/t", "system.posix_acl_default", _acl(m.geteuid()))


def _deep(m, d):
    _written(m, f"{d}/{DEEP}/f")
    m.rename(f"{d}/{DEEP}/g", f"{d}/{DEEP}/h")
    m.makedirs(f"{d}/n/{DEEP}")


def _odd(m, d):
    for name in ODD[::2]:
        m.rename(f"{d}/{name}", f"{d}/{name[:-1]}2")
    for name in ODD[1::2]:
        _written(m, f"{d}/{name}")


def _locked_directory(d):
    put(f"{d}/t/x", "x")
    os.chmod(f"{d}/t", 0o500)


def _in_locked(m, d):
    m.chmod(f"{d}/t", 0o700)
    _written(m, f"{d}/t/x")
    _written(m, f"{d}/t/y")
    m.chmod(f"{d}/t", 0o500)


# name: (what stands there, what is done to it)
KINDS = {
    "created file": (_nothing, _created_file),
    "created tree": (_nothing, _created_tree),
    "created others": (_nothing, _created_others),
    "created device": (_nothing, _created_device),
    "hard links": (_files("kept"), _linked),
    "linked below": (_has_links_below, _linked_below),
    "parted": (_has_links, _parted),
    "modified": (_files("a", "b"), _modified),
    "removed": (_files("a", "b"), _removed),
    "removed tree": (_files("t/a", "t/s/b", "t/s/c"), _removed_tree),
    "renamed": (_files("a"), _renamed),
    "renamed directory": (_files("t/a", "t/s/b"), _renamed_directory),
    "swapped": (_files("a", "b"), _swapped),
    "chain": (_files("a", "b", "c"), _chain),
    "into new": (_files("a", "t/b"), _into_new),
    "over": (_files("a", "b"), _over),
    "renamed and changed": (_files("a", "t/b"), _renamed_and_changed),
    "retyped": (_files("a", "b", "t/c"), _retyped),
    "metadata": (_files("a", "b", "c", "t/d"), _metadata),
    "owner": (_files("a", "t/b"), _owned),
    "acls": (_files("a", "t/b"), _acls),
    "deep": (_files(f"{DEEP}/f", f"{DEEP}/g"), _deep),
    "odd names": (_files(*ODD), _odd),
    "locked": (_locked_directory, _in_locked),
}
ROOTS = {"created device", "owner"}


def kinds(as_root):
    """The names of the kinds that this user can have."""
    return [name for name in KINDS if as_root or name not in ROOTS]


def prepare(base, names):
    """Put into the base what stands there for these kinds; the same each time."""
    for top, _, _ in os.walk(base):
        os.chmod(top, 0o700)
    shutil.rmtree(base, ignore_errors=True)
    os.mkdir(base)
    for name in names:
        os.mkdir(f"{base}/{name}")
        KINDS[name][0](f"{base}/{name}")
    for top, directories, files in os.walk(base):
        for name in directories + files:
            os.utime(f"{top}/{name}", ns=(0, 0), follow_symlinks=False)


def rehearse(m, names):
    """Do on a machine what these kinds are."""
    for name in names:
        KINDS[name][1](m, f"/{name}")

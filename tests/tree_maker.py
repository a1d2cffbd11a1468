"""Trees to try the tree operations on, and what the standard library says of them."""

import os
import random

LINKS = (b"..", b"missing", b"/etc", b"loop")
INSIDE = (b"..", b"missing", b".", b"loop")  # for those who follow them


def make(top, seed=0, size=300, links=LINKS):
    """A tree of every kind of entry, with odd names, hard links, holes and empty directories."""
    rng = random.Random(seed)
    directories = [os.fsencode(top)]
    os.mkdir(top)
    names = [
        b"a",
        b"b.py",
        b"c.txt",
        "ü".encode(),
        b"\xff\xfe",
        b" ",
        b"-x",
        b"new\nline",
        b"x" * 200,
    ]
    files = []
    for number in range(size):
        path = os.path.join(rng.choice(directories), b"%d_" % number + rng.choice(names))
        kind = rng.random()
        if kind < 0.25:
            os.mkdir(path)
            directories.append(path)
        elif kind < 0.3:
            os.symlink(rng.choice(links), path)
        elif kind < 0.33:
            os.mkfifo(path)
        elif kind < 0.4 and files:
            os.link(rng.choice(files), path)
        else:
            with open(path, "wb") as file:
                file.write(os.urandom(rng.choice([0, 1, 100, 5000])))
                if kind > 0.95:
                    file.seek(200_000)
                    file.write(b"after a hole")
            files.append(path)
    return top


def names(top):
    """Every path below top, sorted."""
    return sorted(os.path.join(d, n) for d, ds, fs in os.walk(top) for n in ds + fs)


def measured(top):
    """(files, directories, links, others, bytes, disk), files with several names once."""
    seen = set()
    numbers = {"files": 0, "directories": 0, "links": 0, "others": 0, "bytes": 0, "disk": 0}
    for path in [top, *names(top)]:
        st = os.lstat(path)
        kind = st.st_mode & 0o170000
        if kind != 0o040000 and st.st_nlink > 1:
            if (st.st_dev, st.st_ino) in seen:
                continue
            seen.add((st.st_dev, st.st_ino))
        which = {0o040000: "directories", 0o100000: "files", 0o120000: "links"}.get(kind, "others")
        numbers[which] += 1
        numbers["disk"] += st.st_blocks * 512
        if which in ("files", "links"):
            numbers["bytes"] += st.st_size
    return numbers


def picture(top):
    """All that a copy must keep, by path below top."""
    shown = {}
    groups = {}
    top = os.fsencode(top)
    for path in [top, *names(top)]:
        st = os.lstat(path)
        name = path[len(top) :]
        content = None
        kind = st.st_mode & 0o170000
        if kind == 0o100000:
            with open(path, "rb") as file:
                content = file.read()
        elif kind == 0o120000:
            content = os.readlink(path)
        xattrs = {
            n: os.getxattr(path, n, follow_symlinks=False)
            for n in os.listxattr(path, follow_symlinks=False)
        }
        if kind != 0o040000:
            groups.setdefault((st.st_dev, st.st_ino), []).append(name)
        shown[name] = (
            st.st_mode,
            st.st_uid,
            st.st_gid,
            st.st_mtime_ns,
            st.st_rdev,
            content,
            xattrs,
        )
    return shown, sorted(sorted(group) for group in groups.values())

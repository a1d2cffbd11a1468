"""Rehearsals against the second witness: the same random operations on a real copy."""

import os
import random
import shutil
import stat

import pytest

import ostler
from tests.machines.rehearsing import put, put_on, snapshot, snapshot_without_links, view

pytestmark = pytest.mark.usefixtures("as_user")

NAMES = ["a", "b", "c", "d"]
SEEDS = range(12)


def furnish(base, seed):
    rng = random.Random(seed)
    os.mkdir(base)
    for _ in range(14):
        path = "/".join(rng.choice(NAMES) for _ in range(rng.randint(1, 3)))
        full = f"{base}/{path}"
        try:
            os.makedirs(os.path.dirname(full), exist_ok=True)
            if rng.random() < 0.3:
                os.mkdir(full)
            else:
                put(full, path * rng.randint(0, 50))
        except OSError:
            pass  # something else is there
    os.symlink("a", f"{base}/link")


def operate(m, seed, steps, links=True):
    """Do random things to a tree; what fails, fails. Returns the error number of each."""
    rng = random.Random(seed)
    found = []
    for _ in range(steps):
        one = "/" + "/".join(rng.choice(NAMES) for _ in range(rng.randint(1, 3)))
        two = "/" + "/".join(rng.choice(NAMES) for _ in range(rng.randint(1, 3)))
        what = rng.choice(
            "write write append unlink unlink rmdir mkdir mkdir rename rename rename rename "
            "symlink link chmod touch fifo xattr remove".split()
        )
        text = str(rng.random()).encode()
        try:
            if what in ("write", "append"):
                if m.path.exists(one) and stat.S_ISFIFO(m.stat(one).st_mode):
                    continue
                with m.open_file(one, "wb" if what == "write" else "ab") as file:
                    file.write(text)
            elif what == "remove":
                for top, dirs, files in m.walk(one, topdown=False):
                    for name in files:
                        m.unlink(f"{top}/{name}")
                    for name in dirs:
                        path = f"{top}/{name}"
                        m.unlink(path) if m.path.islink(path) else m.rmdir(path)
                m.rmdir(one)
            elif what == "chmod":
                if not m.path.islink(one):
                    m.chmod(one, 0o700 | rng.randrange(0o100))
            elif what == "touch":
                m.utime(one, ns=(1, rng.randrange(10**18)), follow_symlinks=False)
            elif what == "fifo":
                m.mkfifo(one)
            elif what == "xattr":
                m.setxattr(one, "user.x", text, follow_symlinks=False)
            elif what == "symlink":
                m.symlink(rng.choice(NAMES), one)
            elif what == "link":
                if links and stat.S_ISREG(m.lstat(one).st_mode):
                    m.link(one, two)
            elif what in ("rename", "unlink", "rmdir", "mkdir"):
                getattr(m, what)(*((one, two) if what == "rename" else (one,)))
            found.append(0)
        except OSError as error:
            found.append(error.errno)
    return found


def timeless(tree):
    """A snapshot without the times of what was just written, which differ by moments."""
    return {
        path: [e if not (i == 4 and isinstance(e, int) and e > 10**18) else None
               for i, e in enumerate(entry)]
        for path, entry in tree.items()
    }  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
def test_as_on_a_real_copy(base, seed):
    furnish(f"{base}/real", seed)
    shutil.copytree(f"{base}/real", f"{base}/rehearsed", symlinks=True)
    for top, _, _ in os.walk(f"{base}/real"):
        os.chmod(top.replace("/real", "/rehearsed", 1), stat.S_IMODE(os.stat(top).st_mode))
    with ostler.confined(f"{base}/real") as m:
        expected = operate(m, seed, 120)
    with ostler.rehearsal(f"{base}/rehearsed") as m:
        found = operate(m, seed, 120)
        assert [i for i, pair in enumerate(zip(found, expected, strict=True))
                if pair[0] != pair[1]] == []  # fmt: skip
        m.commit()
        assert m.changes() == []
    assert timeless(snapshot(f"{base}/rehearsed")) == timeless(snapshot(f"{base}/real"))


@pytest.mark.parametrize("seed", SEEDS[:4])
def test_in_several_commits(base, seed):
    furnish(f"{base}/real", seed)
    shutil.copytree(f"{base}/real", f"{base}/rehearsed", symlinks=True)
    with ostler.confined(f"{base}/real") as real, ostler.rehearsal(f"{base}/rehearsed") as m:
        for part in range(5):
            operate(real, seed * 10 + part, 40)
            operate(m, seed * 10 + part, 40)
            put_on(real, f"/part {part}", b"x")
            put_on(m, f"/part {part}", b"x")
            m.commit()
            assert timeless(snapshot(f"{base}/rehearsed")) == timeless(snapshot(f"{base}/real"))


@pytest.mark.parametrize("seed", SEEDS[:6])
def test_in_chosen_parts(base, seed):
    """Whatever is chosen, in whatever order: the rehearsal shows the same, and all arrives."""
    rng = random.Random(seed)
    furnish(f"{base}/real", seed)
    with ostler.rehearsal(f"{base}/real") as m:
        operate(m, seed, 80)
        shown = timeless(view(m))
        while changes := m.changes():
            paths = [change.path for change in changes]
            m.commit(rng.sample(paths, min(len(paths), rng.randint(1, 4))))
            assert timeless(view(m)) == shown
            assert len(m.changes()) < len(changes)
    assert timeless(snapshot_without_links(f"{base}/real")) == shown

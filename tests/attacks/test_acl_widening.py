"""What stands for an old object gives nobody a right that the old one did not give."""

import ctypes
import os
import random
import shutil
import stat
import struct
import subprocess
import tempfile
import threading

import pytest

import ostler
from tests.machines import as_user
from tests.machines.rehearsing import forked

OWNER, NAMED, MEMBER, STRANGER = 2001, 4321, 5001, 6001
GROUP, NAMED_GROUP = 2002, 4322
# Who asks: (user, group).
ASKING = [(OWNER, 9), (NAMED, 9), (MEMBER, GROUP), (STRANGER, NAMED_GROUP), (STRANGER, 9)]
ANY = 0xFFFFFFFF
ACCESS, DEFAULT = "system.posix_acl_access", "system.posix_acl_default"

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="needs root, to ask as several users")


def seen_by_all(directory):
    """A directory in this one that everybody may search, gone afterwards."""
    path = tempfile.mkdtemp(prefix="ostler-acl-", dir=directory)
    os.chmod(path, 0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def place():
    yield from seen_by_all("/var/tmp")


@pytest.fixture
def elsewhere():
    yield from seen_by_all("/dev/shm")


def packed(*entries):
    """An ACL as the kernel has it, of (tag, rights, id)."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def acl(dice):
    """A random ACL, with or without others than the three of a mode."""
    named = [(2, dice.randrange(8), NAMED)] * dice.randrange(2)
    groups = [(8, dice.randrange(8), NAMED_GROUP)] * dice.randrange(2)
    entries = [(1, dice.randrange(8), ANY), *named, (4, dice.randrange(8), ANY), *groups]
    if named or groups:
        entries.append((16, dice.randrange(8), ANY))
    return packed(*entries, (32, dice.randrange(8), ANY))


def dress(path, dice, directory=False):
    """Give an object a random owner, and a mode or an ACL; a directory perhaps a default one."""
    os.chown(path, dice.choice([0, OWNER]), dice.choice([0, GROUP]))
    os.chmod(path, dice.randrange(0o1000) | (0o500 if directory else 0))
    if dice.random() < 0.6:
        os.setxattr(path, ACCESS, acl(dice))
    if directory and dice.random() < 0.6:
        os.setxattr(path, DEFAULT, acl(dice))


def parent(path, dice):
    """A directory with a default ACL, to which all have access."""
    os.mkdir(path)
    os.chmod(path, 0o755)
    os.setxattr(path, DEFAULT, acl(dice))
    return path


def grants(path):
    """What an object grants: its mode, owners and ACLs."""
    status = os.lstat(path)
    names = [] if stat.S_ISLNK(status.st_mode) else os.listxattr(path)
    lists = {name: os.getxattr(path, name) for name in names if name in (ACCESS, DEFAULT)}
    return stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, lists


def reached(*paths):
    """Who can do what with files, tried as each of them."""
    rights = (os.R_OK, os.W_OK, os.X_OK)

    def asked():
        return [os.access(path, right) for path in paths for right in rights]

    return [as_user(asked, user=user, group=group) for user, group in ASKING]


def no_more(after, before):
    """Whether nobody can do what he could not."""
    return all(
        not a or b for x, y in zip(after, before, strict=True) for a, b in zip(x, y, strict=True)
    )


def old_file(path, dice):
    with open(path, "w") as file:
        file.write("old" * dice.randrange(3))
    dress(path, dice)
    return grants(path), reached(path)


def tree(top, dice):
    """A random tree; what all of it grants."""
    os.mkdir(top)
    for number in range(6):
        at = f"{top}/{number}"
        os.mkdir(at)
        os.mkfifo(f"{at}/p")
        for name in "abc":
            with open(f"{at}/{name}", "w") as file:
                file.write("old" * dice.randrange(3))
        for name in "pabc":
            dress(f"{at}/{name}", dice)
        os.link(f"{at}/a", f"{at}/z")
        dress(at, dice, True)
    dress(top, dice, True)
    return everything(top)


def everything(top):
    found = {".": grants(top)}
    for directory, names, others in os.walk(top):
        for name in names + others:
            path = f"{directory}/{name}"
            found[os.path.relpath(path, top)] = grants(path)
    return found


def test_write_atomic(place, tried):
    for seed in range(12):
        dice = random.Random(seed)
        path = parent(f"{place}/{seed}", dice) + "/f"
        granted, can = old_file(path, dice)

        def writer(file):
            file.write(b"new")
            file.flush()
            now = f"/proc/{os.getpid()}/fd/{file.fileno()}"
            assert not any(map(any, reached(now))), "it is seen before it is in place"

        ostler.write_atomic(path, writer)
        assert (grants(path), reached(path)) == (granted, can)
        with ostler.replacing(path) as file:
            file.write("newer")
            os.chmod(path, 0o600)  # a right is taken away meanwhile
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    tried(12)


def test_write_atomic_of_what_is_new_is_as_open(place):
    for seed in range(12):
        folder = parent(f"{place}/{seed}", random.Random(seed))
        ostler.write_atomic(f"{folder}/ours", "x")
        os.symlink("nowhere", f"{folder}/link")
        ostler.write_atomic(f"{folder}/link", "x")
        open(f"{folder}/theirs", "w").close()
        assert grants(f"{folder}/ours") == grants(f"{folder}/theirs") == grants(f"{folder}/link")


def test_move_to_another_file_system(place, elsewhere, tried):
    for seed in range(10):
        dice = random.Random(seed)
        folder = parent(f"{elsewhere}/{seed}", dice)
        granted, can = old_file(f"{place}/f", dice)
        ostler.move(f"{place}/f", f"{folder}/f")
        assert (grants(f"{folder}/f"), reached(f"{folder}/f")) == (granted, can)
        os.mkfifo(f"{place}/p")
        dress(f"{place}/p", dice)
        granted = grants(f"{place}/p")
        ostler.move(f"{place}/p", f"{folder}/p")
        assert grants(f"{folder}/p") == granted
        made = tree(f"{place}/t", dice)
        ostler.move(f"{place}/t", f"{folder}/t")
        assert everything(f"{folder}/t") == made
    tried(30)


@pytest.mark.parametrize("existing", ["refuse", "merge"])
def test_copy(place, existing, tried):
    for seed in range(8):
        dice = random.Random(seed)
        made = tree(f"{place}/t{seed}", dice)
        folder = parent(f"{place}/d{seed}", dice)
        if existing == "merge":
            tree(f"{folder}/t", dice)
        ostler.trees.copy(f"{place}/t{seed}", f"{folder}/t", existing=existing)
        assert everything(f"{folder}/t") == made
        # As cp, of which that of coreutils 9.10 leaves what a default list has given besides.
        subprocess.run(["cp", "-a", f"{place}/t{seed}", f"{folder}/cp"], check=True)
        copied = everything(f"{folder}/cp")
        assert copied.keys() == made.keys()
        for name, (*rest, lists) in made.items():
            assert copied[name][:3] == tuple(rest) and lists.items() <= copied[name][3].items()
    tried(8)


def test_copy_without_attributes_gives_nobody_more(place, tried):
    for seed in range(8):
        dice = random.Random(seed)
        folder = parent(f"{place}/d{seed}", dice)
        os.mkdir(f"{place}/t{seed}")
        names = "abcdefgh"
        for name in names:
            old_file(f"{place}/t{seed}/{name}", dice)
        can = reached(*(f"{place}/t{seed}/{name}" for name in names))
        ostler.trees.copy(f"{place}/t{seed}", f"{folder}/t", xattrs=False)
        os.chmod(f"{folder}/t", 0o755)
        assert not any(grants(f"{folder}/t/{name}")[3] for name in names)
        assert no_more(reached(*(f"{folder}/t/{name}" for name in names)), can)
    tried(8)


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_copy_without_modes_is_as_if_it_were_made_there(place, mask):
    for seed in range(6):
        dice = random.Random(seed)
        tree(f"{place}/t{seed}", dice)
        folder = parent(f"{place}/d{seed}", dice)
        if seed % 2:
            os.removexattr(folder, DEFAULT)
        before = os.umask(mask)
        try:
            ostler.trees.copy(f"{place}/t{seed}", f"{folder}/t", modes=False, owners=False)
            os.mkdir(f"{folder}/dir")
            open(f"{folder}/file", "w").close()
            os.mkfifo(f"{folder}/pipe", 0o666)
        finally:
            os.umask(before)
        for name in ("0", "5"):
            assert grants(f"{folder}/t/{name}/a") == grants(f"{folder}/file")
            assert grants(f"{folder}/t/{name}/p") == grants(f"{folder}/pipe")
        for name in ("t", "t/0"):
            # But that the owner of a directory can always put something into it.
            mode, *_ = grants(f"{folder}/dir")
            assert grants(f"{folder}/{name}")[0] == mode | 0o700


def test_copy_without_modes_leaves_a_private_directory_private(place):
    for name in ("t", "t/in", "to", "to/in"):
        os.mkdir(f"{place}/{name}", 0o700)
    open(f"{place}/t/in/f", "w").close()
    ostler.trees.copy(f"{place}/t", f"{place}/to", modes=False, existing="merge")
    assert grants(f"{place}/to")[0] == grants(f"{place}/to/in")[0] == 0o700


def test_a_file_system_without_acls(place, tried):
    def here():
        libc = ctypes.CDLL(None)
        assert libc.unshare(0x20000) == 0  # CLONE_NEWNS
        assert libc.mount(b"", b"/", None, 0x44000, None) == 0  # MS_REC | MS_PRIVATE
        os.mkdir(f"{place}/plain")
        assert libc.mount(b"x", f"{place}/plain".encode(), b"ramfs", 0, None) == 0
        os.chmod(f"{place}/plain", 0o755)
        os.mkdir(f"{place}/t")
        for seed in range(12):
            _, can = old_file(f"{place}/t/{seed}", random.Random(seed))
            shutil.copy(f"{place}/t/{seed}", f"{place}/{seed}")
            dress(f"{place}/{seed}", random.Random(seed))
            can = reached(f"{place}/{seed}")
            ostler.move(f"{place}/{seed}", f"{place}/plain/{seed}")
            assert no_more(reached(f"{place}/plain/{seed}"), can)
        # As cp does it: what can't be kept is an error, of each file.
        ostler.trees.copy(f"{place}/t", f"{place}/plain/t", on_error="collect")
        os.chmod(f"{place}/plain/t", 0o755)
        names = sorted(os.listdir(f"{place}/t"))
        can = reached(*(f"{place}/t/{name}" for name in names))
        assert no_more(reached(*(f"{place}/plain/t/{name}" for name in names)), can)

    forked(here)
    tried(24)


def test_nothing_is_open_for_a_moment(place):
    """A file that only a named user may read, copied to where a default ACL gives rights to all."""
    folder = f"{place}/d"
    os.mkdir(folder)
    everyone = packed((1, 7, ANY), (2, 7, NAMED), (4, 7, ANY), (16, 7, ANY), (32, 7, ANY))
    only = packed((1, 6, ANY), (2, 4, STRANGER), (4, 0, ANY), (16, 6, ANY), (32, 0, ANY))
    os.setxattr(folder, DEFAULT, everyone)
    os.mkdir(f"{place}/t")
    for number in range(300):
        path = f"{place}/t/{number}"
        with open(path, "wb") as file:
            file.write(b"x" * 100)
        if number % 2:
            os.setxattr(path, ACCESS, only)
        else:
            os.chmod(path, 0o640)
    seen, ended = set(), threading.Event()

    def look(path, plain):
        mode = os.stat(path).st_mode
        try:
            value = os.getxattr(path, ACCESS)
        except FileNotFoundError:
            raise
        except OSError:
            value = b""
        rights = {(tag, who): r for tag, r, who in struct.iter_unpack("<HHI", value[4:])}
        group = rights.get((4, ANY), 7) & mode >> 3 & 7
        seen.add((rights.get((2, NAMED), 0) & mode >> 3, group & ~4 if plain else group, mode & 7))

    def watch():
        while not ended.is_set():
            for directory, _, names in os.walk(folder):
                for name in names:
                    try:
                        look(f"{directory}/{name}", name.isdigit() and int(name) % 2 == 0)
                    except FileNotFoundError:
                        continue

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for number in range(3):
            ostler.trees.copy(f"{place}/t", f"{folder}/{number}", threads=2)
        ostler.trees.copy(f"{place}/t", f"{folder}/0", existing="merge", threads=2)
    finally:
        ended.set()
        watcher.join()
    assert {(0, 0, 0)} >= {x for x in seen if x != (0, 4, 0)}, seen


def changed_in(machine):
    """Write to, move and touch what a tree has: what it granted it grants."""
    for number in range(6):
        with machine.open_file(f"/t/{number}/a", "a") as file:
            file.write("more")
        machine.rename(f"/t/{number}/b", f"/t/{number}/b2")
        machine.utime(f"/t/{number}/c", (1, 1))
        machine.write_atomic(f"/t/{number}/z", "new")


@pytest.mark.parametrize("kept", [False, True], ids=["at once", "kept before"])
def test_a_commit_of_a_rehearsal(place, kept, monkeypatch, tried):
    monkeypatch.setitem(ostler.environ, "XDG_STATE_HOME", f"{place}/state")
    for seed in range(5):
        dice = random.Random(seed)
        base = parent(f"{place}/base{seed}", dice)
        made = tree(f"{base}/t", dice)
        folder = parent(f"{place}/kept{seed}", dice)
        with ostler.rehearsal(base) as m:
            changed_in(m)
            m.mkdir("/new")
            m.rename("/t/0/p", "/new/p")
            m.open_file("/new/f", "w").close()
            if not kept:
                m.commit()
            else:
                m.keep(f"{folder}/upper")
        if kept:
            with ostler.rehearsal(base, upper=f"{folder}/upper") as m:
                m.commit()
        wanted = {f"t/{name}" if name != "." else "t": value for name, value in made.items()}
        for number in range(6):
            wanted[f"t/{number}/b2"] = wanted.pop(f"t/{number}/b")
        wanted["new/p"] = wanted.pop("t/0/p")
        found = everything(base)
        assert {name: found[name] for name in wanted} == wanted
        os.mkdir(f"{base}/real")
        open(f"{base}/real/f", "w").close()
        assert grants(f"{base}/new") == grants(f"{base}/real")
        assert grants(f"{base}/new/f") == grants(f"{base}/real/f")
    tried(5)

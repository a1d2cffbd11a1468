"""What this process was really given of the machine."""

import os
import pwd
import time

import pytest

import ostler
from ostler.core import procfs
from ostler.core.procfs import Groups, mount_lines, unescaped


def tree(tmp_path, files):
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Groups(str(tmp_path))


MOUNT2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
MOUNT1 = (
    "31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "32 30 0:28 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory\n"
)


class TestGroups:
    def test_version2_takes_the_tightest_on_the_way_up(self, tmp_path):
        groups = tree(
            tmp_path,
            {
                "proc/self/cgroup": "0::/a/b\n",
                "proc/self/mountinfo": MOUNT2,
                "sys/fs/cgroup/a/cpu.max": "150000 100000\n",
                "sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
                "sys/fs/cgroup/a/memory.max": "max\n",
                "sys/fs/cgroup/a/b/memory.max": "1048576\n",
                "sys/fs/cgroup/a/b/memory.current": "4096\n",
            },
        )
        assert groups.cpus() == 1.5
        assert groups.memory_limit() == 1048576
        assert groups.memory_used() == 4096

    def test_version1(self, tmp_path):
        groups = tree(
            tmp_path,
            {
                "proc/self/cgroup": "4:memory:/m\n3:cpu,cpuacct:/c\n0::/\n",
                "proc/self/mountinfo": MOUNT1,
                "sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_quota_us": "50000\n",
                "sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/memory/m/memory.limit_in_bytes": "8192\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
                "sys/fs/cgroup/memory/m/memory.usage_in_bytes": "12\n",
            },
        )
        assert groups.cpus() == 0.5
        assert groups.memory_limit() == 8192
        assert groups.memory_used() == 12

    def test_a_container_sees_its_own_group_as_the_top(self, tmp_path):
        groups = tree(
            tmp_path,
            {
                "proc/self/cgroup": "0::/../../docker/x\n",
                "proc/self/mountinfo": MOUNT2,
                "sys/fs/cgroup/cpu.max": "200000 100000\n",
            },
        )
        assert groups.cpus() == 2

    def test_a_mount_of_a_part(self, tmp_path):
        groups = tree(
            tmp_path,
            {
                "proc/self/cgroup": "0::/docker/x/inner\n",
                "proc/self/mountinfo": MOUNT2.replace(" / /sys", " /docker/x /sys"),
                "sys/fs/cgroup/inner/cpu.max": "10000 100000\n",
            },
        )
        assert groups.cpus() == 0.1

    def test_no_groups(self, tmp_path):
        groups = tree(tmp_path, {"proc/self/mountinfo": "not what is expected - x y\n" * 0})
        assert groups.cpus() is None
        assert groups.memory_limit() is None
        assert groups.memory_used() is None


def test_available_cpus():
    allowed = os.sched_getaffinity(0)
    assert 1 <= ostler.available_cpus() <= ostler.available_cpus(cgroup=False) == len(allowed)
    one = {min(allowed)}
    os.sched_setaffinity(0, one)
    try:
        assert ostler.available_cpus() == 1
    finally:
        os.sched_setaffinity(0, allowed)


def test_a_quota_rounds_up(monkeypatch):
    monkeypatch.setattr("ostler.core.procfs.Groups.cpus", lambda self: 0.25)
    assert ostler.available_cpus() == 1
    assert ostler.cpu_quota() == 0.25


def test_memory():
    memory = ostler.memory()
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert memory.total == pages
    assert 0 < memory.limit <= memory.total
    assert 0 < memory.available <= memory.limit
    assert 0 < memory.used <= memory.total


def test_memory_under_a_limit(monkeypatch):
    monkeypatch.setattr("ostler.core.procfs.Groups.memory_limit", lambda self: 1 << 20)
    monkeypatch.setattr("ostler.core.procfs.Groups.memory_used", lambda self: 1 << 19)
    memory = ostler.memory()
    assert (memory.limit, memory.available, memory.used) == (1 << 20, 1 << 19, 1 << 19)


def test_uptime():
    first = time.clock_gettime(time.CLOCK_BOOTTIME)
    middle = ostler.uptime()
    last = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert first - 1e-6 <= middle <= last + 1e-6


def test_mounts():
    mounts = ostler.mounts()
    root = [mount for mount in mounts if mount.point == "/"][-1]
    found = os.stat("/")
    assert root.device == (os.major(found.st_dev), os.minor(found.st_dev))
    assert {"rw", "ro"} & set(root.options)
    proc = next(mount for mount in mounts if mount.point == "/proc")
    assert proc.kind == "proc"
    assert len(mounts) == len(open("/proc/self/mountinfo").readlines())


def test_words_of_the_mount_table():
    wrote = "a b\tc\nd\\e#f\\040 \u2028\x0c"
    escaped = "".join(f"\\{ord(c):03o}" if c in " \t\n\\#" else c for c in wrote)
    assert unescaped(escaped) == wrote
    assert unescaped("C:\\x") == "C:\\x"
    assert list(mount_lines(f"1 2 {escaped} - x y\n")) == [(["1", "2", escaped], ["x", "y"])]


def test_a_control_group_with_an_odd_name(tmp_path):
    """Its name may have what str.splitlines() takes for the end of a line."""
    name = "odd\u2028name\x0c\x85end"
    group = tmp_path / "sys/fs/cgroup" / name
    group.mkdir(parents=True)
    (group / "memory.max").write_text("4096\n")
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(f"0::/{name}\n")
    (tmp_path / "proc/self/mountinfo").write_text(
        "30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
    )
    assert Groups(str(tmp_path)).memory_limit() == 4096


def own_name():
    """The name of this user, who may have none (in a container, say)."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return None


def test_a_mount_point_with_a_carriage_return():
    # The kernel escapes blanks, newlines and backslashes, nothing else that may end a line.
    lines = list(mount_lines("1 0 0:1 / /a\rb rw - tmpfs t rw\n2 0 0:2 / /c rw - tmpfs t rw\n"))
    assert [head[4] for head, _ in lines] == ["/a\rb", "/c"]


def test_owner(tmp_path):
    path = tmp_path / "f"
    path.touch()
    owner = ostler.owner(path)
    assert (owner.uid, owner.user) == (os.getuid(), own_name())
    path.unlink()
    path.symlink_to("missing")
    assert ostler.owner(path, follow_symlinks=False).uid == os.getuid()
    with pytest.raises(FileNotFoundError):
        ostler.owner(path)


class TestChangeOwner:
    def test_by_name(self, tmp_path):
        if os.getuid() != 0:
            pytest.skip("giving a file away takes root")
        path = tmp_path / "f"
        path.touch()
        ostler.change_owner(path, "nobody", 12)
        assert (os.stat(path).st_uid, os.stat(path).st_gid) == (pwd.getpwnam("nobody").pw_uid, 12)
        ostler.change_owner(path, group="root")
        assert (os.stat(path).st_uid, os.stat(path).st_gid) == (pwd.getpwnam("nobody").pw_uid, 0)

    def test_to_oneself(self, tmp_path):
        path = tmp_path / "f"
        path.touch()
        ostler.change_owner(path, own_name() or os.getuid())
        assert os.stat(path).st_uid == os.getuid()

    def test_who_is_not_there(self, tmp_path):
        with pytest.raises(LookupError, match="no such user: 'nobody-here'"):
            ostler.change_owner(tmp_path, "nobody-here")
        with pytest.raises(LookupError, match="no such group: 'nobody-here'"):
            ostler.change_owner(tmp_path, group="nobody-here")


POINTS = [
    "/",
    "/proc",
    "/a",
    "/a/b c",
    "/a/b c/d",
    "/a/b",
    "/a\\b",
    "/ab",
    "/a/new\nline",
    "/a/\xe9",
]


def test_the_mounts_near_a_directory(monkeypatch):
    """Those that are picked out of the raw table are those that a look at each one would pick."""
    lines = [
        b"%d 1 8:%d / %s rw - %s none rw"
        % (n, n, procfs.escaped(os.fsencode(point)), b"tmpfs" if n % 2 else b"ext4")
        for n, point in enumerate(POINTS)
    ]
    monkeypatch.setattr(procfs, "raw_mounts", lambda: b"\n".join(lines) + b"\n")
    assert [mount.point for mount in procfs.mount_table()] == POINTS
    for base in [*POINTS, "/a/b c/d/e", "/none", "/a/b c/dd"]:
        above = base.rstrip("/") + "/"
        near = [
            point
            for point in POINTS
            if point == base or point.startswith(above) or above.startswith(point.rstrip("/") + "/")
        ]
        assert [mount.point for mount in procfs.mount_table(near=os.fsencode(base))] == near
    assert procfs.devices({b"tmpfs"}) == {(8, n) for n in range(1, len(POINTS), 2)}
    assert procfs.devices({b"none"}) == set()

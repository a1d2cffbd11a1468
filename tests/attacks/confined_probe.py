"""What a confined child tries: a program of its own, which no other file is needed for.

It is given the names of what to leave out, and writes a dict from each attempt to what came of it:
the name of an errno, "DONE", or what else there is to say.
"""

import ctypes
import errno
import fcntl
import json
import mmap
import os
import platform
import signal
import socket
import stat
import struct
import sys
import threading

libc = ctypes.CDLL(None, use_errno=True)

# x86-64 and ARM64; what the second lacks is None. From 424 on they are the same.
NUMBERS = {
    "acct": (163, 89), "add_key": (248, 217), "bpf": (321, 280), "chmod": (90, None),
    "clock_settime": (227, 112), "clone": (56, 220), "creat": (85, None),
    "delete_module": (176, 106), "fanotify_init": (300, 262), "fchmod": (91, 52),
    "fchmodat": (268, 53), "finit_module": (313, 273), "init_module": (175, 105),
    "ioperm": (173, None), "iopl": (172, None), "kexec_file_load": (320, 294),
    "kexec_load": (246, 104), "keyctl": (250, 219), "lookup_dcookie": (212, 18),
    "mknod": (133, None), "mknodat": (259, 33), "mount": (165, 40),
    "open": (2, None), "open_by_handle_at": (304, 265), "openat": (257, 56),
    "perf_event_open": (298, 241), "pivot_root": (155, 41), "quotactl": (179, 60),
    "reboot": (169, 142), "request_key": (249, 218), "setdomainname": (171, 162),
    "sethostname": (170, 161), "setns": (308, 268), "settimeofday": (164, 170),
    "swapoff": (168, 225), "swapon": (167, 224), "syslog": (103, 116), "umount2": (166, 39),
    "unshare": (272, 97), "uselib": (134, None), "userfaultfd": (323, 282), "vhangup": (153, 58),
    **dict.fromkeys(["io_uring_setup"], (425, 425)), "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427), "open_tree": (428, 428), "move_mount": (429, 429),
    "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "clone3": (435, 435), "openat2": (437, 437), "mount_setattr": (442, 442),
    "quotactl_fd": (443, 443), "fchmodat2": (452, 452), "open_tree_attr": (467, 467),
}  # fmt: skip
COLUMN = {"x86_64": 0, "aarch64": 1}.get(platform.machine())
HERE = {name: both[COLUMN] for name, both in NUMBERS.items() if both[COLUMN] is not None}

# Calls that are refused whatever they are given; with these arguments they would do no harm.
ALWAYS = (
    "acct add_key bpf clock_settime clone3 delete_module fanotify_init finit_module fsconfig "
    "fsmount fsopen fspick init_module io_uring_enter io_uring_register io_uring_setup ioperm iopl "
    "kexec_file_load kexec_load keyctl lookup_dcookie mount mount_setattr move_mount "
    "open_by_handle_at open_tree open_tree_attr openat2 perf_event_open pivot_root quotactl "
    "quotactl_fd reboot request_key setdomainname sethostname setns settimeofday swapoff swapon "
    "syslog umount2 uselib userfaultfd vhangup"
).split()
AS_IF_MISSING = (
    "add_key clone3 io_uring_enter io_uring_register io_uring_setup keyctl openat2 request_key"
).split()

SPACES = {
    "time": 0x80, "mount": 0x20000, "cgroup": 0x2000000, "uts": 0x4000000, "ipc": 0x8000000,
    "user": 0x10000000, "pid": 0x20000000, "net": 0x40000000,
}  # fmt: skip
TIOCSTI, TIOCLINUX = 0x5412, 0x541C

# What is opened to be written to, and nothing written; where it isn't there, it can't be.
WRITTEN = (
    "/proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe /proc/sys/kernel/hostname "
    "/proc/sys/vm/drop_caches /proc/sys/net/ipv4/ip_forward /proc/sys/fs/binfmt_misc/register "
    "/proc/sysrq-trigger /proc/irq/default_smp_affinity /proc/mtrr /proc/bus /proc/fs "
    "/proc/1/root/proc/sys/kernel/core_pattern "
    "/sys/kernel/mm/transparent_hugepage/enabled /sys/power/state /sys/kernel/uevent_helper "
    "/sys/fs/cgroup/memory/release_agent /sys/fs/cgroup/cgroup.procs /sys/kernel/profiling "
    "/sys/block /sys/module"
).split()
UNTOLD = (
    "kcore keys key-users timer_list sched_debug kallsyms kmsg kpageflags kpagecount interrupts "
    "latency_stats vmcore"
).split()
EMPTY = (
    "/proc/acpi /proc/scsi /proc/asound /sys/firmware /sys/kernel/debug /sys/kernel/tracing "
    "/sys/kernel/security /sys/fs/bpf /sys/fs/pstore"
).split()
HARMLESS = {(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 2)}

outcomes = {}


def attempt(name, function, *args):
    try:
        said = function(*args)
    except OSError as error:
        said = errno.errorcode.get(error.errno, str(error))
    else:
        said = "DONE" if said is None else said
    outcomes[name] = said


def call(name, *args):
    number = name if isinstance(name, int) else HERE[name]
    words = [ctypes.c_long(a) if isinstance(a, int) else a for a in (*args, *[0] * (6 - len(args)))]
    if libc.syscall(ctypes.c_long(number), *words) < 0:
        raise OSError(ctypes.get_errno(), "")


def always():
    for name in ALWAYS:
        if name in HERE:
            # An address that isn't there, for all that want one.
            attempt(f"call {name}", call, name, -1, 1, -1, 1, -1, 1)
    attempt("call of tomorrow", call, 500, -1)
    attempt("call of the day after", call, 4000, -1)
    if platform.machine() == "x86_64":
        attempt("call of x32", call, 0x40000000 | 39)
        attempt("call of 32 bits", by_interrupt)
    thread = threading.Thread(target=attempt, args=("call in a thread", call, "bpf", -1))
    thread.start()
    thread.join()


def by_interrupt():
    # mov eax, 20 (getpid of i386); int 0x80; ret
    pid = os.fork()
    if pid == 0:
        room = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        room.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
        address = ctypes.addressof(ctypes.c_char.from_buffer(room))
        ctypes.CFUNCTYPE(ctypes.c_int)(address)()
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    return signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else "DONE"


def namespaces():
    for name, flag in SPACES.items():
        attempt(f"unshare {name}", call, "unshare", flag)
        if name != "time":
            attempt(f"clone {name}", cloned, flag)


def cloned(flag):
    if libc.syscall(ctypes.c_long(HERE["clone"]), ctypes.c_long(flag | 17), 0, 0, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), "")
    if os.getpid() != ME:
        os._exit(0)


def families():
    for family in range(48):
        if family not in (1, 2, 10, 16):
            attempt(f"socket {family}", call, "socket", family, 2, 0)
            attempt(f"socketpair {family}", call, "socketpair", family, 1, 0, -1)
    for protocol in range(1, 24):
        attempt(f"netlink {protocol}", call, "socket", 16, 3, protocol)
    attempt("vsock", socket.socket, getattr(socket, "AF_VSOCK", 40), socket.SOCK_STREAM)


HERE.update(socket=(41, 198)[COLUMN or 0], socketpair=(53, 199)[COLUMN or 0])


def keys():
    session, user, user_session = -3, -4, -5
    for ring in (session, user, user_session):
        attempt(f"keyring {ring}", call, "keyctl", 0, ring, 0)
        attempt(f"read keyring {ring}", call, "keyctl", 11, ring, 0, 0)
        attempt(f"key for {ring}", call, "add_key", b"user", b"ostler-attack", b"x", 1, ring)
    attempt("another session", call, "keyctl", 1, 0)
    attempt("a key asked for", call, "request_key", b"user", b"ostler-secret", 0, session)


def identities():
    with open("mine", "w") as file:
        fd = file.fileno()
        for bits in (0o4755, 0o2755, 0o6755, 0o4000):
            attempt(f"chmod {bits:o}", os.chmod, "mine", bits)
            attempt(f"fchmod {bits:o}", os.fchmod, fd, bits)
            attempt(f"fchmodat {bits:o}", call, "fchmodat", -100, b"mine", bits)
            attempt(f"fchmodat2 {bits:o}", call, "fchmodat2", -100, b"mine", bits, 0)
            if "chmod" in HERE:
                attempt(f"bare chmod {bits:o}", call, "chmod", b"mine", bits)
                attempt(f"creat {bits:o}", call, "creat", b"made", bits)
                attempt(f"bare open {bits:o}", call, "open", b"made", os.O_CREAT | 1, bits)
                attempt(f"bare mknod {bits:o}", call, "mknod", b"node", stat.S_IFREG | bits, 0)
            attempt(f"open {bits:o}", os.open, "made", os.O_CREAT | os.O_WRONLY, bits)
            attempt(f"unnamed {bits:o}", os.open, ".", os.O_TMPFILE | os.O_WRONLY, bits)
            attempt(f"openat {bits:o}", call, "openat", -100, b"made", os.O_CREAT | 1, bits)
            attempt(f"mknod {bits:o}", os.mknod, "node", stat.S_IFREG | bits)
    if os.getuid() == 0:  # an ordinary user's have rights in that user's namespaces alone
        some = struct.pack("<IIIII", 0x02000001, 1 << 7, 0, 0, 0)
        attempt("capability", os.setxattr, "mine", "security.capability", some)
    for kind in (stat.S_IFCHR, stat.S_IFBLK):
        for device in ((1, 1), (1, 3), (7, 0), (8, 0), (0, 0)):
            attempt(f"device {kind:o} {device}", os.mknod, "dev", kind | 0o600, os.makedev(*device))
    left = [name for name in os.listdir(".") if os.lstat(name).st_mode & 0o6000]
    outcomes["left with an identity"] = left


def terminals():
    for name, request in (("TIOCSTI", TIOCSTI), ("TIOCLINUX", TIOCLINUX)):
        attempt(f"{name} in the upper half", call, HERE_IOCTL, 0, request | 7 << 32, b"\0")
        try:
            slave = os.openpty()[1]
        except OSError:
            slave = os.open("/dev/null", os.O_RDWR)
        attempt(name, fcntl.ioctl, slave, request, b"\0")


HERE_IOCTL = (16, 29)[COLUMN or 0]


def kernels_files():
    for path in WRITTEN:
        if os.path.isdir(path):
            attempt(f"make in {path}", os.mkdir, f"{path}/ostler-attack")
        else:
            attempt(f"write {path}", os.open, path, os.O_WRONLY)
    for name in UNTOLD:
        attempt(f"read /proc/{name}", nothing_in, f"/proc/{name}")
    for path in EMPTY:
        attempt(f"list {path}", lambda path=path: (os.listdir(path) and "DONE") or "empty")
    for place in ("/proc", "/sys"):
        for folder, folders, names in os.walk(place):
            for name in names:
                path = os.path.join(folder, name)
                try:
                    status = os.lstat(path)
                except OSError:
                    continue
                if stat.S_ISREG(status.st_mode) and status.st_mode & 0o222:
                    opens_to_write(path)
            if place == "/proc":
                folders[:] = [name for name in folders if not name.isdigit()]
                folders[:] = [name for name in folders if not name.endswith("self")]


def opens_to_write(path):
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        outcomes["files that were tried"] = outcomes.get("files that were tried", 0) + 1
    else:
        outcomes[f"write {path}"] = "DONE"


def nothing_in(path):
    with open(path, "rb") as file:
        return "DONE" if file.read(16) else "empty"


def devices():
    for folder, _, names in os.walk("/dev"):
        for name in names:
            path = os.path.join(folder, name)
            try:
                status = os.lstat(path)
            except OSError:
                continue
            if not stat.S_ISCHR(status.st_mode) and not stat.S_ISBLK(status.st_mode):
                continue
            number = os.major(status.st_rdev), os.minor(status.st_rdev)
            if number in HARMLESS or number[0] == 136 or name.startswith("watchdog"):
                continue
            attempt(f"device {path}", os.open, path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)


def what_works():
    """What normal programs do, all of which must be possible: the answers that are wrong."""
    wrong = []

    def holds(name, good):
        if not good:
            wrong.append(name)

    with open("/dev/null", "r+b", buffering=0) as file:
        holds("null", file.write(b"x") == 1 and file.read(1) == b"")
    with open("/dev/zero", "rb") as file:
        holds("zero", file.read(3) == b"\0\0\0")
    with open("/dev/full", "wb", buffering=0) as file:
        try:
            file.write(b"x")
            wrong.append("full")
        except OSError as error:
            holds("full", error.errno == errno.ENOSPC)
    for name in ("random", "urandom"):
        with open(f"/dev/{name}", "rb") as file:
            holds(name, len(file.read(8)) == 8)
    master, slave = os.openpty()
    os.write(slave, b"x\n")
    holds("terminal", os.read(master, 10) == b"x\r\n" and os.ttyname(slave).startswith("/dev/pts/"))
    with open("/proc/self/oom_score_adj", "r+") as file:
        score = file.read()
        file.seek(0)
        file.write(score)
    for path in ("/proc/meminfo", "/proc/cpuinfo", "/proc/stat", "/proc/sys/kernel/ostype",
                 "/proc/self/maps", "/proc/mounts", "/proc/uptime"):  # fmt: skip
        with open(path, "rb") as file:
            holds(path, file.read(1))
    with open("work", "wb") as file:
        os.fchmod(file.fileno(), 0o1755)
        file.truncate(10)
    os.mkdir("folder", 0o2755)
    os.mkfifo("fifo")
    os.link("work", "link")
    os.rename("link", "moved")
    for pair in (socket.AF_UNIX, None):
        if pair is None:
            server = socket.create_server(("127.0.0.1", 0))
            client = socket.create_connection(server.getsockname())
            server.accept()[0].send(b"y")
            holds("loopback", client.recv(1) == b"y")
        else:
            one, other = socket.socketpair(pair)
            one.send(b"y")
            holds("pair", other.recv(1) == b"y")
    holds("interfaces", "lo" in [name for _, name in socket.if_nameindex()])
    holds("names", socket.getaddrinfo("127.0.0.1", 80))
    child = os.fork()
    if child == 0:
        libc.ptrace(0, 0, 0, 0)  # PTRACE_TRACEME
        os.kill(os.getpid(), signal.SIGSTOP)
        os._exit(3)
    holds("traced", os.WIFSTOPPED(os.waitpid(child, os.WUNTRACED)[1]))
    libc.ptrace(7, child, 0, 0)  # PTRACE_CONT
    holds("traced", os.waitpid(child, 0)[1] == 3 << 8)
    return wrong


ME = os.getpid()
PARTS = {
    "always": always, "namespaces": namespaces, "families": families, "keys": keys,
    "identities": identities, "terminals": terminals, "kernel": kernels_files, "devices": devices,
}  # fmt: skip

if __name__ == "__main__":
    os.chdir(sys.argv[1])
    sys.stdout.flush()
    for part in sys.argv[2].split(","):
        if part == "works":
            outcomes["wrong"] = what_works()
        else:
            PARTS[part]()
    print(json.dumps(outcomes))

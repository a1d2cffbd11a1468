"""Exact recordings: each call has the outcome and the errno that its program was told."""

import ctypes
import errno
import json
import os
import tempfile
from collections import Counter

import pytest

import ostler
from ostler.machines.recording import Log
from ostler.record import log
from ostler.record.recorder import ProgramRecorder
from tests.command_line import called
from tests.machines import as_self, as_user
from tests.test_record import PYTHON, RANDOM
from tests.test_record_random import PROGRAM
from tests.test_record_truth import compiled  # noqa: F401


def run(*arguments, machine=ostler.host, reads=True, **kwargs):
    """(the Story, the CommandResult) of one command."""
    with tempfile.TemporaryFile() as file:
        with ProgramRecorder(machine, file.fileno(), reads, None, True):
            result = machine.run(list(arguments), capture=True, **kwargs)
        file.seek(0)
        return log.read(file), result


# --- the truth


def check(directory, seed, count, program):
    """Event by event what a program says that it did; see RANDOM of tests/test_record.py."""
    top = os.path.realpath(directory)
    story, result = run(*program, str(seed), str(count), cwd=top)
    assert result.status == 0, result.stderr
    said = [json.loads(line) for line in result.stdout.splitlines()]
    told = [event for event in story.events if event.path.startswith(top + "/")]
    assert len(told) == len(said)
    kinds = {"append": "write", "mkfifo": "mknod"}
    for event, (what, path, other, done, number, real) in zip(told, said, strict=True):
        if not (what == "append" and event.kind == "create"):
            assert event.kind == kinds.get(what, what), (event, what, path)
        assert (event.outcome, event.errno) == (done, number), (event, what, path)
        assert not event.doubt
        if done and what in ("create", "write", "append", "read"):
            assert event.path == real, what
        elif done and what not in ("mode", "times", "truncate"):
            name = other if what == "link" else path
            assert os.path.basename(event.path) == os.path.basename(name), what


@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(n, marks=pytest.mark.thorough) for n in range(2, 12))]
)
def test_a_program_in_c(compiled, tmp_path, seed):  # noqa: F811
    check(tmp_path, seed, 2000, [compiled("operations", PROGRAM)])


@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(n, marks=pytest.mark.thorough) for n in range(2, 12))]
)
def test_a_program_in_python(tmp_path, seed):
    check(tmp_path, seed, 1000, [PYTHON, "-c", RANDOM])


# Threads that do the same things to the same names at once, each with an account of its own.
THREADS = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
enum { MOST = 4000 };
static const char *kinds[] = {"mkdir", "rmdir", "remove", "symlink", "mknod", "rename", "link",
                              "open", "open", "open", "mode", "truncate", "times", "attribute"};
struct account { unsigned long long state; int count, kind[MOST], number[MOST];
                 char path[MOST][8], other[MOST][8]; };
static int count;
static int below(struct account *mine, int end) {
    mine->state = mine->state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (int)((mine->state >> 33) % end);
}
static int opened(const char *path, int flags) {
    int fd = open(path, flags | O_NONBLOCK, 0600);
    if (fd < 0) return -1;
    close(fd);
    return 0;
}
static void name(struct account *mine, char *at) {
    sprintf(at, "%s%c", below(mine, 2) ? "dir/" : "", 'a' + below(mine, 4));
}
static void *work(void *argument) {
    struct account *mine = argument;
    for (int i = 0; i < count; i++) {
        char *path = mine->path[i], *other = mine->other[i];
        int kind = mine->kind[i] = below(mine, 14), done;
        struct timespec times[2] = {{below(mine, 999), 5}, {below(mine, 999), 7}};
        name(mine, path);
        if (kind == 5 || kind == 6) name(mine, other);
        errno = 0;
        switch (kind) {
        case 0: done = mkdir(path, 0700); break;
        case 1: done = rmdir(path); break;
        case 2: done = unlink(path); break;
        case 3: done = symlink("a", path); break;
        case 4: done = mkfifo(path, 0600); break;
        case 5: done = rename(path, other); break;
        case 6: done = link(path, other); break;
        case 7: done = opened(path, O_CREAT | O_EXCL | O_WRONLY); break;
        case 8: done = opened(path, O_CREAT | O_WRONLY); break;
        case 9: done = opened(path, O_RDONLY); break;
        case 10: done = chmod(path, 0700); break;
        case 11: done = truncate(path, 5); break;
        case 12: done = utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW); break;
        default: done = lsetxattr(path, "user.a", "b", 1, 0);
        }
        mine->number[i] = done < 0 ? errno : 0;
        mine->count++;
    }
    return 0;
}
int main(int argc, char **argv) {
    int threads = atoi(argv[2]);
    struct account *all = calloc(threads, sizeof *all);
    pthread_t *ids = calloc(threads, sizeof *ids);
    count = atoi(argv[3]);
    mkdir("dir", 0700);
    for (int i = 0; i < threads; i++) {
        all[i].state = strtoull(argv[1], 0, 10) * 1000 + i;
        pthread_create(&ids[i], 0, work, &all[i]);
    }
    for (int i = 0; i < threads; i++) pthread_join(ids[i], 0);
    for (int i = 0; i < threads; i++)
        for (int k = 0; k < all[i].count; k++)
            printf("[\"%s\", \"%s\", \"%s\", %d]\n", kinds[all[i].kind[k]], all[i].path[k],
                   all[i].other[k], all[i].number[k]);
    return 0;
}
"""
FOLLOWING = ("mode", "truncate", "open")  # where a link leads is another place in a moment


@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(n, marks=pytest.mark.thorough) for n in range(2, 12))]
)
@pytest.mark.parametrize("threads", [4, 100])
def test_threads_that_race(compiled, tmp_path, seed, threads):  # noqa: F811
    """No look before or after a call could tell what came of it here."""
    top = os.path.realpath(tmp_path)
    story, result = run(
        compiled("threads", THREADS, "-pthread"), str(seed), str(threads), str(2000 // threads),
        cwd=top,
    )  # fmt: skip
    assert result.status == 0, result.stderr
    said, told = Counter(), Counter()
    for what, path, other, number in map(json.loads, result.stdout.splitlines()):
        if what in FOLLOWING:
            path = ""
        if what == "link":
            path, other = other, path
        said[what, path, other, number] += 1
    for event in story.events:
        if not event.path.startswith(top + "/") and event.kind != "attribute":
            continue
        kind = "open" if event.kind in ("create", "write", "read") else event.kind
        path = event.path.removeprefix(top + "/") if kind not in FOLLOWING else ""
        other = event.other.removeprefix(top + "/") if kind != "symlink" else ""
        assert event.outcome is (event.errno == 0), event
        told[kind, path, other, event.errno] += 1
    told["mkdir", "dir", "", 0] -= 1
    assert +(said - told) == Counter() == +(told - said)


# What looking before and after tells nothing of.
SPECIAL = r"""
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>
static void say(const char *kind, const char *path, long value) {
    printf("[\"%s\", \"%s\", %d]\n", kind, path, value < 0 ? errno : 0);
}
static struct sockaddr_in at(int port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}
static struct sockaddr *any(void *address) { return address; }
int main(void) {
    int file = open("file", O_RDWR | O_CREAT, 0600), d = open(".", O_RDONLY), port, s, t;
    struct sockaddr_in in = at(0);
    struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "socket"};
    socklen_t size = sizeof in;
    char text[40], *none[] = {0};
    struct mmsghdr several[3];
    struct iovec part = {"x", 1};
    struct open_how how = {.flags = O_RDONLY, .resolve = RESOLVE_BENEATH};
    say("create", "file", file); say("read", "", d);
    say("mode", "file", chmod("file", 0600)); say("mode", "file", chmod("file", 0600));
    say("mode", "file", fchmod(file, 0600)); say("owner", "file", chown("file", -1, -1));
    say("owner", "file", fchown(file, 0, 0)); say("owner", "none", lchown("none", 0, 0));
    say("truncate", "file", truncate("file", 0)); say("truncate", "file", ftruncate(file, 0));
    say("truncate", "file", truncate("file", -1)); say("truncate", "file", ftruncate(file, -1));
    say("times", "file", futimens(file, 0)); say("times", "none", utimensat(d, "none", 0, 0));
    say("attribute", "file", fsetxattr(file, "none.such", "b", 1, 0));
    say("attribute", "file", removexattr("file", "user.none"));
    say("write", "file", open("file", O_WRONLY | O_CREAT, 0600));
    say("create", "file", open("file", O_WRONLY | O_CREAT | O_EXCL, 0600));
    say("read", "file", open("file", O_RDONLY | O_DIRECTORY));
    say("write", "", open(".", O_WRONLY)); say("read", "file/a", open("file/a", O_RDONLY));
    say("read always", "file", syscall(SYS_openat2, d, "file", &how, sizeof how));
    say("read always", "../file", syscall(SYS_openat2, d, "../file", &how, sizeof how));
    say("rename", "file", renameat2(d, "file", d, "file", RENAME_NOREPLACE));
    say("rename", "file", renameat2(d, "file", d, "none", RENAME_EXCHANGE));
    say("link", "other", linkat(d, "file", d, "other", 0));
    say("rename", "file", rename("file", "other"));  /* which does nothing */
    say("rename", "other", renameat2(d, "other", d, "file", RENAME_EXCHANGE));
    say("rename", "file", 0);  /* it is two */
    say("remove", ".", unlinkat(d, ".", 0));
    say("rmdir", "file", unlinkat(d, "file", AT_REMOVEDIR));
    say("mknod", "device", mknod("device", S_IFCHR | 0600, makedev(250, 250)));
    say("mount", "", mount("none", ".", "none of such", 0, 0));
    s = socket(AF_INET, SOCK_STREAM, 0);
    say("bind", "127.0.0.1:0", bind(s, any(&in), sizeof in));
    getsockname(s, any(&in), &size);
    port = ntohs(in.sin_port);
    sprintf(text, "127.0.0.1:%d", port);
    say("bind", text, bind(s, any(&in), sizeof in));
    t = socket(AF_INET, SOCK_STREAM, 0);
    say("connect", text, connect(t, any(&in), sizeof in));
    listen(s, 5);
    say("connect", text, connect(t, any(&in), sizeof in));
    say("connect", text, connect(t, any(&in), sizeof in));
    say("connect", text, connect(-1, any(&in), sizeof in));
    s = socket(AF_UNIX, SOCK_STREAM, 0); t = socket(AF_UNIX, SOCK_STREAM, 0);
    say("connect", "socket", connect(t, any(&un), sizeof un));
    say("bind", "socket", bind(s, any(&un), sizeof un));
    say("bind", "socket", bind(t, any(&un), sizeof un));
    say("connect", "socket", connect(t, any(&un), sizeof un));
    s = socket(AF_INET, SOCK_DGRAM, 0);
    say("send", text, sendto(s, "x", 1, 0, any(&in), sizeof in));
    say("send", text, sendto(-1, "x", 1, 0, any(&in), sizeof in));
    memset(several, 0, sizeof several);
    for (int i = 0; i < 3; i++) {
        several[i].msg_hdr = (struct msghdr){.msg_iov = &part, .msg_iovlen = 1};
        several[i].msg_hdr.msg_name = calloc(1, sizeof in);
        several[i].msg_hdr.msg_namelen = i == 2 ? 3 : sizeof in;
        *(struct sockaddr_in *)several[i].msg_hdr.msg_name = at(port + i);
    }
    if (sendmmsg(s, several, 3, 0) != 2) return 1;  /* the third is no address */
    for (int i = 0; i < 2; i++) {
        sprintf(text, "127.0.0.1:%d", port + i);
        say("send", text, 0);
    }
    execv("file", none); execv("none", none); execv(".", none);
    return 0;
}
"""


@pytest.mark.parametrize("reads", [True, False])
def test_what_can_not_be_told_by_looking(compiled, tmp_path, reads):  # noqa: F811
    top = os.path.realpath(tmp_path)
    program = compiled("special", SPECIAL)
    story, result = run(program, cwd=top, reads=reads)
    assert result.status == 0, result.stderr
    said = [json.loads(line) for line in result.stdout.splitlines()]
    told = [
        [event.kind, event.path.removeprefix(top).removeprefix("/"), event.errno]
        for event in story.events
        if event.path.startswith((top, "127.")) and event.outcome is (event.errno == 0)
    ]
    said = [line for line in said if reads or line[0] != "read"]
    for line in said:
        line[0] = line[0].removesuffix(" always")
    for one, other in zip(told, said, strict=False):
        assert one == other
    assert len(told) == len(said)
    ran = [(program.path, program.errno) for program in story.processes[0].programs]
    assert ran[-4:] == [(program, 0), (f"{top}/file", errno.EACCES), (f"{top}/none", errno.ENOENT),
                        (top, errno.EACCES)]  # fmt: skip
    assert [one.outcome for one in story.processes[0].programs[-4:]] == [True, False, False, False]


# --- who may, and where it is shown


def as_it_is_told(directory):
    """What is told of a program that anybody may run."""
    story, result = run("sh", "-c", "mkdir a; chmod 700 a; mkdir a; rmdir a", cwd=directory)
    return result.status, [
        (event.kind, event.path, event.outcome, event.errno)
        for event in story.events
        if event.path.startswith(directory)
    ]


@pytest.mark.parametrize("who", [as_self, as_user])
def test_everybody_may_record_exactly(who):
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o777)
        status, told = who(as_it_is_told, os.path.realpath(directory))
    path = f"{directory}/a"
    assert status == 0
    assert told == [("mkdir", path, True, 0), ("mode", path, True, 0), ("mkdir", path, False, 17),
                    ("rmdir", path, True, 0)]  # fmt: skip


def refused():
    """What an ordinary user is told who may trace nobody, as in some containers."""
    assert ctypes.CDLL(None).prctl(4, 0, 0, 0, 0) == 0  # PR_SET_DUMPABLE
    try:
        with ostler.recorded(children=True, exact=True):
            return None
    except OSError as error:
        status, out, said = called("record", "--exact", "sh", "-c", "echo it has run")
        return error.errno, "ptrace" in str(error), status, out, "ptrace(2)" in said


def test_where_nobody_may_trace_it_is_refused():
    assert as_user(refused) == (errno.EPERM, True, 125, b"", True)


def test_on_machines(tmp_path):
    made = f"{tmp_path}/made"
    with ostler.rehearsal() as m:
        with m.recorded(children=True, exact=True) as found:
            m.run(["sh", "-c", 'mkdir "$0"; mkdir "$0"', made], capture=True)
        assert [(change.path, change.by.argv[0]) for change in m.changes()] == [(made, "mkdir")]
    told = [(event.path, event.errno) for event in found.events if event.kind == "mkdir"]
    assert told == [(made, 0), (made, errno.EEXIST)]
    with pytest.raises(ValueError, match="children"):
        ostler.recorded(exact=True)


def test_a_log_that_is_exact_records_one_run():
    found = Log(exact=True)
    ostler.run(["sh", "-c", "chmod 700 . && chmod 700 .; : >/none/such"], record=found,
               cwd=tempfile.mkdtemp(), stderr="null")  # fmt: skip
    told = [(event.kind, event.outcome, event.errno) for event in found.events
            if event.kind != "read"]  # fmt: skip
    assert told == [("mode", True, 0), ("mode", True, 0), ("create", False, errno.ENOENT)]


CONNECTS = "import socket; socket.socket().connect_ex(('127.0.0.1', 9))"


def test_it_is_watched(tmp_path):
    with ostler.watch(exact=True) as events:
        ostler.run([PYTHON, "-c", CONNECTS], cwd=tmp_path)
    told = [event for event in events if event.kind == "connect"]
    assert [(event.path, event.errno) for event in told] == [("127.0.0.1:9", errno.ECONNREFUSED)]


def test_the_fixture_tells_it(recorded, tmp_path):
    recorded.exact = True
    recorded.run([PYTHON, "-c", CONNECTS], cwd=tmp_path)
    recorded(exec, CONNECTS)
    told = [event for event in recorded.events if event.kind == "connect"]
    assert [event.errno for event in told] == [errno.ECONNREFUSED] * 2


def test_it_is_kept_shown_and_compared(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["sh", "-c", "mkdir a; mkdir a 2>&-; rmdir a; exit 3"]
    assert called("record", "--exact", "-o", "one", *words)[0] == 3
    words[-1] = words[-1].replace("mkdir a 2>&-", "mkdir b")
    assert called("record", "--exact", "--changes", "-o", "two", *words)[0] == 3
    path = os.path.realpath("a")
    status, out, _ = called("record", "show", "--only", "all", "--path", path, "one")
    assert status == 0
    assert f"created {path}\n" in out.decode()
    assert f"failed: created {path} (EEXIST)\n" in out.decode()
    status, out, _ = called("record", "show", "--json", "one")
    lines = [json.loads(line) for line in out.splitlines()]
    assert lines[0]["exact"] is True
    assert [line.get("errno") for line in lines if line.get("kind") == "mkdir"] == [
        None,
        errno.EEXIST,
    ]
    status, out, _ = called("record", "diff", "one", "two")
    assert status == 1
    assert os.path.realpath("b") in out.decode()
    for name in ("page.html", "lines.jsonl", "trace.json"):
        option = "--html" if name.endswith("html") else "-o"
        assert called("record", "--exact", option, name, "true")[0] == 0
    assert called("record", "show", "--html", "again.html", "one")[0] == 0
    assert called("record", "show", "--exact", "one")[0] == 2


def test_what_nobody_knows_was_tried():
    """Of a connection, too: without --exact it is seen only that it is wanted."""
    said = []
    for option in ([], ["--exact"]):
        _, out, _ = called("record", "--only", "network", *option, PYTHON, "-c", CONNECTS)
        said.append(out.decode())
    assert "tried to connect to 127.0.0.1:9\n" in said[0]
    assert "failed: connected 127.0.0.1:9 (ECONNREFUSED)\n" in said[1]


# --- paths that another thread changes meanwhile


FLIPPED = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
static volatile int over;
static union { char text[40]; volatile int begin; } shared = {"one/f000000"};
static int ends[3];
static void say(const char *name, int done) {
    printf("[\"%s\", %d]\n", name, done < 0 ? errno : 0);
}
static void *flip(void *unused) {
    int begins[2];
    memcpy(&begins[0], "one/", 4);
    memcpy(&begins[1], "two/", 4);
    for (int i = 0; !over; i++) {
        shared.begin = begins[i % 2];  /* never half of it, where there is nothing */
        fchdir(ends[i % 2]);
        dup2(ends[i / 2 % 2], ends[2]);
    }
    return unused;
}
int main(void) {
    pthread_t id;
    char name[40];
    mkdir("one", 0700); mkdir("two", 0700); mkdir("one/one", 0700); mkdir("one/two", 0700);
    mkdir("two/one", 0700); mkdir("two/two", 0700);
    ends[0] = open("one", O_RDONLY); ends[1] = open("two", O_RDONLY);
    ends[2] = open("one", O_RDONLY);
    fchdir(ends[0]);
    pthread_create(&id, 0, flip, 0);
    for (int i = 0; i < 200; i++) {
        int fd;
        sprintf(name, "f%06d", i);
        memcpy(shared.text + 4, name, 7);
        fd = open(shared.text, O_WRONLY | O_CREAT | O_EXCL, 0600);
        say(name, fd);
        close(fd);
        sprintf(name, "g%06d", i);
        fd = openat(ends[2], name, O_WRONLY | O_CREAT, 0600);
        say(name, fd);
        close(fd);
        sprintf(name, "h%06d", i);
        say(name, mkdir(name, 0700));
    }
    over = 1;
    return pthread_join(id, 0);
}
"""


def test_what_another_thread_flips(compiled, tmp_path):  # noqa: F811
    """What was opened is what the kernel has opened; what can't be known so stands in doubt."""
    top = os.path.realpath(tmp_path)
    story, result = run(compiled("flipped", FLIPPED, "-pthread"), cwd=top)
    assert result.status == 0
    made = [event for event in story.events if event.kind in ("create", "mkdir")]
    told = [event for event in made if len(os.path.basename(event.path)) == 7]  # in the loop
    said = [json.loads(line) for line in result.stdout.splitlines()]
    assert [[os.path.basename(event.path), event.errno] for event in told] == said
    assert len(said) == 600
    for event in told:
        if event.errno:
            continue
        there = os.path.isdir if event.kind == "mkdir" else os.path.isfile
        assert there(event.path) or (event.doubt and event.kind == "mkdir"), event
        assert not (event.doubt and event.kind == "create"), event


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="calls of i386 are those of x86-64")
def test_calls_of_32_bits(compiled, tmp_path):  # noqa: F811
    """What lies at a low address can be given to them here, too."""
    program = compiled("narrow", r"""
#include <stdio.h>
static long old(long number, long a, long b, long c) {
    long r;
    __asm__ volatile("int $0x80" : "=a"(r) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
    return (int)r;
}
static char path[] = "made";
int main(void) {
    printf("[%ld, ", old(39, (long)path, 0700, 0));
    printf("%ld, ", old(39, (long)path, 0700, 0));
    printf("%ld, ", old(15, (long)path, 0700, 0));
    printf("%ld, %ld, %ld]", old(120, 0x800000, 0, 0), old(435, 0, 0, 0), old(425, 0, 0, 0));
    return 0;
}
""", "-static", "-no-pie")  # fmt: skip
    story, result = run(program, cwd=tmp_path)
    assert result.status == 0
    said = json.loads(result.stdout)
    if said[0] == -errno.ENOSYS:
        pytest.skip("this kernel has no calls of 32 bits")
    told = [(event.kind, event.errno) for event in story.events if event.path.endswith("/made")]
    assert told == [("mkdir", 0), ("mkdir", errno.EEXIST), ("mode", 0)]
    assert said == [0, -errno.EEXIST, 0, -errno.EPERM, -errno.ENOSYS, -errno.ENOSYS]

"""What it costs to record what programs do, beside strace.

`python -m bench.bench_record [--rounds N] [--size N]`. Each workload is run plainly, recorded with
all that it opens, recorded with what may change something alone, both of these exactly (by ptrace),
and under strace with the same calls (`--seccomp-bpf`), in turn. A floor is the same with a recorder
that answers each call and looks at nothing: that much the kernel takes for asking. Printed is the
processor time of the whole tree, the recorder's with it, as medians, and how many times the plain
run's that is. The workloads: a C program of 45 files made by `make -j2`, a git repository of 3,000
files cloned and looked at, a shell script of 2,000 commands, a run of pytest, and npm that installs a
package of 300 files from a directory; --size 10 takes a tenth of each. What is not installed is left
out. They lie where temporary files do: in memory (TMPDIR=/dev/shm) they differ less from one time to
the next. Then 1,000,000 events are recorded, and it is told how large the log is.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import ostler
from ostler.record import log, recorder
from ostler.record.recorder import ProgramRecorder

CALLS = (
    "open,openat,openat2,creat,mkdir,mkdirat,mknod,mknodat,symlink,symlinkat,link,linkat,rename,"
    "renameat,renameat2,unlink,unlinkat,rmdir,chmod,fchmod,fchmodat,chown,lchown,fchown,fchownat,"
    "truncate,ftruncate,utime,utimes,futimesat,utimensat,connect,bind,sendto,execve,execveat,chdir,"
    "fchdir,exit_group"
)


def compiling(top, size):
    for number in range(max(1, 45 * size // 100)):
        with open(f"{top}/f{number}.c", "w") as file:
            file.write(f"#include <stdio.h>\n#include <stdlib.h>\n#include <unistd.h>\n"
                       f"int f{number}(void) {{ return {number}; }}\n")  # fmt: skip
    with open(f"{top}/Makefile", "w") as file:
        file.write("all: $(patsubst %.c,%.o,$(wildcard *.c))\n%.o: %.c\n\tcc -c -o $@ $<\n")
    return ["sh", "-c", "rm -f *.o; make -s -j2"], ("make", "cc")


def versions(top, size):
    for number in range(30 * size):
        os.makedirs(f"{top}/r/d{number // 50}", exist_ok=True)
        with open(f"{top}/r/d{number // 50}/f{number}", "w") as file:
            file.write(f"{number}\n" * 20)
    git = "git -c user.name=a -c user.email=a@b.example"
    subprocess.run(
        f"cd r && git init -q && git add . && {git} commit -qm a",
        shell=True, cwd=top, check=True,
    )  # fmt: skip
    return ["sh", "-c", "rm -rf c; git clone -q r c; cd c; git status -s; git log -p >../l"], (
        "git",
    )


def script(top, size):
    count = 4 * size
    line = "mkdir d$i; echo x > d$i/a; cp d$i/a d$i/b; cat d$i/b > /dev/null; rm -r d$i"
    return ["sh", "-c", f"i=0; while [ $i -lt {count} ]; do {line}; i=$((i+1)); done"], ()


def testing(top, size):
    with open(f"{top}/test_it.py", "w") as file:
        file.write(f"import pytest\n@pytest.mark.parametrize('i', range({15 * size}))\n"
                   "def test(i, tmp_path):\n    (tmp_path / 'a').write_text(str(i))\n")  # fmt: skip
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"]
    return command, ()


def installing(top, size):
    os.makedirs(f"{top}/p")
    os.makedirs(f"{top}/app")
    for number in range(3 * size):
        with open(f"{top}/p/f{number}.js", "w") as file:
            file.write(f"module.exports = {number}\n" * 20)
    for name in ("p", "app"):
        with open(f"{top}/{name}/package.json", "w") as file:
            file.write(f'{{"name": "{name}", "version": "1.0.0"}}\n')
    install = "npm install --offline --no-audit --no-fund --install-links --cache ../cache ../p"
    return ["sh", "-c", f"cd app; rm -rf node_modules package-lock.json; {install}"], ("npm",)


WORKLOADS = {
    "make -j2": compiling, "git": versions, "a script": script, "pytest": testing,
    "npm install": installing,
}  # fmt: skip


def used():
    found = [resource.getrusage(who) for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF)]
    return sum(one.ru_utime + one.ru_stime for one in found)


def plain(command, top):
    ostler.run(command, cwd=top, stdout="null", check=True)


def recorded(reads, exact=False):
    def way(command, top):
        with (
            tempfile.TemporaryFile() as file,
            ProgramRecorder(ostler.host, file.fileno(), reads, None, exact),
        ):
            plain(command, top)
        while recorder._working:  # who has traced is a process, whose time counts at its end
            time.sleep(0.001)

    return way


def answered(reads):
    """What the kernel takes: each call is answered at once, and nobody looks what it is about."""

    def way(command, top):
        with (
            tempfile.TemporaryFile() as file,
            ProgramRecorder(ostler.host, file.fileno(), reads) as r,
        ):
            r._lookout.answer_only()
            plain(command, top)

    return way


def traced(command, top):
    plain(["strace", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", f"trace={CALLS}",
           *command], top)  # fmt: skip


def ways():
    found = {
        "plain": plain,
        "record": recorded(True), "its floor": answered(True),
        "record --changes": recorded(False), "floor of that": answered(False),
    }  # fmt: skip
    found |= {"--exact": recorded(True, True), "--exact --changes": recorded(False, True)}
    if shutil.which("strace"):
        found["strace"] = traced
    return found


def measure(options):
    known = ways()
    print("| workload | " + " | ".join(known) + " |")
    print("|---|" + "--:|" * len(known))
    for name, workload in WORKLOADS.items():
        with tempfile.TemporaryDirectory() as top:
            command, needed = workload(top, options.size)
            if not all(map(shutil.which, needed)):
                continue
            times = {way: [] for way in known}
            for _ in range(options.rounds):
                for way, function in known.items():
                    before = used()
                    function(command, top)
                    times[way].append(used() - before)
        medians = {way: statistics.median(found) for way, found in times.items()}
        cells = [f"{medians['plain']:.2f} s"]
        cells += [f"{medians[way] / medians['plain']:.2f}" for way in list(known)[1:]]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def size_of_a_log(count):
    program = (
        "import os\n"
        f"for i in range({count}):\n"
        "    try: os.open(f'/etc/none{i % 5000}', 0)\n"
        "    except OSError: pass\n"
    )
    with tempfile.TemporaryFile() as file:
        with ProgramRecorder(ostler.host, file.fileno()):
            plain([sys.executable, "-c", program], "/")
        size = os.fstat(file.fileno()).st_size
        file.seek(0)
        events = len(log.read(file).events)
    print(f"\n{events:,} events: {size / 1e6:.1f} MB, {size / events:.1f} bytes each")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, default=100, help="per cent of each workload")
    options = parser.parse_args()
    version = ".".join(map(str, sys.version_info[:3]))
    print(f"Python {version}, processor time of the whole tree, times the plain run's:\n")
    measure(options)
    size_of_a_log(10_000 * options.size)


if __name__ == "__main__":
    main()

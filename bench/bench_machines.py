"""Machines: what making, using and closing one costs, beside the host's own calls and pyfakefs.

`make bench-machines`, or `python -m bench.bench_machines [--rounds 300] [--json FILE]`. Every
implementation does the same in a directory four names deep, on tmpfs; they take turns. Numbers
are medians in microseconds, as whoever runs it: run it as root and as an ordinary user. Then a
workload under `ostler rehearse` and under other tools (bench_rehearse.py).
`python -m bench.draw_machines` puts what --json has written into the documentation.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time

import ostler
from bench import bench_rehearse

DEEP = "one/two/three/four"


class Place:
    """An os, and an empty directory in it to work in."""

    def __init__(self, system, top):
        self.os = system
        self.top = f"{top.rstrip('/')}/{DEEP}"
        self.os.makedirs(self.top)
        self.file = f"{self.top}/file"
        self.close_file(self.os.open(self.file, os.O_CREAT | os.O_WRONLY, 0o600))

    def close_file(self, fd):
        self.os.close(fd)

    def stat(self):
        self.os.stat(self.file)

    def open(self):
        self.os.close(self.os.open(self.file, os.O_RDONLY))

    def mkdir(self):
        self.os.mkdir(f"{self.top}/d")
        self.os.rmdir(f"{self.top}/d")

    def rename(self):
        self.os.rename(self.file, f"{self.top}/other")
        self.os.rename(f"{self.top}/other", self.file)

    def write(self):
        fd = self.os.open(self.file, os.O_WRONLY | os.O_TRUNC)
        self.os.write(fd, b"x" * 4096)
        self.os.close(fd)


WORK = ("stat", "open", "mkdir", "rename", "write")


def makers(directory):
    """The machines, each as a function that makes one."""
    return {
        "scratch": lambda: ostler.scratch(size="64M"),
        "confined": lambda: ostler.confined(directory),
        "read_only": ostler.read_only,
        "rehearsal of a directory": lambda: ostler.rehearsal(directory),
        "rehearsal of /": ostler.rehearsal,
    }


def pyfakefs():
    """pyfakefs's os, None where it is not installed."""
    try:
        from pyfakefs import fake_filesystem, fake_os
    except ImportError:
        return None
    return fake_os.FakeOsModule(fake_filesystem.FakeFilesystem())


def lives(directory, rounds):
    """Median microseconds to make and to close each machine."""
    times = {name: ([], []) for name in makers(directory)}
    for _ in range(rounds):
        for name, make in makers(directory).items():
            start = time.perf_counter_ns()
            machine = make()
            between = time.perf_counter_ns()
            machine.close()
            times[name][0].append(between - start)
            times[name][1].append(time.perf_counter_ns() - between)
    return {
        name: {
            "create": statistics.median(made) / 1000,
            "close": statistics.median(closed) / 1000,
        }
        for name, (made, closed) in times.items()
    }


def calls(directory, rounds):
    """Median microseconds of each call, on each implementation, which take turns."""
    scratch = ostler.scratch(size="64M")
    confined_to = os.path.join(directory, "confined")
    rehearsed = os.path.join(directory, "rehearsed")
    os.mkdir(confined_to)
    os.mkdir(rehearsed)
    confined, rehearsal = ostler.confined(confined_to), ostler.rehearsal(rehearsed)
    places = {
        "os": Place(os, os.path.join(directory, "os")),
        "ostler.host": Place(ostler.host, os.path.join(directory, "host")),
        "scratch": Place(scratch, "/"),
        "confined": Place(confined, "/"),
        "rehearsal": Place(rehearsal, "/"),
    }
    fake = pyfakefs()
    if fake is not None:
        places["pyfakefs"] = Place(fake, "/")
    found = {}
    for work in WORK:
        times = {name: [] for name in places}
        for _ in range(rounds):
            for name, place in places.items():
                function = getattr(place, work)
                start = time.perf_counter_ns()
                for _ in range(10):
                    function()
                times[name].append((time.perf_counter_ns() - start) / 10)
        found[work] = {name: statistics.median(t) / 1000 for name, t in times.items()}
    for machine in (scratch, confined, rehearsal):
        machine.close()
    return found


def show(report):
    """The tables, for people."""
    print(f"{'':26}{'create':>10}{'close':>10}   microseconds, median")
    for name, row in report["lives"].items():
        print(f"{name:26}{row['create']:10.0f}{row['close']:10.0f}")
    names = list(next(iter(report["calls"].values())))
    print("\n" + " " * 10 + "".join(f"{name:>16}" for name in names))
    for work, row in report["calls"].items():
        cells = (f"{row[n]:8.1f} ({row[n] / row['os']:4.1f})" for n in names)
        print(f"{work:10}" + "".join(f"{cell:>16}" for cell in cells))
    print("\nin brackets: how many times os's own")
    if "pyfakefs" not in names:
        print("pyfakefs is not installed (pip install pyfakefs)")
    if "workload" in report:
        print()
        bench_rehearse.show(report["workload"])


def main():
    reader = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    reader.add_argument("--rounds", type=int, default=300)
    reader.add_argument("--workload", type=int, default=3, help="its rounds; 0 for none")
    reader.add_argument("--json", metavar="FILE", help="write the numbers there, too")
    options = reader.parse_args()
    directory = tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
    try:
        report = {
            "python": sys.version.split()[0],
            "user": os.geteuid(),
            "lives": lives(directory, options.rounds),
            "calls": calls(directory, options.rounds),
            "kernel": os.uname().release,
        }
    finally:
        shutil.rmtree(directory)
    if options.workload:
        report["workload"] = bench_rehearse.measure(options.workload)
    show(report)
    if options.json:
        with open(options.json, "w") as file:
            json.dump(report, file, indent=2)


if __name__ == "__main__":
    main()

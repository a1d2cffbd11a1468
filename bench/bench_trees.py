"""Whole trees: ours beside the standard library, the known tools and the floor.

`make bench-trees`, or `python bench/bench_trees.py [--scale 0.1] [--on tmpfs,ext4] [--json FILE]`.
Implementations take turns, with a warm cache; each result is compared in the same run. What
changes a tree works on a fresh file system each round: tmpfs, or (as root) a loop-mounted image.
"""

import argparse
import glob
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import ostler
from ostler import trees

HERE = pathlib.Path(__file__).parent
THREADS = len(os.sched_getaffinity(0))


# ---- corpora


def wide(top, scale):
    """200,000 files of 100 bytes in 2,000 directories."""
    for number in range(max(1, int(2000 * scale))):
        os.makedirs(f"{top}/d{number // 50}/e{number}")
        fd = os.open(f"{top}/d{number // 50}/e{number}", os.O_RDONLY)
        for name in range(100):
            file = os.open(f"f{name}.txt", os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=fd)
            os.write(file, b"x" * 100)
            os.close(file)
        os.close(fd)


def source(top, scale):
    """About 300,000 files, copied from the interpreter's library."""
    library = sysconfig.get_path("stdlib")
    many = sum(len(files) for _, _, files in os.walk(library))
    for number in range(max(1, round(300_000 * scale / many))):
        trees.copy(library, f"{top}/copy{number}", owners=False)


def flat(top, scale):
    """500,000 names in one directory."""
    fd = os.open(top, os.O_RDONLY)
    for number in range(int(500_000 * scale)):
        os.mknod(f"name{number:06}", dir_fd=fd)
    os.close(fd)


def small(top, scale):
    """50,000 files of 100 bytes in 500 directories: for what changes trees."""
    wide(top, scale / 4)


def twenty(top, scale):
    """A tree of twenty entries."""
    for number in range(4):
        os.mkdir(f"{top}/d{number}")
        for name in range(4):
            with open(f"{top}/d{number}/f{name}", "w") as file:
                file.write("x")


# ---- the floor, and tools


def floor_module():
    """bench/floor_trees.py, compiled into build/."""
    from Cython.Build import cythonize
    from setuptools import Extension
    from setuptools.dist import Distribution

    build = HERE.parent / "build" / "bench"
    extension = Extension(
        "floor_trees", [str(HERE / "floor_trees.py")],
        define_macros=[("_GNU_SOURCE", "1")], extra_compile_args=["-O2", "-g0", "-Wno-unused"],
    )  # fmt: skip
    extensions = cythonize(
        [extension], build_dir=str(build / "c"), include_path=[str(HERE.parent / "src")], quiet=True,
        compiler_directives={"language_level": 3},
    )  # fmt: skip
    command = Distribution({"ext_modules": extensions}).get_command_obj("build_ext")
    command.build_lib = str(build)
    command.build_temp = str(build / "tmp")
    command.ensure_finalized()
    command.run()
    sys.path.insert(0, str(build))
    import floor_trees

    return floor_trees


class Floor:
    """The tight loop, on one thread or with the directories below the root shared out to two."""

    def __init__(self):
        self.module = floor_module()

    def __call__(self, what, top, threads, to=None):
        top = os.fsencode(top)
        if to is not None:
            to = os.fsencode(to)
            os.mkdir(to)
        if threads == 1:
            if to is not None:
                os.rmdir(to)
                to = os.path.dirname(to)
            return self.module.run([top], what, to)
        below = [entry.path for entry in os.scandir(top) if entry.is_dir(follow_symlinks=False)]
        if not below:  # one flat directory can't be shared out here
            return self(what, top, 1, to)
        with ThreadPoolExecutor(threads) as pool:
            parts = pool.map(lambda part: self.module.run(part, what, to), below_in(below, 8))
            return sum(parts) + 1


def below_in(paths, parts):
    """These paths in so many lists."""
    return [paths[at::parts] for at in range(min(parts, len(paths)))]


def quietly(*command):
    """Run a tool, its output thrown away."""
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def done(_):
    """No result to compare."""


def lines(*command):
    """Run a tool; its output's parts that end with NUL."""
    return sorted(subprocess.run(command, check=True, capture_output=True).stdout.split(b"\0")[:-1])


def scandir_names(top):
    """Every path below top by os.scandir, as people write it."""
    with os.scandir(top) as found:
        for entry in found:
            yield entry.path
            if entry.is_dir(follow_symlinks=False):
                yield from scandir_names(entry.path)


def walk_names(top):
    """Every path below top by os.walk."""
    return [d + "/" + name for d, ds, fs in os.walk(top) for name in ds + fs]


def walk_sizes(top):
    """Bytes of the files below top by os.walk and os.lstat."""
    total = 0
    for directory, directories, files in os.walk(top):
        for name in files:
            total += os.lstat(f"{directory}/{name}").st_size
        for name in directories:
            os.lstat(f"{directory}/{name}")
    return total


def scandir_sizes(top):
    """The same by os.scandir and DirEntry.stat."""
    total = 0
    with os.scandir(top) as found:
        for entry in found:
            st = entry.stat(follow_symlinks=False)
            if entry.is_dir(follow_symlinks=False):
                total += scandir_sizes(entry.path)
            else:
                total += st.st_size
    return total


def tool(name):
    """A tool's name where it is installed (fd is fdfind on Debian)."""
    return shutil.which(name) or (shutil.which("fdfind") if name == "fd" else None)


# ---- what is run: for each operation its implementations, side by side


class Walk:
    """Every directory with its names."""

    goals = (("ostler.walk", "os.walk", 1.6), ("ostler.walk", "find", 1.2),
             ("trees.walk 2", "os.walk", 2.2))  # fmt: skip

    def implementations(self, top, floor):
        def count(steps):
            return sum(len(d) + len(f) for _, d, f in steps)

        made = {
            "os.walk": lambda: count(os.walk(top)),
            "os.fwalk": lambda: sum(len(d) + len(f) for _, d, f, _ in os.fwalk(top)),
            "trees.walk 1": lambda: count(trees.walk(top, threads=1)),
            "trees.walk 2": lambda: count(trees.walk(top, threads=2)),
            "find": lambda: quietly("find", top),
            "floor 1": lambda: floor(0, top, 1) - 1,
        }
        if hasattr(ostler, "walk"):
            made["ostler.walk"] = lambda: count(ostler.walk(top))
        return made

    def check(self, top):
        assert list(trees.walk(top)) == list(os.walk(top))
        if hasattr(ostler, "walk"):
            assert list(ostler.walk(top)) == list(os.walk(top))


class Count:
    """How many entries there are."""

    goals = (("trees.count 2", "os.walk", 3.3), ("trees.count 2", "find", 2.2),
             ("trees.count 2", "bfs", 1.4), ("trees.count 2", "fd", 1.5),
             ("trees.count 2", "scandir_rs.Count", 4), ("trees.count 2", "floor 2", 0.9),
             ("trees.count 1", "floor 1", 0.9))  # fmt: skip

    def implementations(self, top, floor):
        made = {
            "os.walk": lambda: sum(len(d) + len(f) for _, d, f in os.walk(top)),
            "scandir": lambda: sum(1 for _ in scandir_names(top)),
            "trees.count 1": lambda: trees.count(top, threads=1).entries - 1,
            "trees.count 2": lambda: trees.count(top, threads=2).entries - 1,
            "find": lambda: quietly("find", top),
            "floor 1": lambda: floor(0, top, 1) - 1,
            "floor 2": lambda: floor(0, top, 2) - 1,
        }
        if tool("fd"):
            made["fd"] = lambda: quietly(tool("fd"), "-uu", ".", top)
        if tool("bfs"):
            made["bfs"] = lambda: quietly("bfs", top)
        try:
            import scandir_rs
        except ImportError:
            pass
        else:
            made["scandir_rs.Count"] = lambda: (
                scandir_rs.Count(top, skip_hidden=False).collect() and None
            )
        return made

    def check(self, top):
        assert trees.count(top).entries == len(walk_names(top)) + 1


class Find:
    """Every path in a list, and those that match a pattern."""

    goals = (("trees.find 2", "os.walk", 2.0), ("trees.find 2", "pathlib.rglob", 5),
             ("trees.find 2", "glob **", 10), ("trees.find 2 *.py", "find", 2.2))  # fmt: skip

    def implementations(self, top, floor):
        return {
            "os.walk": lambda: len(walk_names(top)),
            "pathlib.rglob": lambda: sum(1 for _ in pathlib.Path(top).rglob("*")),
            "glob **": lambda: len(glob.glob(top + "/**", recursive=True, include_hidden=True)) - 1,
            "trees.find 1": lambda: len(list(trees.find(top, threads=1))),
            "trees.find 2": lambda: len(list(trees.find(top, threads=2))),
            "trees.find 2 *.py": lambda: done(len(list(trees.find(top, "*.py", threads=2)))),
            "find": lambda: quietly("find", top),
        }

    def check(self, top):
        ours = sorted(map(os.fsencode, trees.find(top)))
        assert ours == sorted(map(os.fsencode, walk_names(top)))
        assert ours == lines("find", top, "-mindepth", "1", "-print0")


class Size:
    """The bytes of all files."""

    goals = (("trees.size 2", "os.walk + lstat", 3.7), ("trees.size 2", "du", 2.2),
             ("trees.size 1", "floor 1", 0.9), ("trees.size 2", "floor 2", 0.9))  # fmt: skip
    flat_goals = (("trees.size 2", "os.walk + lstat", 3.7), ("trees.size 2", "du", 1.8),
                  ("trees.size 1", "floor 1", 0.9))  # fmt: skip

    def implementations(self, top, floor):
        made = {
            "os.walk + lstat": lambda: walk_sizes(top),
            "scandir + stat": lambda: scandir_sizes(top),
            "trees.size 1": lambda: trees.size(top, threads=1).bytes,
            "trees.size 2": lambda: trees.size(top, threads=2).bytes,
            "du": lambda: quietly("du", "-s", top),
            "floor 1": lambda: done(floor(1, top, 1)),
            "floor 2": lambda: done(floor(1, top, 2)),
        }
        if tool("gdu"):
            made["gdu"] = lambda: quietly("gdu", "-nps", top)
        return made

    def check(self, top):
        counts = trees.size(top)
        assert counts.bytes == walk_sizes(top) == scandir_sizes(top)
        said = subprocess.run(["du", "-s", "-B1", top], check=True, capture_output=True).stdout
        assert counts.disk == int(said.split()[0])


class Remove:
    """Removing a tree of small files."""

    goals = (("trees.remove 2", "shutil.rmtree", 1.8), ("trees.remove 2", "rm -rf", 1.6),
             ("trees.remove 2", "floor 2", 0.9))  # fmt: skip
    goals_elsewhere = (
        ("trees.remove 2", "shutil.rmtree", 0.95),
        ("trees.remove 2", "rm -rf", 0.95),
    )

    def implementations(self, top, floor):
        return {
            "shutil.rmtree": lambda: shutil.rmtree(top),
            "rm -rf": lambda: quietly("rm", "-rf", top),
            "trees.remove 1": lambda: done(trees.remove(top, threads=1)),
            "trees.remove 2": lambda: done(trees.remove(top, threads=2)),
            "floor 1": lambda: done(floor(2, top, 1)),
            "floor 2": lambda: done(floor(2, top, 2)),
        }

    def check(self, top):
        assert not os.path.exists(top) or not os.listdir(top)


class Copy:
    """Copying a tree of small files."""

    goals = (("trees.copy 2", "shutil.copytree", 4), ("trees.copy 2", "cp -a", 2.3))
    goals_elsewhere = (("trees.copy 2", "shutil.copytree", 2), ("trees.copy 2", "cp -a", 1.2))

    def implementations(self, top, floor):
        to = os.path.join(os.path.dirname(top), "copy", "tree")
        os.makedirs(os.path.dirname(to), exist_ok=True)

        def floor_copy(threads):
            floor(3, top, threads, to)

        return {
            "shutil.copytree": lambda: done(shutil.copytree(top, to, symlinks=True)),
            "cp -a": lambda: quietly("cp", "-a", top, to),
            "trees.copy 1": lambda: done(trees.copy(top, to, threads=1)),
            "trees.copy 2": lambda: done(trees.copy(top, to, threads=2)),
            "floor 1": lambda: floor_copy(1),
            "floor 2": lambda: floor_copy(2),
        }

    def check(self, top):
        to = os.path.join(os.path.dirname(top), "copy", "tree")
        assert trees.compare(top, to, metadata=False) == []


# ---- running


def fresh(kind, directory):
    """Mount a fresh file system of this kind; how to take it away again."""
    mount = os.path.join(directory, kind)
    os.makedirs(mount, exist_ok=True)
    if kind == "here":
        return mount, lambda: shutil.rmtree(mount)
    if kind == "tmpfs":
        quietly("mount", "-t", "tmpfs", "-o", "nr_inodes=0", "tmpfs", mount)
        return mount, lambda: quietly("umount", mount)
    image = os.path.join(directory, kind + ".img")
    with open(image, "wb") as file:
        file.truncate(12 << 30)
    make = {"ext4": ["mkfs.ext4", "-q", "-F", "-i", "8192"], "xfs": ["mkfs.xfs", "-q", "-f"],
            "btrfs": ["mkfs.btrfs", "-q", "-f"]}[kind]  # fmt: skip
    quietly(*make, image)
    quietly("mount", "-o", "loop", image, mount)

    def away():
        quietly("umount", mount)
        os.unlink(image)

    return mount, away


def read_rounds(operation, top, floor, rounds):
    """{implementation: seconds of each round}; results are equal or it fails."""
    operation.check(top)
    made = operation.implementations(top, floor)
    times = {name: [] for name in made}
    answers = {}
    for number in range(rounds + 1):
        for name, run in made.items():
            began = time.perf_counter()
            answer = run()
            took = time.perf_counter() - began
            if number:  # the first round warms the cache
                times[name].append(took)
            if answer is not None:
                answers[name] = answer
    assert len(set(answers.values())) == 1, answers
    return times


def change_rounds(operation, kind, directory, corpus, scale, floor, rounds):
    """The same, each run on a file system of its own."""
    times = {}
    for _ in range(rounds):
        for at in range(99):
            mount, away = fresh(kind, directory)
            try:
                top = os.path.join(mount, "tree")
                os.mkdir(top)
                corpus(top, scale)
                made = operation.implementations(top, floor)
                names = list(made)
                os.sync()
                trees.size(top)
                began = time.perf_counter()
                made[names[at]]()
                times.setdefault(names[at], []).append(time.perf_counter() - began)
                operation.check(top)
            finally:
                away()
            if at + 1 == len(names):
                break
    return times


def report(label, times, goals):
    """Print a table and its ratios; what --json writes of it."""
    medians = {name: statistics.median(values) for name, values in times.items()}
    print(f"\n{label}")
    for name, median in sorted(medians.items(), key=lambda item: item[1]):
        print(f"  {name:20} {median * 1000:9.1f} ms   min {min(times[name]) * 1000:9.1f} ms")
    ratios = []
    for ours, theirs, goal in goals:
        if ours in medians and theirs in medians:
            ratio = medians[theirs] / medians[ours]
            ratios.append({"ours": ours, "peer": theirs, "ratio": ratio, "goal": goal})
            mark = "reached" if ratio >= goal else "MISSED"
            print(f"    {ours} / {theirs}: {ratio:.2f} (goal {goal}) {mark}")
    return {
        "label": label, "median": medians, "ratios": ratios,
        "min": {name: min(values) for name, values in times.items()},
    }  # fmt: skip


def about():
    """What this ran on."""
    flags = sysconfig.get_config_var("CONFIG_ARGS") or ""
    return {
        "python": sys.version.split()[0], "pgo": "--enable-optimizations" in flags,
        "lto": "--with-lto" in flags, "kernel": platform.release(), "processors": THREADS,
        "machine": platform.machine(),
    }  # fmt: skip


def main():
    """Run what is asked for."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    made.add_argument("--scale", type=float, default=1.0, help="1 is the full corpora")
    made.add_argument("--rounds", type=int, default=7)
    made.add_argument("--on", default="tmpfs,ext4,xfs,btrfs" if os.geteuid() == 0 else "here")
    made.add_argument("--only", default="", help="operations, as in walk,size")
    made.add_argument("--corpora", default="wide,source,flat,twenty")
    made.add_argument("--directory", help="where file systems are mounted (a temporary one)")
    made.add_argument("--json", help="write the results to this file")
    options = made.parse_args()
    only = (
        options.only.split(",")
        if options.only
        else ["walk", "count", "find", "size", "remove", "copy"]
    )
    kinds = [
        k for k in options.on.split(",") if k in ("here", "tmpfs") or shutil.which("mkfs." + k)
    ]
    print(json.dumps(about()))
    floor = Floor()
    results = []
    directory = options.directory or tempfile.mkdtemp(prefix="ostler-bench-")
    try:
        for name in options.corpora.split(","):
            corpus = globals()[name]
            reading = [o for o in (Walk, Count, Find, Size) if o.__name__.lower() in only]
            if not reading:
                continue
            kind = "ext4" if "ext4" in kinds else kinds[0]
            mount, away = fresh(kind, directory)
            try:
                top = os.path.join(mount, "tree")
                os.mkdir(top)
                corpus(top, options.scale)
                for operation in reading:
                    rounds = options.rounds * (20 if name == "twenty" else 1)
                    times = read_rounds(operation(), top, floor, rounds)
                    goals = getattr(operation, name + "_goals", operation.goals)
                    if name == "twenty":
                        goals = [
                            (o, p, 1.0) for o, p, _ in operation.goals if p.startswith("os.walk")
                        ]
                    label = f"{operation.__name__.lower()}, {name}, {kind}"
                    results.append(report(label, times, goals))
            finally:
                away()
        for operation in (Remove, Copy):
            if operation.__name__.lower() not in only:
                continue
            for kind in kinds:
                times = change_rounds(
                    operation(),
                    kind,
                    directory,
                    small,
                    options.scale,
                    floor,
                    max(3, options.rounds // 2),
                )
                goals = operation.goals
                if kind in ("xfs", "btrfs") or (operation is Copy and kind != "ext4"):
                    goals = operation.goals_elsewhere
                results.append(report(f"{operation.__name__.lower()}, small, {kind}", times, goals))
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    if options.json:
        pathlib.Path(options.json).write_text(
            json.dumps({"about": about(), "scale": options.scale, "results": results}, indent=2)
            + "\n"
        )
    missed = [r for result in results for r in result["ratios"] if r["ratio"] < r["goal"]]
    print(f"\n{len(missed)} goals missed")


if __name__ == "__main__":
    main()

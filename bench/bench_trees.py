"""Whole trees: ours beside the standard library, the known tools and the floor.

`make bench-trees`, or `python -m bench.bench_trees [--scale 0.1] [--on tmpfs,ext4] [--json FILE]`.
Implementations take turns, with a warm cache; each result is compared in the same run. What
changes a tree works on a fresh file system each round: tmpfs, or (as root) a loop-mounted image.
What reads does so on the same, or with --keep on trees that stay in a directory for other runs.
"""

import argparse
import json
import os
import pathlib
import platform
import shutil
import statistics
import sys
import sysconfig
import tempfile
import time

from bench import corpora, tree_changers, tree_readers
from bench.tree_tools import Floor, missing, quietly
from ostler import trees

THREADS = len(os.sched_getaffinity(0))
READERS = {
    "walk": tree_readers.Walk, "count": tree_readers.Count, "find": tree_readers.Find,
    "size": tree_readers.Size,
}  # fmt: skip
CHANGERS = {"remove": tree_changers.Remove, "copy": tree_changers.Copy}
AT_ONCE = 50  # calls in each timing of a tree of twenty entries


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


def kind_of(path):
    """The file system that a path is on."""
    found = {}
    with open("/proc/self/mountinfo") as mounts:
        for line in mounts:
            fields, _, rest = line.partition(" - ")
            at = fields.split()[4]
            if os.path.commonpath([at, os.path.realpath(path)]) == at:
                found[at] = rest.split()[0]
    return found[max(found, key=len)]


def read_rounds(operation, top, floor, rounds, seconds, only):
    """{implementation: seconds of each round}; results are equal or it fails."""
    operation.check(top)
    made = operation.implementations(top, floor)
    if only:
        made = {name: run for name, run in made.items() if name in only}
    times = {name: [] for name in made}
    answers = {}
    many = AT_ONCE if os.path.dirname(top).rpartition("/")[2].startswith("twenty") else 1
    end = time.monotonic() + seconds
    number = 0
    while number < 4 or (number <= rounds and time.monotonic() < end):
        for name, run in made.items():
            began = time.perf_counter()
            for _ in range(many):
                answer = run()
            took = (time.perf_counter() - began) / many
            if number:  # the first round warms the cache
                times[name].append(took)
            if answer is not None:
                answers[name] = answer
        number += 1
    assert len(set(answers.values())) <= 1, answers
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


def report(operation, corpus, kind, times, goals):
    """Print a table and its ratios; what --json writes of it."""
    medians = {name: statistics.median(values) for name, values in times.items()}
    rounds = len(next(iter(times.values())))
    print(f"\n{operation}, {corpus}, {kind} ({rounds} rounds)")
    for name, median in sorted(medians.items(), key=lambda item: item[1]):
        print(f"  {name:20} {median * 1000:9.2f} ms   min {min(times[name]) * 1000:9.2f} ms")
    ratios = []
    for ours, theirs, goal in goals:
        if ours in medians and theirs in medians:
            ratio = medians[theirs] / medians[ours]
            ratios.append({"ours": ours, "peer": theirs, "ratio": ratio, "goal": goal})
            mark = "reached" if ratio >= goal else "MISSED"
            print(f"    {ours} / {theirs}: {ratio:.2f} (goal {goal}) {mark}", flush=True)
    return {
        "operation": operation, "corpus": corpus, "kind": kind, "about": about(), "rounds": rounds,
        "median": medians, "ratios": ratios,
        "min": {name: min(values) for name, values in times.items()},
    }  # fmt: skip


def about():
    """What this ran on."""
    flags = sysconfig.get_config_var("CONFIG_ARGS") or ""
    return {
        "python": sys.version.split()[0], "pgo": "--enable-optimizations" in flags,
        "lto": "--with-lto" in flags, "kernel": platform.release(), "processors": THREADS,
        "machine": platform.machine(), "time": time.strftime("%Y-%m-%d"),
    }  # fmt: skip


def keep(results, name):
    """Write the results to a file; those of other runs stay in it, but not of the same."""

    def key(result):
        python = result["about"]["python"].rpartition(".")[0]
        return result["operation"], result["corpus"], result["kind"], python

    path = pathlib.Path(name)
    before = json.loads(path.read_text())["trees"] if path.exists() else []
    new = {key(result) for result in results}
    kept = [result for result in before if key(result) not in new]
    path.write_text(json.dumps({"trees": kept + results}, indent=1) + "\n")


def read(name, operations, options, kinds, directory, floor):
    """The operations that read, on one corpus."""
    corpus = getattr(corpora, name)
    if options.keep:
        top, kind = corpora.kept(corpus, options.scale, options.keep), kind_of(options.keep)
        mount, away = None, lambda: None
    else:
        kind = "ext4" if "ext4" in kinds else kinds[0]
        mount, away = fresh(kind, directory)
    try:
        if mount is not None:
            top = corpora.kept(corpus, options.scale, mount)
        for label in operations:
            operation = READERS[label]()
            goals = getattr(operation, "goals_" + name, operation.goals)
            only = set(options.tools.split(",")) if options.tools else set()
            if name == "twenty":
                of_goals = {side for goal in goals for side in goal[:2]}
                only = only & of_goals if only else of_goals
            times = read_rounds(operation, top, floor, options.rounds, options.seconds, only)
            yield report(label, name, kind, times, goals)
    finally:
        away()


def change(label, kind, options, directory, floor):
    """An operation that changes a tree, on one kind of file system."""
    operation = CHANGERS[label]()
    times = change_rounds(
        operation, kind, directory, corpora.small, options.scale, floor, max(3, options.rounds // 2)
    )
    elsewhere = kind in ("xfs", "btrfs") or (label == "copy" and kind != "ext4")
    goals = operation.goals_elsewhere if elsewhere else operation.goals
    return report(label, "small", kind, times, goals)


def main():
    """Run what is asked for."""
    made = argparse.ArgumentParser(
        prog="python -m bench.bench_trees", description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )  # fmt: skip
    made.add_argument("--scale", type=float, default=1.0, help="1 is the full corpora")
    made.add_argument("--rounds", type=int, default=9, help="at most")
    made.add_argument("--seconds", type=float, default=45, help="for an operation on a corpus; "
                      "three rounds are made in any case")  # fmt: skip
    made.add_argument("--on", default="tmpfs,ext4,xfs,btrfs" if os.geteuid() == 0 else "here")
    made.add_argument("--only", default=",".join([*READERS, *CHANGERS]), help="operations")
    made.add_argument("--tools", help="only these implementations, as in 'os.walk,find'")
    made.add_argument("--corpora", default="wide,source,flat,twenty")
    made.add_argument("--directory", help="where file systems are mounted (a temporary one)")
    made.add_argument("--keep", help="what is only read is built in this directory, and stays")
    made.add_argument("--build", action="store_true", help="with --keep: build and do no more")
    made.add_argument("--json", help="add the results to this file")
    options = made.parse_args()
    only = options.only.split(",")
    if options.build:
        for name in options.corpora.split(","):
            print(corpora.kept(getattr(corpora, name), options.scale, options.keep))
        return
    kinds = [
        k for k in options.on.split(",") if k in ("here", "tmpfs") or shutil.which("mkfs." + k)
    ]
    print(json.dumps(about()))
    for name in missing():
        print(f"left out: {name} is not installed")
    for kind in set(options.on.split(",")) - set(kinds):
        print(f"left out: there is no mkfs.{kind}")
    floor = Floor()
    results = []
    directory = options.directory or tempfile.mkdtemp(prefix="ostler-bench-")
    try:
        reading = [label for label in only if label in READERS]
        for name in options.corpora.split(",") if reading else ():
            results.extend(read(name, reading, options, kinds, directory, floor))
        for label in only:
            if label in CHANGERS:
                results.extend(change(label, k, options, directory, floor) for k in kinds)
    finally:
        if not options.directory:
            shutil.rmtree(directory, ignore_errors=True)
    if options.json:
        keep(results, options.json)
    missed = [r for result in results for r in result["ratios"] if r["ratio"] < r["goal"]]
    print(f"\n{len(missed)} goals missed")


if __name__ == "__main__":
    main()

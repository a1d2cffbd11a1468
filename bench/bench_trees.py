"""Whole trees: ours beside the standard library, the known tools and the floor.

`make bench-trees`, or `python -m bench.bench_trees [--scale 0.1] [--on tmpfs,ext4] [--json FILE]`.
Implementations take turns, with a warm cache; each result is compared in the same run. What
changes a tree works on a fresh file system each round: tmpfs, or (as root) a loop-mounted image.
What reads does so on the same, or with --keep on trees that stay in a directory for other runs.
"""

import argparse
import contextlib
import json
import os
import pathlib
import platform
import shutil
import signal
import statistics
import sys
import sysconfig
import tempfile
import time

from bench import corpora, tree_changers, tree_readers
from bench.fresh import KINDS, fresh, images, namespace, usable
from bench.tree_tools import Floor, missing
from ostler import trees

THREADS = len(os.sched_getaffinity(0))
READERS = {
    "walk": tree_readers.Walk, "count": tree_readers.Count, "find": tree_readers.Find,
    "size": tree_readers.Size,
}  # fmt: skip
CHANGERS = {"remove": tree_changers.Remove, "copy": tree_changers.Copy}
AT_ONCE = 50  # calls in each timing of a tree of twenty entries


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


def change_rounds(operation, kind, directory, master, floor, options):
    """The same, each run on a file system of its own that holds a copy of the master tree."""
    times = {}
    names = []
    end = time.monotonic() + options.seconds
    number = 0
    while number < 3 or (number < options.rounds and time.monotonic() < end):
        for at in range(len(names) or 99):
            with fresh(kind, directory) as mount:
                top = os.path.join(mount, "tree")
                trees.copy(master, top, threads=1)
                made = operation.implementations(top, floor)
                names = names or list(made)
                name = names[(at + number) % len(names)]  # none always comes first
                os.sync()
                trees.digest(top)  # names, inodes and contents are in memory now
                began = time.perf_counter()
                made[name]()
                times.setdefault(name, []).append(time.perf_counter() - began)
                operation.check(top)
            if at + 1 == len(names):
                break
        number += 1
    return {name: times[name] for name in names}


def report(operation, corpus, scale, kind, times, goals):
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
        "operation": operation, "corpus": corpus, "scale": scale, "kind": kind, "about": about(),
        "rounds": rounds, "median": medians, "ratios": ratios,
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
        place = contextlib.nullcontext()
    else:
        kind = "ext4" if "ext4" in kinds else kinds[0]
        place = fresh(kind, directory)
    with place as mount:
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
            yield report(label, name, options.scale, kind, times, goals)


def change(label, options, kinds, directory, floor):
    """An operation that changes a tree, on each kind of file system."""
    operation = CHANGERS[label]()
    first = "tmpfs" if "tmpfs" in usable(["tmpfs"], directory) else "here"
    with fresh(first, os.path.join(directory, "master")) as mount:
        master = corpora.kept(corpora.small, options.scale, mount)
        for kind in kinds:
            times = change_rounds(operation, kind, directory, master, floor, options)
            elsewhere = kind in ("xfs", "btrfs") or (label == "copy" and kind != "ext4")
            goals = operation.goals_elsewhere if elsewhere else operation.goals
            yield report(label, "small", options.scale, kind, times, goals)


def mounts(kinds, directory):
    """The kinds of file systems to work on."""
    if kinds == ["here"]:
        return kinds
    if not namespace():
        print("left out: mounts are refused; all is done on the file system of --directory")
        return ["here"]
    images(directory)
    return usable(kinds, directory) or ["here"]


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
    made.add_argument("--on", default=",".join(KINDS) if os.geteuid() == 0 else "here")
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
    print(json.dumps(about()))
    for name in missing():
        print(f"left out: {name} is not installed")
    floor = Floor()
    results = []
    directory = options.directory or tempfile.mkdtemp(prefix="ostler-bench-")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what is mounted is taken away
    try:
        kinds = mounts(options.on.split(","), directory)
        reading = [label for label in only if label in READERS]
        for name in options.corpora.split(",") if reading else ():
            results.extend(read(name, reading, options, kinds, directory, floor))
        for label in only:
            if label in CHANGERS:
                results.extend(change(label, options, kinds, directory, floor))
    finally:
        if not options.directory:
            shutil.rmtree(directory, ignore_errors=True)
    if options.json:
        keep(results, options.json)
    missed = [r for result in results for r in result["ratios"] if r["ratio"] < r["goal"]]
    print(f"\n{len(missed)} goals missed")


if __name__ == "__main__":
    main()

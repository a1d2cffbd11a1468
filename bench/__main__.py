"""Every call of os against ostler's: `python -m bench [word of a label...] [--json FILE]`.

Each case is timed in turns in one process, one implementation right after the other: the floor
(its system calls in a loop of C), os, ostler. Times are of the thread on the processor, so that
other work on the machine matters less; those of Commands are of the clock on the wall. A ratio is
os's time by ostler's, of the least times or the median of those of each turn; "left" is the share
of os's overhead above the floor that is left in ostler. The verdict goes by the medians.
"""

import argparse
import gc
import json
import math
import mmap
import os
import platform
import statistics
import sys
import sysconfig
import time
import timeit

import ostler
from bench import floor
from bench.calls import TOPICS, Scene

ROUNDS = 21
ROUND_SECONDS = 0.003  # of one implementation


def measure(topic, case, names, floor_module, rounds):
    """The times of one case in nanoseconds: {"floor": [...], "os": [...], "ostler": [...]}."""
    _, statement, _, bare = case
    wall = getattr(topic, "wall", False)
    timer = time.perf_counter if wall else time.thread_time
    clock = time.CLOCK_MONOTONIC if wall else time.CLOCK_THREAD_CPUTIME_ID
    timers = {
        name: timeit.Timer(statement, timer=timer, globals={**names, "os": module})
        for name, module in (("os", os), ("ostler", ostler))
    }
    number = calibrate(timers["os"])
    timers["ostler"].timeit(max(1, number // 10))
    runs = [(name, lambda t=t: t.timeit(number) / number * 1e9) for name, t in timers.items()]
    if bare is not None and floor_module is not None:
        call, *words = bare.split()
        args, fd = [], -1
        for word in words:
            if isinstance(names[word], int):
                fd = names[word]
            else:
                args.append(os.fsencode(names[word]))
        args += [b""] * (2 - len(args))
        runs.append(("floor", lambda: floor_module.measure(call, number, clock, *args, fd)))
    times = {name: [] for name, _ in runs}
    for _ in range(rounds if not wall else max(5, rounds // 2)):
        for name, run in runs:
            times[name].append(run())
        runs.append(runs.pop(0))
    return times


def calibrate(timer):
    number = 1
    while True:
        took = timer.timeit(number)
        if took * 5 >= ROUND_SECONDS:
            return max(1, round(number * ROUND_SECONDS / took))
        number *= 4


def summary(topic, case, times):
    """One row, from the times of a case."""
    label, statement, goal, _ = case
    row = {"topic": topic.__name__, "label": label, "statement": statement, "goal": goal}
    for name, found in times.items():
        row[name] = {"min": min(found), "median": statistics.median(found)}
    for kind in ("min", "median"):
        old, new = row["os"][kind], row["ostler"][kind]
        if (
            kind == "median"
        ):  # of two that were timed one after the other, on an equally busy machine
            pairs = zip(times["os"], times["ostler"], strict=True)
            row["ratio_median"] = statistics.median(one / other for one, other in pairs)
        else:
            row["ratio_min"] = old / new
        below = row["floor"][kind] if "floor" in row else 0
        # Of next to nothing there is no share.
        row[f"left_{kind}"] = (new - below) / (old - below) if old > 1.05 * below else None
    row["reached"] = goal is None or row["ratio_median"] >= goal
    return row


def build():
    """What interpreter this is and how it was built."""
    words = " ".join(
        str(sysconfig.get_config_var(name) or "")
        for name in (
            "CONFIG_ARGS",
            "PY_CFLAGS",
            "PY_CFLAGS_NODIST",
            "PY_CORE_CFLAGS",
            "PY_LDFLAGS_NODIST",
        )
    )
    # Debian's packages are built with both, and their own account leaves it out.
    debian = "deb_system" in sysconfig.get_scheme_names()
    with open("/proc/self/maps") as maps:
        shared = "/libpython" in maps.read()
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "compiler": platform.python_compiler(),
        "pgo": "--enable-optimizations" in words or "-fprofile-use" in words or debian,
        "lto": "--with-lto" in words or "-flto" in words or debian,
        "shared": shared,
        "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        "cflags": sysconfig.get_config_var("PY_CFLAGS"),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "processor": processor(),
        "processors": len(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0],
        "time": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def processor():
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return ""


def heading(facts):
    made = [name for name, word in (("PGO", "pgo"), ("LTO", "lto")) if facts[word]]
    return (
        f"{facts['implementation']} {facts['python']}, {facts['compiler']}, built "
        + (f"with {' and '.join(made)}" if made else "without PGO or LTO, by its own account")
        + (", shared library" if facts["shared"] else "")
        + f"\n{facts['processor'] or facts['machine']}, {facts['processors']} processors, "
        f"Linux {facts['kernel']}, load {facts['load']:.1f}"
    )


COLUMNS = f"{'nanoseconds, least':34}{'floor':>9}{'os':>10}{'ostler':>10}{'ratio':>8}{'median':>8}{'left':>6}{'goal':>6}"


def line(row):
    bare = f"{row['floor']['min']:9.0f}" if "floor" in row else f"{'':9}"
    left = (
        f"{row['left_min']:6.0%}" if "floor" in row and row["left_min"] is not None else f"{'':6}"
    )
    goal = f"{row['goal']:6}" if row["goal"] is not None else f"{'':6}"
    return (
        f"{row['label']:34}{bare}{row['os']['min']:10.0f}{row['ostler']['min']:10.0f}"
        f"{row['ratio_min']:8.2f}{row['ratio_median']:8.2f}{left}{goal}"
        + ("" if row["reached"] else "  under")
    )


def geometric_mean(ratios):
    return math.exp(statistics.fmean(map(math.log, ratios)))


def resident(gibibytes):
    """Memory that is really there, in pages of the usual size."""
    if not gibibytes:
        return None
    room = mmap.mmap(-1, gibibytes << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    room.madvise(mmap.MADV_NOHUGEPAGE)
    for at in range(0, len(room), mmap.PAGESIZE):
        room[at] = 1
    return room


def options(args):
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.partition("\n")[0])
    parser.add_argument("words", nargs="*", help="only cases whose label or topic has one of these")
    parser.add_argument("--json", metavar="FILE", help="write the figures here")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--no-floor", action="store_true", help="os and ostler alone")
    parser.add_argument("--resident", type=int, default=0, metavar="GIB",
                        help="hold this much memory, as a large parent of commands would")  # fmt: skip
    return parser.parse_args(args)


def main(args=None):
    given = options(args)
    facts = build()
    print(heading(facts))
    held = resident(given.resident)
    if held is not None:
        facts["resident"] = given.resident
        print(f"{given.resident} GiB resident")
    floor_module = None
    if not given.no_floor:
        try:
            floor_module = floor.load()
        except ImportError as error:
            sys.exit(f"{error}\nInstall cython for this Python, or measure with --no-floor.")
    rows = []
    with Scene() as scene:
        gc.collect()
        gc.freeze()
        for topic in TOPICS:
            cases = [case for case in topic.cases if wanted(given.words, topic, case)]
            if cases:
                print(f"\n{COLUMNS}\n{topic.__name__}: {topic.__doc__}")
            for case in cases:
                row = summary(
                    topic, case, measure(topic, case, scene.names, floor_module, given.rounds)
                )
                rows.append(row)
                print(line(row), flush=True)
    means = {
        kind: geometric_mean([row[f"ratio_{kind}"] for row in rows]) for kind in ("min", "median")
    }
    missed = [row["label"] for row in rows if not row["reached"]]
    print(
        f"\n{len(rows)} calls, geometric mean of the ratios {means['min']:.2f} by the least, "
        f"{means['median']:.2f} by the medians; {len(missed)} under their goal"
    )
    if given.json:
        with open(given.json, "w") as file:
            json.dump({"build": facts, "calls": rows, "geometric_mean": means}, file, indent=1)
            file.write("\n")


def wanted(words, topic, case):
    text = f"{topic.__name__} {case[0]}".lower()
    return not words or any(word.lower() in text for word in words)


if __name__ == "__main__":
    main()

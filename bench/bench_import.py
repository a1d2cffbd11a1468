"""What `import ostler` and the command `ostler` take to start, beside other imports.

`python -m bench.bench_import [--rounds N] [--document FILE]`. Each round starts a fresh interpreter
for every import, in turns, twice: one measures the import within itself, the other is measured from
outside, and what `pass` takes is the measure that it is held against. Times are of the process on
the processor, so that other work on the machine matters less, and the least counts. The status is 1
where a gate is missed.
"""

import argparse
import os
import subprocess
import sys
import sysconfig

from bench.__main__ import build, heading
from bench.draw import put

ROUNDS = 41
PASS = "pass"
IMPORTS = ("import ostler", "import pathlib", "import asyncio")
# The command of ostler, and the gate in milliseconds over `pass`, which takes some 13.
COMMANDS = {"ostler run -c pass": 10.0, "ostler --help": 12.0}
IN_PROCESS, OVER_PASS = 6.0, 8.0  # the gates of `import ostler`
TIMED = "from time import process_time as now; begin = now(); {}; print((now() - begin) * 1000)"
COMMAND = os.path.join(sysconfig.get_path("scripts"), "ostler")


def within(statement):
    """Milliseconds that the statement takes in a fresh interpreter."""
    command = [sys.executable, "-c", TIMED.format(statement)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def words(label):
    """The program and arguments behind a row's label."""
    if label in COMMANDS:
        return [COMMAND, *label.split()[1:]]
    return [sys.executable, "-c", label]


def whole(label):
    """Milliseconds that a process takes for it, from its start to its end."""
    command = words(label)
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=quiet)
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise SystemExit(f"{command} failed")
    return (usage.ru_utime + usage.ru_stime) * 1000


def measured(rounds):
    """The least of each: {statement: milliseconds within}, {label: milliseconds as a whole}."""
    inside = {statement: [] for statement in IMPORTS}
    outside = {label: [] for label in (PASS, *IMPORTS, *COMMANDS)}
    for turn in range(-1, rounds):  # the first is for the page cache, and the bytecode
        for measure, times in ((within, inside), (whole, outside)):
            for label, kept in times.items():
                taken = measure(label)
                if turn >= 0:
                    kept.append(taken)
    return tuple({label: min(kept) for label, kept in times.items()} for times in (inside, outside))


def without_bytecode():
    """The sources of ostler that would be compiled anew at each start."""
    code = "import sys, ostler; print(*(m.__cached__ for m in sys.modules.values() if {}))".format(
        "m.__name__.partition('.')[0] == 'ostler' and getattr(m, '__cached__', None)"
    )
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return [name for name in found if not os.path.exists(name)]


def main():
    """Measure, print, and put the table into a document where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--document", metavar="FILE", help="put the table into this document")
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    inside, outside = measured(options.rounds)
    if stale := without_bytecode():
        raise SystemExit(f"there is no bytecode of {', '.join(stale)}: can it be written there?")
    bare = outside.pop(PASS)
    over = {label: taken - bare for label, taken in outside.items()}
    rows = ["| milliseconds | in a process | over `pass` | gate |", "|---|--:|--:|--:|"]
    for label, taken in over.items():
        gates = COMMANDS.get(label, "")
        if label == IMPORTS[0]:
            gates = f"{IN_PROCESS:.0f}, {OVER_PASS:.0f}"
        within_it = f"{inside[label]:.1f}" if label in inside else ""
        rows.append(f"| `{label}` | {within_it} | {taken:.1f} | {gates} |")
    which = heading(build()).replace("\n", "; ")
    table = "\n".join([f"{which}; `pass` takes {bare:.1f}", "", *rows]) + "\n"
    print(table)
    if options.document:
        put(options.document, "starting", table)
    gates = {"import ostler, in a process": (inside[IMPORTS[0]], IN_PROCESS)}
    gates["import ostler"] = (over[IMPORTS[0]], OVER_PASS)
    gates |= {label: (over[label], gate) for label, gate in COMMANDS.items()}
    missed = [f"{label}: {took:.2f}" for label, (took, gate) in gates.items() if took > gate]
    print("over its gate: " + "; ".join(missed) if missed else "within the gates")
    return bool(missed)


if __name__ == "__main__":
    raise SystemExit(main())

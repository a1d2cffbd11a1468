"""What `import ostler` takes: in a process, and as a whole process, beside other imports.

`python -m bench.bench_import [--rounds N] [--json FILE]`. Each round starts a fresh interpreter for
every import, in turns, twice: one measures the import within itself, the other is measured from
outside, and what `pass` takes is the measure that the import is held against. Times are of the
process on the processor, so that other work on the machine matters less, and the least counts. The
status is 1 where a gate is missed.
"""

import argparse
import json
import os
import platform
import subprocess
import sys

IN_PROCESS, OVER_PASS = 6.0, 8.0  # the gates, in milliseconds
ROUNDS = 41
PASS, OURS = "pass", "import ostler"
STATEMENTS = (PASS, OURS, "import pathlib", "import asyncio")
TIMED = "from time import process_time as now; begin = now(); {}; print((now() - begin) * 1000)"


def within(statement):
    """Milliseconds that the statement takes in a fresh interpreter."""
    command = [sys.executable, "-c", TIMED.format(statement)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def whole(statement):
    """Milliseconds that a fresh interpreter takes for it, from its start to its end."""
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", statement], os.environ)
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise SystemExit(f"{statement!r} failed")
    return (usage.ru_utime + usage.ru_stime) * 1000


def measured(rounds):
    """{statement: {"within": [...], "whole": [...]}}."""
    times = {statement: {"within": [], "whole": []} for statement in STATEMENTS}
    for statement in STATEMENTS:  # so that everything is in the page cache, and has its bytecode
        within(statement)
    for _ in range(rounds):
        for statement, found in times.items():
            found["within"].append(within(statement))
            found["whole"].append(whole(statement))
    return times


def without_bytecode():
    """The sources of ostler that would be compiled anew at each start."""
    code = "import sys, ostler; print(*(m.__cached__ for m in sys.modules.values() if {}))".format(
        "m.__name__.partition('.')[0] == 'ostler' and getattr(m, '__cached__', None)"
    )
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return [name for name in found if not os.path.exists(name)]


def main():
    """Measure, print, and write the numbers where they are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    times = measured(options.rounds)
    if stale := without_bytecode():
        raise SystemExit(f"there is no bytecode of {', '.join(stale)}: can it be written there?")
    least = {
        statement: {kind: min(values) for kind, values in found.items()}
        for statement, found in times.items()
    }
    bare, ours = least[PASS]["whole"], least[OURS]["within"]
    ours_over = least[OURS]["whole"] - bare
    print(f"{platform.python_implementation()} {platform.python_version()}, {sys.executable}")
    print(f"milliseconds of the processor, the least of {options.rounds}; `pass` takes {bare:.1f}")
    print(f"{'':16} {'in a process':>12} {'ratio':>6} {'over pass':>10} {'ratio':>6}")
    for statement in STATEMENTS[1:]:
        inside, over = least[statement]["within"], least[statement]["whole"] - bare
        print(
            f"{statement:16} {inside:12.2f} {inside / ours:6.2f} {over:10.2f} {over / ours_over:6.2f}"
        )
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"python": platform.python_version(), "times": times}, file)
    missed = [
        f"{name}: {found:.2f}, and {gate:.0f} is the gate"
        for name, found, gate in (
            ("in a process", ours, IN_PROCESS),
            ("over pass", ours_over, OVER_PASS),
        )
        if found > gate
    ]
    print("; ".join(missed) or f"within the gates of {IN_PROCESS:.0f} and {OVER_PASS:.0f}")
    return bool(missed)


if __name__ == "__main__":
    raise SystemExit(main())

"""Whole programs: what they take under python, and under `ostler run`.

`make bench-programs`, or `python -m bench.bench_programs [--rounds 9] [--document FILE] [NAME...]`.
The programs are real ones from the index (bench/programs.py), installed into a folder of their own
beside this interpreter's environment. Each is run under both in turn; the times are medians of
processor time, children and system included, in milliseconds; how many times as fast is the median
of the ratios of both runs of a turn. "Without the start" takes from both sides what a program that
does nothing takes. What share of a program's own time os and os.path have is measured once by
cProfile, which overstates small calls. `--instructions` counts those of both, by valgrind, instead of
measuring times: it is slow and has no noise.

It ends with status 1 where a program is more than 1.03 times as slow under ostler as under python.
"""

import argparse
import operator
import os
import re
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
from importlib import metadata
from pathlib import Path

from bench.__main__ import build, heading
from bench.draw import put
from bench.programs import PACKAGES, Programs

LIMIT = 1.03
START = "python -c pass"  # what starting alone takes
COMMAND = Path(sysconfig.get_path("scripts"), "ostler")
WAYS = ([sys.executable], [str(COMMAND), "run"])


def install(folder):
    """The packages, in a folder that is kept from one run to the next."""
    if not (folder / "complete").exists():
        pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, "--target", folder, "--upgrade", *PACKAGES], check=True)
        subprocess.run([sys.executable, "-m", "compileall", "-q", folder], check=False)
        (folder / "complete").touch()
    return folder


def processor_time(command, work, environment):
    """Seconds that a command and its children take of the processor; it must not fail."""
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(command, cwd=work, env=environment, stdout=said, stderr=said)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode not in (0, 1):  # 1: `--check` has found something
            said.seek(0)
            raise SystemExit(f"{command}: {child.returncode}\n{said.read().decode()[-2000:]}")
    return used.ru_utime + used.ru_stime


def instructions(command, work, environment):
    """How many instructions a command has taken, by callgrind."""
    with tempfile.TemporaryDirectory() as out:
        counted = ["valgrind", "--tool=callgrind", "--trace-children=yes",
                   f"--callgrind-out-file={out}/%p", *command]  # fmt: skip
        done = subprocess.run(
            counted, cwd=work, env=environment, capture_output=True, text=True, check=False
        )
    return sum(int(number) for number in re.findall(r"Collected : (\d+)", done.stderr))


def share_of_os(arguments, work, environment):
    """The share of a program's time that the functions of os and os.path take, by cProfile."""
    with tempfile.TemporaryDirectory() as out:
        kept = Path(out, "profile")
        program = arguments
        if arguments[0] == "-c":
            code = Path(out, "code.py")
            code.write_text(arguments[1])
            program = [code, *arguments[2:]]
        command = [sys.executable, "-m", "cProfile", "-o", kept, *program]
        subprocess.run(command, cwd=work, env=environment, capture_output=True, check=False)
        import pstats

        rows = pstats.Stats(str(kept)).stats
    total = sum(row[2] for row in rows.values())
    ours = sum(
        row[2]
        for (file, _, name), row in rows.items()
        if re.search(r"/(os|posixpath|genericpath)\.py$|<frozen (os|posixpath|genericpath)>", file)
        or re.search(r"built-in method posix\.|posix\.(DirEntry|ScandirIterator)", name)
    )
    return ours / total


def chosen(options, programs):
    """The programs to run, by name, of which the first does nothing."""
    named = {
        name: arguments
        for name, arguments in programs.all().items()
        if not options.names or any(word in name for word in options.names)
    }
    return {START: ["-c", "pass"], **named}


def timed(named, options, environment):
    """Milliseconds of each program under both, turn by turn, and what they say."""
    times = {name: ([], []) for name in named}
    for turn in range(-1, options.rounds):  # the first fills the caches
        for name, arguments in named.items():
            for way, kept in zip(WAYS, times[name], strict=True):
                taken = processor_time([*way, *arguments], options.work, environment)
                if turn >= 0:
                    kept.append(taken * 1e3)
    rows = {}
    for name, arguments in named.items():
        turns = zip(*times[name], *times[START], strict=True)
        rows[name] = {
            "python": statistics.median(times[name][0]),
            "ostler": statistics.median(times[name][1]),
            "ratio": statistics.median(map(operator.truediv, *times[name])),
            "least": min(times[name][0]) / min(times[name][1]),
            "within": None if name == START else statistics.median(
                (plain - start) / (ours - start_of_ours)
                for plain, ours, start, start_of_ours in turns
            ),
            "share": share_of_os(arguments, options.work, environment),
        }  # fmt: skip
    return rows


def table_of_times(rows):
    """A table for the documents: how many times as fast a program is under ostler."""
    out = [
        "| program | python, ms | `ostler run`, ms | times as fast | by the least | without the start"
        " | share of os |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name, row in rows.items():
        cells = f"{row['python']:.0f} | {row['ostler']:.0f} | {row['ratio']:.2f}"
        within = "" if row["within"] is None else f"{row['within']:.2f}"
        out.append(f"| {name} | {cells} | {row['least']:.2f} | {within} | {row['share']:.0%} |")
    return "\n".join(out)


def table_of_instructions(named, options, environment):
    """How many million instructions each takes under both, and how many without those of starting."""
    out = ["| program | python | `ostler run` | without the start |", "|---|--:|--:|--:|"]
    start = None
    for name, arguments in named.items():
        processor_time([*WAYS[0], *arguments], options.work, environment)  # fills the caches
        plain, ours = (
            instructions([*way, *arguments], options.work, environment) / 1e6 for way in WAYS
        )
        if start is None:
            start = ours - plain
        out.append(f"| {name} | {plain:.0f} | {ours:.0f} | {ours - start:.0f} |")
    return "\n".join(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="only programs with one of these words")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument(
        "--instructions", action="store_true", help="count those, by valgrind, and no times"
    )
    parser.add_argument("--document", metavar="FILE", help="put the table into this document")
    parser.add_argument(
        "--packages", type=Path, default=Path(sys.prefix, "bench-programs"),
        help="where the programs are installed; kept",
    )  # fmt: skip
    options = parser.parse_args()
    if not COMMAND.is_file():
        raise SystemExit("the command ostler is not installed beside this interpreter")
    if options.instructions and not shutil.which("valgrind"):
        raise SystemExit("--instructions needs valgrind")
    with tempfile.TemporaryDirectory(prefix="ostler-programs-") as options.work:
        programs = Programs(install(options.packages), options.work)
        environment = programs.environment()
        for command in programs.prepare():
            processor_time(command, options.work, environment)
        named = chosen(options, programs)
        if options.instructions:
            rows, table = {}, table_of_instructions(named, options, environment)
        else:
            rows = timed(named, options, environment)
            table = table_of_times(rows)
    found = metadata.distributions(path=[str(options.packages)])
    versions = sorted(f"{d.name} {d.version}" for d in found if d.name.lower() in PACKAGES)
    which = f"{heading(build())}; {', '.join(versions)}".replace("\n", "; ")
    printed = f"{which}\n\n{table}\n"
    print(printed)
    if options.document:
        name = "programs-instructions" if options.instructions else "programs"
        put(options.document, name, printed)
    slow = [name for name, row in rows.items() if row["ratio"] < 1 / LIMIT and name != START]
    if slow:
        raise SystemExit(f"slower than {LIMIT} times: {', '.join(slow)}")


if __name__ == "__main__":
    main()

"""Instructions of each call, of os and of ostler: `python -m bench.instructions [word...]`.

They are counted by valgrind (callgrind), in user space alone: what the kernel does for a call is the
same for both, and is not in it. A count has next to no noise, however busy the machine is; what a
cache or a wrong guess of the processor costs it doesn't know. `own` is what of ostler's count is
ostler's code; the rest is the interpreter's: the loop, the call, and the making of the result.
"""

import argparse
import os
import re
import shlex
import subprocess
import sys
import tempfile
import timeit
from pathlib import Path

from bench.__main__ import build, heading, wanted
from bench.calls import TOPICS, Scene
from bench.draw import put

NUMBER = 200  # calls of which the mean is taken
# A function of libc that nothing else calls: with each call of it a count begins.
MARK = "getloadavg"
EMPTY = "nothing"


def chosen(words):
    """(topic, label, statement) of the cases that are counted."""
    for topic in TOPICS:
        for label, statement, *_ in topic.cases:
            if topic.__name__ != "Commands" and wanted(words, topic, (label,)):
                yield topic.__name__, label, statement


def inside(name, words):
    """What valgrind runs: each case between two marks, the empty one first."""
    import ostler

    module = {"os": os, "ostler": ostler}[name]
    mark = os.getloadavg
    print(heading(build()).replace("\n", "; "))
    with Scene() as scene:
        for _, _, statement in [("", EMPTY, "pass"), *chosen(words)]:
            timer = timeit.Timer(statement, globals={**scene.names, "os": module})
            timer.timeit(20)
            run, turns, clock = timer.inner, range(NUMBER), timer.timer
            mark()
            run(iter(turns), clock)
            mark()


def counted(python, name, words):
    """What interpreter it is, and [(instructions of a call, those of ostler's own code)]."""
    with tempfile.TemporaryDirectory() as directory:
        command = [
            "valgrind", "--tool=callgrind", "--trace-children=yes", f"--callgrind-out-file={directory}/out",
            f"--dump-before={MARK}", *python, "-m", "bench.instructions", "--inside", name, *words,
        ]  # fmt: skip
        # Where a variable's name falls in a table is then the same each time.
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr[-2000:])
        places = sorted(Path(directory).glob("out.*"), key=lambda path: int(path.suffix[1:]))
        names = {}
        # Two are of what came before the first mark, for build() asks for the load as well; from
        # then on each second one lies between two marks.
        counts = [of_dump(path, names) for path in places][2::2]
    (empty, _), *rest = counts
    return done.stdout, [((all - empty) / NUMBER, own / NUMBER) for all, own in rest]


def of_dump(path, names):
    """(instructions, those of ostler's shared object) in a file of callgrind.

    `names`: those of shared objects by number, which only the first file that has them tells.
    """
    all, own, ours, passed = 0, 0, False, False
    with open(path, errors="replace") as file:
        for line in file:
            if line.startswith(("ob=", "cob=")):
                number, _, name = line.partition("=")[2].strip().partition(" ")
                if name:
                    names[number] = name
                if line.startswith("ob="):
                    ours = "/_compiled." in names.get(number, "")
            elif line.startswith("calls="):
                passed = True  # the next line is the sum of what is called
            elif passed:
                passed = False
            elif found := re.match(r"[+\-*\d]+ (\d+)$", line):
                all += int(found[1])
                own += int(found[1]) if ours else 0
    return all, own


def table(words, theirs, ours):
    """The counts as a table in Markdown."""
    out = ["| | os | ostler | times fewer | own |", "|---|--:|--:|--:|--:|"]
    for (_, label, _), (old, _), (new, own) in zip(chosen(words), theirs, ours, strict=True):
        out.append(f"| {label} | {old:.0f} | {new:.0f} | {old / new:.2f} | {own:.0f} |")
    return "\n".join(out) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("words", nargs="*", help="only cases whose label or topic has one of these")
    parser.add_argument("--python", default=sys.executable, help="the command of the interpreter")
    parser.add_argument("--document", metavar="FILE", help="put the table into this document")
    parser.add_argument("--inside", metavar="MODULE", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        inside(given.inside, given.words)
        return
    python = shlex.split(given.python)
    which, theirs = counted(python, "os", given.words)
    _, ours = counted(python, "ostler", given.words)
    printed = f"{which}\n{table(given.words, theirs, ours)}"
    print(printed)
    if given.document:
        put(given.document, "instructions", printed)


if __name__ == "__main__":
    main()

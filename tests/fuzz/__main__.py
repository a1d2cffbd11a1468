"""python -m tests.fuzz: run generated programs on os and on ostler until something differs."""

import argparse
import gc
import os
import pathlib
import random
import re
import shutil
import signal
import sys
import tempfile
import time

FOUND = pathlib.Path(__file__).parent / "found.txt"


def main():
    options = _parser().parse_args()
    kept = os.fsdecode(FOUND.read_bytes()) if options.replay else ""
    directory = tempfile.mkdtemp(prefix="ostler-fuzz-")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    pid = 0
    try:
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            status = 70
            try:
                status = _inside(directory, options, kept)
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
        status = os.waitpid(pid, 0)[1]
        pid = 0
        return os.waitstatus_to_exitcode(status)
    finally:
        if pid:  # it is to end before it is done
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        shutil.rmtree(directory, ignore_errors=True)


def _parser():
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    add = parser.add_argument
    add("--seconds", type=float, default=60, help="how long to go on (60)")
    add("--seed", type=int, help="where the numbers of the programs begin (by chance)")
    add("--count", type=int, help="how many programs to run, instead of a time")
    add("--topic", action="append", help="only these: see generate.py")
    add("--most", type=int, default=20, help="how many differences to show before it ends (20)")
    add("--replay", action="store_true", help="run the programs of found.txt instead")
    return parser


def _inside(directory, options, kept):
    from tests.fuzz import generate, room  # ostler only after the environment is clean

    room.clean_environment()
    walled = room.enter(directory)
    os.chdir(directory)
    from tests.fuzz import run

    gc.freeze()  # so that children need not copy what a collection touches
    if options.replay:
        programs = parsed(kept)
    else:
        seed = random.randrange(10**9) if options.seed is None else options.seed
        programs = generated(generate, seed, options)
        print(f"seed {seed}, {'in namespaces' if walled else 'without namespaces'}", flush=True)
    count = different = unsteady = 0
    known = set()
    for title, lines in programs:
        count += 1
        found = run.difference(lines)
        if found is None:
            continue
        if run.difference(lines) is None:
            unsteady += 1  # by chance; os differs from itself as well
            continue
        lines, found = shortened(run, lines, found)
        if "\n".join(lines) in known:
            continue
        known.add("\n".join(lines))
        different += 1
        print(f"\n# {title}", *lines, sep="\n")
        what, *both = found
        start = max(shared(*map(str, both)) - 60, 0)
        print(f"  {what}, from character {start} on")
        for side, name in zip(both, ("os", "ostler"), strict=True):
            print(f"  {name + ':':8}{str(side)[start : start + 800]}", flush=True)
        if different == options.most:
            break
    print(f"{count} programs, {different} differ, {unsteady} differed once only", flush=True)
    return 1 if different else 0


def shared(first, second):
    """How many characters two texts have in common at their beginning."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((at for at, (one, other) in pairs if one != other), min(len(first), len(second)))


def generated(generate, seed, options):
    """Programs of each topic in turn, as long as the options say."""
    topics = options.topic or sorted(generate.TOPICS)
    end = time.monotonic() + options.seconds
    number = seed
    while True:
        for topic in topics:
            done = number - seed
            if done >= options.count if options.count is not None else time.monotonic() > end:
                return
            lines = [line for line in generate.program(topic, number) if is_there(line)]
            title = f"--topic {topic} --seed {number} --count 1"
            yield title, lines
            number += 1


def is_there(line):
    """Whether this Python's os has all that a line names."""
    for names in re.findall(r"(?<![\w.'])os((?:\.[a-zA-Z]\w*)+)", line):
        where = os
        for name in names.split(".")[1:]:
            if not hasattr(where, name):
                return False
            where = getattr(where, name)
    return True


def parsed(text):
    """The programs of found.txt: lines of code, a line with # before each."""
    title, lines = None, []
    for line in [*text.split("\n"), "# end"]:
        if line.startswith("#"):
            if lines:
                yield title, lines
            title, lines = line[1:].strip(), []
        elif line:
            lines.append(line)


def shortened(run, lines, found):
    """The program without the lines that the difference doesn't need."""
    at = 0
    while at < len(lines):
        fewer = lines[:at] + lines[at + 1 :]
        again = run.difference(fewer) if fewer else None
        if again is None:
            at += 1
        else:
            lines, found = fewer, again
    return lines, found


if __name__ == "__main__":
    sys.exit(main())

"""Time limits that are over at once: ours beside subprocess with a session and killpg.

`python -m bench.bench_children [--counts 25,100,400] [--json FILE]`. Each thread runs a shell
with two children whose limit ends at one moment; "late" is how long after it the calls return. The
two take turns in one run; a ratio is subprocess's time by ours.
"""

import argparse
import contextlib
import json
import os
import resource
import signal
import statistics
import subprocess
import threading
import time

import ostler

ARGV = ["sh", "-c", "sleep 60 & sleep 60"]
START = 0.02  # seconds for each to be started


def by_ostler(end):
    """One program with a limit, by run()."""
    with contextlib.suppress(ostler.CommandTimeout):
        ostler.run(ARGV, timeout=max(0, end - time.monotonic()), stdin="null")


def by_subprocess(end):
    """The same by hand, which leaves what has left the group."""
    process = subprocess.Popen(ARGV, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        process.wait(max(0, end - time.monotonic()))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def late(run, count):
    """Seconds between the limit and the return of each call, sorted."""
    found = []
    end = time.monotonic() + 1 + START * count

    def work():
        run(end)
        found.append(time.monotonic() - end)

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(found)


def main():
    """Measure, print, and write the numbers where they are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--counts", default="25,100,400")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    threading.stack_size(1 << 18)
    result = {}
    print(
        f"{'at once':>8} {'subprocess':>18} {'ostler':>18} {'ratio':>6}   (median, last; seconds)"
    )
    for count in map(int, options.counts.split(",")):
        theirs, ours = late(by_subprocess, count), late(by_ostler, count)
        result[count] = {"subprocess": theirs, "ostler": ours}
        middle = statistics.median
        print(
            f"{count:8} {middle(theirs):9.3f} {theirs[-1]:8.3f} {middle(ours):9.3f} {ours[-1]:8.3f}"
            f" {theirs[-1] / ours[-1]:6.2f}"
        )
    if options.json:
        with open(options.json, "w") as file:
            json.dump(result, file)


if __name__ == "__main__":
    main()

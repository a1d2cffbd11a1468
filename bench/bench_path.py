"""os.path against ostler.path: `python bench/bench_path.py [word of a label...]`.

Each case is timed in turns, one implementation right after the other, so that a busy machine
slows both; the ratio is os's time by ostler's.
"""

import os
import statistics
import sys
import tempfile
import timeit

import ostler

ROUNDS = 25
GOAL_SECONDS = 0.01  # a round's length


class Text:
    """Joining, splitting, normalizing: nothing but text."""

    cases = (
        ("join 2", "os.path.join(a, b)", 4.5),
        ("join 4", "os.path.join(a, b, b, name)", 4.5),
        ("join 2, not ASCII", "os.path.join(a, 'é')", 4.5),
        ("join 2, bytes", "os.path.join(data, b'x')", 4.5),
        ("split", "os.path.split(long)", 4.5),
        ("split, bytes", "os.path.split(data)", 4.5),
        ("splitext", "os.path.splitext(long)", 4.5),
        ("splitext, no extension", "os.path.splitext(a)", 4.5),
        ("basename", "os.path.basename(long)", 4.5),
        ("dirname", "os.path.dirname(long)", 4.5),
        ("normpath", "os.path.normpath(long)", 1.4),
        ("normpath, untidy", "os.path.normpath(untidy)", 1.4),
        ("abspath, absolute", "os.path.abspath(long)", 2.3),
        ("abspath, relative", "os.path.abspath(name)", 2.3),
        ("fspath", "os.fspath(a)", 0.97),
        ("fsencode", "os.fsencode(long)", 1.8),
        ("fsdecode", "os.fsdecode(data)", 1.8),
        ("isabs", "os.path.isabs(a)", 0.97),
        ("relpath", "os.path.relpath(long, a)", 0.97),
        ("commonpath", "os.path.commonpath(pair)", 0.97),
        ("commonprefix", "os.path.commonprefix(pair)", 0.97),
        ("expanduser", "os.path.expanduser('~/x')", 0.97),
        ("expandvars", "os.path.expandvars('$HOME/x')", 0.97),
        ("join, raising", "raises(os.path.join, a, 3)", 0.97),
    )


class Look:
    """Questions to the file system."""

    cases = (
        *((f"{name}, there", f"os.path.{name}({'link' if name == 'islink' else 'file'})", 1.25)
          for name in ("exists", "lexists", "isfile", "isdir", "islink")),
        *((f"{name}, missing", f"os.path.{name}(missing)", 1.8)
          for name in ("exists", "lexists", "isfile", "isdir", "islink")),
        ("exists, bytes", "os.path.exists(bfile)", 1.25),
        ("exists, Path", "os.path.exists(like)", 1.25),
        ("getsize", "os.path.getsize(file)", 1.1),
        ("getmtime", "os.path.getmtime(file)", 1.1),
        ("getsize, missing", "raises(os.path.getsize, missing)", 0.97),
        ("samefile", "os.path.samefile(file, link)", 1.1),
        ("ismount", "os.path.ismount(file)", 0.97),
    )  # fmt: skip


class Real:
    """Where a path leads."""

    cases = (
        ("realpath, no link, 8 parts", "os.path.realpath(deep)", 6),
        ("realpath, no link, relative", "os.path.realpath('.')", 1),
        ("realpath, no link, strict", "os.path.realpath(deep, strict=True)", 6),
        ("realpath, link in the middle", "os.path.realpath(middle)", 3),
        ("realpath, link at the end", "os.path.realpath(end)", 3),
        ("realpath, missing", "os.path.realpath(nowhere)", 1),
    )


def scene(root):
    """The names that the statements use, made in this directory."""
    from pathlib import Path

    os.makedirs(f"{root}/a/b/c/d/e/f")
    os.symlink("b", f"{root}/a/link")
    os.symlink("c/d", f"{root}/a/b/to-d")
    with open(f"{root}/file", "w") as file:
        file.write("x")
    os.symlink("file", f"{root}/link")
    deep = f"{root}/a/b/c/d/e/f"

    def raises(function, *args):
        try:
            function(*args)
        except Exception:
            return

    return {
        "a": "/usr/lib/python3", "b": "site-packages", "name": "module.py",
        "data": b"/usr/lib/x.py",
        "long": "/usr/lib/python3/dist-packages/some/module.py", "untidy": "/usr//lib/./x/../y/z/",
        "pair": ["/usr/lib/python3/a", "/usr/lib/python2/b"], "file": f"{root}/file",
        "link": f"{root}/link",
        "bfile": os.fsencode(f"{root}/file"), "like": Path(f"{root}/file"),
        "missing": f"{root}/missing",
        "deep": deep, "middle": f"{root}/a/link/c/d/e/f", "end": f"{root}/a/b/to-d",
        "raises": raises,
        "nowhere": f"{root}/a/b/c/no/no",
    }  # fmt: skip


def measure(statement, names):
    timers = [timeit.Timer(statement, globals={**names, "os": each}) for each in (os, ostler)]
    number = max(1, int(GOAL_SECONDS / max(timers[0].timeit(20) / 20, 1e-8)))
    times = [[], []]
    for _ in range(ROUNDS):
        for timer, found in zip(timers, times, strict=True):
            found.append(timer.timeit(number) / number * 1e9)
    return times


def main(words):
    print(f"{sys.version}\n{'':32}{'os':>9}{'ostler':>9}{'min':>7}{'median':>8}{'goal':>6}")
    with tempfile.TemporaryDirectory() as root:
        names = scene(os.path.realpath(root))
        for topic in (Text, Look, Real):
            for label, statement, goal in topic.cases:
                if words and not any(word in label for word in words):
                    continue
                old, new = measure(statement, names)
                least = min(old) / min(new)
                middle = statistics.median(old) / statistics.median(new)
                mark = "" if middle >= goal else "  under"
                print(
                    f"{label:32}{min(old):9.0f}{min(new):9.0f}{least:7.2f}{middle:8.2f}{goal:6}{mark}"
                )


if __name__ == "__main__":
    main(sys.argv[1:])

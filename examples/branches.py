"""A test suite on many branches of a project at once, each with another patch applied.

    python examples/branches.py

The project is prepared once, in a rehearsal. Each branch begins with that, gets its patch, and has
the tests run in it; all of them side by side, and the real files stay as they are. What is printed
is which patches the tests let pass: here these are small changes of a program, of which a good
suite should find every one that matters.
"""

import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import ostler

PROGRAM = """\
def price(number, each, discount=0):
    total = number * each
    if number >= 10:
        total = total * 9 // 10
    return max(total - discount, 0)
"""

TESTS = """\
from shop import price

assert price(1, 5) == 5
assert price(2, 5) == 10
assert price(10, 10) == 90
assert price(1, 5, 2) == 3
"""

# What is replaced, and by what.
CHANGES = [
    ("number * each", ["number + each", "number * each + 1", "each", "number"]),
    ("number >= 10", ["number > 10", "number >= 11", "number >= 9", "number <= 10", "True"]),
    ("* 9 // 10", ["* 10 // 10", "* 8 // 10", "* 9 / 10", "* 9"]),
    ("total - discount", ["total", "total + discount", "discount", "total - 2 * discount"]),
    ("max(", ["min(", "sum((", "abs(0 * "]),
    ("discount=0", ["discount=1", "discount=-1", "discount=None"]),
    (", 0)", [", 1)", ", 5)", ", -1)"]),
]


def patches(count):
    """Programs in which one thing is another one, with what was done: [(what, text)]."""
    found = []
    for old, others in CHANGES:
        for new in others:
            found.append((f"{old}  ->  {new}", PROGRAM.replace(old, new)))
    for line in range(len(PROGRAM.splitlines())):
        lines = PROGRAM.splitlines(keepends=True)
        del lines[line]
        found.append((f"without line {line + 1}", "".join(lines)))
    number = 0
    while len(found) < count:
        number += 1
        found.append((f"with comment {number}", f"# {number}\n{PROGRAM}"))
    return found[:count]


def prepare(machine, project):
    """What is done once, for all branches."""
    machine.mkdir(project)
    machine.create_file(f"{project}/shop.py", PROGRAM)
    machine.create_file(f"{project}/test_shop.py", TESTS)


def passes(branch, project, text, command):
    """Whether the tests pass on a branch with this program."""
    with branch:
        branch.write_atomic(f"{project}/shop.py", text)
        return branch.run(command, cwd=project, capture=True).ok


def main(count=50, command=(sys.executable, "-B", "test_shop.py")):
    project = os.path.join(tempfile.gettempdir(), f"ostler-shop-{os.getpid()}")
    todo = patches(count)
    with ostler.rehearsal() as machine:
        prepare(machine, project)
        branches = machine.branch(count)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            jobs = [
                pool.submit(passes, branch, project, text, list(command))
                for branch, (_, text) in zip(branches, todo, strict=True)
            ]
        results = [job.result() for job in jobs]
    for (what, _), good in zip(todo, results, strict=True):
        print("passes" if good else "fails ", what)
    print(
        f"{sum(results)} of {count} pass; {project} was never there: {not os.path.exists(project)}"
    )


if __name__ == "__main__":
    main()

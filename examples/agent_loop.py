"""An agent's loop, without the agent: three ways are tried on three forks, the best is committed.

    python examples/agent_loop.py

What an agent would think of is a list of commands here. Each is run in a rehearsal that is kept on
disk, with a point before it; one that fails is undone, and the rest goes on. Each way has a fork of
its own, that is, a directory which `ostler points DIR`, `ostler diff DIR` and `ostler undo DIR` can
be asked about meanwhile. The real files change once, at the end, and only as the best way has it.
"""

import os
import tempfile

import ostler

PROGRAM = """\
def mean(numbers):
    return sum(numbers) / len(numbers)
"""

TESTS = """\
from stats import mean

passed = 0
for numbers, wanted in (([1], 1), ([1, 2], 1.5), ([], 0), (iter([2, 4]), 3)):
    try:
        passed += mean(numbers) == wanted
    except Exception:
        pass
print(passed)
"""

# What three agents do, each command as a tool would run it.
WAYS = {
    "guard": [
        "sed -i 's/^    return/    if not numbers:\\n        return 0\\n    return/' stats.py",
        "rm no-such-file",
    ],
    "list": [
        "sed -i 's/^    return/    numbers = list(numbers)\\n    return/' stats.py",
        "sed -i 's/return \\(.*\\)$/return \\1 if numbers else 0/' stats.py",
        "python3 -B -c 'import stats'",
    ],
    "rewrite": [
        "rm stats.py; exit 1",
        "sed -i 's/sum/max/' stats.py",
    ],
}


def step(machine, command):
    """Run one command, with a point before it; undo it where it has failed."""
    point = machine.checkpoint(command=command)
    done = machine.run(["sh", "-c", command], capture=True)
    point.ended(done.code)
    if done.code:
        machine.rollback(point)
    return done.code == 0


def score(machine):
    """How many tests pass; what running them leaves behind is undone."""
    point = machine.checkpoint()
    done = machine.run(["python3", "-B", "test_stats.py"], capture=True, check=True)
    machine.rollback(point)
    return int(done.stdout)


def try_way(directory, project, commands):
    """Do what a way consists of, on its fork: (how many tests pass, which steps have failed)."""
    with ostler.rehearsal(upper=directory) as machine:
        machine.chdir(project)
        failed = [command for command in commands if not step(machine, command)]
        return score(machine), failed


def main():
    with tempfile.TemporaryDirectory(prefix="ostler-agent-") as place:
        project, session = f"{place}/project", f"{place}/session"
        os.mkdir(project)
        ostler.write_atomic(f"{project}/stats.py", PROGRAM)
        os.mkdir(session, 0o700)
        with ostler.rehearsal(upper=session) as machine:
            machine.create_file(f"{project}/test_stats.py", TESTS)
            for way in WAYS:
                machine.keep(f"{place}/{way}", points=True)
        scores = {}
        for way, commands in WAYS.items():
            scores[way], failed = try_way(f"{place}/{way}", project, commands)
            print(f"{way}: {scores[way]} of 4 tests pass; undone: {failed}")
        best = max(scores, key=scores.get)
        with ostler.rehearsal(upper=f"{place}/{best}") as machine:
            for change in machine.commit():
                print(f"committed: {change.kind} {os.path.relpath(change.path, project)}")
        with open(f"{project}/stats.py") as file:
            print(file.read(), end="")


if __name__ == "__main__":
    main()

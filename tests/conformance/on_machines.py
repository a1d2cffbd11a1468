"""CPython's suites inside a scratch and inside a rehearsal: the whole process tree is on it.

`python -m tests.conformance.on_machines [MODULE...]` runs each module on the host and on each
machine, with the interpreter's own os, and names the tests that do worse there; as root once more
as an ordinary user. Those that can't hold are in differences-machines.txt: test, machine (or
"all", or one followed by ":ordinary"), and the kernel's reason.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from tests.conformance import rooms, users
from tests.conformance.__main__ import losses

MODULES = "test_os test_posix test_posixpath test_shutil test_glob test_tempfile".split()
KINDS = ("scratch", "rehearse")
EXPECTED = Path(__file__).with_name("differences-machines.txt")
TIMEOUT = 600

_ENTER = """\
import sys
sys.path.insert(0, {source!r})
import ostler
from ostler.cli.machine import Choice, python_needs
choice = Choice()
choice.kind, python, worker, module, results, top = sys.argv[1:]
machine = choice.make([*python_needs(), {room!r}, worker])
for name in ("home", "tmp", "work"):
    machine.makedirs(f"{{top}}/{{name}}", exist_ok=True)
machine.chdir(f"{{top}}/work")
machine.execve(python, [python, worker, module, results], machine.environ)
"""


class MachineRoom(rooms.Room):
    """A room whose processes live on a machine of a kind."""

    def __init__(self, directory, kind, uid=None):
        super().__init__(directory, "plain", uid)
        self.kind = kind

    def _process(self, module, results, top, log, timeout):
        enter = _ENTER.format(source=str(rooms.SOURCE), room=str(self.directory))
        with open(results, "r+") as file:
            # The file is the host's: by its descriptor it is reached from everywhere.
            fd = file.fileno()
            command = [sys.executable, "-c", enter, self.kind, str(self.python),
                       str(rooms.WORKER), module, f"/proc/self/fd/{fd}", top]  # fmt: skip
            try:
                done = subprocess.run(
                    command, cwd=f"{top}/work", start_new_session=True,
                    umask=0o022, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    pass_fds=[fd], timeout=timeout, **self._who_and_where(top),
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                return f"not done after {timeout} seconds"
        return "" if done.returncode == 0 else f"ended with status {done.returncode}"


def expected(kind, uid):
    """The tests that can't hold on this kind of machine: test -> reason."""
    names = {"all", kind}
    if (os.geteuid() if uid is None else uid) != 0:
        names |= {"all:ordinary", f"{kind}:ordinary"}
    reasons = {}
    for line in EXPECTED.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            test, kinds, reason = line.split(None, 2)
            if kinds in names:
                reasons[test] = reason
    return reasons


def compare(options, directory, uid):
    """Run the modules, and return 1 when something differs that isn't expected."""
    kinds = [options.kind] if options.kind else KINDS
    failed = 0
    host = rooms.Room(directory, "plain", uid)
    host.build()
    for name in options.modules or MODULES:
        plain = host.run(name, TIMEOUT)
        for kind in kinds:
            run = MachineRoom(directory, kind, uid).run(name, TIMEOUT)
            reasons = expected(kind, uid)
            found = losses(plain, run)
            lost = {test: what for test, what in found.items() if test not in reasons}
            failed += len(lost) + (not run.outcomes)
            counts = f"{len(lost)} different, {len(found) - len(lost)} expected"
            who = f"{kind}, uid {os.geteuid() if uid is None else uid}"
            print(f"{name} ({who}): {len(run.outcomes)} tests, {counts}", flush=True)
            for test, (before, now, detail) in sorted(lost.items()):
                last = detail.strip().splitlines()[-1:] or [""]
                print(f"    {test}: {before} -> {now}\n        {last[0]}", flush=True)
            if not run.outcomes:
                print(run.end, run.log[-1000:])
    return 1 if failed else 0


def parse(arguments):
    parser = argparse.ArgumentParser("python -m tests.conformance.on_machines", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="test modules, e.g. test_os")
    parser.add_argument("--kind", choices=KINDS, help="one kind of machine, not all")
    users.add_options(parser)
    return parser.parse_args(arguments)


def main(arguments):
    needed = [sys.prefix, sys.base_prefix, rooms.ROOT]
    program = "tests.conformance.on_machines"
    return users.as_asked(program, arguments, parse(arguments), compare, needed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The clean environments in which the suites run: one with the interpreter's os, one with ostler.

A room is a virtual environment with nothing in it. In ostler's room a .pth file puts ostler in
the place of os at the start of every interpreter, so that child interpreters have it too.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORKER = Path(__file__).with_name("worker.py")
SOURCE = ROOT / "src"
NOBODY = 65534

_PTH = """\
import sys; sys.path[:0] = [{source!r}, {root!r}]; \
from tests.conformance import startup; del sys.path[:2]; startup.begin()
"""


@dataclass(frozen=True)
class Run:
    """What came of one module in one room."""

    outcomes: dict  # test id -> (outcome, detail)
    gaps: tuple
    end: str  # "" or how the process ended before its time
    log: str


class Room:
    """A virtual environment, and the user who stands in it."""

    def __init__(self, directory, name, uid=None):
        self.directory = Path(directory)
        self.name = name
        self.uid = uid
        self.system = "ostler" if name == "ostler" else "os"
        self.python = self.directory / name / "bin" / "python"

    def build(self):
        """Make the environment; `ostler` in the name's place means with ostler installed."""
        base = getattr(sys, "_base_executable", sys.executable)
        where = self.directory / self.name
        if self.python.exists():
            return
        subprocess.run([base, "-m", "venv", "--without-pip", where], check=True)
        if self.name == "ostler":
            # A free-threaded build has a "t" there; other flags have no part in it.
            free = "t" if "t" in sys.abiflags else ""
            tag = f"python{sys.version_info[0]}.{sys.version_info[1]}{free}"
            pth = where / "lib" / tag / "site-packages" / "os.pth"
            pth.write_text(_PTH.format(source=str(SOURCE), root=str(ROOT)))

    def run(self, module, timeout):
        """Run one test module in a fresh process, in an empty directory of its own."""
        # A short name: tests bind Unix sockets below it.
        with tempfile.TemporaryDirectory(prefix="oc", ignore_cleanup_errors=True) as top:
            for name in ("home", "tmp", "work"):
                (Path(top) / name).mkdir()
            results = Path(top, "results")
            results.touch()
            if self.uid is not None:
                for path in (top, *Path(top).iterdir()):
                    os.chown(path, self.uid, self.uid)
            with open(Path(top, "log"), "w+b") as log:
                end = self._process(module, results, top, log, timeout)
                log.seek(0)
                text = log.read().decode("utf-8", "replace")
            return _read(results, end, text, self.system)

    def _who_and_where(self, top):
        """What Popen is told of the suite's user and environment."""
        environment = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": f"{top}/home",
            "TMPDIR": f"{top}/tmp",
            "LANG": "C.UTF-8",
        }
        user = {} if self.uid is None else {
            "user": self.uid, "group": self.uid, "extra_groups": []}  # fmt: skip
        return {"env": environment, **user}

    def _process(self, module, results, top, log, timeout):
        process = subprocess.Popen(
            [self.python, WORKER, module, results],
            cwd=f"{top}/work", start_new_session=True, umask=0o022,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, **self._who_and_where(top),
        )  # fmt: skip
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return f"not done after {timeout} seconds"
        return "" if status == 0 else f"ended with status {status}"


def _read(results, end, log, system):
    outcomes, gaps, ended = {}, (), False
    for line in results.read_text().splitlines():
        entry = json.loads(line)
        if "test" in entry:
            outcomes[entry["test"]] = entry["outcome"], entry["detail"]
        elif "gaps" in entry:
            gaps = tuple(entry["gaps"])
            if entry["os"] != system:  # a start-up that failed says nothing of any test
                return Run({}, gaps, f"ran on {entry['os']} and not on {system}", log)
        else:
            ended = True
    if not ended and not end:
        end = "ended before its time"
    return Run(outcomes, gaps, end if not ended else "", log)


def enter_namespace_for_ordinary_user(needed):
    """Make directories reachable for every user, in a mount namespace of this process's own.

    An interpreter below a home directory that only its owner may enter is out of an ordinary
    user's reach. In the namespace the closed directory is covered with an empty one, and what is
    needed is mounted in it again, at its own path. To be called as root in a fresh namespace.
    """
    needed = sorted({str(Path(path).resolve()) for path in needed})
    closed = {blocked for path in needed if (blocked := _closed_ancestor(path))}
    if not closed:
        return
    staging = tempfile.mkdtemp(prefix="ocstage")
    _mount("-t", "tmpfs", "-o", "mode=0755", "tmpfs", staging)
    behind = [path for path in needed if _closed_ancestor(path)]
    for number, path in enumerate(behind):
        os.mkdir(f"{staging}/{number}")
        _mount("--bind", path, f"{staging}/{number}")
    for directory in closed:
        _mount("-t", "tmpfs", "-o", "mode=0755", "tmpfs", directory)
    for number, path in enumerate(behind):
        os.makedirs(path, 0o755, exist_ok=True)
        _mount("--bind", f"{staging}/{number}", path)


def _closed_ancestor(path):
    for directory in [*reversed(Path(path).parents), Path(path)]:
        if not os.stat(directory).st_mode & 0o001:
            return str(directory)
    return None


def _mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)


def can_change_user():
    """Whether the ordinary user's runs are possible: root, with unshare(1) and mount(8)."""
    return os.geteuid() == 0 and bool(shutil.which("unshare")) and bool(shutil.which("mount"))

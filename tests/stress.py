"""Many threads at once, over all that they share: python -m tests.stress [--seconds N] [NAME ...].

Each work here is done by several threads at the same time, again and again, for some seconds or a
number of times. What a thread finds must be right, else an AssertionError tells what was not. Where
there is no GIL a fault of ours often ends the process: so each work has a process of its own.
"""

import argparse
import faulthandler
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback

import ostler
from ostler.verbs import environment
from tests.stress_machines import Derived, Forks, Points, Work

WORKS = {}


def work(kind):
    """A class with `act(number)`, which thread `number` calls again and again."""
    WORKS[kind.__name__.lower()] = kind
    return kind


for each in (Points, Forks, Derived):
    work(each)


@work
class Environ(Work):
    """One mapping, as text and as bytes, whose texts are swapped; and the process's variables."""

    def act(self, number):
        own, shared = f"STRESS_{number}", "STRESS_SHARED"
        environ = ostler.environ
        environ[own] = value = f"{number} {time.perf_counter_ns()}"
        environ[shared] = "x" * (number + 1)
        assert ostler.getenv(own) == environ[own] == value
        assert ostler.environb[own.encode()] == value.encode()
        assert set(environ.get(shared, "x")) == {"x"}
        found = environ.copy()
        assert found[own] == value
        assert own in list(environ)
        if number == 0:
            ostler.reload_environ()
        elif number == 1:
            environ.pop(shared, None)
        elif number > 3:  # all of them the same ones
            environ[f"STRESS_POPPED_{number % 2}"] = "x"
            environ.pop("STRESS_POPPED_0", None), environ.pop("STRESS_POPPED_1", None)
        elif number == 2:
            ostler.putenv("STRESS_BESIDE", value * 20)
            ostler.unsetenv("STRESS_BESIDE")
        elif number == 3:
            assert own.encode() in environment.as_bytes(environ).copy()
        assert environ[own] == value
        assert f"{own}={value}".encode() in _inherited()

    def check(self):
        for number in range(self.threads):
            name = f"STRESS_{number}"
            assert ostler.environb[name.encode()].decode() == ostler.environ[name], name


def _inherited():
    return [key + b"=" + value for key, value in ostler._create_environ().items()]


@work
class Views(Work):
    """An environ of its own: its bytes, made at first need; its variables, given away."""

    def __init__(self, place, threads):
        super().__init__(place, threads)
        self.lock = threading.Lock()
        self.renew()

    def renew(self):
        self.environ = environment.of_variables({"A": "1", "B": "2"})

    def act(self, number):
        environ = self.environ
        assert environment.as_bytes(environ) is environment.as_bytes(environ)
        assert environ["A"] in ("1", "3")
        environ["A"] = "3"
        environ[f"N{number}"] = "n"
        if number == 0:
            environ._data = dict(environ._data)
        elif number == 1:
            self.renew()
        elif number == 2:
            environ.encodekey, environ.decodevalue = environ.encodekey, environ.decodevalue
        elif number == 3:
            assert environ.copy()["B"] == "2"
        assert environ["B"] == "2" and "C" not in environ


@work
class Listing(Work):
    """Directories; one iterator and its entries are everybody's, and anybody may close it."""

    NAMES = 300

    def __init__(self, place, threads):
        super().__init__(place, threads)
        for number in range(self.NAMES):
            with open(f"{place}/{number:04}", "w"):
                pass
        self.renew()

    def renew(self):
        with ostler.scandir(self.place) as found:
            self.entries = [next(found) for _ in range(5)]
        self.shared = ostler.scandir(self.place)

    def act(self, number):
        shared, entries = self.shared, self.entries
        for entry in shared:
            assert len(entry.name) == 4 and entry.is_file(), entry
        for entry in entries:
            assert entry.stat() is entry.stat()
            assert entry.path == f"{self.place}/{entry.name}"
            assert hash(entry.stat()) == hash(tuple(entry.stat()))
        if number == 0:
            self.renew()
            shared.close()
        elif number == 1:
            shared.close()
        else:
            assert len(ostler.listdir(self.place)) == self.NAMES
            with ostler.scandir(self.place.encode()) as found:
                assert sum(1 for _ in found) == self.NAMES


@work
class Paths(Work):
    """What is made at first need for text, and the facade's functions, which a program replaces."""

    def __init__(self, place, threads):
        super().__init__(place, threads)
        self.stat = ostler.stat
        self.names = vars(ostler)

    def act(self, number):
        join = ostler.path.join
        assert join("a", "b") == "a/b" and join(b"a", b"b") == b"a/b"
        assert ostler.path.expandvars("$STRESS_NONE/b") == "$STRESS_NONE/b"
        assert ostler.path.exists(self.place) and ostler.path.isdir(self.place)
        assert ostler.path.realpath(self.place) == self.place
        assert ostler.path.samefile(self.place, self.place)
        assert ostler.fspath(self.place) is self.place
        try:
            ostler.stat(f"{self.place}/none")
        except FileNotFoundError as error:
            assert error.filename.endswith("none")
        if number == 0:
            # As mock.patch does; the function is nobody's else, and goes with the place.
            self.names["stat"] = lambda *args, **kwargs: self.stat(*args, **kwargs)
        elif number == 1:
            self.names["stat"] = self.stat

    def end(self):
        self.names["stat"] = self.stat


@work
class Walking(Work):
    def __init__(self, place, threads):
        super().__init__(place, threads)
        for number in range(12):
            os.makedirs(f"{place}/{number % 3}/{number}/deep")
            with open(f"{place}/{number % 3}/{number}/file", "w"):
                pass

    def act(self, number):
        for topdown in (True, False):
            assert sum(1 for _ in ostler.walk(self.place, topdown)) == 1 + 3 + 12 + 12
        for *_, fd in ostler.fwalk(self.place):
            assert ostler.fstat(fd).st_nlink


@work
class Trees(Walking):
    """Whole trees, each by threads of its own; and one search that is everybody's."""

    def __init__(self, place, threads):
        os.mkdir(f"{place}/from")
        super().__init__(f"{place}/from", threads)
        self.beside = place
        self.renew()

    def renew(self):
        self.shared = ostler.trees.find(self.place)

    def act(self, number):
        trees = ostler.trees
        to = f"{self.beside}/to{number}"
        shared = self.shared
        if number < 3:
            for path in shared:
                assert path.startswith(self.place), path
            if number == 0:
                self.renew()
            return
        trees.copy(self.place, to)
        assert not list(trees.compare(self.place, to))
        assert trees.digest(self.place).hex == trees.digest(to).hex
        assert trees.size(to).files == 12
        assert len(list(trees.walk(to))) == 28
        trees.remove(to)


@work
class Spawning(Work):
    def act(self, number):
        value = str(time.perf_counter_ns())
        ostler.environ[f"STRESS_{number}"] = value
        kind = number % 4
        if kind == 0:
            script = f'test "$STRESS_{number}" = {value}'
            assert ostler.system(script) == 0
        elif kind == 1:
            with ostler.popen(f"echo $STRESS_{number}") as stream:
                assert stream.read() == f"{value}\n"
        elif kind == 2:
            pid = ostler.posix_spawn("/bin/true", ["true"], ostler.environ)
            assert ostler.waitpid(pid, 0) == (pid, 0)
        else:
            assert ostler.run(["/bin/echo", value], capture=True).stdout == f"{value}\n".encode()


@work
class Machines(Work):
    """Machines made and closed; one is everybody's, with its path, faults and records."""

    def __init__(self, place, threads):
        super().__init__(place, threads)
        self.renew()

    def renew(self):
        made = ostler.scratch()
        made.create_file("/file", "text")
        self.shared = made

    def act(self, number):
        shared = self.shared
        try:
            with shared.open_file("/file") as stream:
                assert stream.read() == "text"
            assert shared.path.getsize("/file") == 4
            assert shared.path.join("a", "b") == "a/b"
            shared.environ[f"N{number}"] = "1"
            assert shared.getenv(f"N{number}") == "1"
            assert "file" in shared.listdir("/")
        except (OSError, ValueError):
            assert shared.closed
        if number == 0:
            self.renew()
            shared.close()
        elif number == 1:
            try:
                fault = shared.faults.add(call="mkdir", path="/nowhere")
                shared.faults.remove(fault)
            except (OSError, ValueError):
                assert shared.closed
        elif number == 2:
            try:
                with shared.recorded() as log:
                    shared.path.exists("/file")
                assert log is not None
            except (OSError, ValueError):
                assert shared.closed
        elif number == 3:
            path = ostler.scratch().path  # which alone keeps its machine
            assert path.isdir("/") and path.machine.path is path
        else:
            with ostler.scratch() as own:
                own.makedirs("/a/b")
                assert own.path.isdir("/a/b")

    def end(self):
        self.shared.close()


@work
class Installed(Work):
    """Half of the threads are in and out of machines; the others stay on the host."""

    def __init__(self, place, threads):
        super().__init__(place, threads)
        with open(f"{place}/host", "w"):
            pass
        self.machines = [ostler.scratch() for _ in range(threads)]
        for number, machine in enumerate(self.machines):
            machine.makedirs(place)
            machine.create_file(f"{place}/{number}")

    def act(self, number):
        if number % 2:
            self.is_host()
            return
        with self.machines[number].installed(threads=True):
            assert os.listdir(self.place) == [str(number)]
            assert os.path.exists(f"{self.place}/{number}") and not os.path.exists(
                f"{self.place}/host"
            )
            with open(f"{self.place}/{number}", "r+") as stream:
                stream.write("x")
            os.environ["STRESS"] = str(number)
            assert os.environ["STRESS"] == str(number)
            found = []
            thread = threading.Thread(target=lambda: found.append(os.listdir(self.place)))
            thread.start()
            thread.join()
            assert found == [[str(number)]]
        self.is_host()

    def is_host(self):
        assert os.listdir(self.place) == ["host"]
        assert isinstance(os.stat(self.place), os.stat_result)
        assert "STRESS" not in os.environ
        with open(f"{self.place}/host") as stream:
            assert stream.read() == ""

    def check(self):
        self.is_host()

    def end(self):
        for machine in self.machines:
            machine.close()


@work
class Installing(Work):
    """ostler in the place of os, and taken out again, while others use os and change modules."""

    def act(self, number):
        if number == 0:
            ostler.install()
            ostler.uninstall()
        elif number == 1:
            module = type(os)("stress_module")
            sys.modules["stress_module"] = module
            for count in range(200):
                setattr(module, f"name{count % 50}", os.stat if count % 3 else type("Kind", (), {}))
            module.__dict__.clear()
            sys.modules.pop("stress_module", None)
        elif number == 2:

            def function(a=os.stat, *, b=os.stat):
                return a

            function.__defaults__ = (os.lstat,)
            function.__kwdefaults__ = {"b": os.lstat}
        else:
            assert os.stat(self.place).st_mode == ostler.stat(self.place).st_mode
            assert os.path.isdir(self.place) and os.listdir(self.place) == []
            assert os.getcwd()

    def end(self):
        ostler.uninstall()


@work
class Replacing(Installed):
    """All of that at once: os is replaced and given back, and machines are installed meanwhile."""

    def __init__(self, place, threads):
        super().__init__(place, threads)
        os.environ["STRESS_KEPT"] = ostler.environ["STRESS_KEPT"] = "kept"
        self.before = os

    def act(self, number):
        if number == 0:
            ostler.install()
            ostler.uninstall()
        elif number == 1:
            ostler.uninstall()
            ostler.install()
        elif number == 2:
            module = sys.modules["stress_module"] = type(sys)("stress_module")
            for count in range(100):
                members = {"stat": staticmethod(os.stat), "__module__": "stress_module"}
                setattr(module, f"Kind{count % 20}", type(f"Kind{count % 20}", (), members))
                setattr(module, f"function{count % 30}", lambda a=os.stat, *, b=os.lstat: a)
                getattr(module, f"function{count // 2 % 30}").__kwdefaults__ = {"b": os.fstat}
            module.__dict__.clear()
            del sys.modules["stress_module"]
        elif number == 3:
            assert ostler.environ["STRESS_KEPT"] == os.environ["STRESS_KEPT"] == "kept"
            assert self.before.getenv("STRESS_KEPT") == "kept"
            with ostler.scratch() as own:
                own.makedirs("/a/b")
                assert own.listdir("/") == ["a"]
        else:
            super().act(number)

    def is_host(self):
        assert os.listdir(self.place) == ostler.listdir(self.place) == ["host"]
        assert self.before.stat(self.place).st_ino == os.stat(self.place).st_ino
        assert "STRESS" not in os.environ and "STRESS" not in ostler.environ
        with open(f"{self.place}/host") as stream:
            assert stream.read() == ""

    def check(self):
        ostler.uninstall()
        assert os is self.before is sys.modules["os"]
        assert os.environ["STRESS_KEPT"] == "kept"
        super().check()

    def end(self):
        ostler.uninstall()
        super().end()


class Failed(Exception):
    pass


def do(name, threads, seconds, rounds):
    """One work, in this process."""
    place = os.path.realpath(tempfile.mkdtemp(prefix="ostler-stress-"))
    begin = threading.Barrier(threads)
    failures = []
    until = time.monotonic() + seconds if seconds else None
    done = [0] * threads

    def one(number):
        begin.wait()
        while not failures and (time.monotonic() < until if until else done[number] < rounds):
            try:
                kind.act(number)
            except BaseException:
                failures.append(f"thread {number}, round {done[number]}:\n{traceback.format_exc()}")
            done[number] += 1

    try:
        kind = WORKS[name](place, threads)
        try:
            # Some switches between threads more, where there is a GIL.
            sys.setswitchinterval(1e-5)
            all_of_them = [threading.Thread(target=one, args=(n,)) for n in range(threads)]
            for thread in all_of_them:
                thread.start()
            for thread in all_of_them:
                thread.join()
            sys.setswitchinterval(0.005)
            if not failures:
                kind.check()
        finally:
            kind.end()
    finally:
        shutil.rmtree(place)
    if failures:
        raise Failed("\n".join(failures))
    enabled = getattr(sys, "_is_gil_enabled", lambda: True)()
    if enabled and "t" in sys.abiflags and not os.environ.get("PYTHON_GIL"):
        raise Failed("the GIL was switched on")
    return sum(done)


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.stress", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(WORKS)}; else all")
    parser.add_argument("--seconds", type=float, default=0, help="how long all of it takes")
    parser.add_argument(
        "--rounds", type=int, default=50, help="without seconds: how often each thread acts"
    )
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--here", action="store_true", help="in this process: one NAME")
    options = parser.parse_args()
    names = options.names or list(WORKS)
    for name in names:
        if name not in WORKS:
            parser.error(f"there is no {name}")
    seconds = options.seconds / len(names)
    if options.here:
        faulthandler.enable()
        for name in names:
            count = do(name, options.threads, seconds, options.rounds)
            print(f"{name}: {count} rounds of {options.threads} threads")
        return 0
    status = 0
    for name in names:
        command = [sys.executable, "-m", "tests.stress", "--here", name, "--seconds", str(seconds)]
        command += ["--rounds", str(options.rounds), "--threads", str(options.threads)]
        ended = subprocess.run(command).returncode
        if ended:
            status = 1
            print(f"{name}: ended with {ended}", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())

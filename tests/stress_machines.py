"""What tests/stress.py does to rehearsals with points, to copies, and to derived machines."""

import contextlib
import errno
import os
import signal
import time
import traceback
import warnings

import ostler
from ostler.machines.between import Between
from ostler.machines.recording import Replayed


class Work:
    def __init__(self, place, threads):
        self.place = place  # a directory of its own
        self.threads = threads

    def check(self):
        """Called when all threads have ended."""

    def end(self):
        """The same, whatever happened."""


class Points(Work):
    """One rehearsal: some make points of it, go back, drop, commit and look, the others write."""

    def __init__(self, place, threads):
        super().__init__(place, threads)
        self.first = f"{place}/first"
        with open(self.first, "w") as file:
            file.write("first")
        self.machine = ostler.rehearsal(place)

    def act(self, number):
        try:
            self.do(number)
        except OSError as error:
            # Somebody is writing, or what was written is kept just now.
            assert error.errno in (errno.EBUSY, errno.EROFS), error
            time.sleep(0.001)

    def do(self, number):
        m = self.machine
        if number == 0:
            with contextlib.suppress(ValueError):  # dropped meanwhile
                point = m.checkpoint()
                with m.at(point) as seen:
                    names = self.names(seen)
                    m.changes(point)
                    assert self.names(seen) == names
                    assert {name[0] for name in names} <= set("f0123456789")
        elif number == 1:
            points = m.points()
            if len(points) > 3:
                with contextlib.suppress(ValueError):
                    m.rollback(points[len(points) // 2])
                    m.drop(points[0])
                    m.redo()
        elif number == 2:
            for change in m.changes():
                assert change.kind in ("created", "modified", "metadata"), change
            assert isinstance(m.diff(), str)
        elif number == 3:
            m.commit()
        else:
            path = f"/{number}"
            m.write_atomic(path, str(number) * 1000)
            with contextlib.suppress(FileNotFoundError):  # somebody has gone back
                with m.open_file(path) as file:
                    assert file.read() == str(number) * 1000
        with m.open_file("/first") as file:
            assert file.read() == "first"

    @staticmethod
    def names(machine):
        # What a commit of another thread prepares lies in the base, below all machines.
        return sorted(n for n in machine.listdir("/") if not n.startswith(".ostler-commit-"))

    def check(self):
        self.machine.commit()
        assert self.machine.changes() == []
        assert set(os.listdir(self.place)) <= {"first", *map(str, range(4, self.threads))}

    def end(self):
        self.machine.close()


class Forks(Work):
    """Copies of the process, made while the others have machines and points come and go."""

    def __init__(self, place, threads):
        super().__init__(place, threads)
        warnings.simplefilter("ignore", DeprecationWarning)

    def act(self, number):
        if number < 2:
            pid = os.fork()
            if pid == 0:
                signal.alarm(60)
                try:
                    assert ostler.listdir(self.place) is not None
                    with ostler.scratch() as own:
                        own.makedirs("/a/b")
                    os._exit(0)
                except BaseException:
                    traceback.print_exc()
                finally:
                    os._exit(1)
            status = os.waitpid(pid, 0)[1]
            assert status == 0, f"a copy ended with {os.waitstatus_to_exitcode(status)}"
        elif number < 5:
            with ostler.rehearsal(self.place) as m:
                try:
                    for count in range(3):
                        m.create_file(f"/{count}", "text")
                        m.checkpoint()
                    m.rollback("1")
                    assert m.listdir("/") == ["0"]
                except OSError as error:
                    # A copy has what was open when it was made, for a moment.
                    assert error.errno == errno.EBUSY, error
        else:
            with ostler.scratch() as m, m.recorded() as log:
                m.create_file("/file", "text")
                m.faults.add("mkdir")
                assert m.path.exists("/file")
            assert len(log) == 2


class Derived(Work):
    """Kinds that are written in Python, made and used at once; one log, asked by everybody."""

    def __init__(self, place, threads):
        super().__init__(place, threads)
        self.behind = ostler.scratch()
        self.behind.create_file("/file", "text")
        self.renew()
        with self.behind.recorded() as log:
            for size in range(threads):
                self.behind.create_file("/sized", "x" * size)
                self.behind.stat("/sized")
                self.behind.unlink("/sized")
        self.replayed = Replayed(log)
        self.sizes = []

    def renew(self):
        class Kind(Between):
            def called(self, verb, args, kwargs):
                self.asked.append(verb)
                return super().called(verb, args, kwargs)

        made = Kind(self.behind)
        made.asked = []
        self.kind, self.shared = Kind, made

    def act(self, number):
        shared = self.shared
        assert shared.stat("/file").st_size == 4
        assert shared.path.exists("/file")
        assert shared.trees.size("/").files == 1
        assert shared.path.join("a", "b") == "a/b"
        own = self.kind(shared)
        own.asked = []
        with own.open_file("/file") as file:
            assert file.read() == "text"
        assert own.listdir("/") == ["file"]
        assert own.asked == ["open_file", "listdir"]
        if number == 0:
            self.renew()
        elif number == 1:
            with shared.recorded() as log:
                shared.stat("/file")
            assert "stat" in [call.verb for call in log]
        elif number == 2:
            fault = shared.faults.add("truncate", count=0)
            shared.faults.remove(fault)
        else:
            self.sizes.append(self.replayed.stat("/sized").st_size)

    def check(self):
        # Each answer of the log once, but for the last one.
        last = self.threads - 1
        assert sorted(size for size in self.sizes if size != last) == list(range(last))

    def end(self):
        self.behind.close()

"""Whose code is inside: contexts older than the block, tasks, executors, and what outlives it."""

import asyncio
import atexit
import concurrent.futures
import contextlib
import contextvars
import functools
import gc
import os
import subprocess
import sys
import threading
import unittest
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

import ostler
from ostler.core import asking


@pytest.fixture
def machine():
    with ostler.scratch() as made:
        made.mkdir("/only-there")
        yield made


@pytest.fixture
def victim(tmp_path, monkeypatch):
    """A real file, whose name exists on the machine as well."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "victim").write_text("real")
    return tmp_path / "victim"


def names():
    return os.listdir("/")


THERE = ["only-there"]


def is_looked_for():
    """Whether the functions look for a machine, with nothing left of what was begun inside."""
    gc.collect()
    return asking.asks(os.stat)


# ---- older contexts


def test_an_empty_context(machine):
    with machine.installed():
        assert contextvars.Context().run(names) == THERE
    assert contextvars.Context().run(names) != THERE


def test_a_context_that_is_older(machine):
    older = contextvars.copy_context()
    with machine.installed():
        assert older.run(names) == THERE
    assert older.run(names) != THERE


def test_a_loop_that_is_older(machine):
    """As the loop of a module-scoped fixture: its tasks and callbacks have the context of then."""
    context = contextvars.copy_context()
    with asyncio.Runner() as runner:

        async def look():
            await asyncio.sleep(0)
            return names()

        assert runner.run(look(), context=context) != THERE
        with machine.installed():
            assert runner.run(look(), context=context) == THERE
        assert runner.run(look(), context=context) != THERE


def test_a_generator_of_a_fixture_that_is_older(machine):
    """The way out of an async fixture that was set up before runs where it is asked for."""
    seen = []

    async def fixture():
        yield
        seen.append(names())

    with asyncio.Runner() as runner:
        generator = fixture()
        runner.run(anext(generator))
        with machine.installed():
            runner.run(anext(generator, None))
    assert seen == [THERE]


class Isolated(unittest.IsolatedAsyncioTestCase):
    __test__ = False
    machine = None
    seen = None

    def setUp(self):
        installed = self.machine.installed()
        installed.__enter__()
        self.addCleanup(installed.__exit__, None, None, None)

    async def asyncSetUp(self):
        self.seen.append(names())

    async def test_it(self):
        self.seen.append(names())
        self.seen.append(await asyncio.to_thread(names))


def test_isolated_asyncio_test_case(machine):
    Isolated.machine, Isolated.seen = machine, []
    case = Isolated("test_it")  # has copied the context here
    with machine.installed():
        result = unittest.TestResult()
        case.run(result)
    assert result.errors == result.failures == []
    assert Isolated.seen == [THERE] * 3
    Isolated.seen = []
    result = unittest.TestResult()
    Isolated("test_it").run(result)
    assert result.errors == result.failures == []
    assert Isolated.seen == [THERE] * 3
    assert names() != THERE


def test_a_newer_machine_of_the_thread_is_the_one(machine):
    with ostler.scratch() as other, machine.installed():
        between = contextvars.copy_context()
        with other.installed():
            assert between.run(names) == []
            assert names() == []
        assert between.run(names) == THERE


# ---- tasks


def test_another_task_of_the_loop_is_not_inside(machine):
    async def inside(go, done):
        with machine.installed():
            go.set()
            await done.wait()
            return names(), await asyncio.create_task(later())

    async def later():
        await asyncio.sleep(0)
        return names()

    async def main():
        go, done = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(inside(go, done))
        await go.wait()
        seen = names()
        done.set()
        return seen, await task

    seen, found = asyncio.run(main())
    assert seen != THERE and found == (THERE, THERE)


def test_a_task_inside_a_machine_of_the_thread(machine):
    async def inner(other):
        with other.installed():
            await asyncio.sleep(0)
            return names()

    async def main(other):
        found = await asyncio.gather(inner(other), asyncio.to_thread(names), inner(other))
        return [*found, names()]

    with ostler.scratch() as other, machine.installed():
        assert asyncio.run(main(other)) == [[], THERE, [], THERE]


def test_a_task_that_has_ended_without_leaving(machine):
    """As an async fixture that is set up in one task and torn down in another."""

    async def fixture():
        with machine.installed():
            yield

    async def test():
        return names()

    generator = fixture()
    with asyncio.Runner() as runner:
        first, second, third = (contextvars.copy_context() for _ in range(3))
        runner.run(anext(generator), context=first)
        assert runner.run(test(), context=second) == THERE
        runner.run(anext(generator, None), context=third)
        assert runner.run(test(), context=second) != THERE
        assert asking.asks(os.stat)  # while there is a context that was inside
        del first, second, third
    assert not is_looked_for()
    assert names() != THERE


# ---- what outlives it


def test_a_task_that_goes_on_afterwards(machine, victim):
    errors = []

    async def goes_on(event):
        await event.wait()
        for act in (
            lambda: os.remove("victim"),
            lambda: open("victim", "w"),
            os.getcwd,
            lambda: os.path.exists("victim"),
            lambda: os.environ["X"],
            lambda: [*os.walk(".")],
            lambda: subprocess.run(["rm", "victim"]),
            lambda: ostler.remove("victim"),
        ):
            try:
                act()
            except RuntimeError as error:
                errors.append(str(error))

    async def main(between):
        event = asyncio.Event()
        with machine.installed():
            machine.open_file("victim", "w").close()
            task = asyncio.create_task(goes_on(event))
            await asyncio.sleep(0)
        with between:
            event.set()
            await task

    with ostler.scratch() as other:
        for between in (contextlib.nullcontext(), other.installed(), machine.installed()):
            asyncio.run(main(between))
            assert len(errors) == 8 and "way out" in errors[0]
            errors.clear()
            assert victim.read_text() == "real" and machine.path.exists("victim")
        assert other.listdir("/") == []


@pytest.mark.parametrize("how", ["call_soon", "call_later", "call_soon_threadsafe", "done"])
def test_a_callback_that_runs_afterwards(machine, victim, how):
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        problems = []
        loop.set_exception_handler(lambda loop, context: problems.append(context["exception"]))
        with machine.installed():
            machine.open_file("victim", "w").close()
            remove = functools.partial(os.remove, "victim")
            if how == "call_later":
                loop.call_later(0.001, remove)
            elif how == "done":
                future = loop.create_future()
                future.add_done_callback(lambda _: remove())
                loop.call_later(0.001, future.set_result, None)
            else:
                getattr(loop, how)(remove)
        runner.run(asyncio.sleep(0.05))
    assert [type(problem) for problem in problems] == [RuntimeError]
    assert victim.read_text() == "real" and machine.path.exists("victim")


def test_a_thread_that_outlives_it(machine, victim):
    go, found = threading.Event(), []

    def work():
        found.append(names())
        go.wait(30)
        try:
            os.remove("victim")
        except RuntimeError as error:
            found.append(error)

    with machine.installed(threads=True):
        thread = threading.Thread(target=work)
        thread.start()
    with ostler.scratch() as other, other.installed():
        go.set()
        thread.join()
    assert found[0] == THERE and "way out" in str(found[1])
    assert victim.read_text() == "real"


def test_finalizers(machine, victim):
    class Thing:
        pass

    with machine.installed():
        machine.open_file("victim", "w").close()
        machine.open_file("other", "w").close()
        first, second = Thing(), Thing()
        one = weakref.finalize(first, os.remove, "other")
        two = weakref.finalize(second, os.remove, "victim")
        two.atexit = False
        del first
        gc.collect()
        assert not one.alive and not os.path.exists("other")
    with pytest.raises(RuntimeError):
        two()
    assert victim.read_text() == "real" and machine.path.exists("victim")


def test_at_exit(tmp_path):
    (tmp_path / "victim").write_text("real")
    (tmp_path / "of_host").write_text("real")
    code = """if True:
        import atexit, os, ostler, weakref
        class Thing:
            pass
        thing = Thing()
        machine = ostler.scratch()
        with machine.installed():
            open("victim", "w").close()
            open("other", "w").close()
            atexit.register(os.remove, "victim")
            assert atexit.register(print, "never") is print
            atexit.unregister(print)
            atexit.register(lambda: None)
            weakref.finalize(ostler, print)  # the first: all of them are called at exit
        weakref.finalize(thing, os.remove, "of_host")
    """
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True,
                         env={**os.environ, "PYTHONPATH": ":".join(sys.path)})  # fmt: skip
    assert run.stderr.count("RuntimeError") == 1 and run.stdout == "\n"
    assert (tmp_path / "victim").read_text() == "real" and not (tmp_path / "of_host").exists()
    assert callable(atexit.register)


# ---- executors


def test_jobs_of_a_pool_that_ran_before(machine):
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(names).result() != THERE
        with machine.installed():
            assert pool.submit(names).result() == THERE
            assert [*pool.map(lambda _: names(), range(2))] == [THERE] * 2

            async def main():
                loop = asyncio.get_running_loop()
                return await asyncio.gather(
                    loop.run_in_executor(pool, names), loop.run_in_executor(None, names)
                )

            assert asyncio.run(main()) == [THERE] * 2
        assert pool.submit(names).result() != THERE


@pytest.mark.parametrize("threads", [False, True])
def test_jobs_of_a_pool_that_was_made_inside(machine, threads):
    ready = []
    with machine.installed(threads=threads):
        pool = ThreadPoolExecutor(1, initializer=lambda: ready.append(names()))
        assert pool.submit(names).result() == THERE
    # Its worker serves whoever comes.
    assert pool.submit(names).result() != THERE
    with ostler.scratch() as other, other.installed():
        assert pool.submit(names).result() == []
    pool.shutdown()
    assert ready == [THERE]


def test_a_job_that_runs_afterwards(machine, victim):
    go = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(go.wait, 30)
        with machine.installed():
            machine.open_file("victim", "w").close()
            jobs = [pool.submit(os.remove, "victim"), pool.submit(len, "ab")]
        go.set()
        concurrent.futures.wait(jobs)
    assert isinstance(jobs[0].exception(), RuntimeError) and jobs[1].result() == 2
    assert victim.read_text() == "real" and machine.path.exists("victim")


# ---- the ways in and out


def test_ends_in_any_order():
    assert not is_looked_for()
    with ostler.scratch() as a, ostler.scratch() as b, ostler.scratch() as c:
        for number, machine in enumerate((a, b, c)):
            machine.mkdir(f"/{number}")
        host = names()
        first, second, third = (m.installed() for m in (a, b, c))
        for entered in (first, second, third):
            entered.__enter__()
        first.__exit__(None, None, None)
        assert names() == ["2"]
        third.__exit__(None, None, None)
        assert names() == ["1"]
        second.__exit__(None, None, None)
        assert names() == host and not is_looked_for()


def test_threads_that_share_one_context_manager(machine):
    installed, barrier, found = machine.installed(), threading.Barrier(4), []

    def work():
        for _ in range(20):
            barrier.wait(30)
            with installed:
                found.append(names())
                with installed:
                    found.append(names())
            found.append(names() != THERE)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 240 and all(one in (THERE, True) for one in found)
    assert not is_looked_for()


def test_the_machine_is_let_go(machine):
    """Contexts that are kept do not keep the machine."""
    other = ostler.scratch()
    with other.installed():
        kept = contextvars.copy_context()
    gone = weakref.ref(other)
    other.close()
    del other
    gc.collect()
    assert gone() is None and len(kept) >= 1


def test_a_fork_inside(machine, tmp_path):
    with machine.installed():
        pid = os.fork()
        if pid == 0:
            try:
                os.mkdir("/by-the-child")
                status = 0 if sorted(names()) == ["by-the-child", "only-there"] else 1
            except BaseException:
                status = 2
            os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert "by-the-child" in names()


def test_the_end_of_the_interpreter_inside(tmp_path):
    code = """if True:
        import os, ostler
        machine = ostler.scratch()
        installed = machine.installed(threads=True)
        installed.__enter__()
        class Late:
            def __del__(self, stat=os.stat):
                try:
                    stat("/")
                except ValueError:
                    pass
        late = Late()
        print(os.listdir("/"))
    """
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True,
                         env={**os.environ, "PYTHONPATH": ":".join(sys.path)})  # fmt: skip
    assert (run.stdout, run.stderr, run.returncode) == ("[]\n", "", 0)


# ---- interrupted


def test_a_signal_in_the_middle_of_the_way_in_and_out(machine):
    """Its handler installs another machine, wherever it strikes."""
    wrong, struck = [], []
    with ostler.scratch() as other:
        other.mkdir("/other")

        def handler(frame, event, argument):
            struck.append(frame.f_code.co_name)
            sys.settrace(None)
            with other.installed():
                if names() != ["other"]:
                    wrong.append((number, struck[-1]))

        def trace(frame, event, argument):
            nonlocal left
            left -= 1
            if left == 0:
                handler(frame, event, argument)
            return trace if left > 0 else None

        for number in range(1, 5000, 7):
            left = number
            sys.settrace(trace)
            try:
                with machine.installed():
                    sys.settrace(None)
                    if names() != THERE:
                        wrong.append((number, "inside"))
                    if left > 0:
                        sys.settrace(trace)
            finally:
                sys.settrace(None)
            if names() in (THERE, ["other"]):
                wrong.append((number, "outside"))
            if left > 0:
                break
    assert wrong == [] and {"_put_in", "_take_out"} <= {*struck}
    assert not is_looked_for()


def test_an_interrupt_on_the_way_in(machine):
    """Either nothing is installed, or it is to be left."""

    def trace(frame, event, argument):
        nonlocal left
        left -= 1
        if left == 0:
            raise KeyboardInterrupt
        return trace

    for number in range(1, 400):
        left = number
        entering = machine.installed()
        sys.settrace(trace)
        try:
            entering.__enter__()
            sys.settrace(None)
            entering.__exit__(None, None, None)
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)
        assert names() != THERE
        if left > 0:
            break
    assert number > 20
    entering = None
    with machine.installed():
        assert names() == THERE
    assert not is_looked_for()


# ---- what is made inside and serves the host


def test_the_directory_of_multiprocessing(machine):
    code = """if True:
        import multiprocessing.util, os, ostler
        with ostler.scratch() as machine, machine.installed():
            made = multiprocessing.util.get_temp_dir()
            assert not os.path.exists(made)
        assert os.path.isdir(made)
        print(made)
    """
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                         env={**os.environ, "PYTHONPATH": ":".join(sys.path)})  # fmt: skip
    assert run.stderr == "" and not os.path.exists(run.stdout.strip())


def test_children_of_a_confined_machine_begin_inside_another(machine):
    with machine.installed(), ostler.confined("/", read_only=True) as confined:
        assert confined.run(["/bin/true"]).code == 0


def test_modules_that_are_imported_inside(machine):
    """What of them is the machine's, or the host's, is so at once; nobody sees who looked."""
    code = """if True:
        import os, sys, ostler
        names = "tempfile", "concurrent.futures.thread", "linecache", "multiprocessing.util"
        with ostler.scratch() as machine:
            with machine.installed():
                assert not {*names[:2]} & {*sys.modules}
                os.mkdir("/tmp"), os.mkdir("/only-there")
                import tempfile, multiprocessing.util
                from concurrent.futures import ThreadPoolExecutor
                os.environ["TMPDIR"] = "/only-there"
                assert tempfile.gettempdir() == "/only-there"
                with ThreadPoolExecutor(1) as pool:
                    assert sorted(pool.submit(os.listdir, "/").result()) == ["only-there", "tmp"]
                assert not os.path.exists(multiprocessing.util.get_temp_dir())
            assert tempfile.gettempdir() != "/only-there"
            for name in names:
                loader = sys.modules[name].__loader__
                assert loader is sys.modules[name].__spec__.loader
                kind = loader if isinstance(loader, type) else type(loader)
                assert kind.__module__.startswith(("_frozen", "importlib")), loader
    """
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                         env={**os.environ, "PYTHONPATH": ":".join(sys.path)})  # fmt: skip
    assert run.stderr == ""

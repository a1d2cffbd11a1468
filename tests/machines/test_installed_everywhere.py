"""A machine that is installed for the whole process: all code is on it, whatever it runs in."""

import asyncio
import concurrent.futures
import contextvars
import os
import queue
import threading

import pytest

import ostler
from ostler.installation.installed import Installed


@pytest.fixture
def machine():
    with ostler.scratch() as made:
        made.mkdir("/there")
        yield made


class Asked:
    """A thread of its own, which calls what it is given."""

    def __init__(self):
        self.given, self.told = queue.Queue(), queue.Queue()
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self):
        while (function := self.given.get()) is not None:
            try:
                self.told.put(function())
            except Exception as error:
                self.told.put(error)

    def ask(self, function):
        self.given.put(function)
        return self.told.get(timeout=30)

    def end(self):
        self.given.put(None)
        self.thread.join()


@pytest.fixture
def earlier():
    asked = Asked()
    yield asked
    asked.end()


def names():
    return os.listdir("/")


def test_threads_and_contexts_that_were_there_before(machine, earlier):
    context = contextvars.copy_context()
    pool = concurrent.futures.ThreadPoolExecutor(1)
    with pool:
        pool.submit(int).result()
        with machine.installed(everywhere=True):
            assert earlier.ask(names) == ["there"]
            assert context.run(names) == ["there"]
            assert pool.submit(names).result() == ["there"]
        assert "there" not in pool.submit(names).result()
    assert "there" not in earlier.ask(names)
    assert "there" not in context.run(names)


def test_not_without_being_asked_for(machine, earlier):
    with machine.installed(threads=True):
        assert "there" not in earlier.ask(names)


def test_a_worker_that_is_started_inside_calls_back_inside(machine):
    told = []
    with machine.installed(everywhere=True), concurrent.futures.ThreadPoolExecutor(1) as pool:
        begin = threading.Event()
        job = pool.submit(begin.wait)
        job.add_done_callback(lambda job: told.append(names()))  # called by the worker itself
        begin.set()
    assert told == [["there"]]


def test_a_loop_that_ran_before(machine):
    async def look(into):
        into += [names(), await asyncio.to_thread(names)]
        into.append(await asyncio.get_running_loop().run_in_executor(None, names))

    async def waiting(ready, into):
        await ready.wait()
        await look(into)

    async def begin(ready, into):
        return asyncio.ensure_future(waiting(ready, into))

    found = []
    with asyncio.Runner() as runner:
        ready = asyncio.Event()
        task = runner.run(begin(ready, found))
        with machine.installed(everywhere=True):
            ready.set()
            runner.run(asyncio.wait_for(task, 30))
            runner.run(look(found))
        runner.run(look(outside := []))
    assert found == [["there"]] * 6
    assert not any("there" in each for each in outside)


def test_a_thread_that_is_begun_inside_is_late_between_and_on_the_next_machine(machine):
    with machine.installed(everywhere=True):
        asked = Asked()
        assert asked.ask(names) == ["there"]
    assert isinstance(asked.ask(names), RuntimeError)
    with ostler.scratch() as other:
        with other.installed(everywhere=True):
            assert asked.ask(names) == []
        with other.installed(threads=True):  # which is not for it
            assert isinstance(asked.ask(names), RuntimeError)
    asked.end()


def test_the_last_that_was_installed_holds(machine, earlier):
    with machine.installed(everywhere=True), ostler.scratch() as inner:
        with inner.installed(everywhere=True):
            assert names() == [] == earlier.ask(names)
        with inner.installed():
            assert names() == []
            assert earlier.ask(names) == ["there"]
        assert names() == ["there"] == earlier.ask(names)


def test_a_pause(machine, earlier):
    block = Installed(machine, True, False, everywhere=True)
    with block:
        block.pause(True)
        assert "there" not in names()
        assert "there" not in earlier.ask(names)
        block.pause(False)
        assert names() == ["there"] == earlier.ask(names)
    assert "there" not in names()


def test_another_machine_in_its_place(machine, earlier):
    block = Installed(machine, True, False, everywhere=True)
    with block, ostler.scratch() as other:
        other.mkdir("/other")
        block.move(other)
        assert names() == ["other"] == earlier.ask(names)


def test_a_machine_over_another(machine, earlier):
    class Over(ostler.machines.between.Between):
        pass

    with Over(machine).installed(everywhere=True):
        assert earlier.ask(names) == ["there"]


def test_variables_of_the_host_beside_a_machine(machine, earlier):
    with machine.installed(threads=True):
        assert earlier.ask(lambda: os.environ.pop("OSTLER_NONE", "default")) == "default"
        assert isinstance(earlier.ask(lambda: os.environ.pop("OSTLER_NONE")), KeyError)


def test_variables_are_the_machines_in_every_thread(machine, earlier):
    machine.environ["OSTLER_HERE"] = "yes"
    with machine.installed(everywhere=True):
        assert earlier.ask(lambda: os.environ.get("OSTLER_HERE")) == "yes"
    assert earlier.ask(lambda: os.environ.get("OSTLER_HERE")) is None

"""The fixtures' machines in tests of pytest-asyncio and anyio, where these are installed."""

import pytest

from tests.test_pytest_plugin import PLUGIN, importable  # noqa: F401  # the fixture is for all here

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.thorough

ASYNCIO = """
import asyncio, concurrent.futures, os, threading
from pathlib import Path

import pytest
import pytest_asyncio


@pytest.fixture(scope="session")
def pool():
    with concurrent.futures.ThreadPoolExecutor(2) as made:
        list(made.map(int, "12"))
        yield made

@pytest.fixture(params=["installed_scratch", "fs"])
def machine(request):
    return request.getfixturevalue(request.param)

def of_scope(scope):
    async def fixture():
        await asyncio.to_thread(int)  # from now on the loop has a thread
        async def tick():
            while True:
                await asyncio.sleep(0.01)
        task = asyncio.create_task(tick())
        yield asyncio.get_running_loop()
        task.cancel()
        assert not os.path.exists("/here")
    return pytest_asyncio.fixture(scope=scope, loop_scope=scope)(fixture)

of_session, of_module, of_class = map(of_scope, ("session", "module", "class"))

@pytest_asyncio.fixture
async def furnished(machine):
    Path("/here").mkdir()
    Path("/here/furnished").touch()
    yield machine
    assert "furnished" in await asyncio.to_thread(os.listdir, "/here")

async def names():
    await asyncio.sleep(0)
    return os.listdir("/here")

async def from_everywhere(pool=None):
    loop = asyncio.get_running_loop()
    Path("/here").mkdir(exist_ok=True)
    Path("/here/mine").touch()
    wanted = sorted(os.listdir("/here"))
    found = [
        await asyncio.to_thread(os.listdir, "/here"),
        await loop.run_in_executor(pool, os.listdir, "/here"),
        await asyncio.create_task(names()),
    ]
    for hand_over in (
        lambda act: loop.call_soon(act),
        lambda act: loop.call_later(0.001, act),
        lambda act: threading.Thread(target=loop.call_soon_threadsafe, args=(act,)).start(),
    ):
        future = loop.create_future()
        hand_over(lambda: future.set_result(os.listdir("/here")))
        found.append(await future)
    assert [sorted(each) for each in found] == [wanted] * len(found)

async def test_of_function(machine):
    await from_everywhere()

async def test_furnished(furnished, pool):
    await from_everywhere(pool)

@pytest.mark.asyncio(loop_scope="session")
async def test_of_session(of_session, machine, pool):
    assert asyncio.get_running_loop() is of_session
    await from_everywhere(pool)

@pytest.mark.asyncio(loop_scope="module")
class TestOfModule:
    async def test_it(self, of_module, machine):
        assert asyncio.get_running_loop() is of_module
        await from_everywhere()

    async def test_the_other_way_round(self, machine, of_module):
        await from_everywhere()

    async def test_on_the_host(self, of_module):
        assert not os.path.exists("/here")
        assert not await asyncio.to_thread(os.path.exists, "/here")

@pytest.mark.asyncio(loop_scope="class")
class TestOfClass:
    async def test_it(self, of_class, machine):
        await from_everywhere()

    async def test_on_the_host(self, of_class):
        assert not await asyncio.to_thread(os.path.exists, "/here")

LEFT = []

@pytest.mark.asyncio(loop_scope="module")
class TestLeft:
    async def test_a_task_that_goes_on(self, of_module, installed_scratch):
        async def go_on():
            await LEFT[0].wait()
            os.listdir("/work")
        LEFT.append(asyncio.Event())
        LEFT.append(asyncio.create_task(go_on()))
        await asyncio.sleep(0)

    async def test_it_acts_nowhere(self, of_module):
        LEFT[0].set()
        with pytest.raises(RuntimeError):
            await LEFT[1]
"""

ANYIO = """
import os
from pathlib import Path

import anyio
import pytest

pytestmark = pytest.mark.anyio

@pytest.fixture(scope="module", params=BACKENDS)
def anyio_backend(request):
    return request.param

@pytest.fixture(scope="module")
async def of_module(anyio_backend):
    await anyio.to_thread.run_sync(int)
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.sleep_forever)
        yield 1
        group.cancel_scope.cancel()
    assert not os.path.exists("/here")

@pytest.fixture(params=["installed_scratch", "fs"])
def machine(request):
    return request.getfixturevalue(request.param)

@pytest.fixture
async def furnished(machine):
    await anyio.Path("/here").mkdir()
    yield machine
    assert await anyio.Path("/here/mine").exists()

async def from_everywhere():
    Path("/here").mkdir(exist_ok=True)
    Path("/here/mine").touch()
    found = [await anyio.to_thread.run_sync(os.listdir, "/here")]
    found.append([path.name async for path in anyio.Path("/here").iterdir()])

    async def look():
        found.append(os.listdir("/here"))

    async with anyio.create_task_group() as group:
        group.start_soon(look)
        group.start_soon(look)
    found.append(
        await anyio.to_thread.run_sync(lambda: anyio.from_thread.run_sync(os.listdir, "/here"))
    )
    assert found == [["mine"]] * 5
    async with await anyio.open_file("/here/mine", "w") as file:
        await file.write("x")
    assert open("/here/mine").read() == "x"

async def test_it(machine):
    await from_everywhere()

async def test_of_module(of_module, machine):
    await from_everywhere()

async def test_the_other_way_round(machine, of_module):
    await from_everywhere()

async def test_furnished(of_module, furnished):
    await from_everywhere()

async def test_on_the_host(of_module):
    assert not os.path.exists("/here") and not await anyio.Path("/here").exists()
"""


def test_asyncio(pytester):
    pytest.importorskip("pytest_asyncio", reason="pytest-asyncio is not installed")
    pytester.makeini("[pytest]\nasyncio_mode = auto\n")
    pytester.makepyfile(ASYNCIO)
    result = pytester.runpytest_subprocess(*PLUGIN, "-p", "ostler.fakefs", "-W", "ignore")
    result.assert_outcomes(passed=16)


def test_anyio(pytester):
    pytest.importorskip("anyio", reason="anyio is not installed")
    try:
        import trio  # noqa: F401
    except ImportError:
        backends = ["asyncio"]
    else:
        backends = ["asyncio", "trio"]
    pytester.makepyfile(ANYIO.replace("BACKENDS", repr(backends)))
    options = ["-p", "ostler.fakefs", "-p", "no:asyncio", "-W", "ignore"]
    result = pytester.runpytest_subprocess(*PLUGIN, *options)
    result.assert_outcomes(passed=9 * len(backends))

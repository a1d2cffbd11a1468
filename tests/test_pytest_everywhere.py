"""The fixtures' machines are those of all code of the process."""

from tests.test_pytest_plugin import importable, run  # noqa: F401

pytest_plugins = ["pytester"]


def test_all_code_is_on_the_machine_of_the_test(pytester):
    result = run(
        pytester,
        """
        import asyncio, concurrent.futures, os, unittest
        import pytest

        @pytest.fixture(scope="session")
        def pool():
            with concurrent.futures.ThreadPoolExecutor(1) as made:
                made.submit(int).result()
                yield made

        @pytest.fixture(scope="module")
        def runner():
            with asyncio.Runner() as made:
                made.run(asyncio.sleep(0))
                yield made

        @pytest.mark.parametrize("number", range(2))
        def test_each(number, pool, runner, installed_scratch):
            async def look():
                return os.listdir("/work") + await asyncio.to_thread(os.listdir, "/work")
            open(f"here{number}", "w").close()
            assert runner.run(look()) == [f"here{number}"] * 2
            assert pool.submit(os.listdir, "/work").result() == [f"here{number}"]

        def test_outside(pool, runner):
            assert not os.path.exists("/work/here0")
            assert not pool.submit(os.path.exists, "/work/here0").result()

        class TestAsync(unittest.IsolatedAsyncioTestCase):
            @pytest.fixture(autouse=True)
            def machine(self, installed_scratch):
                self.machine = installed_scratch

            async def asyncSetUp(self):
                open("there", "w").close()

            async def test_it(self):
                assert self.machine.listdir("/work") == ["there"]
        """,
    )
    result.assert_outcomes(passed=4)

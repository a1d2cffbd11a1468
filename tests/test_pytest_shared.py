"""The pytest plugin's machine that the tests of a module share, in a pytest of its own."""

import pytest

from tests.test_pytest_plugin import importable, run  # noqa: F401  # the fixture is for all here

pytest_plugins = ["pytester"]


def test_scratch_shared(pytester):
    result = run(
        pytester,
        """
        import os, pytest

        made = []

        @pytest.fixture(scope="module", autouse=True)
        def furnished(scratch_shared):
            made.append(1)
            scratch_shared.create_file("/data/one", "1")
            scratch_shared.environ["MODULE"] = "1"

        @pytest.fixture
        def more(scratch_shared):
            scratch_shared.create_file("/data/more", "1")

        @pytest.mark.parametrize("number", range(4))
        def test_each_finds_it_as_it_was(scratch_shared, number):
            m = scratch_shared
            assert (m.listdir("/"), m.listdir("/data")) == (["data"], ["one"])
            assert (m.getcwd(), m.environ.get("X"), m.environ["MODULE"]) == ("/", None, "1")
            assert m.umask(0o77) != 0o77
            m.remove("/data/one")
            m.create_file(f"/{number}", "x")
            m.chdir("/data")
            m.environ["X"] = "1"
            m.checkpoint()
            m.create_file("/after", "x")

        def test_a_fixture_of_a_test(scratch_shared, more):
            assert sorted(scratch_shared.listdir("/data")) == ["more", "one"]

        def test_it_is_gone(scratch_shared):
            assert scratch_shared.listdir("/data") == ["one"]
            assert len(scratch_shared.points()) == 1

        @pytest.fixture(scope="module")
        def later(scratch_shared):
            scratch_shared.create_file("/later", "1")

        def test_later(scratch_shared, later):
            scratch_shared.remove("/later")

        def test_it_stays(scratch_shared):
            assert sorted(scratch_shared.listdir("/")) == ["data", "later"]

        def test_installed(scratch_shared):
            with scratch_shared.installed():
                os.mkdir("/x")

        def test_after_all(scratch_shared):
            assert sorted(scratch_shared.listdir("/")) == ["data", "later"]
            assert made == [1]

        def test_without(tmp_path):
            pass
        """,
    )
    result.assert_outcomes(passed=11)


def test_scratch_shared_in_use(pytester):
    """Only the test that has left something fails."""
    result = run(
        pytester,
        """
        import mmap, os, pytest

        pytestmark = pytest.mark.scratch(size="256K")
        kept = []

        @pytest.fixture(scope="module", autouse=True)
        def furnished(scratch_shared):
            scratch_shared.create_file("/data/one", "1")
            kept.append("furnished")
            yield
            kept.append("finished")

        @pytest.fixture(autouse=True)
        def looked_at(scratch_shared):
            m = scratch_shared
            assert (m.listdir("/"), m.listdir("/data")) == (["data"], ["one"])
            assert (m.getcwd(), m.environ.get("X"), len(m.points())) == ("/", None, 1)

        def spoil(m):
            m.remove("/data/one")
            m.environ["X"] = "1"
            m.mkdir("/d")
            m.chdir("/d")

        def test_an_open_file(scratch_shared):
            kept.append(scratch_shared.open_file("/log", "w"))
            spoil(scratch_shared)

        def test_after_it(scratch_shared):
            kept[-1].write("what nobody sees")
            kept[-1].flush()

        def test_one_that_was_removed(scratch_shared):
            kept.append(scratch_shared.open_file("/log", "w"))
            scratch_shared.remove("/log")
            spoil(scratch_shared)

        def test_a_mapped_file(scratch_shared):
            with scratch_shared.open_file("/log", "w+b") as file:
                file.truncate(4096)
                kept.append(mmap.mmap(file.fileno(), 4096))
            spoil(scratch_shared)

        def test_after_that(scratch_shared):
            kept[-1][:4] = b"seen"

        def test_a_copy_of_the_process(scratch_shared):
            file = scratch_shared.open_file("/log", "w")
            reading, writing = os.pipe()
            if not os.fork():
                os.close(writing)
                os.read(reading, 1)
                os._exit(0)
            os.close(reading)
            kept.append(writing)
            file.close()
            spoil(scratch_shared)

        def test_after_the_copy(scratch_shared):
            os.close(kept.pop())
            os.wait()

        def test_it_is_closed(scratch_shared):
            assert kept.count("furnished") == 1
            scratch_shared.close()

        def test_it_was_made_anew(scratch_shared):
            assert (kept.count("furnished"), kept.count("finished")) == (2, 1)
            assert scratch_shared.statvfs("/").f_blocks * 4096 == 262144
        """,
    )
    result.assert_outcomes(passed=9, errors=5)
    lines = ["ERROR at teardown of test_an_open_file"]
    lines += ["OSError*the test has left*scratch_shared open*open for writing in this process*"]
    lines += ["ERROR at teardown of test_one_that_was_removed", "OSError*"]
    lines += ["ERROR at teardown of test_a_mapped_file", "OSError*open for writing in this*"]
    lines += ["ERROR at teardown of test_a_copy_of_the_process", "OSError*in process*"]
    lines += ["ERROR at teardown of test_it_is_closed", "RuntimeError*closed by a test*"]
    result.stdout.fnmatch_lines([f"*{line}*" for line in lines])


def test_scratch_shared_with_children(pytester):
    result = run(
        pytester,
        """
        import os, pytest, signal, time
        from ostler.machines import SHELL

        pytestmark = pytest.mark.scratch(bind=SHELL)

        @pytest.fixture(scope="module", autouse=True)
        def furnished(scratch_shared):
            scratch_shared.system("mkdir /tmp; echo one > /tmp/a")

        def test_it_leaves_a_child(scratch_shared):
            global child
            command = "cd /tmp; echo two > a; exec sleep 1000 > log"
            child = scratch_shared.spawnlp(os.P_NOWAIT, "sh", "sh", "-c", command)
            while not scratch_shared.path.exists("/tmp/log"):
                time.sleep(0.001)

        def test_it_is_as_it_was(scratch_shared):
            assert os.waitpid(child, 0)[1] == signal.SIGKILL
            assert scratch_shared.listdir("/tmp") == ["a"]
            assert scratch_shared.system("grep -q one /tmp/a") == 0
        """,
    )
    result.assert_outcomes(passed=2)


def test_what_it_needs_does_not_grow(pytester):
    result = run(
        pytester,
        """
        import pytest

        pytestmark = pytest.mark.scratch(inodes=30)

        @pytest.mark.parametrize("number", range(40))
        def test_it_has_room(scratch_shared, number):
            scratch_shared.create_file("/d/file", "x")
        """,
    )
    result.assert_outcomes(passed=40)


def test_what_has_changed_nothing_yet_ends_with_its_test(pytester):
    result = run(
        pytester,
        """
        import os, pytest, signal
        from ostler.machines import SHELL

        pytestmark = pytest.mark.scratch(bind=SHELL)

        @pytest.fixture(scope="module", autouse=True)
        def furnished(scratch_shared):
            scratch_shared.create_file("/one", "1")

        def test_it_leaves_one(scratch_shared):
            global child
            command = "sleep 5; echo bad > /one"
            child = scratch_shared.spawnlp(os.P_NOWAIT, "sh", "sh", "-c", command)

        def test_it_is_gone(scratch_shared):
            assert os.waitpid(child, 0)[1] == signal.SIGKILL
            with scratch_shared.open_file("/one") as file:
                assert file.read() == "1"
        """,
    )
    result.assert_outcomes(passed=2)


def test_limits_are_taken_back(pytester):
    result = run(
        pytester,
        """
        import errno, pytest

        pytestmark = pytest.mark.scratch(size="1M", inodes=100)

        @pytest.fixture(scope="module", autouse=True)
        def furnished(scratch_shared):
            scratch_shared.create_file("/one", "1")

        @pytest.fixture(autouse=True)
        def looked_at(scratch_shared):
            room = scratch_shared.statvfs("/")
            assert (room.f_blocks * room.f_frsize, room.f_ffree) == (1 << 20, 98)
            assert scratch_shared.listdir("/") == ["one"]
            scratch_shared.create_file("/two", "2")

        def fill(m, errno):
            with pytest.raises(OSError) as failed:
                for number in range(3000):
                    m.create_file(f"/{number}", "x" * 4096)
            assert failed.value.errno == errno

        def test_less_room(scratch_shared):
            scratch_shared.resize("96K")
            fill(scratch_shared, errno.ENOSPC)

        def test_fewer_files(scratch_shared):
            scratch_shared.resize(inodes=30)
            fill(scratch_shared, errno.ENOSPC)

        def test_more_room(scratch_shared):
            scratch_shared.resize("4M", 5000)
            scratch_shared.create_file("/much", "x" * (3 << 20))

        def test_read_only(scratch_shared):
            scratch_shared.read_only_now()

        def test_read_only_with_nothing_changed(scratch_shared):
            scratch_shared.remove("/two")
            scratch_shared.read_only_now()
            with pytest.raises(OSError):
                scratch_shared.mkdir("/more")

        def test_after_all(scratch_shared):
            pass
        """,
    )
    result.assert_outcomes(passed=6)


def test_a_thread_that_goes_on_is_named(pytester):
    """Also where it is no daemon, and one that was there before the test is not."""
    result = run(
        pytester,
        """
        import pytest, threading

        ends = threading.Event()

        @pytest.fixture(scope="module", autouse=True)
        def furnished(scratch_shared):
            thread = threading.Thread(target=ends.wait, name="the module's")
            thread.start()
            yield
            ends.set()
            thread.join()

        def test_it_leaves_one(scratch_shared):
            threading.Thread(target=ends.wait, name="a test's own", daemon=True).start()

        def test_the_innocent(scratch_shared):
            thread = threading.Thread(target=scratch_shared.mkdir, args=("/d",))
            thread.start()
            thread.join()
        """,
    )
    result.assert_outcomes(passed=2, warnings=1)
    result.stdout.fnmatch_lines(["*::test_it_leaves_one", "*PytestWarning*threads*: a test's own"])


def test_whose_marker_it_takes(pytester):
    """The module's; one of a test or a class is refused, if it is not for another machine."""
    result = run(
        pytester,
        """
        import pytest

        pytestmark = pytest.mark.scratch(size="1M")

        def test_the_modules(scratch_shared):
            assert scratch_shared.statvfs("/").f_blocks == 256

        @pytest.mark.scratch(inodes=20)
        def test_its_own(scratch_shared): pass

        @pytest.mark.scratch(size="64K")
        class TestOfClass:
            def test_it(self, scratch_shared): pass

            def test_of_another_machine(self, scratch_shared, scratch_os):
                assert scratch_os.statvfs("/").f_blocks == 16
                assert scratch_shared.statvfs("/").f_blocks == 256

        @pytest.mark.scratch(process=False)
        def test_no_limit(scratch_shared): pass
        """,
    )
    result.assert_outcomes(passed=3, errors=2)
    result.stdout.fnmatch_lines(
        [
            "*the marker scratch of a test (test_its_own) says inodes for scratch_shared, *",
            "*the marker scratch of a class (TestOfClass) says size for scratch_shared, *",
        ]
    )


@pytest.mark.parametrize("shown", ["", ", bind=['/etc/hosts', '/usr']"], ids=["alone", "bind"])
def test_few_files(pytester, shown):
    """`inodes` of the marker counts what the module's fixtures and the test make."""
    result = run(
        pytester,
        f"""
        import pytest

        pytestmark = pytest.mark.scratch(inodes=5{shown})

        @pytest.fixture(scope="module", autouse=True)
        def furnished(scratch_shared):
            scratch_shared.create_file("/one", "1")

        @pytest.mark.parametrize("number", range(4))
        def test_three_more(scratch_shared, number):
            for name in "abc":
                scratch_shared.create_file(name, "x")
            with pytest.raises(OSError, match="No space"):
                scratch_shared.create_file("/d", "x")
            with pytest.raises(OSError, match="a point takes some files"):
                scratch_shared.checkpoint()

        def test_after_all(scratch_shared):
            assert scratch_shared.statvfs("/").f_ffree == 3
            assert "a" not in scratch_shared.listdir("/")
        """,
    )
    result.assert_outcomes(passed=5)


def test_nobody_else_pays_for_it(pytester):
    """A test without it has none of the plugin's fixtures; one of unittest has what it needs."""
    pytester.makeconftest(
        """
        def pytest_collection_modifyitems(items):
            with open("has", "w") as file:
                for item in items:
                    print(item.name, *item.fixturenames, file=file)
        """
    )
    result = run(
        pytester,
        """
        import unittest, pytest

        @pytest.fixture(scope="class")
        def wider(scratch_shared):
            scratch_shared.makedirs("/wider", exist_ok=True)

        @pytest.fixture(autouse=True)
        def own():
            pass

        @pytest.mark.parametrize("number", [1])
        def test_plain(number):
            pass

        @pytest.mark.usefixtures("scratch_shared")
        class Test(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def take(self, scratch_shared, wider):
                self.machine = scratch_shared

            def test_one(self):
                self.machine.create_file("/new")

            def test_two(self):
                assert self.machine.listdir("/") == ["wider"]

        @pytest.mark.parametrize("number", [1, 2])
        def test_with_a_number(number, wider, scratch_shared):
            scratch_shared.create_file("/new")
        """,
    )
    result.assert_outcomes(passed=5)
    has = [line.split() for line in (pytester.path / "has").read_text().splitlines()]
    assert has[0] == ["test_plain[1]", "own", "number"]
    for name, *names in has[1:]:
        assert names.count("_scratch_shared_again") == 1, name
        at = names.index("_scratch_shared_again")
        assert {"wider", "scratch_shared"} <= {*names[:at]}, name
        assert "own" in names[at:], name

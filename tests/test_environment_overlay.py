"""The environment without races: overlays for children, and .env files."""

import asyncio
import os
import threading

import pytest

import ostler


def seen(name, machine=ostler.host, **options):
    code = f'printf %s "${{{name}-unset}}"'
    return machine.run(["/bin/sh", "-c", code], capture=True, encoding="utf-8", **options).stdout


@pytest.fixture(autouse=True)
def variables(monkeypatch):
    ostler.environ["OSTLER_A"] = "1"
    yield
    ostler.environ.pop("OSTLER_A", None)
    ostler.environ.pop("OSTLER_B", None)


class TestOverlay:
    def test_children_see_it_and_the_process_does_not(self):
        with ostler.environ.overlay(OSTLER_A="2", OSTLER_B="3"):
            assert (seen("OSTLER_A"), seen("OSTLER_B")) == ("2", "3")
            assert ostler.environ["OSTLER_A"] == ostler.getenv("OSTLER_A") == "1"
            assert "OSTLER_B" not in ostler.environ
            assert b"OSTLER_B" not in open("/proc/self/environ", "rb").read()
        assert (seen("OSTLER_A"), seen("OSTLER_B")) == ("1", "unset")

    def test_all_that_starts_children(self, tmp_path):
        out = str(tmp_path / "out")
        command = 'test "$OSTLER_B" = 5'
        with ostler.environ.overlay(OSTLER_B="5"):
            assert ostler.system(command) == 0
            assert ostler.popen("echo $OSTLER_B").read() == "5\n"
            assert ostler.spawnv(ostler.P_WAIT, "/bin/sh", ["sh", "-c", command]) == 0
            pid = ostler.posix_spawn(
                "/bin/sh", ["sh", "-c", command], {"OSTLER_B": "given"}, file_actions=[]
            )
            assert ostler.waitstatus_to_exitcode(ostler.waitpid(pid, 0)[1]) == 1
            # A simple command, which needs no shell.
            assert ostler.system(f"cp /proc/self/environ {out}") == 0
        assert b"OSTLER_B=5" in open(out, "rb").read().split(b"\0")

    def test_none_takes_away(self):
        with ostler.environ.overlay(OSTLER_A=None):
            assert seen("OSTLER_A") == "unset"

    def test_one_in_another(self):
        with ostler.environ.overlay(OSTLER_A="2"):
            with ostler.environ.overlay(OSTLER_B="3"):
                assert (seen("OSTLER_A"), seen("OSTLER_B")) == ("2", "3")
            assert (seen("OSTLER_A"), seen("OSTLER_B")) == ("2", "unset")

    def test_as_a_mapping(self):
        overlay = ostler.environ.overlay({"OSTLER_B": "3"}, OSTLER_A=None)
        assert overlay["OSTLER_B"] == "3"
        assert "OSTLER_A" not in overlay
        assert len(overlay) == len(ostler.environ)
        assert dict(overlay)["PATH"] == ostler.environ["PATH"]
        assert seen("OSTLER_B", env=overlay) == "3"
        assert seen("OSTLER_B") == "unset"

    def test_is_of_this_thread(self):
        found = []
        with ostler.environ.overlay(OSTLER_B="3"):
            thread = threading.Thread(target=lambda: found.append(seen("OSTLER_B")))
            thread.start()
            thread.join()
        assert found == ["unset"]

    def test_is_of_this_task(self):
        async def task(value, turn, other):
            with ostler.environ.overlay(OSTLER_B=value):
                turn.set()
                await other.wait()
                return seen("OSTLER_B")

        async def main():
            a, b = asyncio.Event(), asyncio.Event()
            return await asyncio.gather(task("a", a, b), task("b", b, a))

        assert asyncio.run(main()) == ["a", "b"]

    def test_is_of_one_machine(self):
        with ostler.scratch(bind=ostler.machines.SHELL) as machine:
            machine.environ["OSTLER_A"] = "theirs"
            with ostler.environ.overlay(OSTLER_A="2"):
                assert seen("OSTLER_A", machine) == "theirs"
            with machine.environ.overlay(OSTLER_A="changed"):
                assert seen("OSTLER_A", machine) == "changed"
                assert machine.system('test "$OSTLER_A" = changed') == 0
                assert seen("OSTLER_A") == "1"

    @pytest.mark.parametrize(
        ("variables", "error"),
        [({"": "x"}, ValueError), ({"A=": "x"}, ValueError), ({"A": "\0"}, ValueError),
         ({"A": 1}, TypeError), ({b"A": "x"}, TypeError), (5, TypeError)],
    )  # fmt: skip
    def test_bad_input(self, variables, error):
        with pytest.raises(error):
            ostler.environ.overlay(variables)
        with pytest.raises(TypeError):
            ostler.environb.overlay()


def test_threads_set_and_children_read():
    """Children started while other threads change the environment get whole variables."""
    done = threading.Event()

    def change(name):
        i = 0
        while not done.is_set():
            i += 1
            ostler.environ[f"{name}{i % 50}"] = "x" * (i % 300)
            ostler.environ.pop(f"{name}{(i + 25) % 50}", None)

    threads = [threading.Thread(target=change, args=(f"OSTLER_RACE_{n}_",)) for n in "ab"]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            result = ostler.run(["env"], capture=True)
            raced = [line for line in result.stdout.splitlines() if b"OSTLER_RACE_" in line]
            assert [line for line in raced if line.partition(b"=")[2].strip(b"x")] == []
            assert b"OSTLER_A=1" in result.stdout.splitlines()
    finally:
        done.set()
        for thread in threads:
            thread.join()
        for name in [name for name in ostler.environ if "_RACE_" in name]:
            del ostler.environ[name]


class TestReadEnv:
    def test_read(self, tmp_path):
        pytest.importorskip("dotenv")
        path = tmp_path / ".env"
        path.write_text("# comment\nexport A=1\nB='two words'\nC=${B}/${OSTLER_A}\nD\n")
        assert ostler.read_env(path) == {
            "A": "1", "B": "two words", "C": "${B}/${OSTLER_A}", "D": None,
        }  # fmt: skip
        assert ostler.read_env(path, expand=True)["C"] == "two words/1"
        with ostler.environ.overlay(ostler.read_env(path)):
            assert seen("B") == "two words"

    def test_on_another_machine(self):
        pytest.importorskip("dotenv")
        with ostler.scratch() as machine:
            machine.write_atomic("/.env", "A=${HERE}")
            machine.environ["HERE"] = "inside"
            assert machine.read_env("/.env", expand=True) == {"A": "inside"}

    def test_missing(self, tmp_path):
        pytest.importorskip("dotenv")
        with pytest.raises(FileNotFoundError):
            ostler.read_env(tmp_path / "missing")

    def test_without_the_library(self, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "dotenv", None)
        with pytest.raises(ImportError, match=r"ostler\[dotenv\]"):
            ostler.read_env()


def test_the_interpreter_s_environ_is_left_alone():
    assert not hasattr(os.environ, "overlay") or os is ostler

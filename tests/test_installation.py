"""install() and uninstall(): os replaced everywhere, and given back everywhere."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

SOURCE = str(Path(__file__).resolve().parents[1] / "src")


def in_child(program):
    """Run a program in a fresh interpreter; its output, which must come without an error."""
    prelude = f"import sys; sys.path.insert(0, {SOURCE!r})\n"
    done = subprocess.run(
        [sys.executable, "-c", prelude + textwrap.dedent(program)],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_every_name_of_the_replaced_modules():
    assert (
        in_child("""
        import sys
        import ostler
        ostler.install()
        import os, os.path, posix, posixpath
        from os import path, getcwd
        assert os is ostler and os.path is path is posixpath is ostler.path
        assert getcwd is ostler.getcwd and posix.getcwd is ostler.getcwd
        assert posix.__name__ == "posix" and os.path.__name__ == "posixpath"
        assert all(type(k) is bytes for k in posix.environ)
        print("done")
    """)
        == "done\n"
    )


def test_what_other_modules_have_taken():
    assert (
        in_child(
            """
        import sys, types
        import os
        module = types.ModuleType("taker")
        sys.modules["taker"] = module
        exec('''if True:
            import os, os as system, posix, posixpath, genericpath
            from os import getpid, stat as look, PathLike
            from os.path import join as put_together
            number = os.O_CREAT
            class Kept:
                pid = os.getpid
                join = staticmethod(os.path.join)
                def method(self, pid=os.getpid, *, join=os.path.join): pass
                @staticmethod
                def plain(pid=os.getpid): pass
            def function(a, pid=os.getpid, *, pid2=os.getpid): pass
        ''', vars(module))
        def taken():
            Kept = module.Kept
            return [module.os, module.system, module.posix, module.posixpath, module.getpid,
                    module.look, module.PathLike, module.put_together, module.genericpath.exists,
                    Kept.pid, Kept.join, Kept.method.__defaults__,
                    Kept.method.__kwdefaults__["join"],
                    Kept.plain.__defaults__, module.function.__defaults__,
                    module.function.__kwdefaults__["pid2"]]
        before = taken()
        own = os
        import ostler
        ostler.install()
        assert os is ostler   # this module's own global too
        pid, join = ostler.getpid, ostler.path.join
        assert taken() == [ostler, ostler, sys.modules["posix"], ostler.path, pid, ostler.stat,
            ostler.PathLike, join, ostler.path.exists, pid, join, (pid,), join, (pid,), (pid,), pid]
        ostler.uninstall()
        assert taken() == before and os is own is sys.modules["os"]
        print("done")
    """.replace("own = os\n", "own = sys.modules['os']\n").replace("os is own is", "os is")
        )
        == "done\n"
    )


def test_again_and_back():
    assert (
        in_child("""
        import os, sys, shutil
        import ostler
        names = ("os", "posix", "posixpath", "os.path")
        before = [sys.modules[n] for n in names], shutil.os, ostler.__file__, ostler.path.__name__
        ostler.uninstall()
        for _ in range(2):
            ostler.install()
            ostler.install()
            assert sys.modules["os"] is shutil.os is ostler
            assert ostler.__file__ == before[0][0].__file__
            ostler.uninstall()
            ostler.uninstall()
        assert before == ([sys.modules[n] for n in names], shutil.os, ostler.__file__,
                          ostler.path.__name__)
        print("done")
    """)
        == "done\n"
    )


def test_environment_is_carried_over():
    assert (
        in_child("""
        import os
        import ostler
        os.environ["OSTLER_A"] = "1"
        ostler.install()
        assert ostler.environ["OSTLER_A"] == "1"
        os.environ["OSTLER_B"] = "2"
        ostler.uninstall()
        assert os.environ["OSTLER_B"] == "2" and os.getenv("OSTLER_A") == "1"
        print("done")
    """)
        == "done\n"
    )


def test_a_binding_changed_meanwhile_is_left():
    assert (
        in_child("""
        import shutil
        import ostler
        ostler.install()
        shutil.os = "mine"
        ostler.uninstall()
        print(shutil.os)
    """)
        == "mine\n"
    )


def test_threads_install_once():
    assert (
        in_child("""
        import sys, threading
        import ostler
        before = sys.modules["os"]
        threads = [threading.Thread(target=ostler.install) for _ in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert sys.modules["os"] is ostler
        ostler.uninstall()
        assert sys.modules["os"] is before
        print("done")
    """)
        == "done\n"
    )


def test_names_of_modules_and_functions():
    """As os names them, and pickles name the same, which a Python without ostler can load."""
    assert (
        in_child("""
        import genericpath, os, pickle, posix, posixpath, subprocess, sys
        from types import BuiltinFunctionType, FunctionType
        own = os, posix, posixpath, genericpath
        named = {
            (module.__name__, name): value.__module__
            for module in own for name, value in vars(module).items()
            if isinstance(value, (FunctionType, BuiltinFunctionType, type))
            and value.__module__ in [module.__name__ for module in own]
        }
        import ostler
        for part in ("_fwalk", "_walk"):  # of os's walks, which are made otherwise here
            named.pop(("os", part), None)
        kept = ostler.getcwd.__module__, ostler.stat_result.__module__
        ostler.install()
        assert [sys.modules[module.__name__].__name__ for module in own] == [
            module.__name__ for module in own]
        pickles = []
        for (module, name), expected in named.items():
            if name == "_path_normpath" and module == "posixpath":
                continue  # before 3.13 its own name for posix's
            value = getattr(sys.modules[module], name)
            assert value.__module__ == expected, (module, name)
            pickled = pickle.dumps(value)
            assert b"ostler" not in pickled and pickle.loads(pickled) is value, (module, name)
            pickles.append(pickled)
        pickles += [pickle.dumps(os.stat("/")), pickle.dumps(os.path.getsize, 0)]
        # A method that is not the module's stays the machine's.
        assert b"ostler" in pickle.dumps(ostler.host.getcwd)
        assert pickle.loads(pickle.dumps(len)) is len
        ostler.uninstall()
        program = "import pickle, sys; [pickle.loads(p) for p in pickle.load(sys.stdin.buffer)]"
        subprocess.run([sys.executable, "-ISc", program], input=pickle.dumps(pickles), check=True)
        assert ostler.__name__ == "ostler" and ostler.path.__name__ == "ostler.path"
        assert (ostler.getcwd.__module__, ostler.stat_result.__module__) == kept
        assert pickle.loads(pickle.dumps(ostler.getcwd)) == ostler.getcwd
        print("done")
    """)
        == "done\n"
    )


def test_methods_of_another_machine_are_not_pickled_as_the_hosts(tmp_path):
    assert (
        in_child(f"""
        import ostler, pickle
        machine = ostler.confined({str(tmp_path)!r}, weaker=True)
        ostler.install()
        for method in (machine.getcwd, machine.path.getsize):
            try:
                print("pickled as", pickle.dumps(method))
            except TypeError:
                pass
        print("done")
    """)
        == "done\n"
    )


def test_submodules_are_loaded_once():
    """By the module's name `from ostler import x` would look for a module of os's."""
    assert (
        in_child("""
        import sys
        import ostler
        ostler.install()
        assert "ostler.sizes" not in sys.modules
        from ostler import sizes
        import ostler.sizes
        assert sizes is ostler.sizes is sys.modules["ostler.sizes"]
        assert sizes.__name__ == sizes.__spec__.name == "ostler.sizes"
        for missing in ("from ostler import nothing_there", "import os.nothing_there"):
            try:
                exec(missing)
            except ImportError:
                continue
            assert False, missing
        ostler.uninstall()
        assert [name for name in sys.modules if name.startswith("os.")] == ["os.path"]
        print("done")
    """)
        == "done\n"
    )


# The classes of os, each with an object of it; a function of an os, run in the programs below.
OF_CLASSES = """
        def made(os):
            return {
                "DirEntry": next(os.scandir("/")), "stat_result": os.stat("/"),
                "statvfs_result": os.statvfs("/"), "times_result": os.times(),
                "uname_result": os.uname(), "terminal_size": os.terminal_size((80, 24)),
                "sched_param": os.sched_getparam(0), "_Environ": os.environ,
                "_wrap_close": os.popen(":"),
                "waitid_result": os.waitid(
                    os.P_PID, os.posix_spawn("/bin/true", ["true"], {}), os.WEXITED),
            }
        """


def test_objects_are_of_the_classes_from_before_and_of_the_new():
    assert (
        in_child(
            OF_CLASSES
            + """
        import functools, gc, os, sys
        before = sys.modules["os"]
        old, kinds = made(os), {name: kind for name, kind in vars(os).items()
                                if isinstance(kind, type)}
        assert set(old) <= set(kinds)
        metaclasses = {name: type(kind) for name, kind in kinds.items()}
        import ostler
        assert not isinstance(ostler.stat("/"), kinds["stat_result"])

        def check():
            new = made(os)
            for name in old:
                now = getattr(os, name)
                assert isinstance(new[name], kinds[name]), name
                assert isinstance(old[name], now), name
                assert issubclass(now, kinds[name]) and issubclass(kinds[name], now), name
                assert not isinstance(name, now) and not isinstance(name, kinds[name]), name
                assert now.__module__ == kinds[name].__module__
                for hidden in ("__firstlineno__", "__static_attributes__"):
                    assert name in ("_Environ", "_wrap_close") or not hasattr(now, hidden)
                match new[name]:
                    case now(): pass
                    case _: assert False
            told = functools.singledispatch(lambda value: "other")
            told.register(kinds["stat_result"], lambda value: "status")
            assert told(new["stat_result"]) == told(old["stat_result"]) == "status"
            assert isinstance(new["DirEntry"], os.PathLike)

        for _ in range(2):
            ostler.install()
            check()
            ostler.uninstall()
            assert {name: type(kind) for name, kind in kinds.items()} == metaclasses
            gc.collect()
        assert not isinstance(ostler.stat("/"), kinds["stat_result"])
        print("done")
    """
        )
        == "done\n"
    )


@pytest.mark.parametrize("seed", range(3))
def test_random_places_that_change(seed):
    """Nothing is left out, nor remembered from before: see there."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.random_places", str(seed)],
        cwd=Path(__file__).parents[1], env={**os.environ, "PYTHONPATH": SOURCE},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("done\n", "")


def test_the_sweep_finds_what_a_plain_one_finds():
    """Through all modules that are loaded here, for a thousand objects that they hold."""
    assert (
        in_child("""
        import argparse, asyncio, random, sys, unittest.mock, xml.dom.minidom
        from types import FunctionType, ModuleType
        from ostler.installation import sweep

        def plain(names, module, wanted):
            for key, value in list(names.items()):
                if id(value) in wanted:
                    yield sweep.ITEM, id(names), key
                elif isinstance(value, type) and vars(value).get("__module__") == module:
                    if value.__flags__ & 1 << 9:
                        yield from in_class(value, wanted)
                elif isinstance(value, FunctionType) and value.__module__ == module:
                    yield from in_defaults(value, wanted)

        def in_class(kind, wanted):
            for key, value in list(vars(kind).items()):
                if id(value) in wanted:
                    yield sweep.ATTRIBUTE, id(kind), key
                elif isinstance(value, FunctionType):
                    yield from in_defaults(value, wanted)
                elif isinstance(value, (staticmethod, classmethod)):
                    if id(value.__func__) in wanted:
                        if isinstance(value, staticmethod):
                            yield sweep.STATIC, id(kind), key
                    elif isinstance(value.__func__, FunctionType):
                        yield from in_defaults(value.__func__, wanted)

        def in_defaults(function, wanted):
            if any(id(value) in wanted for value in function.__defaults__ or ()):
                yield sweep.DEFAULTS, id(function), None
            for key, value in (function.__kwdefaults__ or {}).items():
                if id(value) in wanted:
                    yield sweep.KEYWORD, id(function.__kwdefaults__), key

        class Holding:
            held = staticmethod(random.random)
            def with_default(self, a=random.random, *, b=random.shuffle): pass
            @classmethod
            def of_class(cls, a=random.random): pass
        Holding.__module__ = "asyncio"
        asyncio.Holding = Holding

        asyncio.__name__ = "renamed"  # what counts is the name under which it is known
        sys.modules["again"] = asyncio  # once is enough
        sys.modules["no module"] = object()
        modules = {id(m): (n, vars(m)) for n, m in reversed(list(sys.modules.items()))
                   if isinstance(m, ModuleType)}
        modules = [modules[i] for i in dict.fromkeys(map(id, sys.modules.values())) if i in modules]
        objects = [value for _, names in modules for value in list(names.values())]
        kept = [random.random, random.shuffle, *random.Random(1).sample(objects, 1000),
                None, vars(asyncio.Queue)["__module__"], vars(Holding)["__module__"]]
        wanted = {id(value) for value in kept}
        class Keys(dict): pass
        def with_keys(a, *, b=None): pass
        with_keys.__kwdefaults__ = Keys(b=random.random)
        with_keys.__module__ = "asyncio"
        asyncio.with_keys = with_keys
        vars(asyncio)[1] = random.random  # no text
        asyncio.gone = 1
        del asyncio.gone
        class Says:  # it is a module; and its names may share their table with others' names
            __class__ = property(lambda self: ModuleType)
        sys.modules["says"] = Says()
        sys.modules["says"].held = random.random
        modules.append(("says", vars(sys.modules["says"])))
        untouched = xml.dom, sys.modules["__main__"]
        expected = [place for name, names in modules for place in plain(names, name, wanted)
                    if name not in ("__main__", "xml.dom") and name.partition(".")[0] != "ostler"]
        assert len(expected) > 1000
        def told(places):
            return sorted((what, place, str(key)) for what, place, key in places)
        found = sweep.Sweep(wanted).modules([id(module) for module in untouched])
        assert told((what, id(place), key) for what, place, key in found) == told(expected)
        print("done")
    """)
        == "done\n"
    )

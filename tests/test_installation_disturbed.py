"""install() and uninstall() where something refuses, interrupts, forks or imports meanwhile."""

import textwrap

import pytest

from tests.test_installation import in_child

# What refuses: classes by their metaclass, objects that say they are modules, kinds of dict.
REFUSING = """
import os, sys, types
import ostler

class Constant(type):
    def __setattr__(cls, name, value): raise AttributeError(name)
class Constants(metaclass=Constant):
    getcwd = os.getcwd
    join = staticmethod(os.path.join)

def error(self): raise ZeroDivisionError
def odd(**members):
    return type("Odd", (), members)()
says_module = property(lambda self: types.ModuleType)
class NoGet(dict):
    def get(self, *args): raise ZeroDivisionError
class NoSet(dict):
    def __setitem__(self, *args): raise ZeroDivisionError
for number, thing in enumerate([
    odd(__class__=says_module, __slots__=()),
    odd(__class__=property(error)),
    odd(__class__=says_module, __dict__=property(error)),
    odd(__class__=says_module, __dict__=property(lambda self: types.MappingProxyType(vars(os)))),
    odd(__class__=says_module, __dict__=property(lambda self, names=NoSet(a=os.getcwd): names)),
]):
    sys.modules[f"odd{number}"] = thing
def no_get(*, a=os.getcwd): pass
def no_set(*, a=os.getcwd): pass
no_get.__kwdefaults__ = NoGet(a=os.getcwd)
no_set.__kwdefaults__ = NoSet(a=os.getcwd)
later = types.ModuleType("later")
later.getcwd = os.getcwd
sys.modules["later"] = later  # is looked at after all of them
"""


def test_what_refuses_is_left_as_it_is():
    program = REFUSING + textwrap.dedent("""
        own = [os, os.getcwd]  # in a list, which is not exchanged
        for _ in range(2):
            ostler.install()
            assert os is sys.modules["os"] is ostler and later.getcwd is ostler.getcwd
            assert Constants.getcwd is own[1] and no_set.__kwdefaults__["a"] is own[1]
            ostler.uninstall()
            assert os is sys.modules["os"] is own[0] and later.getcwd is own[1]
        print("done")
    """)
    assert in_child(program) == "done\n"


def test_what_refuses_to_be_given_back_does_not_stop_the_rest():
    program = REFUSING + textwrap.dedent("""
        own, refused = [os, os.getcwd], []
        class Once(type):
            def __setattr__(cls, name, value):
                if value is own[1]:
                    refused.append(name)
                    raise refusal
                super().__setattr__(name, value)
        class Kept(metaclass=Once):
            getcwd = os.getcwd
        refusal = AttributeError("no")
        ostler.install()
        assert Kept.getcwd is ostler.getcwd
        ostler.uninstall()
        assert refused == ["getcwd"] and os is sys.modules["os"] is own[0]
        type.__setattr__(Kept, "getcwd", own[1])
        refusal = KeyboardInterrupt()
        ostler.install()
        try:
            ostler.uninstall()
        except KeyboardInterrupt:
            refused.append("interrupt")
        assert refused == ["getcwd", "getcwd", "interrupt"]
        assert os is sys.modules["os"] is own[0] and later.getcwd is own[1]
        print("done")
    """)
    assert in_child(program) == "done\n"


def test_an_interrupted_install_leaves_all_as_before():
    program = REFUSING + textwrap.dedent("""
        from ostler.installation import process
        class Interrupted(type):
            def __setattr__(cls, name, value): raise KeyboardInterrupt
        class Kept(metaclass=Interrupted):
            getcwd = os.getcwd
        names = "os", "posix", "posixpath", "os.path"
        def state():
            return ([sys.modules[name] for name in names], os, later.getcwd, vars(ostler).copy(),
                    type(ostler.stat_result), ostler.stat_result.__module__)
        before = state()
        for _ in range(2):
            try:
                ostler.install()
            except KeyboardInterrupt:
                pass
            else:
                raise AssertionError
            assert state() == before and not process.installed()
            ostler.uninstall()
            assert state() == before
        type.__delattr__(Kept, "getcwd")
        ostler.install()
        assert os is sys.modules["os"] is ostler and later.getcwd is ostler.getcwd
        ostler.uninstall()
        assert state() == before
        print("done")
    """)
    assert in_child(program) == "done\n"


@pytest.mark.parametrize(
    ("outer", "inner", "is_ours"),
    [
        ("install", "install", True),
        ("install", "uninstall", False),
        ("uninstall", "install", True),
        ("uninstall", "uninstall", False),
    ],
)
def test_a_signals_handler_has_the_last_word(outer, inner, is_ours):
    program = f"""
        import os, signal, sys
        import ostler
        own = [os]
        armed = False
        class Signals(type):
            def __setattr__(cls, name, value):
                global armed
                super().__setattr__(name, value)
                if armed:
                    armed = False
                    signal.raise_signal(signal.SIGUSR1)
        class Kept(metaclass=Signals):
            getcwd = os.getcwd
        signal.signal(signal.SIGUSR1, lambda *_: ostler.{inner}())
        signal.alarm(60)
        if {outer!r} == "uninstall":
            ostler.install()
        armed = True
        ostler.{outer}()
        assert not armed
        wanted = ostler if {is_ours} else own[0]
        assert os is sys.modules["os"] is wanted and Kept.getcwd is wanted.getcwd
        ostler.uninstall()
        assert os is sys.modules["os"] is own[0] and Kept.getcwd is os.getcwd
        print("done")
    """
    assert in_child(program) == "done\n"


def test_a_fork_waits_for_another_threads_install():
    program = """
        import os, signal, sys, threading, time, warnings
        import ostler
        warnings.simplefilter("ignore")  # of a fork beside threads
        own, begun = [os], threading.Event()
        class Slow(type):
            def __setattr__(cls, name, value):
                super().__setattr__(name, value)
                if not begun.is_set():
                    begun.set()
                    time.sleep(0.3)
        class Kept(metaclass=Slow):
            getcwd = os.getcwd
        thread = threading.Thread(target=ostler.install)
        thread.start()
        begun.wait()
        pid = own[0].fork()
        if not pid:
            signal.alarm(30)
            assert os is sys.modules["os"] is ostler
            ostler.uninstall()
            assert os is sys.modules["os"] is own[0]
            ostler.install()
            os._exit(7)
        thread.join()
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
        print("done")
    """
    assert in_child(program) == "done\n"


def test_no_finder_is_passed_over_while_it_is_given_back():
    program = """
        import sys
        from importlib.machinery import ModuleSpec
        import ostler
        class Calling:
            @staticmethod
            def find_spec(name, path=None, target=None):
                ostler.uninstall()
        class Finding:
            @staticmethod
            def find_spec(name, path=None, target=None):
                return ModuleSpec(name, Finding) if name == "found_there" else None
            @staticmethod
            def create_module(spec): pass
            @staticmethod
            def exec_module(module): pass
        before = list(sys.meta_path)
        ostler.install()
        added = len(sys.meta_path) - len(before)
        sys.meta_path[added:added] = [Calling, Finding]
        import found_there
        assert sys.modules["os"] is not ostler
        del sys.meta_path[added : added + 2]
        for _ in range(3):  # one finder for all times
            ostler.install()
            ostler.uninstall()
        assert len(sys.meta_path) == len(before) + 1
        sys.meta_path[:] = before  # as a test runner does
        ostler.install()
        from os import sizes
        assert sizes is ostler.sizes
        ostler.uninstall()
        assert "os.sizes" not in sys.modules
        try:
            import os.sizes
        except ModuleNotFoundError:
            print("done")
    """
    assert in_child(program) == "done\n"


def test_no_key_is_asked():
    program = """
        import os, sys, types, warnings
        import ostler
        warnings.simplefilter("ignore")  # of the key
        class Key:
            def __hash__(self): return hash("__module__")
            def __eq__(self, other): return 1 / allowed == 0
            startswith = None
        allowed = 1
        def default(getcwd): pass
        def kind(names):
            method = types.FunctionType(default.__code__, {}, "method", (os.getcwd,))
            return type("Kind", (), {**names, "method": method})
        uninterned = "".join(["__mod", "ule__"])
        kinds = [kind({Key(): 1, "__module__": __name__}), kind({"a": 1, uninterned: __name__})]
        first, second = kinds  # names of the module
        allowed = 0
        sys.modules[7] = sys.modules[Key()] = types.ModuleType("no name")
        own = [os]
        ostler.install()
        assert [held.method.__defaults__ for held in kinds] == [(ostler.getcwd,)] * 2
        ostler.uninstall()
        assert os is sys.modules["os"] is own[0]
        assert [held.method.__defaults__ for held in kinds] == [(os.getcwd,)] * 2
        print("done")
    """
    assert in_child(program) == "done\n"


def test_variables_that_others_change_meanwhile_are_kept():
    program = """
        import os, sys
        import ostler
        own = [os]
        os.environ["REMOVED"] = "1"
        class Asking(type):
            def __setattr__(cls, name, value):  # in the middle of both
                for number, mapping in enumerate((own[0].environ, ostler.environ)):
                    mapping[f"{during}{number}"] = "set"
                own[0].environ.pop("REMOVED", None)
                super().__setattr__(name, value)
        class Kept(metaclass=Asking):
            getcwd = os.getcwd
        during = "INSTALL"
        ostler.install()
        assert os is ostler and "REMOVED" not in os.environ and b"REMOVED" not in os.environb
        assert os.environ["INSTALL0"] == os.environ["INSTALL1"] == "set"
        during = "UNINSTALL"
        ostler.uninstall()
        assert os is own[0] and "REMOVED" not in os.environ
        for name in "INSTALL0", "INSTALL1", "UNINSTALL0", "UNINSTALL1":
            assert os.environ[name] == os.environb[name.encode()].decode() == "set", name
        print("done")
    """
    assert in_child(program) == "done\n"


def test_no_thread_misses_a_variable_that_stays():
    program = """
        import os, sys, threading
        import ostler
        own, missed, ends = os.environ, [], []
        own["KEPT"] = ostler.environ["KEPT"] = "kept"
        def look():
            while not ends:
                for mapping in own, os.environ, ostler.environ:
                    if mapping.get("KEPT") != "kept":
                        missed.append(mapping)
        threads = [threading.Thread(target=look) for _ in range(3)]
        sys.setswitchinterval(1e-5)
        for thread in threads: thread.start()
        for _ in range(50):
            ostler.install()
            ostler.uninstall()
        ends.append(True)
        for thread in threads: thread.join()
        print("done" if not missed else f"missed {len(missed)} times")
    """
    assert in_child(program) == "done\n"

"""Entered again and again while the program changes: nothing of an earlier way in is remembered."""

import pytest

from tests.test_installation import in_child

PROGRAM = """
import concurrent.futures.thread, functools, importlib, importlib.metadata, io, random, shutil
import os, sys, tempfile, weakref
from types import BuiltinFunctionType, FunctionType, ModuleType

import ostler
from ostler.core import asking

chance = random.Random({seed})
machine = ostler.scratch()
machine.create_file("/here", "the machine's")


def codes():
    '''The code of each function, the metaclass of each class, that modules have; what asks.'''
    found = {{}}
    for module in list(sys.modules.values()):
        for value in list(vars(module).values()) if isinstance(module, ModuleType) else ():
            if isinstance(value, type):
                found[id(value)] = value, type(value)
                for member in vars(value).values():
                    member = getattr(member, "__func__", member)
                    if isinstance(member, FunctionType):
                        found[id(member)] = member, member.__code__
            elif isinstance(value, FunctionType):
                found[id(value)] = value, value.__code__
            elif type(value) is BuiltinFunctionType:
                found[id(value)] = value, asking.asks(value)
    return found


def holders(function):
    yield function
    yield lambda path, held=function: held(path)
    yield functools.partial(function)
    yield type("Kind", (), {{"held": staticmethod(function)}}).held
    names = {{"function": function}}
    exec("def call(path): return function(path)", names)
    yield names["call"]


def look(listdir):
    return "here" in listdir("/")


def is_inside():
    '''Of each thing that can tell, whether it acts on the machine.'''
    yield all(look(listdir) for listdir in held)
    yield look(os.listdir) and look(os.walk and (lambda path: next(os.walk(path))[2]))
    yield os.path.exists("/here") and os.path.isfile("/here")
    yield shutil.which("/here", 0) == "/here"
    with concurrent.futures.thread.ThreadPoolExecutor(1) as pool:
        yield pool.submit(os.path.exists, "/here").result()
    try:
        with io.open("/here") as file:
            yield file.read() == "the machine's"
    except FileNotFoundError:
        yield False
    yield isinstance(ostler.stat("/"), os.stat_result)
    machine_or_host = machine if asking.found() is machine else ostler.host
    yield machine_or_host is machine and tempfile.gettempdir() == "/tmp"


def change():
    kind = concurrent.futures.thread.ThreadPoolExecutor
    what = chance.randrange(8)
    if what == 0:
        importlib.reload(tempfile)
    elif what == 1:
        sys.modules.pop("concurrent.futures.thread")
        import concurrent.futures.thread as anew
        concurrent.futures.thread = anew
    elif what == 2:
        plain = kind.submit
        kind.submit = FunctionType(plain.__code__, plain.__globals__, "submit")
        kind.submit.__kwdefaults__ = plain.__kwdefaults__
    elif what == 3:
        os.makedirs.__code__ = os.makedirs.__code__.replace(co_name="makedirs")
    elif what == 4:
        held.extend(holders(os.listdir))
    elif what == 5:
        plain = os.path.exists
        os.path.exists = chance.choice([genericpath_exists, lambda path: plain(path)])
    elif what == 6:
        class Variables(os._Environ):
            pass
        sys.modules["__main__"].Variables = Variables
    else:
        for name in ("importlib.metadata", "importlib.resources._common"):
            sys.modules.pop(name, None)
        importlib.import_module("importlib.metadata")
        importlib.import_module("importlib.resources._common")


genericpath_exists = os.path.exists
held = list(holders(os.listdir))
machine.mkdir("/tmp")
with machine.installed():
    pass
for _ in range(60):
    for _ in range(chance.randrange(4)):
        change()
    before = codes()
    assert not any(is_inside()), list(is_inside())
    with machine.installed(threads=True):
        assert all(is_inside()), list(is_inside())
        if chance.random() < 0.3:
            change()
            assert all(is_inside()), list(is_inside())
            before = None
    after = codes()
    builtins = [asks for value, asks in after.values() if isinstance(value, BuiltinFunctionType)]
    assert builtins and not any(builtins)
    for number, (value, expected) in (before or {{}}).items():
        assert after[number][1] is expected, (value, after[number][1], expected)
    assert not any(is_inside()), list(is_inside())
print("done")
"""


@pytest.mark.parametrize("seed", range(3))
def test_a_program_that_changes(seed):
    assert in_child(PROGRAM.format(seed=seed)) == "done\n"

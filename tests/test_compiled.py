"""The compiled modules, which stand in one shared object: how they are made, found and loaded."""

import importlib.util
import pickle
import pkgutil
import platform
import subprocess
import sys
from importlib.machinery import ExtensionFileLoader, PathFinder
from pathlib import Path

import pytest

import ostler
from build_tools import modules
from ostler import _compiled, _unbuilt

SOURCE = str(Path(ostler.__file__).parents[1])
NAMES = [f"ostler.{name}" for name in modules.compiled()]
TAG = "{}.{}{}".format(*sys.version_info[:2], "t" if "t" in sys.abiflags else "")
IN_ONE = pytest.mark.skipif(
    not _compiled.NAMES, reason="each module is built as a shared object of its own, to be traced"
)


def output(code):
    """What a fresh interpreter prints."""
    code = f"import sys; sys.path.insert(0, {SOURCE!r})\n{code}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@IN_ONE
def test_the_table_has_every_module():
    assert {*NAMES} == _compiled.NAMES | {"ostler._compiled"}


@IN_ONE
def test_those_that_import_ostler_needs_are_made_in_one_go():
    """In the order of the table, no other one, and none of them is searched for."""
    code = """
import _frozen_importlib_external as importing
loaded, load = [], importing.ExtensionFileLoader.create_module
def create_module(loader, spec):
    loaded.append(spec.name)
    return load(loader, spec)
importing.ExtensionFileLoader.create_module = create_module
before = set(sys.modules)
import ostler
print(*(name for name in sys.modules if name not in before))
print("LOADED", *(name for name in loaded if name.startswith("ostler")))
"""
    words = output(code)
    made, loaded = words[: words.index("LOADED")], words[words.index("LOADED") + 1 :]
    assert [f"ostler.{name}" for name in modules.early()] == [
        name for name in made if name in NAMES and name != "ostler._compiled"
    ]
    assert loaded == ["ostler._compiled"]


PLAIN = [*_compiled.EARLY, *{"ostler." + name.partition(".")[0] for name in modules.early()}]
PLAIN = sorted(name for name in PLAIN if name not in NAMES)


@pytest.mark.parametrize("name", PLAIN)
def test_what_is_made_without_a_search_is_what_a_search_finds(name):
    module = sys.modules[name]
    spec, found = module.__spec__, PathFinder.find_spec(name, ostler.__path__)
    if name.count(".") > 1:
        found = PathFinder.find_spec(name, sys.modules[name.rpartition(".")[0]].__path__)
    for known in ("name", "origin", "cached", "has_location", "submodule_search_locations"):
        assert getattr(spec, known) == getattr(found, known), known
    assert isinstance(spec.loader, type(found.loader)) and spec.loader.path == found.loader.path
    assert getattr(module, "__path__", None) == found.submodule_search_locations
    assert module.__file__ == found.origin


@pytest.mark.parametrize("name", NAMES)
def test_a_module_is_as_an_extension_module_is(name):
    module = importlib.import_module(name)
    spec = module.__spec__
    assert module.__name__ == spec.name == name
    assert module.__package__ == spec.parent == name.rpartition(".")[0]
    assert module.__loader__ is spec.loader and isinstance(spec.loader, ExtensionFileLoader)
    assert module.__file__ == spec.origin == spec.loader.path and Path(module.__file__).exists()
    assert spec.has_location and spec.cached is None and not spec.submodule_search_locations
    assert not hasattr(module, "__path__") and not hasattr(module, "__cached__")
    assert repr(module) == f"<module {name!r} from {module.__file__!r}>"
    assert spec.loader.get_source(name) is None and not spec.loader.is_package(name)
    assert getattr(sys.modules[spec.parent], name.rpartition(".")[2]) is module
    assert pickle.loads(pickle.dumps(spec)).name == name
    assert importlib.reload(module) is module
    assert module.__spec__.origin == module.__file__


@pytest.mark.parametrize("name", NAMES)
def test_who_looks_for_a_module_finds_it(name):
    """In sys.modules, by importlib's own finder, and by what the whole of importlib asks."""
    importlib.import_module(name)
    folder = sys.modules[name.rpartition(".")[0]].__path__
    for spec in (importlib.util.find_spec(name), PathFinder.find_spec(name, folder)):
        assert spec.name == name and isinstance(spec.loader, ExtensionFileLoader)
        assert spec.origin == sys.modules[name].__file__
        assert importlib.util.module_from_spec(spec) is sys.modules[name]


def test_what_lies_in_a_package_is_listed_once():
    for package in (ostler, ostler.core, ostler.verbs, importlib.import_module("ostler.trees")):
        listed = [module.name for module in pkgutil.iter_modules(package.__path__)]
        lies = {path.stem for path in Path(package.__path__[0]).glob("*.py")}
        lies |= {path.parent.name for path in Path(package.__path__[0]).glob("*/__init__.py")}
        assert sorted(listed) == sorted(lies - {"__init__"})


@pytest.mark.parametrize(
    "change",
    [
        "sys.meta_path[:] = finders",  # as a test runner does, which gives back what was there
        "sys.path_importer_cache.clear()",  # as who adds a hook does
        "sys.meta_path.insert(0, sys.meta_path.pop())",  # importlib's own is asked first
        "importlib.invalidate_caches()",
    ],
)
def test_what_others_do_to_importing_takes_nothing_away(change):
    code = f"""
import importlib, importlib.util
finders = list(sys.meta_path)
import ostler
{change}
from ostler.trees import _find
import ostler.core.masks
print(_find.__file__ == ostler.core.masks.__file__ or not ostler._compiled.NAMES)
"""
    assert output(code) == ["True"]


def test_imported_anew_it_is_the_same():
    code = """
import ostler
before = ostler, ostler.path, ostler.core.crossing, ostler.stat
for name in [name for name in sys.modules if name.partition(".")[0] == "ostler"]:
    del sys.modules[name]
finders = len(sys.meta_path)
import ostler
from ostler.trees import _find
print(len(sys.meta_path) == finders, ostler is before[0], ostler.path is before[1],
      ostler.core.crossing is before[2], ostler.stat("/").st_ino > 0)
"""
    assert output(code) == ["True", "False", "True", "True", "True"]


def test_what_fails_is_told_and_leaves_no_half_of_a_module():
    code = """
import gc
class Refusing:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "errno":
            raise ImportError("not today", name=name)
sys.meta_path.insert(0, Refusing)
sys.modules.pop("errno", None)
for attempt in range(2):
    try:
        import ostler
    except ImportError as error:
        print(error.name, gc.isenabled())
    print("ostler.core.realpath" in sys.modules, "ostler" in sys.modules)
gc.disable()
sys.meta_path.remove(Refusing)
import ostler
print(ostler.path.join("a", "b"), gc.isenabled())
"""
    assert output(code) == [*["errno", "True", "False", "False"] * 2, "a/b", "False"]


def test_many_threads_import_it_at_once():
    code = """
import threading
found, start = [], threading.Barrier(8)
def take(number):
    start.wait()
    import ostler
    from ostler.trees import _find
    found.append(ostler.path.join("a", "b") + _find.Walked.__name__[:0])
threads = [threading.Thread(target=take, args=(number,)) for number in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(*found)
"""
    assert output(code) == ["a/b"] * 8


@IN_ONE
@pytest.mark.parametrize(
    ("held", "first"),
    [
        *(("errno", f"ostler.{name}") for name in ("trees", "core.crossing", "verbs.files")),
        *(("ostler.machines", f"ostler.{name}") for name in ("trees", "core.crossing", "verbs")),
        *(("errno", f"ostler.{name}") for name in ("machines", "machines.makers")),
        *(
            (held, f"ostler.{name}")
            for held in ("ostler._compiled", "errno", "ostler.machine", "ostler.machines", "abc")
            for name in ("machine", "path", "_later", "core", "machines", "machines.makers")
        ),
    ],
)
def test_a_thread_meets_no_half_made_module(first, held):
    """It begins with a module below ostler, while another is in the middle of `import ostler`."""
    code = f"""
import threading, time
sys.modules.pop("errno", None)
sys.modules.pop("abc", None)
middle, begun = threading.Event(), threading.Event()
def hold(event, arguments):
    if event == "exec":  # what ostler loads by itself
        path = getattr(arguments[0], "co_filename", "").removesuffix(".py").split("/")
        name = ".".join(path[path.index("ostler"):]) if "ostler" in path else ""
        here = name.removesuffix(".__init__") == {held!r}
    else:
        here = event == "import" and arguments[0] == {held!r}
    if here and not middle.is_set():
        middle.set()
        begun.wait()
        time.sleep(0.05)
sys.addaudithook(hold)
def take():
    import ostler
    said.append(ostler.path.join("a", "b"))
def meet():
    middle.wait()
    begun.set()
    __import__({first!r})
    import ostler
    said.append(ostler.stat("/").st_ino > 0)
said = []
threads = [threading.Thread(target=function) for function in (take, meet)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(*sorted(said, key=str))
"""
    assert output("import signal; signal.alarm(60)\n" + code) == ["True", "a/b"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("", f"is not built for python{TAG} on {platform.machine()}: `{sys.executable} -m pip"),
        ("sys.platform = 'darwin'", "needs Linux, and this is darwin: a container or virtual mach"),
        ("sys.implementation.name = 'pypy'", "needs CPython, and this is pypy: take a python3"),
        ("sys.version_info = (3, 10, 4)", "needs Python 3.11 or newer, and this is Python 3."),
    ],
    ids=["here", "another system", "another Python", "an old Python"],
)
def test_without_a_build_it_says_so(change, said, tmp_path):
    package = tmp_path / "ostler"
    package.mkdir()
    for name in ("__init__.py", "_compiled.py", "_unbuilt.py"):
        (package / name).write_text(Path(SOURCE, "ostler", name).read_text())
    code = f"import platform, sys; sys.path.insert(0, sys.argv[1]); {change}\nimport ostler"
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"ImportError: ostler {said}")


def test_what_it_is_built_for_is_said(tmp_path, monkeypatch):
    """As where the interpreter was renewed, and the package was not."""
    (tmp_path / "_compiled.cpython-313-x86_64-linux-gnu.so").touch()
    monkeypatch.setattr(_unbuilt, "__file__", str(tmp_path / "_unbuilt.py"))
    assert ", only for cpython-313-x86_64-linux-gnu: " in _unbuilt.reason()

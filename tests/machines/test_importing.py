"""importing(): modules that lie on a machine."""

import importlib
import importlib.util
import inspect
import linecache
import pkgutil
import py_compile
import sys
import traceback
from importlib import resources

import pytest

import ostler
from ostler.machines import imported, paths  # noqa: F401  or they would come meanwhile
from ostler.machines import resources as _resources  # noqa: F401

BOTTOM = "def fail():\n    raise KeyError('ä')  # the line\n\nclass Kept:\n    value = 1\n"


@pytest.fixture
def m():
    with ostler.scratch() as machine:
        machine.create_file("/src/bottom_of_m.py", BOTTOM)
        machine.create_file(
            "/src/pack_of_m/__init__.py", "from . import inner\nfrom .inner import x\n"
        )
        machine.create_file("/src/pack_of_m/inner.py", "import bottom_of_m\nx = 7\n")
        machine.create_file("/src/space_of_m/part.py", "y = 8\n")
        yield machine


def state():
    return (
        dict(sys.modules), list(sys.path), list(sys.path_hooks), dict(sys.path_importer_cache),
        list(sys.meta_path), dict(linecache.cache),
    )  # fmt: skip


def test_modules_of_a_machine_come_and_go(m):
    before = state()
    with m.importing("/src"):
        import pack_of_m
        from space_of_m import part

        assert (pack_of_m.x, part.y) == (7, 8)
        assert pack_of_m.__file__ == "/src/pack_of_m/__init__.py"
        assert (
            pack_of_m.__path__ == ["/src/pack_of_m"] and pack_of_m.inner.__package__ == "pack_of_m"
        )
    assert state() == before
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("pack_of_m")


def test_tracebacks_and_inspect_show_their_lines(m, tmp_path):
    (tmp_path / "bottom_of_m.py").write_text("of the host\n" * 9)
    m.create_file(tmp_path / "bottom_of_m.py", BOTTOM)  # called the same
    for directory in ("/src", str(tmp_path)):
        with m.importing(directory):
            module = importlib.import_module("bottom_of_m")
            try:
                module.fail()
            except KeyError:
                assert "raise KeyError('ä')  # the line" in traceback.format_exc()
            linecache.checkcache()
            assert inspect.getsource(module.fail).startswith("def fail")
            assert inspect.getsource(module.Kept) == "class Kept:\n    value = 1\n"
            assert inspect.getsource(module) == BOTTOM


def test_reload(m):
    with m.importing("/src"):
        module = importlib.import_module("pack_of_m.inner")
        m.Path("/src/pack_of_m/inner.py").write_text("x = 9\n")
        assert importlib.reload(module).x == 9
        assert inspect.getsource(module) == "x = 9\n"


def test_what_it_stood_for_is_back(m, monkeypatch):
    m.create_file("/src/stands_of_m.py", "who = 'machine'\n")
    host = type(sys)("stands_of_m")
    monkeypatch.setitem(sys.modules, "stands_of_m", host)
    with m.importing("/src"):
        assert importlib.import_module("stands_of_m") is host  # as with sys.path
        module = importlib.util.module_from_spec(importlib.util.find_spec("bottom_of_m"))
        assert module.__spec__.origin == "/src/bottom_of_m.py"
    assert sys.modules["stands_of_m"] is host


def test_a_module_that_puts_another_thing_in_its_place(m):
    m.create_file("/src/swaps_of_m.py", "import sys\nsys.modules[__name__] = 5\n")
    before = state()
    with m.importing("/src"):
        assert importlib.import_module("swaps_of_m") == 5
    assert state() == before


def test_nothing_of_a_package_is_looked_for_on_the_host(m, tmp_path):
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "only_host.py").write_text("raise SystemExit('of the host')\n")
    m.create_file(tmp_path / "pack" / "__init__.py", "")
    with m.importing(tmp_path), pytest.raises(ModuleNotFoundError, match=r"pack\.only_host"):
        importlib.import_module("pack.only_host")


def names(path=None):
    return [(each.name, each.ispkg) for each in pkgutil.iter_modules(path, "of.")]


def test_pkgutil_lists_what_lies_on_the_machine(m, tmp_path):
    host = tmp_path / "plugins" / "pack"
    host.mkdir(parents=True)
    (host / "only_host.py").touch()
    (host / "__init__.py").touch()
    (host.parent / "beside_host.py").touch()
    for name in ("first.py", "pack/__init__.py", "pack/sub/__init__.py", "pack/a.py", "pack/b.txt"):
        m.create_file(host.parent / name, "")
    m.create_file("/src/space_of_m/more/__init__.py", "")
    before = state()
    with m.importing(host.parent, "/src"):
        assert set(names()) > {("of.first", False), ("of.pack", True), ("of.pack_of_m", True)}
        assert names([str(host.parent)]) == [
            ("of.first", False), ("of.pack", True), ("of.beside_host", False),
        ]  # fmt: skip
        pack = importlib.import_module("pack")
        assert pack.__file__ == str(host / "__init__.py")
        assert names(pack.__path__) == [("of.a", False), ("of.sub", True)]
        assert [each.name for each in pkgutil.walk_packages(pack.__path__, "pack.")] == [
            "pack.a", "pack.sub",
        ]  # fmt: skip
        space = importlib.import_module("space_of_m")
        assert names(space.__path__) == [("of.more", True), ("of.part", False)]
        importlib.invalidate_caches()
        for path in before[3].keys() - sys.path_importer_cache.keys():  # what that has dropped
            sys.path_importer_cache[path] = before[3][path]
    assert state() == before
    assert names([str(host)]) == [("of.only_host", False)]


def test_a_missing_module_of_a_package_has_no_spec(m, tmp_path):
    m.create_file(tmp_path / "pack" / "__init__.py", "__path__.append(__path__[0] + '/more')\n")
    m.create_file(tmp_path / "pack" / "more" / "there.py", "")
    for directory in (tmp_path / "pack", tmp_path / "pack" / "more"):
        directory.mkdir()
        (directory / "only_host.py").touch()
    with m.importing(tmp_path):
        assert importlib.util.find_spec("pack.only_host") is None
        assert importlib.util.find_spec("pack.there").origin == f"{tmp_path}/pack/more/there.py"


@pytest.mark.parametrize("inner_first", [True, False])
def test_two_that_are_entered_at_once(m, inner_first):
    before = state()
    with ostler.scratch() as n:
        n.create_file("/src/other_of_n.py", "")
        blocks = [m.importing("/src"), n.importing("/src")]
        for block in blocks:
            block.__enter__()
        both = {name for name, _ in names(["/src"])}
        assert both == {"of.bottom_of_m", "of.pack_of_m", "of.other_of_n"}
        for block in blocks[:: -1 if inner_first else 1]:
            block.__exit__(None, None, None)
    assert state() == before


def test_compiled_files_alone(m, tmp_path):
    source = tmp_path / "source.py"
    source.write_text("value = 5\n")
    for name in ("alone_of_m.pyc", "bare_of_m/__init__.pyc", "bare_of_m/data.txt"):
        path = py_compile.compile(source, tmp_path / "made.pyc")
        m.create_file(f"/src/{name}", open(path, "rb").read())
    m.create_file("/src/extension_of_m.so", "")
    resources.files(importlib)  # what that imports itself would come meanwhile
    before = state()
    with m.importing("/src"):
        assert importlib.import_module("alone_of_m").value == 5
        package = importlib.import_module("bare_of_m")
        assert (package.value, package.__path__) == (5, ["/src/bare_of_m"])
        assert resources.files(package).joinpath("data.txt").is_file()
        with pytest.raises(ImportError, match="extension module of a machine, /src/extension_of_m"):
            importlib.import_module("extension_of_m")
        m.create_file("/src/alone_of_m.py", "value = 6\n")
        assert importlib.reload(sys.modules["alone_of_m"]).value == 6
    assert state() == before


def test_errors(m):
    before = state()
    m.create_file("/src/wrong_of_m.py", "x = (\n")
    with m.importing("/src") as entered:
        with pytest.raises(SyntaxError) as caught:
            importlib.import_module("wrong_of_m")
        assert caught.value.filename == "/src/wrong_of_m.py"
        with pytest.raises(RuntimeError, match="already"), entered:
            pass
    assert state() == before
    with pytest.raises(TypeError):
        m.importing()


def test_several_directories_and_machines(m):
    m.create_file("/other/bottom_of_m.py", "z = 1\n")
    m.create_file("/other/space_of_m/more.py", "z = 2\n")
    with ostler.scratch() as n, m.importing("/other", "/src"):
        n.create_file("/src/of_n.py", "import bottom_of_m\nz = bottom_of_m.z\n")
        with n.importing("/src"):
            assert importlib.import_module("of_n").z == 1
        assert "of_n" not in sys.modules and "bottom_of_m" in sys.modules
        names = [importlib.import_module(f"space_of_m.{each}") for each in ("part", "more")]
        assert len(names) == 2


def test_tracebacks_show_their_lines_when_the_machine_is_closed():
    with ostler.scratch() as machine:
        machine.create_file("/src/bottom_of_m.py", BOTTOM)
        machine.create_file("/src/unused_of_m.py", "")
        with machine.importing("/src"):
            module = importlib.import_module("bottom_of_m")
            unused = importlib.util.find_spec("unused_of_m").loader
    with pytest.raises(KeyError) as caught:
        module.fail()
    assert "raise KeyError('ä')  # the line" in "".join(traceback.format_exception(caught.value))
    assert inspect.getsource(module.fail).startswith("def fail")
    with pytest.raises(ImportError, match="no source of unused_of_m"):
        unused.get_source("unused_of_m")


def test_resources_are_those_of_the_machine(m):
    m.create_file("/src/pack_of_m/data.txt", "ä")
    m.create_file("/src/space_of_m/data.txt", "b")
    m.create_file("/other/space_of_m/more.txt", "c")
    with m.importing("/src", "/other"):
        import pack_of_m

        top = resources.files(pack_of_m)
        assert (top / "data.txt").read_text("utf-8") == "ä"
        assert {each.name for each in top.iterdir()} == {"__init__.py", "inner.py", "data.txt"}
        with resources.as_file(top / "data.txt") as path, open(path, encoding="utf-8") as file:
            assert file.read() == "ä"
        assert resources.is_resource("pack_of_m", "data.txt")
        assert not resources.is_resource("pack_of_m", "nothing")
        with resources.open_binary("pack_of_m", "data.txt") as file:
            assert file.read() == "ä".encode()
        space = resources.files("space_of_m")
        assert space.joinpath("data.txt").read_text() == "b"
        assert space.joinpath("more.txt").read_text() == "c"
        assert importlib.import_module("space_of_m").__file__ is None
        if sys.version_info >= (3, 12):  # before, the interpreter shows any loader
            assert "(namespace)" in repr(importlib.import_module("space_of_m"))
    with resources.as_file(ostler.host.Path(__file__)) as path:
        assert path == ostler.host.Path(__file__)

"""Installed: imports are the host's, and so is what tells of the packages that they find."""

import importlib.metadata
import importlib.resources
import os
import pkgutil
import sys
import zipfile
from pathlib import Path

import pytest

import ostler
from tests.test_installation import in_child

FILES = {
    "ostlers_own/__init__.py": "",
    "ostlers_own/inner/__init__.py": "",
    "ostlers_own/inner/more.py": "",
    "ostlers_own/data/text": "words\n",
    "ostlers_own-1.5.dist-info/METADATA": "Metadata-Version: 2.1\nName: ostlers-own\nVersion: 1.5\n"
    "Requires-Dist: nothing>=1\n",
    "ostlers_own-1.5.dist-info/entry_points.txt": "[ostlers_group]\n"
    "name = ostlers_own.inner:here\n",
    "ostlers_own-1.5.dist-info/RECORD": "ostlers_own/__init__.py,,\nostlers_own/data/text,,\n"
    "ostlers_own/gone.py,,\n",
    "ostlers_spread/one": "1",
}


def lay(folder, kind):
    if kind == "zip":
        with zipfile.ZipFile(folder / "packages.zip", "w") as archive:
            for name, text in FILES.items():
                archive.writestr(name, text)
        return [folder / "packages.zip"]
    for name, text in FILES.items():
        (folder / "a" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "a" / name).write_text(text)
    (folder / "b" / "ostlers_spread").mkdir(parents=True)
    (folder / "b" / "ostlers_spread" / "two").write_text("2")
    return [folder / "a", folder / "b"]


@pytest.fixture(params=["folder", "zip"])
def packages(request, tmp_path, monkeypatch):
    for path in lay(tmp_path, request.param):
        monkeypatch.syspath_prepend(str(path))
    yield request.param
    for name in [name for name in sys.modules if name.startswith("ostlers_")]:
        del sys.modules[name]


@pytest.fixture
def machine():
    with ostler.scratch() as made:
        made.mkdir("/tmp")
        made.environ.pop("TMPDIR", None)
        yield made


def told(packages):
    """What the standard library tells of the packages above."""
    distribution = importlib.metadata.distribution("ostlers-own")
    inner = importlib.resources.files("ostlers_own.inner")
    data = importlib.resources.files("ostlers_own") / "data" / "text"
    package = sys.modules["ostlers_own"]
    yield importlib.metadata.version("ostlers_own")
    yield importlib.metadata.requires("ostlers-own")
    yield [point.value for point in importlib.metadata.entry_points(group="ostlers_group")]
    yield sorted(str(path) for path in importlib.metadata.files("ostlers-own"))
    yield importlib.metadata.packages_distributions()["ostlers_own"]
    yield len(list(importlib.metadata.distributions()))
    yield distribution.locate_file("ostlers_own/data/text").read_text()
    yield distribution.read_text("RECORD")
    yield data.read_text(), data.read_bytes(), data.is_file(), data.open().read()
    yield sorted(path.name for path in inner.iterdir() if path.is_file())
    yield importlib.resources.read_text("ostlers_own.inner", "more.py")
    yield importlib.resources.is_resource("ostlers_own.inner", "more.py")
    yield pkgutil.get_data("ostlers_own", "data/text")
    yield sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    yield sorted(m.name for m in pkgutil.walk_packages(package.__path__, "ostlers_own."))
    yield len(list(pkgutil.iter_modules()))
    with importlib.resources.as_file(data) as path, open(path) as file:
        yield file.read()
    if packages == "zip":  # from which nobody loads a package without __init__.py
        return
    spread = importlib.resources.files("ostlers_spread")
    yield sorted((path.name, path.read_text()) for path in spread.iterdir())


def test_what_is_told_of_packages(packages, machine):
    expected = list(told(packages))
    with machine.installed():
        assert list(told(packages)) == expected
        assert os.listdir("/tmp") == [] and os.listdir("/") == ["tmp"]
    assert list(told(packages)) == expected


def test_what_is_first_told_inside(packages, machine):
    with machine.installed():
        inside = list(told(packages))
        assert os.listdir("/tmp") == [] and os.listdir("/") == ["tmp"]
    assert list(told(packages)) == inside


@pytest.mark.parametrize("strict", [False, True])
def test_modules_that_are_loaded_inside(tmp_path, strict):
    [path, _] = lay(tmp_path, "folder")
    assert (
        in_child(f"""
        import sys
        sys.path.insert(0, {str(path)!r})
        import ostler
        assert "importlib.metadata" not in sys.modules and "pkgutil" not in sys.modules
        with ostler.scratch() as machine, machine.installed(strict={strict}):
            import pkgutil
            print(pkgutil.get_data("ostlers_own", "data/text"))
            print([module.name for module in pkgutil.iter_modules([{str(path)!r}])])
            import importlib.metadata, importlib.resources
            print(importlib.metadata.version("ostlers_own"))
            print((importlib.resources.files("ostlers_own") / "data/text").read_text())
        """)
        == "b'words\\n'\n['ostlers_own']\n1.5\nwords\n\n"
    )


def test_a_resource_is_lent_as_a_file_of_the_machine(packages, machine):
    import ostlers_own

    with machine.installed():
        data = importlib.resources.files(ostlers_own) / "data" / "text"
        with importlib.resources.as_file(data) as path:
            assert os.path.exists(path) and not ostler.host.path.exists(path)
            assert machine.listdir("/tmp") == [Path(path).name]
        whole = importlib.resources.files(ostlers_own)
        if sys.version_info >= (3, 12):  # before that files alone are lent
            with importlib.resources.as_file(whole) as folder:
                assert (folder / "data" / "text").read_text() == "words\n"
        assert machine.listdir("/tmp") == []


def test_directories_that_are_named_are_the_machines(packages, machine):
    with machine.installed():
        info = Path("/site/thing-3.0.dist-info")
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: thing\nVersion: 3.0\n")
        [found] = importlib.metadata.distributions(path=["/site"])
        assert (found.version, importlib.metadata.Distribution.at(info).version) == ("3.0", "3.0")
        with pytest.raises(importlib.metadata.PackageNotFoundError):
            importlib.metadata.version("thing")


def test_paths_outside_are_pathlibs_own(packages, machine):
    with machine.installed():
        importlib.resources.files("ostlers_own")
        importlib.metadata.version("ostlers_own")
    if packages == "folder":
        assert type(importlib.resources.files("ostlers_own")) is type(Path())
        assert type(importlib.metadata.distribution("ostlers_own")._path) is type(Path())

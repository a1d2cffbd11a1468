"""What makes the files of a release: what headers tell it, and what must be equal in files."""

import importlib
import re
import subprocess
import sys
import tarfile
import tomllib

import pytest

from build_tools import modules

ROOT = modules.PACKAGE.parents[1]
LIBC = modules.PACKAGE / "core" / "libc"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(autouse=True)
def tools(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "build_tools")
    return importlib.import_module


def headers(folder, *lines, minor=13):
    folder.mkdir(exist_ok=True)
    text = f"#define PY_MAJOR_VERSION\t3\n#define PY_MINOR_VERSION\t{minor}\n"
    (folder / "patchlevel.h").write_text(text)
    (folder / "pyconfig.h").write_text("\n".join(lines))
    return folder


def test_a_python_is_known_by_its_headers(tools, tmp_path):
    cross = tools("cross")
    plain = cross.Headers.read(headers(tmp_path, "/* #undef Py_GIL_DISABLED */"))
    assert (plain.name, plain.abi, plain.version) == ("3.13", "cp313", (3, 13))
    free = cross.Headers.read(headers(tmp_path, "#define Py_GIL_DISABLED 1", minor=14))
    assert (free.name, free.abi) == ("3.14t", "cp314t")
    told = cross.answers(free, cross.TARGETS["musllinux_1_2_aarch64"])
    assert told["EXT_SUFFIX"] == ".cpython-314t-aarch64-linux-musl.so"
    assert told["INCLUDEPY"] == str(tmp_path) and told["Py_GIL_DISABLED"] == 1
    with pytest.raises(ValueError, match="debug"):
        cross.Headers.read(headers(tmp_path, "#define Py_DEBUG 1"))


def test_free_threaded_pythons_that_were_compiled_have_wheels(tools, tmp_path, monkeypatch):
    """Their headers are found, no debug build's, and they run on the machine as it is."""
    monkeypatch.setenv("OSTLER_PYTHONS", str(tmp_path))
    for name, lines in (
        ("3.13t", ["#define Py_GIL_DISABLED 1"]),
        ("3.13td", ["#define Py_DEBUG 1"]),
    ):
        (tmp_path / name / "include").mkdir(parents=True)
        headers(tmp_path / name / "include" / f"python{name}", *lines)
        (tmp_path / name / "bin").mkdir()
        (tmp_path / name / "bin" / f"python{name}").symlink_to(sys.executable)
    found = tools("wheels").headers_here()
    assert [path for path in found if tmp_path in path.parents] == [
        tmp_path / "3.13t/include/python3.13t"
    ]
    newer = subprocess.run([ROOT / "build_tools/newer", "list"], capture_output=True, text=True)
    assert (newer.stdout, newer.returncode) == ("3.13t\n3.13td\n", 0)
    command = tools("try_wheels").interpreters()["cp313t"]
    assert command == ([], str(tmp_path / "3.13t/bin/python3.13t"))


def test_headers_in_several_folders_become_one(tools, tmp_path, monkeypatch):
    wheels = tools("wheels")
    monkeypatch.setattr(wheels, "WORK", tmp_path / "work")
    include = headers(tmp_path / "python3.14", "# include <x86_64-linux-gnu/python3.14/pyconfig.h>")
    (tmp_path / "x86_64-linux-gnu/python3.14").mkdir(parents=True)
    (tmp_path / "x86_64-linux-gnu/python3.14/pyconfig.h").write_text("#define SIZEOF_LONG 8\n")
    made = wheels.one_folder(include)
    assert (made / "pyconfig.h").read_text() == "#define SIZEOF_LONG 8\n"
    assert (made / "patchlevel.h").read_text() == (include / "patchlevel.h").read_text()
    whole = headers(tmp_path / "python3.13", "#define SIZEOF_LONG 8")
    assert wheels.one_folder(whole) == whole


def test_versions_of_symbols_are_compared(tools):
    newer = tools("wheel_check").newer_than_glibc
    assert not newer("GLIBC_2.28", (2, 28)) and not newer("GLIBC_2.2.5", (2, 28))
    assert newer("GLIBC_2.29", (2, 28)) and newer("GLIBC_2.34", (2, 28))
    assert newer("GLIBC_PRIVATE", (2, 28)) and newer("GLIBC_ABI_DT_RELR", (2, 28))


def test_what_older_musl_lacks_is_called_by_its_number(tools):
    """Where the C library lacks a function, the whole package would not load."""
    names = tools("wheel_check").LATER_IN_MUSL | {"renameat2"}
    for path in LIBC.glob("*.pxd"):
        text = re.sub(r'"""[\s\S]*?"""|#.*', "", path.read_text())
        declared = set(re.findall(r"\b(\w+)\s*\(", text))
        assert not declared & names, path.name


def test_the_supported_pythons_are_the_same_everywhere(tools):
    """Those of the classifiers, what setup.py refuses, what is looked for here and fetched."""
    supported, versions = tools("supported"), tools("wheels").supported()
    assert PROJECT["project"]["requires-python"] == f">={versions[0]}"
    minors = range(supported.OLDEST[1], supported.TRIED[1] + 1)
    assert versions == [f"3.{minor}" for minor in minors]
    interpreters = (ROOT / "build_tools/interpreters").read_text()
    looked_for = re.search(r"for minor in (.*); do", interpreters)[1].split()
    assert [minor for minor in looked_for if minor.isdigit()] == [each[2:] for each in versions]
    newer = re.search(r'^VERSIONS="(.*)"', (ROOT / "build_tools/newer").read_text(), re.MULTILINE)
    assert newer[1].split() == versions[-2:]


def test_the_forge_builds_the_same_wheels(tools):
    told = PROJECT["tool"]["cibuildwheel"]
    wanted = []
    for version in tools("wheels").supported():
        tag = f"cp{version.replace('.', '')}"
        # Free-threaded Pythons before 3.14 were an experiment, which the forge's images have not.
        wanted += [f"{tag}-*", f"{tag}t-*"] if int(version[2:]) >= 14 else [f"{tag}-*"]
    assert told["build"] == wanted
    images = {
        f"{image}_{name.split('-', 1)[1].removesuffix('-image')}"
        for name, image in told["linux"].items()
        if name.endswith("-image")
    }
    targets = tools("cross").TARGETS
    assert images == {*targets}
    machines = {target.machine for target in targets.values()}
    assert {*told["linux"]["archs"]} == machines
    workflow = (ROOT / ".github/workflows/wheels.yml").read_text()
    assert {*re.findall(r"\{arch: (\w+),", workflow)} == machines


def test_the_forge_tries_what_is_there():
    words = PROJECT["tool"]["cibuildwheel"]["test-command"].split()
    assert words[0] == "pytest" and all((ROOT / word).exists() for word in words[1:])
    assert all((ROOT / word).exists() for word in PROJECT["tool"]["cibuildwheel"]["test-sources"])


def test_only_the_last_job_may_publish_and_it_attests():
    """Without a password: by what the index knows of the workflow and its environment."""
    text = (ROOT / ".github/workflows/wheels.yml").read_text()
    before, _, last = text.partition("\n  publish:\n")
    assert "id-token" not in before and "id-token: write" in last
    assert re.search(r"^permissions:\n  contents: read\n", before, re.MULTILINE)
    assert "needs: [source, wheels]" in last and "if: github.ref_type == 'tag'" in last
    assert "attestations: true" in last and "name: release" in last
    assert "password" not in last and "secrets." not in text


def test_the_forge_runs_nothing_that_can_change():
    text = (ROOT / ".github/workflows/wheels.yml").read_text()
    actions = re.findall(r"uses: *(.*)", text)
    assert len(actions) > 5
    for action in actions:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)+", action), action
    for name in re.findall(r"pip install (\S+)", text):
        assert "==" in name
    tools = (ROOT / "build_tools/wheels.txt").read_text().splitlines()
    assert all("==" in line for line in tools if line and not line.startswith("#"))


def test_another_root_sees_the_environment_and_the_tests(tools, tmp_path):
    """It has of this one the directory in which it is entered, as `build_tools/newer run` does."""
    releases = tools("releases")
    environment = tmp_path / "environment"
    (environment / "lib/python3/site-packages").mkdir(parents=True)
    (environment / "bin").mkdir()
    own = environment / "bin/python"
    own.write_text('#!/bin/sh\npwd > "$0.told"; echo "$@" >> "$0.told"; exit 3\n')
    own.chmod(0o755)
    entered = tmp_path / "newer"
    entered.write_text(f'#!/bin/sh\n[ "$(pwd)" = {tmp_path} ] && exec "$@"\n')
    entered.chmod(0o755)
    (tmp_path / "ostler-1/src").mkdir(parents=True)
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as packed:
        packed.add(tmp_path / "ostler-1", "ostler-1")
    status = releases.run_tests(
        [entered], environment, tmp_path / "a.tar.gz", tmp_path / "tests", ["-x"]
    )
    assert status == 3
    top = tmp_path / "tests/ostler-1"
    assert (environment / "bin/python.told").read_text() == f"{top}\n-m pytest -x\n"
    assert (top / "src").resolve() == environment / "lib/python3/site-packages"


def test_what_the_tests_of_a_wheel_need_is_compiled_only_if_it_has_to_be(tools, monkeypatch):
    releases = tools("releases")
    asked = []

    def run(command, check):
        asked.append("--only-binary" in command)
        return subprocess.CompletedProcess(command, 1 if asked[-1] else 0)

    monkeypatch.setattr(releases.subprocess, "run", run)
    releases.with_test_needs([], ROOT)
    assert asked == [True, False]


def test_the_version_stands_once():
    version = PROJECT["project"]["version"]
    for path in (*modules.PACKAGE.rglob("*.py"), *(ROOT / "build_tools").iterdir()):
        assert not path.is_file() or f'"{version}"' not in path.read_text(), path
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); import ostler.cli as c; c.main()"
    command = [sys.executable, "-c", code, str(ROOT / "src"), "--version"]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert told.stdout == f"ostler {version}\n"


def test_of_an_earlier_build_only_objects_stay(tools, tmp_path):
    for name in ("base/lib.x/ostler/old.py", "base/scripts-3.13/ostler", "packed/old.py"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    kept = tmp_path / "base/temp.x/one.o"
    kept.parent.mkdir()
    kept.touch()
    tools("cross").forget(tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [kept]

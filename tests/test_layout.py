"""The layout defends itself: what is built, where each name lives, who may declare and import."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "ostler"
MODULES = sorted(PACKAGE.rglob("*.py"))

# Files over 600 lines, and why they are not divided.
LONG = {
    "src/ostler/_pathtext.py": "the text of paths, str and bytes: one algorithm after another",
    "src/ostler/files.py": "one short function per system call about files",
    "src/ostler/machines/_mounts.py": "the calls of the mount family, and namespaces",
    "src/ostler/processes.py": "one short function per system call about processes",
    "src/ostler/records.py": "the record types, finished by hand in one place",
    "src/ostler/trees/_engine.py": "one engine, whose threads share one state",
}
# Where the interpreter's own os may be imported.
MAY_IMPORT_OS = {
    "_interpreter.py": "the doors that have no other key",
    "cli/examples/tour.py": "a program that knows only os",
    "cli/startup/sitecustomize.py": "runs in a child before ostler takes the place of os",
    "machines/installed.py": "what it replaces for a machine",
}
FORBIDDEN = {"os", "posix", "posixpath", "genericpath", "subprocess", "shutil"}


def name_of(path):
    return path.relative_to(PACKAGE).as_posix()


def compiled():
    text = (ROOT / "setup.py").read_text()
    return re.findall(r'"([\w.]+)"', re.search(r"COMPILED = \((.*?)\n\)", text, re.S)[1])


def homes():
    lines = (ROOT / "tests" / "names.tsv").read_text().splitlines()
    return [line.split("\t") for line in lines]


def test_build_list_equals_the_compiled_files():
    found = [
        name_of(path).removesuffix(".py").replace("/", ".")
        for path in MODULES
        if re.search(r"^import cython$", path.read_text(), re.M)
    ]
    assert sorted(compiled()) == sorted(found)
    assert len(set(compiled())) == len(compiled())


def test_each_name_has_one_home():
    names = [name for name, _ in homes()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("topic", ["descriptors", "transfers", "terminals", "timers", "sysinfo"])
def test_names_live_where_the_list_says(topic):
    text = (PACKAGE / f"{topic}.py").read_text()
    here = set(re.findall(r'^    "([A-Z]\w+)": libc', text, re.M))
    here |= set(re.findall(r"^    def ([a-z]\w*)\(self", text, re.M))
    here |= set(re.findall(r'"(\w+_names)":', text))
    given = {name for name, home in homes() if home == topic}
    elsewhere = {"error", "terminal_size", "uname_result", "readinto"}  # machines and records
    assert given - elsewhere == here - elsewhere


def test_foreign_declarations_stand_in_libc_and_python():
    for path in PACKAGE.rglob("*.pxd"):
        name = name_of(path)
        if not name.startswith("_libc/") and name != "_python.pxd":
            assert "cdef extern" not in path.read_text(), name


def test_no_import_of_the_interpreters_os():
    for path in MODULES:
        if name_of(path) in MAY_IMPORT_OS:
            continue
        # By lines and not by syntax: what Cython takes is a little more than Python.
        for line in path.read_text().splitlines():
            match = re.match(r"\s*(?:import|from) (\w+)(?:$|\.| as | import |,)", line)
            assert not match or match[1] not in FORBIDDEN, f"{name_of(path)}: {line}"


def test_files_are_small():
    for path in [*MODULES, *PACKAGE.rglob("*.pxd"), *(ROOT / "tests").rglob("*.py")]:
        name = path.relative_to(ROOT).as_posix()
        if name not in LONG:
            assert len(path.read_text().splitlines()) <= 600, name


def loaded_by_import():
    code = (
        "import sys; before = set(sys.modules); sys.path.insert(0, sys.argv[1]); import ostler;"
        "print(*sorted(set(sys.modules) - before))"
    )
    command = [sys.executable, "-S", "-I", "-c", code, str(PACKAGE.parent)]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_import_loads_little():
    loaded = loaded_by_import()
    others = {name for name in loaded if not name.startswith("ostler")}
    # os and what it is made of, by _interpreter.py; nothing that runs programs or copies trees.
    assert not others & {"subprocess", "shutil", "tempfile", "pathlib", "typing", "re", "asyncio"}
    assert len(others) <= 30, sorted(others)
    later = {"ostler.trees", "ostler.cli", "ostler.installation", "ostler.machines.kinds"}
    assert not loaded & later

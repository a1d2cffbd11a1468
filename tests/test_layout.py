"""The layout defends itself: what is built, where each name lives, who may declare and import."""

import ast
import importlib
import os
import pkgutil
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

import ostler
from bench import calls
from build_tools.modules import compiled
from ostler.core import crossing
from ostler.verbs import table, topics
from tests import public

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "ostler"
MODULES = sorted(PACKAGE.rglob("*.py"))

# Files over 600 lines, and why they are not divided.
LONG = {
    "src/ostler/core/mounts.py": "the calls of the mount family, and namespaces",
    "src/ostler/machines/below_root.py": "a machine's crossing, its children and its life",
    "src/ostler/verbs/processes.py": "one short function per system call about processes",
    "src/ostler/core/records.py": "the record types, finished by hand in one place",
    "src/ostler/trees/_engine.py": "one engine, whose threads share one state",
}
# Where the interpreter's own os may be imported.
MAY_IMPORT_OS = {
    "core/interpreter.py": "the doors that have no other key",
    "cli/examples/tour.py": "a program that knows only os",
    "cli/startup/sitecustomize.py": "runs in a child before ostler takes the place of os",
}
FIELDS = {"environ", "path"}  # each machine has its own
FORBIDDEN = {"os", "posix", "posixpath", "genericpath", "subprocess", "shutil"}


def name_of(path):
    return path.relative_to(PACKAGE).as_posix()


def test_every_folder_of_modules_is_a_package():
    """So that it is found when a wheel is made, and what lies in it comes along."""
    packages = {path.parent for path in PACKAGE.rglob("__init__.py")}
    without = {path.parent for path in MODULES} - packages
    assert {name_of(path) for path in without} == {"cli/startup", "cli/examples"}


def offered():
    """Each name that a machine has, with the modules that give it: {name: [module, ...]}."""
    found = {}
    for kind in ostler.Machine.__mro__:
        if kind.__module__.startswith("ostler.") and kind is not crossing.Core:
            for name in vars(kind):
                found.setdefault(name, []).append(kind.__module__)
    for module in [value for key, value in sys.modules.items() if key.startswith("ostler.")]:
        for kept in ("CONSTANTS", "TYPES"):
            for name in getattr(module, kept, {}):
                found.setdefault(name, []).append(module.__name__)
    for name, modules in found.items():
        if len(modules) > 1:  # a machine takes them from the topics; its class itself is no home
            found[name] = [module for module in modules if module != "ostler.machine"]
    return found


def test_every_name_of_os_has_a_home():
    """One, by its topic's module; for a function that is the home that the table tells."""
    found = offered()
    modules = {name for name, value in vars(os).items() if isinstance(value, types.ModuleType)}
    assert {name for name in os.__all__ if name not in found} <= modules | FIELDS
    for verb in table.every():
        if verb.name in found:
            assert found[verb.name] == [f"ostler.{verb.home}"]
    for name in FIELDS:
        assert name not in found and hasattr(ostler, name)


def test_what_not_every_python_has_is_offered_by_machines():
    found = offered()
    absent = {name for name in public.NOT_ALWAYS_OF_OS if name not in found}
    assert absent <= {"STATX_MNT_ID_UNIQUE"}  # only newer headers have it


def test_no_name_of_ours_has_two_homes():
    twice = {
        name: modules
        for name, modules in offered().items()
        if not name.startswith("_") and len(modules) > 1
    }
    assert not twice


def test_foreign_declarations_stand_in_libc_and_python():
    for path in PACKAGE.rglob("*.pxd"):
        name = name_of(path)
        if not name.startswith(("core/libc/", "core/python")):
            assert "cdef extern" not in path.read_text(), name


def test_nothing_foreign_is_declared_twice():
    seen = {}
    for path in sorted((PACKAGE / "core" / "libc").glob("*.pxd")):
        for name in declared(path.read_text()):
            seen.setdefault(name, []).append(path.name)
    assert len(seen) > 500
    twice = {name: files for name, files in seen.items() if len(files) > 1}
    assert not twice


# A type, or a function with its C name perhaps beside it.
DECLARED = re.compile(r'ctypedef .*?(\w+)(?:\)\(.*|\[.*)?$|[\w *]+?[ *](\w+) ?(?:"[^"]*" ?)?\(')


def declared(text):
    """The names that a .pxd declares: functions, variables, types, members of enums."""
    block = None  # what the lines of this depth declare
    for line in re.sub(r"\"\"\".*?\"\"\"", "", text, flags=re.S).splitlines():
        line = line.split("#")[0].rstrip()
        depth = len(line) - len(line.lstrip())
        word = line.strip()
        if not word:
            continue
        if block is not None and depth <= block[0]:
            block = None
        if block is not None:
            if block[1] == "enum":
                yield from re.findall(r"[A-Za-z_]\w*", re.sub(r'"[^"]*"', "", word))
            continue
        if match := re.match(r"(?:cdef |ctypedef )?(enum|struct|union)\b ?(\w*).*:$", word):
            block = depth, match[1]
            if match[2]:
                yield match[2]
        elif match := DECLARED.match(word):
            yield match[1] or match[2]


def imports_of(path):
    """(line, module) of every import, by the syntax: also those within functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.lineno, node.module


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_import_of_the_interpreters_os(path):
    if name_of(path) in MAY_IMPORT_OS:
        return
    for line, module in imports_of(path):
        assert module.partition(".")[0] not in FORBIDDEN, f"{name_of(path)}:{line}: {module}"


def test_those_who_may_import_os_do():
    for name in MAY_IMPORT_OS:
        assert FORBIDDEN & {module for _, module in imports_of(PACKAGE / name)}, name


def test_nothing_of_the_interpreters_os_is_held():
    """At run time: what its modules define themselves stands in no module of ours but one."""
    for module in pkgutil.walk_packages(ostler.__path__, "ostler."):
        if not re.search("startup|examples|__main__", module.name):
            importlib.import_module(module.name)
    theirs = [sys.modules[name] for name in ("os", "posix", "posixpath", "genericpath")]
    own = {id(module): module.__name__ for module in theirs}
    for module in theirs:
        for name, value in vars(module).items():
            if getattr(value, "__module__", None) == module.__name__:
                own[id(value)] = f"{module.__name__}.{name}"
    taken = {"posix.register_at_fork", "posix.sched_param"}
    for name, module in sorted(sys.modules.items()):
        if name.partition(".")[0] == "ostler":
            held = {own[id(value)] for value in vars(module).values() if id(value) in own}
            if name == "ostler.core.interpreter":
                assert held == {"os", "posixpath", *taken}
            else:
                assert held <= taken, name


def annotated(node):
    arguments = node.args
    each = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs,
            arguments.vararg, arguments.kwarg]  # fmt: skip
    return node.returns is not None and all(
        a is None or a.annotation is not None or a.arg in ("self", "cls") for a in each
    )


def test_no_compiled_module_opens_by_path_as_a_program_does():
    """The interpreter takes its calls for its caller's: they would act on an installed machine."""
    for name in compiled():
        tree = ast.parse((PACKAGE / (name.replace(".", "/") + ".py")).read_text())
        names = (
            node.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        )
        own = {*names} | {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            function = ast.unparse(call.func)
            if function in {"open", "io.open", "io.FileIO", "io.open_code"} - own:
                assert ast.unparse(call.args[0]) == "fd", (name, call.lineno)


@pytest.mark.parametrize("name", compiled())
def test_every_compiled_module_has_a_stub(name):
    """Also the machinery: mypy would else read what it can't. A stub says all types."""
    stub = PACKAGE / f"{name.replace('.', '/')}.pyi"
    for node in ast.walk(ast.parse(stub.read_text())):
        if isinstance(node, ast.FunctionDef):
            assert annotated(node), f"{name}: {node.name}"


@pytest.mark.parametrize("name", compiled())
def test_no_number_of_c_is_compared_with_an_object(name):
    # A literal of more than 31 bits is one to Cython, and what is compared with it becomes one.
    path = PACKAGE.joinpath(*name.split(".")).with_suffix(".py")
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Compare):
            sides = [ast.unparse(side) for side in (node.left, *node.comparators)]
            large = [
                side for side in sides if re.fullmatch(r"-?\d+", side) and abs(int(side)) >> 31
            ]
            assert not large or "o" in sides, ast.unparse(node)


def test_stubs_stand_beside_their_modules():
    for stub in PACKAGE.rglob("*.pyi"):
        assert stub.with_suffix(".py").exists(), stub


def test_no_word_for_two_things():
    """The name of a class means one class, whatever module it stands in."""
    seen = {}
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                seen.setdefault(node.name.strip("_"), []).append(name_of(path))
    assert not {name: files for name, files in seen.items() if len(files) > 1}


def test_no_module_differs_from_another_by_an_underscore():
    for path in [*MODULES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "bench").rglob("*.py")]:
        name = path.name.removeprefix("_")
        assert name == path.name or not path.with_name(name).exists(), path


TOPICS = {kind.__module__.rpartition(".")[2] for kind in topics.CLASSES} | {"xattrs"}
# Modules of verbs/ that are a topic's, too long for its own file.
PARTS = {"entries": "directories", "replacing": "durable"}


def of_os(topic):
    """Whether os has a verb of this topic."""
    return any(
        verb.home.rpartition(".")[2] == topic
        and (hasattr(os, verb.name) or verb.name.startswith("path."))
        for verb in table.every()
    )


def test_every_topic_has_its_module():
    modules = {path.stem for path in (PACKAGE / "verbs").glob("*.py")}
    assert modules - {"__init__", "dotenv", "table", "topics"} == TOPICS - {"path"} | {*PARTS}


@pytest.mark.parametrize("topic", sorted(TOPICS | {*PARTS}))
def test_tests_of_a_topic_bear_its_name(topic):
    assert (ROOT / "tests" / f"test_{topic}.py").exists()


def test_cases_and_benchmarks_of_a_topic_bear_its_name():
    """Of all topics that os has; with os there is nothing to compare of the others."""
    expected = {topic for topic in TOPICS if of_os(topic)}
    assert TOPICS - expected == {"answers", "children", "durable", "facts"}
    cases = {path.stem[6:] for path in (ROOT / "tests" / "parity").glob("cases_*.py")}
    assert cases == expected
    assert {group.__name__.lower() for group in calls.TOPICS} == expected


def test_what_a_benchmark_measures_is_of_its_topic():
    homes = {verb.name: verb.home.rpartition(".")[2] for verb in table.every()}
    homes["environ"] = "environment"
    for group in calls.TOPICS:
        for label, statement, *_ in group.cases:
            named = re.findall(r"\bos\.((?:path\.)?\w+)", statement)
            found = {homes[name] for name in named if name in homes}
            assert group.__name__.lower() in found, label


@pytest.mark.parametrize("path", public.written(), ids=lambda path: path.name)
def test_public_names_are_the_frozen_ones(path):
    assert path.read_text() == public.written()[path], (
        "the interface has changed; if that is meant: python -m tests.public --write"
    )


def test_files_are_small():
    for path in [*MODULES, *PACKAGE.rglob("*.pxd"), *(ROOT / "tests").rglob("*.py")]:
        name = path.relative_to(ROOT).as_posix()
        if name not in LONG:
            assert len(path.read_text().splitlines()) <= 600, name


def test_long_files_are_long():
    for name, reason in LONG.items():
        assert reason
        assert len((ROOT / name).read_text().splitlines()) > 600, name


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
    # os and what it is made of, by core/interpreter.py; nothing that runs programs or copies trees.
    assert not others & {"subprocess", "shutil", "tempfile", "pathlib", "typing", "re", "asyncio"}
    assert len(others) <= 30, sorted(others)
    later = {"ostler.trees", "ostler.cli", "ostler.installation.process", "ostler.machines.kinds"}
    assert not loaded & later


# What calls itself, directly or by others of its file, and what bounds it: never the depth of a
# tree or the length of a path.
RECURSIVE = {
    "core/pathtext.py": "once, with the text as bytes",
    "core/realpath.py": "the interpreter's own limit, which a chain of links has in os, too",
    "core/scan.py": "once: a stat of what is no link serves for both",
    "core/filter.py": "the number of bits of a call's number",
    "installation/sweep.py": "once, from a full page of what modules hold to that of their classes",
    "machines/rehearsal/kind.py": "the kernel's own work directories, of one or two levels",
    "machines/recording.py": "values within the values that a call gives, which are no tree",
    "trees/_links.py": "once, after the table has grown",
    "trees/_repository.py": "ten levels of included files",
    "trees/_run.py": "once, for the root of a place",
}


def test_nothing_recurses_over_depth():
    found = {name_of(path) for path in MODULES if calls_itself(path)}
    assert found <= RECURSIVE.keys()


def calls_itself(path):
    made = {}

    def visit(node, kind):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef):
                visit(child, child.name)
                continue
            if isinstance(child, ast.FunctionDef):
                found = made.setdefault((kind, child.name), set())
                for called in (n.func for n in ast.walk(child) if isinstance(n, ast.Call)):
                    if isinstance(called, ast.Name):
                        found.add((None, called.id))
                    elif isinstance(called, ast.Attribute) and ast.unparse(called.value) == "self":
                        found.add((kind, called.attr))
            visit(child, kind)

    visit(ast.parse(path.read_text()), None)
    for function in made:
        waiting, seen = list(made[function]), set()
        while waiting:
            name = waiting.pop()
            if name == function:
                return True
            if name in made and name not in seen:
                seen.add(name)
                waiting += made[name]
    return False


# The floors, from the ground up. A file knows its own floor and those below it: what it imports,
# what it cimports, and what its functions import when they are called.
FLOORS = (
    "sizes",  # one grammar, which needs nothing
    "core",  # the crossing into the kernel: no topic, no kind of machine
    "trees",  # whole trees at once
    "path",  # os.path of a machine
    "verbs",  # what can be asked of a machine, a file a topic
    "machine",  # Machine itself, and the host
    "record",  # what programs do, as the kernel tells it
    "points",  # layers, and which of them a moment is made of
    "installation",  # taking the place of os
    "machines",  # the kinds of machines, a file a kind
    "",  # the facade: ostler itself, and _later
    "cli",  # the command line
    "fakefs",  # pyfakefs's interface on machines
    "pytest_process",  # a test in a process of its own on a machine
    "pytest_plugin",
    "__main__",
)
NAMED = {
    "_later": "",
    "_compiled": "",
    "_unbuilt": "",
}  # of which floor a file is whose name doesn't say it


def floor_of(name):
    top = name.partition(".")[0]
    return FLOORS.index(NAMED.get(top, top))


def modules():
    """{name below ostler: its files}; the facade is the empty name."""
    found = {}
    for path in [*MODULES, *PACKAGE.rglob("*.pxd")]:
        name = name_of(path).rsplit(".", 1)[0].replace("/", ".")
        name = re.sub(r"(^|\.)__init__$", "", name)
        if not name.startswith(("cli.startup", "cli.examples")):  # programs by themselves
            found.setdefault(name, []).append(path)
    return found


CIMPORTED = re.compile(r"^\s*from (ostler[\w.]*) c?import (.*)$|^\s*c?import (ostler[\w.]*)", re.M)


def imported(path):
    """(module, name or None) of all that a file imports and cimports, not for type checkers."""
    if path.suffix == ".pxd":
        for module, names, whole in CIMPORTED.findall(path.read_text()):
            if whole:
                yield whole, None
            for name in names.split("#")[0].strip("()").split(","):
                if name.split():
                    yield module, name.split()[0]
        return
    tree = ast.parse(path.read_text())
    unseen = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            unseen.update(map(id, ast.walk(node)))
    for node in ast.walk(tree):
        if id(node) in unseen:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name_of(path)}: a relative import"
            yield from ((node.module, alias.name) for alias in node.names)
        elif (
            isinstance(node, ast.Call)
            and ast.unparse(node.func).endswith("import_module")
            and isinstance(node.args[0], ast.Constant)
        ):
            yield node.args[0].value, None


def graph():
    """{module: the modules of ours that it needs}."""
    known = modules()
    needs = {name: set() for name in known}
    for name, paths in known.items():
        for module, member in (each for path in paths for each in imported(path)):
            module = module.removeprefix("cython.cimports.")
            if module != "ostler" and not module.startswith("ostler."):
                continue
            module = module.removeprefix("ostler").removeprefix(".")
            whole = f"{module}.{member}".removeprefix(".") if member else module
            needs[name].add(whole if whole in known else module)
        needs[name].discard(name)
    return needs


def test_each_file_knows_its_floor_and_those_below():
    upwards = [
        (name, other)
        for name, others in graph().items()
        for other in others
        if floor_of(other) > floor_of(name)
    ]
    assert not upwards


def test_nothing_is_imported_in_a_circle():
    needs = graph()
    assert len(needs) > 150 and sum(map(len, needs.values())) > 500
    # What needs nothing that is left is taken away, until nothing is left, or circles are.
    while free := [name for name, others in needs.items() if not others]:
        for name in free:
            del needs[name]
        for others in needs.values():
            others.difference_update(free)
    assert not needs


def test_the_floors_are_those_that_are_there():
    assert {floor_of(name) for name in modules()} == set(range(len(FLOORS)))

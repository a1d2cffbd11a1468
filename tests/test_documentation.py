"""Every block of the documentation is run, in order within a page, as a reader would type it.

Each page has a fresh directory with a small project in it. What stands in NOT_RUN is not run, for
the reason given; all else is.
"""

import json
import os
import pwd
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from ostler.cli import COMMANDS
from tests import documents
from tests.command_line import SOURCE, called, has_rehearsals, on_terminal

ROOT = Path(__file__).parent.parent
# By its name below docs/, or in the project's first folder.
PAGES = {
    **{name: (ROOT / name).read_text() for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")},
    **{
        path.relative_to(ROOT / "docs").as_posix(): path.read_text()
        for path in sorted((ROOT / "docs").rglob("*.md"))
    },
}
# What is not run, by how it begins, and why.
NOT_RUN = {
    "def test_report(fs):": "is written for pyfakefs, which would have to be installed",
    "from dask.distributed import": "needs a Dask cluster; make test-dask has one",
    "from mpi4py.futures import": "needs an installation of MPI",
    "make ": "builds or measures for minutes; that the target is there is looked at",
    "python -m bench.": "draws what minutes of measuring have given",
    "pip install": "needs the network",
    "def rmdir(self, path": "is compiled, in verbs/directories.py",
}
if os.geteuid() != 0 or "www-data" not in (user.pw_name for user in pwd.getpwall()):
    NOT_RUN["ostler.chmod_tree(top,"] = "gives files to www-data, if there is one: root's to do"
# Places that a reader has, or that the pages name; here they are in the page's directory.
PLACES = ("/home/ann/site", "/usr", "/other/file/system", "/etc/passwd")
# What the reader has before a block, by how the block begins: "" is the page's beginning.
GIVEN = {
    "coming-from/pyfakefs.md": {
        "def test_report(installed_scratch):": """
import errno
import os
import shutil
import subprocess
from pathlib import Path

import pytest

import ostler


def report(source, to):
    lines = Path(source).read_text().splitlines()
    Path(to).parent.mkdir(exist_ok=True)
    Path(to).write_text(f"{len(lines[0].split(','))} columns, {len(lines) - 1} row\\n")


""",
    },
    "asked-for.md": {
        "": """
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time

import ostler

path, text, settings = "settings.json", "{}", {}
src, dst = "source", "target"
top, argv = "site", [sys.executable, "-c", "print(1)"]
open(path, "w").close()


def sleeper(seconds):
    return ostler.spawnvp(ostler.P_NOWAIT, "sleep", ["sleep", str(seconds)])
""",
        "if os.path.exists(dst):": "open(src, 'w').close()",
        "ostler.rename_noreplace(": """
open(src, "w").close()
for name in ("current", "next"):
    os.mkdir(name)
""",
        "def fail(error):": "path = 'site'",
        "found = ostler.statx(": "path = 'settings.json'",
        "while time.monotonic() < end:": "pid, end = sleeper(0.2), time.monotonic() + 0.3",
        "ostler.wait_for(job": "job, pid = sleeper(0.1), sleeper(60)",
    },
    "machines.md": {},
    "rehearsal.md": {},
    "testing.md": {
        "fault = machine.faults.add(": "import errno, ostler\nmachine = ostler.scratch()",
    },
    "trees.md": {"from ostler import trees": "import os\nos.mkdir('backup')"},
}

# So many values and errors are shown, at least.
PROMISES = {"README.md": 3, "asked-for.md": 2, "machines.md": 2, "rehearsal.md": 1}
if "ostler.chmod_tree(top," in NOT_RUN:
    PROMISES["asked-for.md"] -= 1


@pytest.fixture(scope="module")
def machines():
    if not has_rehearsals():
        pytest.skip("this kernel, or this user, can't have the machines that the pages use")


def make_project(top):
    """A small project, as the pages have it in mind, and the places that they name."""
    for name in ("src/a/b.py", "src/c.py", "project/setup.cfg", "project/a/b", "build/x/y.o",
                 "uploads/u", "site/page.html", "usr/share/doc", "home/ann/site/cache/old.bin",
                 "other/file/system/there", "package/__main__.py", "names",
                 "etc/passwd"):  # fmt: skip
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (top / "Makefile").write_text("all test clean:\n\t@true\n")
    (top / "program.py").write_text("import sys\nprint(sys.argv[1:])\n")
    (top / ".env").write_text("OSTLER_COLOUR=red\n")
    (top / "test.env").write_text("OSTLER_COLOUR=blue\n")
    site = top / "home/ann/site"
    (site / "index.html").write_text("http://x\n" * 90 + "x" * (5120 - 9 * 90))
    (site / "about.html").write_text("http://x\n" + "x" * 2140)
    with open(site / "cache/old.bin", "wb") as file:
        file.truncate(40 << 20)
    return top


def environment(top, place):
    """Where `ostler` and `python` are what is tested, and nothing of this user's is touched."""
    commands = place / "bin"
    commands.mkdir(exist_ok=True)
    for name, words in (("ostler", "-m ostler"), ("python", ""), ("pytest", "-m pytest")):
        script = commands / name
        script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {words} "$@"\n')
        script.chmod(0o755)
    return {
        **os.environ, "PATH": f"{commands}:{os.environ['PATH']}", "HOME": str(top),
        "XDG_STATE_HOME": str(place / "state"), "PYTHONPATH": SOURCE,
    }  # fmt: skip


@pytest.fixture
def reader(tmp_path):
    """(the directory with the project, the environment)."""
    top = tmp_path / "reader"
    top.mkdir()
    return make_project(top), environment(top, tmp_path)


def placed(text, top):
    for place in PLACES:
        text = re.sub(rf"(?<![\w.]){place}\b", str(top) + place, text)
    return text


def reason(text):
    """Why a block or a command is not run; None when it is."""
    return next((why for start, why in NOT_RUN.items() if text.startswith(start)), None)


def given(page, text):
    found = GIVEN.get(page, {})
    return next((code for start, code in found.items() if start and text.startswith(start)), "")


WITH_PYTHON = [page for page, text in PAGES.items() if "```python" in text]


@pytest.fixture(scope="module")
def ran(tmp_path_factory, machines):
    """{page: (how many promises, the failures)}: one interpreter is started for all."""
    jobs = []
    for page in WITH_PYTHON:
        place = tmp_path_factory.mktemp("page")
        top = place / "reader"
        top.mkdir()
        variables = environment(make_project(top), place)
        parts = [(1, GIVEN.get(page, {}).get("", ""))]
        for block in documents.blocks(PAGES[page]):
            if (
                block.language == "python"
                and not reason(block.text)
                and "def test_" not in block.text
            ):
                parts.append((1, given(page, block.text)))
                parts.append((block.line, placed(block.text, top)))
        jobs.append((page, parts, str(top), variables))
    done = subprocess.run(
        [sys.executable, documents.__file__], input=json.dumps(jobs), env=jobs[0][3],
        capture_output=True, text=True, timeout=200, check=True,
    )  # fmt: skip
    return dict(zip(WITH_PYTHON, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("page", WITH_PYTHON)
def test_python(page, ran):
    promises, failures = ran[page]
    assert failures == [], "\n".join(failures)
    assert promises >= PROMISES.get(page, 0)


def test_tests(reader, machines):
    """The pages' tests, all in one run of pytest: their names are not shared, as files are not."""
    top, environ = reader
    count = {}
    for page, text in PAGES.items():
        for block in documents.blocks(text):
            if "def test_" in block.text and not reason(block.text):
                code = given(page, block.text) + block.text
                (top / f"test_{re.sub('[^a-z]', '_', page.lower())}_{block.line}.py").write_text(
                    code
                )
                count[page] = count.get(page, 0) + block.text.count("def test_")
    assert len(count) >= 5
    done = subprocess.run(
        ["pytest", "-p", "no:cacheprovider", *sorted(p.name for p in top.glob("test_*.py"))],
        cwd=top, env=environ, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    passed, skipped = (
        sum(map(int, re.findall(rf"(\d+) {what}", done.stdout))) for what in ("passed", "skipped")
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert passed + skipped == sum(count.values()), done.stdout
    assert not skipped or os.geteuid() != 0, done.stdout


# What is typed, and shown, at the questions of the programs in the console blocks.
KEYS = [(b"keep (k)? ", b"x\n")]


def drawn(text):
    """The lines of what was shown; rich draws a tree's branches longer."""
    text = re.sub(r"([└├])─+|│ +", lambda found: f"{found[1]}─" if found[1] else "│  ", text)
    return [re.sub(r"^(  +)", "   ", line.rstrip()) for line in text.strip().splitlines()]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("page", [n for n, t in PAGES.items() if "```console" in t])
def test_console(page, reader, machines, monkeypatch):
    top, environ = reader
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    for block in documents.blocks(PAGES[page]):
        if block.language != "console":
            continue
        line, _, shown = block.text.partition("\n")
        assert line.startswith("$ ")
        shown = shown.replace("home/ann/site", f"{str(top)[1:]}/home/ann/site")
        words = ["/bin/sh", "-c", line[2:]]
        _, text = on_terminal(words, 200, cwd=top / "home/ann/site", keys=KEYS)
        text = re.sub(r"\x1b\[[0-9;]*m", "", text)
        begun = drawn(text.replace(" x\n", "\n"))[: len(drawn(shown))]  # without what was typed
        assert begun == drawn(shown), text


def test_commands(reader):
    """The command lines that stand indented: those of ostler are run."""
    top, environ = reader
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    run = []
    for page, text in PAGES.items():
        for number, line in documents.commands(text):
            if line.startswith("make "):
                assert line.split()[1] in targets, f"{page}:{number}: {line}"
            if reason(line):
                continue
            run.append(f"({line}) || echo >&2 '{page}:{number} failed:' {shlex.quote(line)}")
    done = subprocess.run(
        ["sh", "-c", "\n".join(run)], cwd=top, env=environ, capture_output=True, text=True,
        timeout=100, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    said = [line for line in done.stderr.splitlines() if line != "ostler: nothing was changed"]
    assert said == [] and done.returncode == 0
    assert len(run) >= 25


def examples(name):
    """The examples of a command's help, those of `ostler --help` with what each is for cut off."""
    text = called(*([name] if name else []), "--help")[1].decode()
    lines = [line.strip() for line in text.partition("Examples:\n")[2].splitlines()]
    return [re.split(r" {3,}", line)[0] for line in lines if line]


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_the_examples_of_the_help(name, reader):
    if name in ("", "exec", "rehearse", "run", "shell") and not has_rehearsals():
        pytest.skip("this kernel, or this user, can't have the machines in the examples")
    top, environ = reader
    for path in ("backup/x", "new/a", "old/a", ".cache/x", "old-1/x", "var/log/x", "var/cache/x",
                 "dist/x", "a.orig", "b.c"):  # fmt: skip
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text("x\n")
    (top / "install.sh").write_text('#!/bin/sh\nmkdir -p "${2:-x}/bin"\n')
    (top / "install.sh").chmod(0o755)
    (top / "test_it.py").write_text("def test_it():\n    pass\n")
    lines = examples(name)
    assert len(lines) >= 2
    for line in lines:
        assert line.startswith("ostler ")
        done = subprocess.run(
            ["sh", "-c", line.replace("/var/", f"{top}/var/")], cwd=top, env=environ,
            capture_output=True, text=True, timeout=100, check=False,
            input="exit\n" if name == "shell" else "y\n",
        )  # fmt: skip
        # Not everything that is looked for need be there.
        assert done.returncode == 0 or name == "doctor", (line, done.stderr)
        said = [s for s in done.stderr.splitlines() if not s.startswith("remove old-")]
        if name in ("", "rehearse", "shell"):  # it says what has become of the changes
            said = [s for s in said if not s.startswith("ostler: the changes are discarded")]
            said = [s for s in said if s != "ostler: nothing was changed"]
        assert said == [], line


def test_options_named_in_the_pages_are_there():
    """`ostler find --delete` in the middle of a sentence."""
    helps = {name: called(name, "--help")[1].decode() for name in COMMANDS}
    seen = 0
    for page, text in PAGES.items():
        for line in re.findall(r"`ostler ([^`]+)`", " ".join(text.split())):
            name, *words = line.split()
            if name == "COMMAND" or name.startswith("-"):
                continue
            assert name in COMMANDS, f"{page}: ostler {line}"
            for word in words:
                if not word.startswith("--"):
                    if name in ("exec", "rehearse", "run"):
                        break  # what comes then is a program's
                    continue
                assert word.partition("=")[0] in helps[name], f"{page}: ostler {line}"
                seen += 1
    assert seen > 10


def test_links_lead_somewhere():
    for page, text in PAGES.items():
        place = ROOT if (ROOT / page).exists() else (ROOT / "docs" / page).parent
        targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
        targets += re.findall(r'(?:src|srcset)="([^"]+)"', text)
        for target in targets:
            assert "://" in target or (place / target).exists(), f"{page}: {target}"


def test_every_block_is_run_or_in_the_list():
    texts = []
    for page, text in PAGES.items():
        found = documents.blocks(text)
        fences = [line for line in text.splitlines() if line.lstrip().startswith("```")]
        assert len(fences) == 2 * len(found), f"{page}: a block without a language"
        for block in found:
            assert block.language in ("python", "console"), f"{page}:{block.line}"
            texts.append(block.text)
        texts += [line for _, line in documents.commands(text)]
    for start, why in NOT_RUN.items():
        assert why
        assert start == "pip install" or any(text.startswith(start) for text in texts), start
    for page, starts in GIVEN.items():
        for start in filter(None, starts):
            assert any(b.text.startswith(start) for b in documents.blocks(PAGES[page])), start


def test_a_wrong_page_is_found():
    page = """
a = [1, 2]                                # anything
len(a)                                    # 2
a                                         # [1, ...]
a.remove(3)                               # ValueError: x not in list
a                                         # [2, ...]
"""
    [said] = documents.run("page", [(10, page[1:])])[1]
    # Where pytest has rewritten the assertion, lines of its own follow.
    assert said.splitlines()[0] == "page:14: AssertionError: [1, 2] is not \\[2,\\ .*\\]"
    for wrong in ("[1][1]", "[]  # IndexError", "1 / 0  # IndexError", "print(1)  # 2", "1  # 2"):
        assert len(documents.run("page", [(1, wrong)])[1]) == 1, wrong
    assert documents.run("page", [(1, "1 / 0  # ZeroDivisionError, as always")]) == (1, [])
    # What waits for something that never comes is a failure, too, and soon.
    waits = "import threading\nthreading.Event().wait()"
    [said] = documents.run("page", [(1, waits)], seconds=0.1)[1]
    assert said.startswith("page:2: TimeoutError")
    text = "x\n\n```python\na\n```\n\n    ostler find .   finds\n\n    # no command\n"
    assert documents.blocks(text) == [(4, "python", "a\n")]
    assert list(documents.commands(text)) == [(7, "ostler find .")]

"""The types that a user's checker sees, in a program that uses every public name."""

import ast
import re
import sys
from pathlib import Path

import pytest
from mypy import api

from ostler.machines import kinds
from tests import public

ROOT = Path(__file__).parent.parent
USES = Path(__file__).with_name("typed_uses.py")
MAKERS = Path(__file__).with_name("machines") / "kinds.py"  # how each kind of machine is made
# What a machine of each kind is called there.
CALLED = {name: re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower() for name in kinds.__all__}


def chains(tree):
    """Every name with its attributes, as in `a.b.c`, and the beginnings of these."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield ast.unparse(node)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def unused():
    """The public names that are used nowhere, each as its line in the frozen list."""
    used = {name for file in (USES, MAKERS) for name in chains(ast.parse(file.read_text()))}
    for line in public.FILE.read_text().splitlines():
        name = line.split("(")[0].split()[0].removeprefix("ostler.")
        first, _, rest = name.partition(".")
        mine = f"{CALLED[first]}.{rest}" if rest and first in CALLED else name
        if not {mine, f"ostler.{mine}"} & used:
            yield line


def test_every_public_name_is_used():
    """But for functions, and what kinds have, of which it is enough that the checker knows them."""
    left = [line for line in unused() if "(" not in line]
    assert [line for line in left if line.split(".")[1] not in CALLED] == []


def named(path):
    """A program that names what is used nowhere else."""
    lines = ["import ostler", "from ostler.machines import kinds", ""]
    for line in unused():
        name = line.split("(")[0]
        kind, _, rest = name.removeprefix("ostler.").partition(".")
        lines.append(f"print(kinds.{kind}.{rest})" if rest and kind in CALLED else f"print({name})")
    path.write_text("\n".join([*lines, ""]))
    return path


def test_nothing_is_ignored():
    text = USES.read_text()
    assert "type: ignore" not in text and "pyright:" not in text and "cast(" not in text


def checked(tmp_path, *paths, version=f"3.{sys.version_info.minor}"):
    out, errors, status = api.run([
        "--strict", "--config-file=", f"--cache-dir={tmp_path / 'cache'}",
        f"--python-version={version}", "--no-error-summary", *map(str, paths),
    ])  # fmt: skip
    return status, out + errors


@pytest.fixture
def as_a_user(monkeypatch):
    monkeypatch.setenv("MYPYPATH", str(ROOT / "src"))
    monkeypatch.chdir("/")


def test_mypy_has_nothing_against_it(tmp_path, as_a_user):
    wrong = tmp_path / "wrong.py"
    wrong.write_text("import ostler\nx: int = ostler.rehearsal().changes()[0].path\n")
    status, said = checked(tmp_path, USES, MAKERS, named(tmp_path / "named.py"), wrong)
    assert status == 1
    assert "/wrong.py:2: error:" in said and 'has type "str"' in said
    assert len(said.splitlines()) == 1, said


@pytest.mark.thorough
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
def test_mypy_for_other_versions(tmp_path, as_a_user, version):
    assert checked(tmp_path, USES, version=version) == (0, "")

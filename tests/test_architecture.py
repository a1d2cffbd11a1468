"""docs/architecture.md and CONTRIBUTING.md name what is there: files, functions, words, floors."""

import re
from pathlib import Path

import pytest

from build_tools import draw_floors, modules
from tests.test_layout import FLOORS

ROOT = Path(__file__).parent.parent
PAGES = {name: (ROOT / name).read_text() for name in ("CONTRIBUTING.md", "docs/architecture.md")}
PATH = re.compile(r"`((?:[\w.-]+/)*[\w.-]+(?:/|\.(?:py|pyi|pxd|md|txt|toml|svg)))(?::([\w.]+))?`")


def found_at(path):
    """The file or folder that a page means: of the package, else of the project."""
    return next((top / path for top in (modules.PACKAGE, ROOT) if (top / path).exists()), None)


@pytest.mark.parametrize("page", PAGES)
def test_the_files_and_functions_that_are_named_are_there(page):
    named = PATH.findall(PAGES[page])
    assert len(named) > 10
    for path, function in named:
        if re.search("TOPIC|NAME|HEADER", path):
            continue
        place = found_at(path)
        assert place is not None, f"{page}: {path}"
        if function:
            defined = rf"^ *(?:cp?def .*?|def |class ){function}\b"
            assert re.search(defined, place.read_text(), re.MULTILINE), f"{page}: {path}:{function}"


def test_no_recipe_takes_more_than_six_files():
    """Each is a list of files, and the news of it among them."""
    recipes = re.findall(
        r"^## (?:Adding|Letting) .*\n((?:(?!## ).*\n)*)", PAGES["CONTRIBUTING.md"], re.MULTILINE
    )
    assert len(recipes) == 5
    for text in recipes:
        items = re.findall(r"^\d\. (\S+)", text, re.MULTILINE)
        assert len(items) <= 6, items
        assert all(PATH.match(item) for item in items), items
        assert items[-1].startswith("`CHANGELOG.md`")


def test_every_floor_is_in_the_picture_and_it_is_up_to_date():
    assert draw_floors.PICTURE.read_text() == draw_floors.picture(), (
        "the floors have changed: python -m build_tools.draw_floors"
    )
    page = PAGES["docs/architecture.md"]
    for floor in FLOORS:
        if (modules.PACKAGE / floor).is_dir() and floor:
            assert f"- `{floor}/`" in page, floor


def test_the_words_are_those_of_the_code():
    rows = re.findall(r"^\| (\w+) \| (.+) \|$", PAGES["docs/architecture.md"], re.MULTILINE)
    code = " ".join(path.read_text() for path in modules.PACKAGE.rglob("*.py"))
    used = {word.lower() for word in re.findall(r"[A-Za-z]+", code.replace("_", " "))}
    assert len(rows) == 16
    for word, said in rows:
        assert said.endswith(".") and {word, word + "s"} & used, word


def test_the_pages_lead_to_it():
    for name in ("README.md", "CONTRIBUTING.md", "docs/machines.md"):
        assert "architecture.md" in (ROOT / name).read_text(), name

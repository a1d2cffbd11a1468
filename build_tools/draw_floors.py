"""Draws the floors of src/ostler: `python -m build_tools.draw_floors` writes docs/floors.svg.

The floors are those that tests/test_layout.py watches, and what is said of one is the first line
of its docstring. A test sees that the picture is up to date.
"""

import ast
from html import escape
from pathlib import Path

from build_tools import modules
from tests.test_layout import FLOORS

PICTURE = Path(__file__).parents[1] / "docs" / "floors.svg"
WIDTH, ROW, GAP, LEFT = 900, 40, 6, 190
COMPILED, MIXED, PLAIN = "#ddf4ff", "#f0f8ff", "#f6f8fa"


def source_of(floor):
    """The file whose docstring says what a floor is."""
    package = modules.PACKAGE / floor / "__init__.py"
    return package if package.exists() else modules.PACKAGE / f"{floor}.py"


def said_of(floor):
    """The first sentence about a floor."""
    text = ast.get_docstring(ast.parse(source_of(floor).read_text()))
    return text.splitlines()[0].rstrip(".:").replace("`", "").split(". ")[0]


def colour_of(floor):
    """By how much of a floor is compiled: all but tables and declarations, a part, or nothing."""
    if not floor:
        return PLAIN
    prefix = f"{floor}."
    sources = list((modules.PACKAGE / floor).rglob("*.py")) or [modules.PACKAGE / f"{floor}.py"]
    names = [name for name in modules.compiled() if name == floor or name.startswith(prefix)]
    if 2 * len(names) > len(sources):
        return COMPILED
    return MIXED if names else PLAIN


def picture():
    """The SVG, the lowest floor at the bottom."""
    height = len(FLOORS) * (ROW + GAP) + 84
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        '<text x="12" y="26" font-size="16" font-weight="bold">The floors of src/ostler: '
        "each file knows its own floor and those below</text>",
    ]
    y = 44
    for floor in reversed(FLOORS):
        out += [
            f'<rect x="12" y="{y}" width="{WIDTH - 24}" height="{ROW}" rx="4" '
            f'fill="{colour_of(floor)}" stroke="#8c959f"/>',
            f'<text x="24" y="{y + 25}" font-weight="bold">{floor or "ostler"}</text>',
            f'<text x="{LEFT}" y="{y + 25}">{escape(said_of(floor))}</text>',
        ]
        y += ROW + GAP
    out += [
        f'<text x="12" y="{y + 22}" fill="#57606a">Blue: most of it is compiled. Pale blue: a part '
        "is. Below all of them: the kernel, the C library, the interpreter.</text>",
        "</svg>",
    ]
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    PICTURE.write_text(picture())

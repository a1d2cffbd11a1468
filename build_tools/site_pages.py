"""Gathers what the site is made of: `python -m build_tools.site_pages` writes it into build/docs/.

That is docs/, with the reference filled in, and the pages that stand elsewhere. Links to what is
on no page lead to the page that has it, or are text.
"""

import shutil
from pathlib import Path

from build_tools import reference
from build_tools.links import ELSEWHERE, PROGRAMS, linked, place

ROOT = Path(__file__).parents[1]
TO = ROOT / "build" / "docs"


def pages():
    """{name below build/docs: text, or the file to copy}."""
    made = {}
    for path in sorted((ROOT / "docs").rglob("*")):
        name = str(path.relative_to(ROOT / "docs"))
        if path.suffix == ".md":
            text = linked(path.read_text(), f"docs/{name}")
            made[name] = reference.expanded(text) if name.startswith("reference/") else text
        elif path.is_file():
            made[name] = path
    for source, name in ELSEWHERE.items():
        if name not in made:
            made[name] = linked((ROOT / source).read_text(), source)
    for source, title in PROGRAMS.items():
        text = (ROOT / source).read_text()
        made[place(source)] = f"# {title}\n\n`{source}`:\n\n```python\n{text}```\n"
    return made


def main():
    shutil.rmtree(TO, ignore_errors=True)
    for name, what in pages().items():
        path = TO / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(what, Path):
            shutil.copyfile(what, path)
        else:
            path.write_text(what)


if __name__ == "__main__":
    main()

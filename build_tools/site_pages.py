"""Gathers what the site is made of: `python -m build_tools.site_pages` writes it into build/docs/.

That is docs/, with the reference filled in, and the pages that stand elsewhere. Links to what is
on no page lead to the page that has it, or are text.
"""

import posixpath
import re
import shutil
from pathlib import Path

from build_tools import reference

ROOT = Path(__file__).parents[1]
TO = ROOT / "build" / "docs"
# What stands elsewhere, and its page.
ELSEWHERE = {
    "CHANGELOG.md": "project/changelog.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
    "README.md": "index.md",
}
PROGRAMS = {"examples/tour.py": "A walk through os in seven parts", "examples/own_machine.py":
            "A machine of your own"}  # fmt: skip
_LINK = re.compile(r"(!?\[[^\]]*\])\(([^)#\s:]+)((?:#[^)]*)?)\)")


def place(source):
    """The page of a file of the project, or None."""
    if source in PROGRAMS:
        return source.replace(".py", ".md")
    if source in ELSEWHERE:
        return ELSEWHERE[source]
    return source.removeprefix("docs/") if source.startswith("docs/") else None


def linked(text, source):
    """A page's text, its links leading from where it stands on the site."""
    here = posixpath.dirname(place(source))

    def led(found):
        meant = posixpath.normpath(posixpath.join(posixpath.dirname(source), found[2]))
        to = place(meant)
        if to is None:
            return found[1][1:-1] if not found[1].startswith("!") else ""
        return f"{found[1]}({posixpath.relpath(to, here or '.')}{found[3]})"

    parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    parts[::2] = [_LINK.sub(led, part) for part in parts[::2]]
    return "".join(parts)


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

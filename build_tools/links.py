"""Where links lead: of the site's pages to each other, and of the README on a package index.

In the project all links are relative, so that they work in a clone and on every forge. A package
index shows the README alone: there they lead to the site.
"""

import posixpath
import re

# Where the site is published. There is no such place yet: the name is one that nobody can have.
BASE = "https://ostler.example/"
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


def absolute(text):
    """The README's text, its links leading to the site."""

    def led(found):
        to = place(posixpath.normpath(found[2]))
        if to is None:
            raise ValueError(f"the README leads to what is on no page: {found[2]}")
        return f"{found[1]}{BASE}{re.sub('[.]md$', '.html', to)}{found[3]}"

    text = re.sub(r"(\]\()([^)#\s:]+)((?:#[^)]*)?\))", led, text)
    return re.sub(r'((?:src|srcset)=")([^":]+)(")', led, text)

"""The site: all pages are in its menu, all public names in its reference, no picture is missing.

Whether its generator is content is seen by `make docs`, which takes longer.
"""

import importlib
import posixpath
import re
import tomllib
from pathlib import Path

import pytest

import ostler
from build_tools import links, pictures, reference, site_pages
from ostler.verbs import table
from tests import public

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def pages():
    return site_pages.pages()


def leaves(nav):
    for item in nav:
        if isinstance(item, str):
            yield item
        else:
            for value in item.values():
                yield from leaves(value) if isinstance(value, list) else [value]


def test_the_menu_has_every_page_once(pages):
    nav = tomllib.loads((ROOT / "zensical.toml").read_text())["project"]["nav"]
    assert sorted(leaves(nav)) == sorted(name for name in pages if name.endswith(".md"))


def anchors(pages):
    """{name: page} of what has an entry in the reference."""
    return {
        name: page
        for page, text in pages.items()
        if page.startswith("reference/")
        for name in re.findall(r'<a id="(.+?)"></a>|\{ #(\S+) \}', text)
        for name in name
        if name
    }


def test_every_public_name_is_in_the_reference(pages):
    entries = anchors(pages)
    for verb in table.every():
        assert verb.name in entries, f"{verb.name}: no page of docs/reference/ has {verb.home}"
    texts = "\n".join(text for page, text in pages.items() if page.startswith("reference/"))
    words = set(re.findall(r"\w+", texts))
    names = {*ostler.__all__, *ostler.path.__all__, *ostler.trees.__all__}
    for line in public.public():
        names.add(re.match(r"[\w.]+", line)[0].rpartition(".")[2])
    assert sorted(name for name in names - words if name[0] != "_") == []


def test_the_reference_names_what_is_there(pages):
    for text in pages.values():
        if not isinstance(text, str):
            continue
        for path, options in re.findall(r"^::: (\S+)\n((?: +.*\n)*)", text, re.MULTILINE):
            parts = path.split(".")
            for cut in range(len(parts), 0, -1):
                try:
                    found = importlib.import_module(".".join(parts[:cut]))
                    break
                except ImportError:
                    pass
            if path in (f"ostler.machines.{each}" for each in ("recorded", "watch", "importing")):
                # Which that file puts into Machine.
                found, cut = getattr(ostler.Machine, parts[-1]), len(parts)
            for part in parts[cut:]:
                found = getattr(found, part)
            for member in re.findall(r"members: \[(.*)\]", options):
                for name in filter(None, member.split(", ")):
                    assert hasattr(found, name), f"{path}.{name}"


def test_what_an_entry_says_of_errors_is_so(tmp_path, monkeypatch):
    """Of every verb to which a path alone can be given: the path is of nothing."""
    monkeypatch.chdir(tmp_path)
    tried = 0
    for verb in table.every():
        needed = [name for name in verb.names if name not in verb.defaults]
        if [verb.roles[name] for name in needed] != [table.PATH] or verb.touches != table.FILES:
            continue
        if verb.name in ("chroot", "create_file", "mkdir", "makedirs", "mkfifo", "mknod", "umask"):
            continue  # these make it
        place, _, plain = verb.name.rpartition(".")
        holder = {"": ostler, "path": ostler.path, "trees": ostler.trees}[place]
        function = getattr(holder, plain, None)
        if function is None:  # only machines have it
            continue
        said = reference.errors(verb)
        path = str(tmp_path / "missing" / "name")
        try:
            made = function(path)
            if hasattr(made, "__enter__"):
                with made:
                    pass
            elif hasattr(made, "__next__"):
                list(made)
        except OSError as error:
            assert said.startswith("`OSError`"), f"{verb.name}: {error!r}"
            if said.endswith("`filename`"):
                assert error.filename is not None, verb.name
        else:
            assert not said.startswith("`OSError` with `errno`"), verb.name
        tried += 1
    assert tried > 25


def test_an_example_of_what_is_not_there_is_found():
    page = "# Links\n\n<!-- verbs: links -->\n\n### `unlnk`\n\ntext\n"
    with pytest.raises(ValueError, match="unlnk"):
        reference.expanded(page)
    assert "text" in reference.expanded(page.replace("unlnk", "unlink"))


def test_the_pictures_are_there_and_take_nothing_from_elsewhere():
    names = {path.name for path in pictures.TO.iterdir()}
    assert names == {f"{name}-{s}.svg" for name in pictures.SCENES for s in ("light", "dark")}
    for path in pictures.TO.iterdir():
        text = path.read_text()
        assert "font-face" not in text and "url(" not in re.sub(r"url\(#", "", text)
        assert re.findall(r"https?://[\w.]+", text.replace("www.w3.org", "")) in (
            [], ["https://www.textualize.io"],
        )  # fmt: skip


def test_a_picture_is_drawn_of_what_a_terminal_shows():
    svg = pictures.drawn("\x1b[1;31mred\x1b[0m and plain\n", "", pictures.LIGHT)
    assert "red" in svg and "font-weight: bold" in svg


def test_links_lead_from_where_a_page_stands():
    text = "[a](machines.md#x) ![p](pictures/walk-light.svg) [c](../CHANGELOG.md) [s](../setup.py)"
    assert links.linked(text, "docs/limits.md") == (
        "[a](machines.md#x) ![p](pictures/walk-light.svg) [c](project/changelog.md) s"
    )
    assert links.linked("[a](docs/machines.md)", "CONTRIBUTING.md") == "[a](../machines.md)"


def named_places(text):
    """The places in a page that a link can lead to: its headings, and what has an anchor."""
    for heading in re.findall(r"^#+ (.+?)(?: \{.*\})?$", text, re.MULTILINE):
        plain = re.sub(r"[^\w\s-]", "", re.sub(r"\]\([^)]*\)", "]", heading)).strip().lower()
        yield re.sub(r"[-\s]+", "-", plain)
    for each in re.findall(r'<a id="(.+?)"></a>|\{ #(\S+) \}|^::: (\S+)', text, re.MULTILINE):
        yield "".join(each)


def test_links_within_pages_lead_to_a_heading_or_an_entry(pages):
    texts = {name: text for name, text in pages.items() if isinstance(text, str)}
    places = {name: {*named_places(text)} for name, text in texts.items()}
    tried = 0
    for name, text in texts.items():
        for page, place in re.findall(r"\]\(([^)#\s:]*)#([^)\s]+)\)", text):
            to = posixpath.normpath(posixpath.join(posixpath.dirname(name), page)) if page else name
            if to.endswith(".svg"):
                continue  # which of two pictures is shown, light or dark
            assert place in places[to], f"{name}: {page}#{place}"
            tried += 1
    assert tried > 70


def test_on_a_package_index_the_readme_leads_to_the_site(pages):
    text = links.absolute((ROOT / "README.md").read_text())
    led = re.findall(r"\]\(([^)]+)\)", text) + re.findall(r'(?:src|srcset)="([^"]+)"', text)
    assert len(led) > 40 and len(text.splitlines()) <= 220
    for link in led:
        assert link.startswith(links.BASE)
        name = link.removeprefix(links.BASE).partition("#")[0]
        assert re.sub("[.]html$", ".md", name) in pages, link
    with pytest.raises(ValueError, match="no page"):
        links.absolute("[x](setup.py)")


def test_the_figures_of_the_readme_are_those_of_the_table():
    text = " ".join((ROOT / "README.md").read_text().split())
    told = re.search(r"CPython 3.14 paths by ([\d.]+) times, the environment by ([\d.]+), files by "
                     r"([\d.]+), all in all by ([\d.]+);", text).groups()  # fmt: skip
    table = (ROOT / "docs" / "speed.md").read_text()
    assert "| | 3.14, optimised | " in table
    for figure, row in zip(told, ("Path", "Environment", "Files", "all of them"), strict=True):
        found = re.search(rf"^\| {row} \| ([\d.]+) \|", table, re.MULTILINE)
        assert f"{float(found[1]):.1f}" == figure


def test_the_version_is_the_newest_of_the_changes():
    """Where it stands besides pyproject.toml: the changes, with a day, and the citation."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    changes = (ROOT / "CHANGELOG.md").read_text()
    first, day = re.search(r"^## ([\d.]+), (\d{4}-\d\d-\d\d)$", changes, re.MULTILINE).groups()
    assert first == version
    assert changes.index("\n## Unreleased\n") < changes.index(f"\n## {version}, ")
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"\nversion: {version}\ndate-released: {day}\n" in citation

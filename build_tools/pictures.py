"""Makes the pictures of the terminal: `make pictures` writes them into docs/pictures/.

Each command of SCENES is really run, on a pseudo-terminal, in a directory of its own; what it shows
is drawn by rich, once for light pages and once for dark ones. The directory lies on a file system
in memory that is mounted on PLACE for this process alone, so that nothing of the computer's own is
in the pictures.
"""

import inspect
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from tests.command_line import on_terminal

ROOT = Path(__file__).parents[1]
TO = ROOT / "docs" / "pictures"
PLACE = Path("/mnt")
COLUMNS = 88
# What rich writes names fonts that a browser would fetch from elsewhere.
_RICHS = inspect.signature(Console.export_svg).parameters["code_format"].default
FORMAT = re.sub(r"@font-face \{\{.*?\}\}", "", _RICHS, flags=re.DOTALL)
LIGHT = TerminalTheme(
    (255, 255, 255), (36, 41, 47),
    [(36, 41, 47), (207, 34, 46), (17, 99, 41), (154, 103, 0), (9, 105, 218), (130, 80, 223),
     (27, 124, 131), (110, 119, 129)],
    [(87, 96, 106), (164, 14, 38), (26, 127, 55), (99, 60, 1), (33, 139, 255), (164, 117, 249),
     (49, 146, 170), (140, 149, 159)],
)  # fmt: skip
DARK = TerminalTheme(
    (13, 17, 23), (230, 237, 243),
    [(72, 79, 88), (255, 123, 114), (63, 185, 80), (210, 153, 34), (88, 166, 255),
     (188, 140, 255), (57, 197, 207), (177, 186, 196)],
    [(110, 118, 129), (255, 161, 152), (86, 211, 100), (227, 179, 65), (121, 192, 255),
     (210, 168, 255), (86, 212, 221), (255, 255, 255)],
)  # fmt: skip
TEST = """\
import pathlib, pytest


def save(path, text):
    pathlib.Path(path).write_text(text)


@pytest.mark.scratch(size="64K")
def test_save_says_that_the_disk_is_full(installed_scratch):
    with pytest.raises(OSError, match="No space left on device"):
        save("report.txt", "x" * 65_537)
"""
# {picture: [(command, what is waited for and what is typed then)]}
SCENES = {
    "faster": [
        ("python -m timeit -s 'import os' 'os.path.join(\"charts\", \"north\")'", ()),
        ("python -m timeit -s 'import ostler as os' 'os.path.join(\"charts\", \"north\")'", ()),
    ],
    "disk-full": [
        ("tail -4 test_save.py", ()),
        ("pytest -q test_save.py", ()),
    ],
    "rehearse": [
        ("ostler rehearse sh -c 'sed -i s/http:/https:/ *.html; rm -r cache'",
         [(b"keep (k)? ", b"x\n")]),
        ("ls", ()),
    ],
    "size": [("time ostler size --apparent-size --top 6 photos", ())],
    "walk": [("ostler walk .", ())],
    "doctor": [("ostler doctor", ())],
}  # fmt: skip
FILES = 1_000_000  # in photos


def make_project(top):
    """What the commands of SCENES find."""
    for name, size in {"index.html": 5120, "about.html": 2150, "css/site.css": 900,
                       "cache/thumbs.bin": 40 << 20}.items():  # fmt: skip
        path = top / name
        path.parent.mkdir(exist_ok=True)
        if path.suffix == ".html":
            path.write_text("http://x\n" * 90 + "x" * (size - 9 * 90))
        else:
            with open(path, "wb") as file:
                file.truncate(size)


def make_photos(top):
    """FILES files in a thousand directories, with no contents but holes."""
    years, each = range(2017, 2027), FILES // 1000
    for year in years:
        for day in range(100):
            folder = top / f"photos/{year}/{day:03}"
            folder.mkdir(parents=True)
            fd = os.open(folder, os.O_PATH)
            for number in range(each):
                file = os.open(f"{number:04}.jpg", os.O_WRONLY | os.O_CREAT, dir_fd=fd)
                os.ftruncate(file, int(900 * 1.7 ** (year - 2010)) + 97 * number)
                os.close(file)
            os.close(fd)


def shown(scene, top):
    """What a scene's commands show, with their prompts."""
    parts = []
    for command, keys in scene:
        parts.append(f"\033[1;32m$\033[0m \033[1m{command}\033[0m\n")
        status, text = on_terminal(["/bin/bash", "-c", command], COLUMNS, cwd=top, keys=keys)
        if status:
            raise SystemExit(f"{command}: exit status {status}\n{text}")
        text = re.sub(r"[^\n]*\r\x1b\[K", "", text).replace("\a", "")
        parts.append(text if text.endswith("\n") else f"{text}\n")
    return "".join(parts).rstrip("\n") + "\n"


def quickest(scene, top):
    """Of five runs the quickest: other programs may be at work."""
    runs = [shown(scene, top) for _ in range(5)]
    return min(
        runs, key=lambda text: float(re.search(r"^([\d.]+) seconds$", text, re.MULTILINE)[1])
    )


def drawn(text, title, theme):
    """A picture of it."""
    console = Console(width=COLUMNS, record=True, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(text), soft_wrap=False, highlight=False)
    svg = console.export_svg(title=title, theme=theme, code_format=FORMAT)
    return "\n".join(line.rstrip() for line in svg.splitlines() if line.strip()) + "\n"


def run_all(wanted):
    """{picture: what is shown}, on the file system that is mounted for it."""
    top = PLACE / "site"
    top.mkdir()
    make_project(top)
    (PLACE / "test_save.py").write_text(TEST)
    bin = PLACE / ".bin"
    bin.mkdir()
    for name, words in {
        "ostler": "-m ostler",
        "python": "",
        "pytest": "-m pytest -p no:cacheprovider",
    }.items():
        (bin / name).write_text(f'#!/bin/sh\nexec {sys.executable} {words} "$@"\n')
        (bin / name).chmod(0o755)
    os.environ.update(
        PATH=f"{bin}:{os.environ['PATH']}", TIMEFORMAT="%1R seconds", HOME=str(PLACE),
        PYTHONPATH=f"{ROOT / 'src'}", XDG_STATE_HOME=str(PLACE / ".state"),
    )  # fmt: skip
    if "size" in wanted:
        make_photos(PLACE)
    places = {"walk": top, "rehearse": top}
    ways = {"size": quickest}
    return {name: ways.get(name, shown)(SCENES[name], places.get(name, PLACE)) for name in wanted}


def main():
    wanted = sys.argv[1:] or list(SCENES)
    if os.environ.pop("OSTLER_PICTURES", "") == "inside":
        print(json.dumps(run_all(wanted)))
        return
    inside = f'mount -t tmpfs -o size=8G,nr_inodes=4M tmpfs {PLACE} && exec "$@"'
    as_root = ["--map-root-user"] if os.geteuid() else []
    words = ["unshare", "--mount", *as_root, "sh", "-c", inside, "sh"]
    words += [sys.executable, "-m", "build_tools.pictures", *wanted]
    done = subprocess.run(
        words,
        cwd=ROOT,
        env={**os.environ, "OSTLER_PICTURES": "inside"},
        stdout=subprocess.PIPE,
        check=True,
    )
    TO.mkdir(exist_ok=True)
    for name, text in json.loads(done.stdout).items():
        for scheme, theme in (("light", LIGHT), ("dark", DARK)):
            (TO / f"{name}-{scheme}.svg").write_text(drawn(text, "", theme))


if __name__ == "__main__":
    main()

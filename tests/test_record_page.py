"""The page of a recording: what stands in it, what a browser makes of it, what the options do."""

import html.parser
import io
import json
import os
import random
import re
import string

import pytest

from ostler.record import page
from ostler.record.log import CHANGES, KINDS, NETWORK, Event, Program, RecordedProcess, Story
from ostler.record.outline import Wanted
from tests.browser import Browser, found
from tests.command_line import called, run

HOSTILE = (
    "</script><script>window.broken = 1</script>",
    "<img src=x onerror='window.broken = 2'>",
    "<!--<script>",
    "]]>&lt;&amp;&quot;\"'`",
    "{{script}}{{data}}",
    "\x1b[31m\r\n\t\x00\x7f",
    "\u202egpj.exe\u2066\u200b\u2028",
    "a\udcffb\udc80",
    "\u05d0\u05d1/..//\U0001f600",
    "javascript:window.broken=3",
)


def story_of(count, seed=0, names=(), processes=12):
    """A recording of random events."""
    chance = random.Random(seed)
    story = Story()
    story.complete = True
    story.about = {"command": ["make", *names], "cwd": "/" + "".join(names), "began": 1.5e9}
    words = [*names, *(f"n{i}" for i in range(30))]
    for number in range(1, processes + 1):
        parent = chance.choice([None, *story.processes]) if number > 1 else None
        one = RecordedProcess(number, 100 + number, chance.randrange(3), parent, number / 1000)
        one.cwd = "/" + chance.choice(words)
        one.ended = chance.choice((None, number / 1000 + chance.random()))
        one.status = chance.choice((None, 0, 3, -9))
        one.cpu, one.memory = chance.randrange(1000) / 1000, chance.randrange(1 << 30)
        for _ in range(chance.randrange(3)):
            argv = tuple(chance.choices(words, k=chance.randrange(1, 4)))
            one.programs.append(
                Program("/bin/" + argv[0], argv, one.cwd, number / 1000,
                        chance.choice((True, False, None)), chance.random() < 0.1, one.uid,
                        chance.choice((0, 2, 13)))
            )  # fmt: skip
        story.processes.append(one)
    usual = ["/etc/ld.so.cache", "/usr/lib/x.so.6", "/dev/null"]
    for index in range(count):
        kind = chance.choice(list(KINDS.values()))
        path = "/" + "/".join(chance.choices(words, k=chance.randrange(4)))
        if kind in NETWORK:
            path = chance.choice(["127.0.0.1:80", "unix:/run/socket", *names])
        elif kind == "read" and chance.random() < 0.3:
            path = chance.choice(usual)
        outcome = chance.choice((True, True, True, False, None))
        story.events.append(
            Event(
                index / 1000, chance.choice(story.processes), kind, path,
                "/" + chance.choice(words) if kind in ("rename", "link") else
                chance.choice(words) if kind == "symlink" else "",
                chance.choice((0, 0o644)) if kind in ("mode", "read") else 0,
                outcome, chance.choice((2, 13, 30, 0)) if outcome is False else 0,
                chance.random() < 0.05,
            )
        )  # fmt: skip
    return story


def text_of(story):
    file = io.StringIO()
    page.page(story, file)
    return file.getvalue()


def data_in(text):
    inside = re.search('<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    return json.loads(inside[1])


def told(data):
    """What a page says, as told_by() tells it of the recording itself."""
    parents, names = data["nodes"]

    def path(node):
        parts = []
        while node >= 0:
            parts.append(names[node])
            node = parents[node]
        return "/".join(reversed(parts))

    outcomes = {"1": True, "0": False, "?": None}
    processes = [
        (
            pid, parent, uid, cwd, began, ended, status, cpu, memory,
            [
                (time, path(at), tuple(words), where, outcomes[outcome], cut, who, number)
                for time, at, words, where, outcome, cut, who, number in programs
            ],
        )
        for pid, parent, uid, cwd, began, ended, status, cpu, memory, programs in data["processes"]
    ]  # fmt: skip
    assert {str(program[-1]) for one in processes for program in one[-1]} <= {*data["errnos"], "0"}
    columns, events, time = data["events"], [], 0
    for index, letter in enumerate(columns["kind"]):
        time += columns["time"][index]
        other = columns["other"].get(str(index))
        events.append(
            (
                time, columns["process"][index], data["kinds"][ord(letter) - 96],
                path(columns["path"][index]), "" if other is None else path(other),
                columns["value"].get(str(index), 0), outcomes[columns["outcome"][index]],
                columns["errno"].get(str(index), 0), bool(columns["doubt"].get(str(index))),
            )
        )  # fmt: skip
    return processes, events


def told_by(story):
    def micro(seconds):
        return None if seconds is None else round(seconds * 1_000_000)

    indexes = {one.number: index for index, one in enumerate(story.processes)}
    processes = [
        (
            one.pid, -1 if one.parent is None else indexes[one.parent.number], one.uid, one.cwd,
            micro(one.began), micro(one.ended), one.status, micro(one.cpu), one.memory,
            [(micro(p.time), p.path, p.arguments, p.cwd, p.outcome, p.cut, p.uid, p.errno)
             for p in one.programs],
        )
        for one in story.processes
    ]  # fmt: skip
    events = [
        (micro(event.time), indexes[event.process.number], *event[2:]) for event in story.events
    ]
    return processes, events


@pytest.mark.parametrize("seed", range(4))
def test_the_page_holds_what_the_log_holds(seed):
    story = story_of(400, seed, HOSTILE)
    data = data_in(text_of(story))
    assert told(data) == told_by(story)
    assert data["about"]["command"] == ["make", *HOSTILE]


def test_a_recording_of_nothing_is_a_page():
    assert told(data_in(text_of(Story()))) == ([], [])


def test_about_is_taken_only_as_it_should_be():
    story = Story()
    story.about = {"command": {"a": 1}, "began": float("nan"), "cwd": ["x"], "machine": 7}
    story.about["changes"] = [
        7, ["/a"], ["/a", "made", None, 1], ["61", "created", 5, "x"], [None, "removed", 0, 0],
        ["/b\udcff", "renamed", "/c", True],
    ]  # fmt: skip
    data = data_in(text_of(story))
    assert [kind for _, kind, *_ in data["changes"]] == ["created", "renamed"]
    assert all(process == -1 for *_, process in data["changes"])
    about = data["about"]
    assert about["command"] == [] and about["began"] is None
    assert about["cwd"] == about["machine"] == "" and about["complete"] is False


class Tags(html.parser.HTMLParser):
    """The tags of a page, and their attributes, but for what is different for good reason."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, attrs))

    def handle_endtag(self, tag):
        self.found.append((tag, None))

    def handle_comment(self, data):
        self.found.append(("a comment", data))


def test_no_name_becomes_a_part_of_the_page():
    harmless = text_of(story_of(100))
    for name in HOSTILE:
        text = text_of(story_of(100, 1, [name]))
        assert Tags(text).found == Tags(harmless).found, name
        title = re.search("<title>(.*?)</title>", text, re.DOTALL)[1]
        assert all(c in string.printable or ord(c) > 160 for c in title)
        assert not set(title) & set("\x1b\r\n\x00\u202e\u2066\u2028")
        text.encode()


def test_the_page_asks_for_nothing_and_lets_only_its_own_script_run():
    text = text_of(story_of(10))
    policy = re.search('Content-Security-Policy" content="(.*?)"', text)[1]
    assert policy.startswith("default-src 'none';") and "unsafe" not in policy
    without = text.replace(re.search('id="data">(.*?)</script>', text, re.DOTALL)[1], "")
    assert not re.search(r"https?:|//[a-z]|url\(|@import|innerHTML|outerHTML|eval\(", without)


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_colours_have_contrast():
    """As WCAG 2 wants it of text, in light and in dark."""
    style = page._part("page.css")
    light, dark = re.findall(r":root \{(.*?)\}", style, re.DOTALL)[:2]
    for block in (light, dark):
        colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
        pairs = [("warn-text", "warn"), ("panel", "accent")]
        for name in ("text", "quiet", "changed", "read", "network", "refused", "failed", "accent"):
            pairs += [(name, "panel"), (name, "hover"), (name, "pick")]
        pairs += [("text", "back"), ("quiet", "back")]
        for front, behind in pairs:
            bright, low = sorted((luminance(colours[front]), luminance(colours[behind])))[::-1]
            assert (bright + 0.05) / (low + 0.05) >= 4.5, (front, behind)


# --- in a browser

needs_browser = pytest.mark.skipif(found() is None, reason="there is no Chromium here")


@needs_browser
def test_in_a_browser(tmp_path):
    story = story_of(20_000, 5, HOSTILE, 300)
    story.about["changes"] = [
        ["/new/x", "created", None, 4], ["/n1", "removed", None, None],
        ["/n2", "renamed", "/n3", 7],
    ]  # fmt: skip
    (tmp_path / "page.html").write_text(text_of(story), encoding="utf-8")
    with Browser() as browser:
        browser.open(tmp_path / "page.html")
        check_filters(browser, story)
        check_keys(browser)
        check_names(browser)
        check_widths(browser)
        check_changes(browser)
        assert browser.value("window.broken") is None
        assert browser.said == []
        assert browser.asked == [(tmp_path / "page.html").as_uri()]


def check_filters(browser, story):
    shown = "(() => { narrow(%s); return [...SHOWN.events]; })()"
    wanted = Wanted()
    assert browser.value(shown % "{}") == [
        index for index, event in enumerate(story.events) if wanted.event(event)
    ]
    everything = len(story.events)
    assert len(browser.value(shown % "{usual: true}")) == everything
    for only, fits in {
        "written": lambda e: e.kind in CHANGES and e.outcome is not False,
        "network": lambda e: e.kind in NETWORK and e.outcome is not False,
        "read": lambda e: e.kind == "read" and e.outcome is not False,
        "refused": lambda e: e.outcome is False and e.errno in (13, 30),
        "all": lambda e: True,
    }.items():
        chosen = [index for index, event in enumerate(story.events) if fits(event)]
        assert browser.value(shown % json.dumps({"only": only})) == chosen, only
    for text in ("n17", "<script>window", "N2", "/n1/*"):
        found = browser.value(shown % json.dumps({"path": text}))
        pattern = re.compile(re.escape(text).replace(r"\*", ".*"), re.IGNORECASE | re.DOTALL)
        fits = pattern.fullmatch if "*" in text else pattern.search
        assert found == [
            index
            for index, event in enumerate(story.events)
            if fits(event.path) or (event.kind in ("rename", "link") and fits(event.other))
        ]
    one = story.processes[3]
    below, waiting = set(), [one]
    while waiting:
        process = waiting.pop()
        below.add(process.number)
        waiting += process.children
    assert browser.value(shown % '{path: "", under: 3}') == [
        index for index, event in enumerate(story.events) if event.process.number in below
    ]
    browser.value("narrow({under: -1, usual: false})")
    assert browser.value("document.getElementsByTagName('*').length") < 2000  # whatever is there


def check_keys(browser):
    browser.press("/", "/")
    assert browser.value("document.activeElement.id") == "path"
    browser.value("document.getElementById('processes').focus()")
    browser.press("ArrowDown")
    browser.press("Enter")
    assert browser.value("document.getElementById('details-title').textContent") == (
        browser.value("'Process ' + processRows[1].pid")
    )
    assert browser.value("document.querySelector('#facts .words').textContent") == (
        browser.value("processRows[1].command")
    )
    active = "document.getElementById(document.activeElement.getAttribute('aria-activedescendant'))"
    assert browser.value(f"{active}.classList.contains('chosen')")
    browser.press("Escape")
    assert browser.value("document.getElementById('details-title').textContent") == "Details"
    browser.value("document.getElementById('overview').focus()")
    browser.press("+", "+")
    assert browser.value("FILTER.to - FILTER.from < LAST * 0.51")
    browser.press("Escape")
    assert browser.value("FILTER.from === 0 && FILTER.to === LAST")


def check_names(browser):
    """What a name has is to be read, not to be obeyed."""
    browser.value("narrow({usual: true}); unfoldTree(Infinity); orderTree()")
    texts = browser.value("treeRows.map(lineOf).join('\\n')")
    assert "<img src=x onerror='window.broken = 2'>" in texts
    assert "a\\xffb\\x80" in texts and "\\u202egpj.exe\\u2066\\u200b\\u2028" in texts
    assert "\\x1b[31m\\r\\n\\t\\x00\\x7f" in texts
    assert not set(texts) & set("\x1b\r\x00\u202e\u2066\u2028\ufffd")
    for index in range(0, 400, 7):  # each once in the details, with its history
        browser.value(f"chooseNode(treeRows[{index} % treeRows.length].node)")
    browser.value("chooseTab('events')")
    browser.settle()
    assert browser.value("document.querySelectorAll('#events .row').length") > 5
    browser.value("narrow({usual: false}); chooseTab('files')")


def check_changes(browser):
    """What differs at the end, and by whom."""
    browser.value("document.querySelector('#only input[value=left]').click()")
    browser.settle()
    rows = browser.value(
        "[...document.querySelectorAll('#files .row')].filter(row => !row.hidden)"
        ".sort((a, b) => a.index - b.index)"
        ".map(row => [row.title, row.querySelector('.deeds').textContent,"
        " row.querySelector('.who').textContent])"
    )
    assert [(path, what) for path, what, _ in rows] == [
        ("/", "3"), ("/n1", "removed"), ("/n2", "renamed"), ("/new", "1"), ("/new/x", "created"),
    ]  # fmt: skip
    assert rows[4][2] == browser.value("PROCESSES[3].name") and rows[1][2] == ""
    browser.value("chooseNode(treeRows[2].node)")
    facts = browser.value("document.getElementById('facts').textContent")
    assert "At the endrenamed from /n3 by " + browser.value("PROCESSES[6].name") in facts


def check_widths(browser):
    for width in (1400, 900, 420, 320):
        browser.resize(width, 800)
        browser.settle()
        assert browser.value("document.documentElement.scrollWidth") <= width


# --- the options


@pytest.fixture
def log(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert called("record", "-o", "log", "sh", "-c", "echo x > made; cat made > other")[0] == 0
    return tmp_path


def test_a_page_is_written(log):
    for words in (
        ("show", "--html", "1.html", "log"),
        ("show", "log", "--html=2.html"),
        ("-o", "3.html", "sh", "-c", "echo x > new; exit 4"),
        ("--html", "4", "-o", "log2", "sh", "-c", "echo x > new; exit 4"),
    ):
        before = os.umask(0)
        try:
            status, out, said = called("record", *words)
        finally:
            os.umask(before)
        assert (status, out, said) == (0 if words[0] == "show" else 4, b"", ""), words
    at = os.path.realpath(log)
    for name in ("1.html", "2.html", "3.html", "4"):
        assert os.stat(name).st_mode & 0o777 == 0o600
        _, events = told(data_in((log / name).read_text()))
        made = "made" if name < "3" else "new"
        assert any(kind in ("create", "write") and path == f"{at}/{made}"
                   for _, _, kind, path, *_ in events), name  # fmt: skip
    assert called("record", "show", "log2")[0] == 0
    assert sorted(os.listdir()) == [
        "1.html", "2.html", "3.html", "4", "log", "log2", "made", "new", "other",
    ]  # fmt: skip


def test_a_page_of_less(log):
    assert called("record", "show", "log", "--path", "made", "--html", "page")[0] == 0
    _, events = told(data_in((log / "page").read_text()))
    assert events and {path for _, _, _, path, *_ in events} == {os.path.realpath("made")}


def test_pages_that_cannot_be_written(log):
    for path, message in {
        "made": "ostler: made: there is something already\n",
        "/dev/stdout": "ostler: /dev/stdout: there is something already\n",
        "none/page": "ostler: none/page: No such file or directory\n",
        "": "--html wants a value",
    }.items():
        status, out, said = called("record", "show", "log", "--html", path)
        assert (status, out) == (125 if path else 2, b"") and message in said, said
        status, out, said = called("record", "--html", path, "touch", "touched")
        assert (status, out) == (125 if path else 2, b"")
    assert not os.path.exists("touched")
    status, _, said = called("record", "show", "log", "--html", "page", "--none")
    assert status == 2 and "no option --none" in said
    assert called("record", "show", "log", "more", "--html", "page")[0] == 2
    assert called("record", "diff", "log", "log", "--html", "page")[0] == 2


def test_a_disk_that_is_full(log):
    """As the limit of a file's size has it: nothing half is left, and the recording is kept."""
    full = 'ulimit -f 20; exec "$@"'
    done = run("record", "show", "log", "--html", "page", shell=full)
    assert done.returncode == 125 and done.stderr == b"ostler: page: File too large\n"
    assert sorted(os.listdir()) == ["log", "made", "other"]
    done = run("record", "--html", "page", "sh", "-c", "exit 3", shell=full)
    assert done.returncode == 125 and b"what was recorded is in " in done.stderr
    (part,) = [name for name in os.listdir() if name.endswith(".part")]
    assert not os.path.exists("page")
    assert called("record", "show", part)[0] == 0

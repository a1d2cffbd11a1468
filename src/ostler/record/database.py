"""A recording as an SQLite database, which is how it is kept: written, and read again.

    info       key, value               a JSON value: "format" (1), "began", "command", ...; of a
                                        rehearsal "changes": what differs at the end, each as
                                        [path, kind, source, number of the process or null]
    processes  number, parent, pid, uid, cwd, began, ended, status, cpu, memory
    programs   process, time, path, arguments (JSON), cwd, outcome, cut, uid, errno
    paths      number, path
    kinds      number, kind
    events     time, process, kind, path, other, value, outcome, errno, doubt
    story      a view of the events with all names in it

Times are nanoseconds since the log began. `status` is as subprocess has it; `outcome` is 1 for what
was done, 0 for what failed, NULL where nobody knows. A path that is no text has its bytes.
"""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

from ostler.machine import host
from ostler.record.given import opened
from ostler.record.log import KINDS, Event, NotALog, Program, RecordedProcess, Story
from ostler.record.outline import on_one_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

FORMAT = 1
MAGIC = b"SQLite format 3\0"
_SECOND = 1_000_000_000
_TABLES = """
CREATE TABLE info (key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE processes (number INTEGER PRIMARY KEY, parent INTEGER, pid INTEGER, uid INTEGER,
    cwd, began INTEGER, ended INTEGER, status INTEGER, cpu INTEGER, memory INTEGER);
CREATE TABLE programs (process INTEGER, time INTEGER, path, arguments TEXT, cwd, outcome INTEGER,
    cut INTEGER, uid INTEGER, errno INTEGER);
CREATE TABLE paths (number INTEGER PRIMARY KEY, path);
CREATE TABLE kinds (number INTEGER PRIMARY KEY, kind TEXT);
CREATE TABLE events (time INTEGER, process INTEGER, kind INTEGER, path INTEGER, other INTEGER,
    value INTEGER, outcome INTEGER, errno INTEGER, doubt INTEGER);
CREATE VIEW story AS SELECT time / 1e9 AS time, process, kinds.kind AS kind, paths.path AS path,
    others.path AS other, value, outcome, errno, doubt FROM events
    JOIN kinds ON kinds.number = events.kind JOIN paths ON paths.number = events.path
    LEFT JOIN paths AS others ON others.number = events.other;
"""


def write(story: Story, path: str) -> None:
    """Make a database of a recording at a path at which nothing is; only its owner may read it."""
    # Arguments of programs may be secrets. SQLite itself would leave it to the umask.
    host.close(host.open(path, host.O_CREAT | host.O_EXCL | host.O_WRONLY | host.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(path)
    try:
        _fill(connection, story)
    finally:
        connection.close()


def _fill(connection: sqlite3.Connection, story: Story) -> None:
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA synchronous = OFF")
    connection.executescript(_TABLES)
    about = {"format": FORMAT, "complete": story.complete, "problem": story.problem, **story.about}
    rows = [(key, json.dumps(value)) for key, value in about.items()]
    connection.executemany("INSERT INTO info VALUES (?, ?)", rows)
    numbers = {kind: number for number, kind in KINDS.items()}
    connection.executemany("INSERT INTO kinds VALUES (?, ?)", KINDS.items())
    connection.executemany(
        "INSERT INTO processes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                one.number, one.parent.number if one.parent else None, one.pid, one.uid,
                _plain(one.cwd), _ns(one.began), None if one.ended is None else _ns(one.ended),
                one.status, _ns(one.cpu), one.memory,
            )
            for one in story.processes
        ),
    )  # fmt: skip
    connection.executemany(
        "INSERT INTO programs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                one.number, _ns(program.time), _plain(program.path), json.dumps(program.arguments),
                _plain(program.cwd), program.outcome, program.cut, program.uid,
                program.errno or None,
            )
            for one in story.processes
            for program in one.programs
        ),
    )  # fmt: skip
    paths: dict[str, int] = {}
    connection.executemany(
        "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                _ns(event.time), event.process.number, numbers[event.kind],
                paths.setdefault(event.path, len(paths) + 1),
                paths.setdefault(event.other, len(paths) + 1) if event.other else None,
                event.value or None, event.outcome, event.errno or None, event.doubt or None,
            )
            for event in story.events
        ),
    )  # fmt: skip
    rows = ((number, _plain(path)) for path, number in paths.items())
    connection.executemany("INSERT INTO paths VALUES (?, ?)", rows)
    connection.commit()


def read(path: str) -> Story:
    """Read a recording from a database; NotALog when it is none of ours, or of a newer ostler."""
    with opened(path) as file:
        connection = _connection(file, path)
    try:
        return _read(connection)
    except NotALog:
        raise
    except sqlite3.OperationalError as error:
        raise NotALog(f"this is no log of ostler record: {on_one_line(str(error))}") from None
    except (sqlite3.Error, ValueError, LookupError, TypeError, RecursionError):
        raise NotALog("this log is damaged") from None
    finally:
        connection.close()


def _connection(file: BinaryIO, path: str) -> sqlite3.Connection:
    # Of what is open: under that name there may be something else by now.
    connection = sqlite3.connect(":memory:")
    if hasattr(connection, "deserialize"):
        connection.deserialize(file.read())
        return connection
    connection.close()
    return sqlite3.connect(f"file:{_quoted(path)}?mode=ro", uri=True)


def _read(connection: sqlite3.Connection) -> Story:
    # Who has made the file is unknown. A view, a virtual table or a computed column could do
    # anything, and for ever; and a column has what was put into it, whatever its type.
    connection.execute("PRAGMA trusted_schema = OFF")
    if not _is_ours(connection):
        raise NotALog("this is no log of ostler record")
    story = Story()
    found = dict(connection.execute("SELECT key, value FROM info"))
    story.about = {_word(key): json.loads(value) for key, value in found.items()}
    if story.about.pop("format") != FORMAT:
        raise NotALog("this log is of a newer ostler")
    story.complete = bool(story.about.pop("complete"))
    story.problem = _number(story.about.pop("problem"))
    known: dict[int, RecordedProcess] = {}
    for row in connection.execute("SELECT * FROM processes ORDER BY number"):
        cwd = row[4]
        number, parent, pid, uid, began, ended, status, cpu, memory = map(
            _number_or_none, row[:4] + row[5:]
        )
        if None in (number, pid, uid, began, cpu, memory):
            raise NotALog("this log is damaged")
        one = RecordedProcess(number, pid, uid, known[parent] if parent else None, began / _SECOND)
        one.cwd = _text(cwd)
        one.ended = None if ended is None else ended / _SECOND
        one.status, one.cpu, one.memory = status, cpu / _SECOND, memory
        known[number] = one
        story.processes.append(one)
    for row in connection.execute("SELECT * FROM programs ORDER BY rowid"):
        number, time, path, arguments, cwd, outcome, cut, uid, errno = row
        words = tuple(_word(word) for word in json.loads(arguments)) or ("",)
        known[number].programs.append(
            Program(
                _text(path), words, _text(cwd), _number(time) / _SECOND, _outcome(outcome),
                bool(cut), _number(uid), _number(errno or 0),
            )
        )  # fmt: skip
    story.events = list(_events(connection, known))
    return story


def _events(connection: sqlite3.Connection, known: dict[int, RecordedProcess]) -> Iterator[Event]:
    paths = {n: _text(path) for n, path in connection.execute("SELECT number, path FROM paths")}
    kinds = dict(connection.execute("SELECT number, kind FROM kinds"))
    if not kinds.keys() <= KINDS.keys() or any(KINDS[number] != kinds[number] for number in kinds):
        raise NotALog("this log is damaged")
    for row in connection.execute("SELECT * FROM events ORDER BY rowid"):
        time, process, kind, path, other, value, outcome, number, doubt = row
        yield Event(
            _number(time) / _SECOND, known[process], kinds[kind], paths[path],
            paths[other] if other else "", _number(value or 0), _outcome(outcome),
            _number(number or 0), bool(doubt),
        )  # fmt: skip


def _ns(seconds: float) -> int:
    return round(seconds * _SECOND)


def _outcome(value: int | None) -> bool | None:
    return None if value is None else bool(value)


def _plain(text: str) -> str | bytes:
    try:
        text.encode()
    except UnicodeEncodeError:
        return host.fsencode(text)
    return text


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else host.fsdecode(value)


def _is_ours(connection: sqlite3.Connection) -> bool:
    made = connection.execute("SELECT sql FROM sqlite_master WHERE type IN ('table', 'view')")
    wanted = {text.strip() for text in _TABLES.split(";") if text.strip()}
    return wanted <= {text for (text,) in made}


def _number(value: object) -> int:
    if not isinstance(value, int):
        raise NotALog("this log is damaged")
    return value


def _number_or_none(value: object) -> Any:
    return None if value is None else _number(value)


def _word(value: object) -> str:
    if not isinstance(value, str):
        raise NotALog("this log is damaged")
    return value


def _quoted(path: str) -> str:
    from urllib.parse import quote

    return quote(host.fsencode(host.path.abspath(path)))

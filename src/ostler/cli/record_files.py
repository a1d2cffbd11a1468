"""The files that `ostler record` makes of a recording: a log, or what others read."""

from ostler import host


def write(story, path, page=False):
    """Write a recording to a path at which nothing is; the name says how, unless it is a `page`.

    Only its owner may read it: arguments of programs may be secrets. After an OSError nothing is
    there.
    """
    form = _page if page else _forms().get(host.path.splitext(path)[1])
    if form is None:
        _write_database(story, path)
        return
    with open(path, "x", encoding="utf-8", opener=_for_the_owner) as file:
        try:
            form(story, file)
            file.flush()
        except BaseException:
            host.unlink(path)
            raise


def _forms():
    from ostler.record import exports

    return {".json": exports.trace, ".jsonl": exports.json_lines, ".html": _page}


def _page(story, file):
    from ostler.record.page import page

    page(story, file)


def _for_the_owner(path, flags):
    return host.open(path, flags | host.O_CLOEXEC, 0o600)


def _write_database(story, path):
    import sqlite3

    from ostler.record import database

    try:
        database.write(story, path)
    except sqlite3.Error as error:
        host.unlink(path)
        raise OSError(5, str(error), path) from None

"""Recording what runs on a rehearsal: its changes are then told with the program that made each."""

import tempfile
from contextlib import contextmanager

from ostler.cli import complain


@contextmanager
def noted(machine, wanted):
    """Inside, what programs do on the machine is recorded, if that is wanted."""
    if not wanted:
        yield
        return
    from ostler.record import log
    from ostler.record.recorder import ProgramRecorder

    with tempfile.TemporaryFile() as file:
        with ProgramRecorder(machine, file.fileno(), False) as recorder:
            yield
        if recorder.problem:
            complain("the recording is incomplete: some changes are without who made them")
        file.seek(0)
        note(machine, log.read(file))


def note(machine, story):
    """Note who has changed what; that it could not be written down is only said."""
    try:
        machine._were_recorded(story)
    except OSError as error:
        complain(error)


def counted(upper):
    """{name of a point: {Author: how many paths}} of what is kept in a directory."""
    from ostler.machines.rehearsal.authors import kept_in

    found = {}
    for noted in kept_in(upper).layers.values():
        for author, _ in noted.values():
            those = found.setdefault(author.point, {})
            those[author] = those.get(author, 0) + 1
    return found

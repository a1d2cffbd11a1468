"""Recording what runs on a rehearsal: its changes are then told with the program that made each."""

import tempfile
from contextlib import contextmanager

from ostler.cli import complain


@contextmanager
def noted(machine, wanted, told=None, exact=False):
    """Inside, what programs do on the machine is recorded, if that is wanted.

    `told`: (how the arguments of a program begin, what is told in place of all of them).
    `exact`: by ptrace(2).
    """
    if not wanted:
        yield
        return
    from ostler.record.recorder import ProgramRecorder

    with tempfile.TemporaryFile() as file:
        recorder = ProgramRecorder(machine, file.fileno(), False, None, exact)
        recorder.told = told
        recorder.__enter__()
        try:
            yield
        finally:
            try:
                recorder.__exit__()
            except OSError as error:
                complain(error)  # who it was could not be written down: what was changed is there
        if recorder.problem:
            complain("the recording is incomplete: some changes are without who made them")


def counted(upper):
    """{name of a point: {Author: how many paths}} of what is kept in a directory."""
    from ostler.machines.rehearsal.authors import kept_in

    return _by_points(kept_in(upper))


def counted_on(machine):
    """The same of a machine."""
    from ostler.machines.rehearsal.authors import of

    return _by_points(of(machine))


def _by_points(authors):
    found = {}
    for noted in authors.layers.values():
        for author, _ in noted.values():
            those = found.setdefault(author.point, {})
            those[author] = those.get(author, 0) + 1
    return found

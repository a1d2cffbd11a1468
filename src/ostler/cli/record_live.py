"""`ostler record --live`: what a command does is told on standard error while it does it."""

import sys
from threading import Event, Thread

from ostler import host
from ostler.cli import complain, shows_colours, silence, with_letters_of

_PAUSE = 0.2  # seconds from one look to the next: what happens between two is folded together
_COLOURS = {
    "process": 1, "created": 32, "wrote": 33, "renamed": 36, "removed": 31, "read": 2, "failed": 31,
    "refused": 31, "tried": 35,
}  # fmt: skip


class Telling:
    """A context manager: inside, what is recorded into a file is told.

    `file`: a descriptor of the log; `recorder`: the ProgramRecorder that writes it; `wanted`: what
    of it is told. Where nobody reads standard error any more, nothing more is told.
    """

    def __init__(self, file, recorder, wanted):
        from ostler.record.following import Follower

        self._follower = Follower(file)
        self._recorder = recorder
        self._wanted = wanted
        self._over = Event()
        self._thread = Thread(target=self._serve, daemon=True)
        self._coloured = sys.stderr.isatty() and shows_colours()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._over.set()
        self._thread.join()

    def _serve(self):
        try:
            while self._look(self._over.wait(_PAUSE)):
                pass
        except OSError:  # there is nobody to tell it to; the log has it all the same
            silence(2)
        except ValueError as error:
            complain(error)

    def _look(self, is_last):
        # Tell what there is; whether there will be more.
        self._recorder.flush()
        from ostler.record.following import lines

        for what, text in lines(self._follower.news(), self._wanted):
            self._print(what, text)
        return not is_last

    def _print(self, what, text):
        text = with_letters_of(sys.stderr, text)
        if self._coloured:
            text = f"\x1b[{_COLOURS.get(what.partition(':')[0], 34)}m{text}\x1b[0m"
        # At once: the program writes there, too.
        sys.stderr.write(text + "\n")
        sys.stderr.flush()

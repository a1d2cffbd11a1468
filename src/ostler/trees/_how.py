"""How an operation on a tree is done: what every one of them can be told."""


class How:
    """What every operation on a tree takes: `threads`, `on_error`, `progress`, `one_filesystem`.

    What they mean, the package's docstring tells; `threads` is None where nobody has chosen.
    """

    __slots__ = ("on_error", "one_filesystem", "progress", "threads")

    def __init__(self, threads=None, on_error="raise", progress=None, one_filesystem=False):
        if on_error not in ("raise", "collect") and not callable(on_error):
            raise ValueError('on_error must be "raise", "collect" or a function')
        self.threads = threads
        self.on_error = on_error
        self.progress = progress
        self.one_filesystem = bool(one_filesystem)

    def in_pieces(self):
        """The same for a piece of the work, which somebody else does: its errors are answered."""
        return How(self.threads or 1, "collect", None, self.one_filesystem)


class Errors:
    """What becomes of the errors of work that is done in Python, as of the engine's own."""

    def __init__(self, how):
        self.on_error = how.on_error
        self.list = []

    def take(self, errors):
        """Raise, collect or hand on these OSErrors."""
        for error in errors:
            if self.on_error == "raise":
                raise error
            self.list.append(error)
            if self.on_error != "collect":
                self.on_error(error)

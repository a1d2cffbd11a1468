"""Runs when an interpreter starts below `ostler run`: puts ostler in the place of os.

It stands in front of PYTHONPATH, and so is found as `sitecustomize`. It takes itself out of
sys.path and of the environment that the program sees; the environment that children inherit
keeps it, so that they have ostler too. An interpreter of another version, which can't load the
compiled modules, runs as it is. In the end the real sitecustomize has its turn.
"""

from _signal import SIG_DFL, SIGINT, default_int_handler, getsignal, signal

# Until the program begins Ctrl-C ends the process without a word, as it does while the interpreter
# starts. As an exception it would be a fatal error of the interpreter, with a page of text. In a
# subinterpreter the handler is another one, and nothing can be changed.
MINE = getsignal(SIGINT) is default_int_handler
if MINE:
    signal(SIGINT, SIG_DFL)

import os  # noqa: E402
import sys  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGE = os.path.dirname(os.path.dirname(HERE))


def leave_no_trace():
    """Take this directory out of sys.path and of the variables that the program sees."""
    if HERE in sys.path:
        sys.path.remove(HERE)
    sys.path_importer_cache.pop(HERE, None)
    seen = os.environ.get("PYTHONPATH", "")
    if seen == HERE:
        after = None
    elif seen == HERE + "/":
        after = ""
    elif seen.startswith(HERE + ":"):
        after = seen[len(HERE) + 1 :]
    else:
        return
    # Beside putenv, which would change what children inherit.
    if after is None:
        del os.environ._data[b"PYTHONPATH"]
    else:
        os.environ._data[b"PYTHONPATH"] = os.fsencode(after)


def was_asked():
    """Whether this process was started to have ostler, and is no child of the program's.

    The launcher of the command leaves the number of its process, which becomes this one.
    """
    return os.environ.pop("OSTLER_RUN", None) == str(os.getpid())


def begin(asked):
    """Put ostler in the place of os, if this interpreter can load it."""
    from _frozen_importlib import _load
    from _frozen_importlib_external import PathFinder
    from _imp import extension_suffixes

    compiled = os.path.join(PACKAGE, "_compiled")
    if not any(os.path.exists(compiled + suffix) for suffix in extension_suffixes()):
        if asked:
            version = "{}.{}".format(*sys.version_info)
            raise SystemExit(f"ostler: {PACKAGE} is not for Python {version}; install it again")
        return
    # The one that this file belongs to, whatever stands on the program's own path.
    spec = PathFinder.find_spec("ostler", [os.path.dirname(PACKAGE)])
    try:
        ostler = _load(spec)
    except ImportError:  # a subinterpreter that admits no such modules
        return
    try:
        ostler.install()
    except Exception as error:
        # Not as an Exception, which would only be mentioned while the program runs on without.
        raise SystemExit("ostler could not take the place of os") from error


if sys.version_info >= (3, 11):  # noqa: UP036  any interpreter may come by here
    leave_no_trace()
    begin(was_asked())
elif HERE in sys.path:
    sys.path.remove(HERE)
if MINE:
    signal(SIGINT, default_int_handler)

del sys.modules["sitecustomize"]
import sitecustomize  # noqa: E402  the real one, or the error that says there is none

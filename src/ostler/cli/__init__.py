"""The command line: `ostler COMMAND ...`, one file a command, loaded when it is asked for.

A command's file has `main(arguments)`, which returns the exit status. Most parse with a Parser of
`parsing`; those that run a program hand its arguments on untouched.
"""

import sys
from _signal import SIGPIPE, SIGXFSZ
from errno import ENOENT

# What `ostler --help` shows, in this order; each has its file here.
COMMANDS = {
    "commit": "Bring what a kept rehearsal has changed into the real files.",
    "completion": "Print what completes the words of ostler's commands in a shell.",
    "copy": "Copy whole trees and single files, with all that belongs to them, in parallel.",
    "diff": "Print what differs in a kept rehearsal, also between two of its points.",
    "discard": "Drop what a kept rehearsal has changed.",
    "doctor": "Try once each thing that ostler can do with this kernel, and tell what works.",
    "exec": "Run any command on a machine: scratch, rehearsed, confined, read-only.",
    "find": "Find names in whole trees, in parallel; delete them, or run a command on each.",
    "fork": "Have a second kept rehearsal that begins as one is now.",
    "points": "List the points of a kept rehearsal, with the commands before which they were made.",
    "record": "Run a command, and tell which files and which network it used.",
    "redo": "Take back an undo of a kept rehearsal.",
    "rehearse": "Run a program, look at what it would change, and then decide.",
    "remove": "Remove whole trees and single files, in parallel.",
    "run": "Run a Python program with ostler in the place of os.",
    "shell": "Type commands in a shell in which every line can be undone.",
    "size": "Tell how much is in directories; on a terminal the largest as bars.",
    "tour": "Walk through what an operating system does for a program.",
    "undo": "Have a kept rehearsal as it was before its last command, or at another point.",
    "walk": "Draw a tree, or list its directories.",
}
# What does the same elsewhere, by the name that people type from habit.
_ELSEWHERE = {
    "cp": "copy", "rsync": "copy", "rm": "remove", "delete": "remove", "rmdir": "remove",
    "du": "size", "ls": "walk", "tree": "walk", "fd": "find", "python": "run",
}  # fmt: skip
INTERRUPTED = 130
# What the interpreter ignores, and a program must not: else `yes | head` ends with a complaint.
IGNORED = (SIGPIPE, SIGXFSZ)
_OPTIONS = ("--help", "--version")
_waits = False  # until the command is loaded Ctrl-C ends the process, and is no exception
_was_interrupted = False


class UsageError(Exception):
    """The command line can't be understood; the text says why."""


class HelpWanted(UsageError):
    """What was found in the place of an option that is known asks for help."""


def command(waits: bool) -> int:
    """Run the command line of this process, which Ctrl-C ends as it ends any: by the signal.

    A shell that runs it in a loop then ends the loop as well. `waits`: Ctrl-C ends it without a
    word as yet.
    """
    global _waits
    _waits = waits
    status = main()
    from _signal import SIG_DFL, SIGINT, default_int_handler, getsignal, signal

    if getsignal(SIGINT) is default_int_handler:
        signal(SIGINT, SIG_DFL)  # what the interpreter still does is nobody's to be told of
    if _was_interrupted:
        from ostler import host

        host.kill(host.getpid(), SIGINT)  # from which only one who blocks it comes back
    return status


def interrupted() -> int:
    """Ctrl-C has ended the command; its exit status."""
    global _was_interrupted
    _was_interrupted = True
    return INTERRUPTED


def _loaded():
    # From here on a command can be interrupted, and says how far it has come.
    global _waits
    if _waits:
        from _signal import SIGINT, default_int_handler, signal

        _waits = False
        signal(SIGINT, default_int_handler)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    _open_streams()
    try:
        status: int = _run(arguments)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        end_line()
        complain("interrupted")
        return interrupted()
    except OSError as error:
        if error.filename is None and error.errno != ENOENT:  # of a standard output that is closed
            return output_failed("ostler", error)
        complain(error)
        return 1


def _run(arguments):
    name = arguments[0] if arguments else "--help"
    if name == "help" and arguments[1:2] and arguments[1] in COMMANDS:
        name, arguments = arguments[1], [arguments[1], "--help"]
    if name in ("-h", "--help", "help"):
        print(_help(), file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else 2
    if name in ("-V", "--version"):
        from importlib.metadata import version

        print("ostler", version("ostler"))
        return 0
    if name not in COMMANDS:
        meant = _ELSEWHERE.get(name) or near(name, COMMANDS)
        hint = f"do you mean {meant}? " if meant else ""
        if name.startswith("-"):
            return complain(no_option("", name, _OPTIONS), "ostler --help tells more")
        return complain(f"no command named {name!r}", f"{hint}ostler --help lists them")
    from importlib import import_module

    try:
        module = import_module(f"ostler.cli.{name}")
        _loaded()
        return module.main(arguments[1:])
    except SystemExit as end:  # argparse has shown help, or the tour could not be
        if isinstance(end.code, str):
            tell(end.code)
            return 1
        return end.code or 0
    except HelpWanted:
        return module.main(["--help"])
    except UsageError as error:
        return complain(error, f"ostler {name} --help tells more")


def near(word, known):
    """The one of the known words that is most like this one, or None.

    Of several parts ("apparent-size"), it is one that has the whole word among them.
    """
    import difflib

    for each in known:
        if word in each.split("-"):
            return each
    return next(iter(difflib.get_close_matches(word, known, 1)), None)


def no_option(command, option, known, meant=None) -> UsageError:
    """What is raised for an option that a command does not have, with the known one it is like."""
    if option in ("-h", "--help"):
        return HelpWanted(f"{command}: {option} stands alone")
    words = [each[2:] for each in known if each.startswith("--")]
    if option.startswith("--") and (word := near(option[2:], words)):
        meant = f"--{word}"
    hint = f"; do you mean {meant}?" if meant else ""
    whose = f"{command}: " if command else ""
    return UsageError(f"{whose}no option {on_one_line(option)}{hint}")


def value_of(command, option, equals, value, rest, what="a value"):
    """The value of an option: behind its "=", or the next word, which is taken from `rest`.

    A word that looks like an option is one: else `--kept --point` would be about a directory of
    that name.
    """
    if not equals and rest and rest[0].startswith("--"):
        word = on_one_line(rest[0])
        hint = "" if word == "--" else f" ({option}={word} if that is meant)"
        raise UsageError(f"{command}: {option} wants {what}, not {word}{hint}")
    value = value if equals else rest.pop(0) if rest else ""
    if not value:
        raise UsageError(f"{command}: {option} wants {what}")
    return value


def complain(message, hint="") -> int:
    """Say on standard error what is wrong with the command line; return its exit status, 2."""
    if isinstance(message, OSError):
        message = told(message)
    tell(f"ostler: {message}" + (f" ({hint})" if hint else ""))
    return 2


def tell(text):
    """Say something on standard error; where that can't be written to, there is nobody to tell."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        silence(2)


def with_letters_of(stream, text):
    """A text as a stream can show it: what its encoding has no letters for stands escaped."""
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def shows_colours() -> bool:
    """Whether a terminal, if it is one, is to be given colours, and understands them."""
    from ostler import environ

    return not environ.get("NO_COLOR") and environ.get("TERM") not in (None, "", "dumb")


def end_line():
    """After Ctrl-C: what is said stands on a line of its own, not behind the terminal's ^C."""
    if sys.stderr.isatty():
        tell("")


def told(error):
    """An OSError in words: what it is about, and what is wrong, as all commands say it."""
    import ostler

    names = [name for name in (error.filename, error.filename2) if name is not None]
    about = " -> ".join(
        on_one_line(ostler.fsdecode(name) if isinstance(name, (str, bytes)) else str(name)) or "''"
        for name in names
    )
    what = on_one_line(error.strerror or str(error))
    return f"{about}: {what}" if about else what


def on_one_line(path):
    """A path for a terminal: what could steer it, or end the line, stands escaped."""
    from ostler.machines.rehearsal.pictures import shown

    return shown(path)


def output_failed(name, error) -> int:
    """Standard output can't be written to: say why, unless its reader has enough, as head has."""
    silence(1)
    if isinstance(error, BrokenPipeError):
        return 0
    tell(f"{name}: standard output: {error.strerror or error}")
    return 1


def silence(fd: int) -> None:
    """Let what is in the buffer of a stream that fails go nowhere, without a word at the end."""
    import ostler

    null = ostler.open("/dev/null", ostler.O_WRONLY)
    ostler.dup2(null, fd)
    ostler.close(null)


def _open_streams():
    # A stream that was closed when we began fails when it is written to, and no file that is
    # opened later gets its number.
    import ostler

    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            fd = ostler.open("/dev/null", ostler.O_RDONLY if number else ostler.O_WRONLY)
            setattr(sys, name, open(fd, "w" if number else "r", closefd=False))  # noqa: SIM115


def _help():
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {what}" for name, what in COMMANDS.items()]
    return "\n".join(
        [
            "usage: ostler COMMAND [OPTION...] [ARGUMENT...]",
            "",
            "Python's os, built again from the kernel up. These commands use it on whole trees of",
            "files, and run programs where they can do no harm. A letter means the same in all.",
            "",
            *lines,
            "",
            "ostler COMMAND --help tells about one of them.",
            "",
            "Examples:",
            "  ostler find src --name '*.py'      the Python files below src",
            "  ostler size --depth 2 ~            where the space in your home has gone",
            "  ostler rehearse ./install.sh       what a script would change, before it does",
        ]
    )

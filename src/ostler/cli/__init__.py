"""The command line: `ostler COMMAND ...`, one file a command, loaded when it is asked for.

A command's file has `main(arguments)`, which returns the exit status. Most parse with a parser
made by `parser(name)`; those that run a program hand its arguments on untouched.
"""

import sys

# What `ostler --help` shows, in this order; each has its file here.
COMMANDS = {
    "copy": "copy whole trees, with all that belongs to them, in parallel",
    "doctor": "what this kernel lets you have, each thing tried once",
    "exec": "run any command on a machine: scratch, rehearsed, confined, read-only",
    "find": "find names in whole trees, in parallel",
    "rehearse": "run a program, look at what it would change, and then decide",
    "remove": "remove whole trees, in parallel",
    "run": "run a Python program with ostler in the place of os",
    "size": "how much is in directories, the largest as bars",
    "tour": "a guided walk through what an operating system does for a program",
    "walk": "draw a tree, or list its directories",
}


class UsageError(Exception):
    """The command line can't be understood; the text says why."""


def main(arguments=None):
    """Run the command line; return its exit status."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    name = arguments[0] if arguments else "--help"
    if name in ("-h", "--help", "help"):
        print(_help(), file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else 2
    if name in ("-V", "--version"):
        from importlib.metadata import version

        print("ostler", version("ostler"))
        return 0
    if name not in COMMANDS:
        return complain(f"no command named {name!r}", "ostler --help lists them")
    from importlib import import_module

    try:
        return import_module(f"ostler.cli.{name}").main(arguments[1:])
    except UsageError as error:
        return complain(error, f"ostler {name} --help tells more")


def complain(message, hint=""):
    """Say on standard error what is wrong with the command line; return its exit status, 2."""
    print(f"ostler: {message}" + (f" ({hint})" if hint else ""), file=sys.stderr)
    return 2


def parser(name, **kwargs):
    """An argument parser for a command."""
    from argparse import ArgumentParser

    return ArgumentParser(f"ostler {name}", description=COMMANDS[name], **kwargs)


def _help():
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {what}" for name, what in COMMANDS.items()]
    return "\n".join(
        [
            "usage: ostler COMMAND [ARGUMENT...]",
            "",
            "Python's os, built again from the kernel up.",
            "",
            *lines,
            "",
            "ostler COMMAND --help tells about one of them.",
        ]
    )

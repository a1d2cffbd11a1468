"""`ostler rehearse`: run a program, look at what it would change, and then decide."""

import contextlib
import signal
import sys
import tempfile

import ostler
from ostler import host
from ostler.cli import UsageError, complain, end_line, no_option, on_one_line, tell, value_of
from ostler.cli.kept import about, begun, gone, run_at_point, see_place, taken_up, tell_kept
from ostler.cli.machine import FAILED, standing
from ostler.cli.running import command, run

USAGE = """\
usage: ostler rehearse [OPTION...] COMMAND|SCRIPT.py [ARG...]
       ostler rehearse [OPTION...] --kept DIR [COMMAND|SCRIPT.py [ARG...]]

Run a program, with everything that it starts, on the real files, but keep every change aside.
Then show the changes and ask what is to be done with them. A .py script is run by this Python.

  --commit      Apply all changes, without asking.
  --discard     Drop all changes, without asking.
  --keep DIR    Keep the changes in the new directory DIR, without asking.
  --kept DIR    Take up what was kept in DIR, and run the program on that, if one is given, which
                begins it where nothing is kept yet. Before the program a point is made: see
                ostler points, ostler undo, ostler diff.
  --record      Record what the program does, with all that it starts, and show with each change
                which of them made it. What is kept keeps that, too.
  --exact       With --record: by ptrace, so that the kernel tells who has made each change, also
                where programs change the same thing at once.
  --wait        With --kept: where another command has DIR, wait until that has ended.
  --json        Print JSON, one object on a line, with the list under "changes"; the program's own
                standard output goes to standard error.

The exit status is the program's, 128 and the signal's number when a signal ended it. It is 125
when the rehearsal or what was to follow failed (changes that others made meanwhile are a reason to
refuse a commit), 126 or 127 when the program can't be run. Where there is no terminal to ask on
and nothing was chosen, the changes are dropped.

A commit that was killed in the middle is finished, or taken back, by
  python -c 'import ostler; print(ostler.rehearsal.recover())'

Examples:
  ostler rehearse ./install.sh --prefix ~/.local
  ostler rehearse --json --discard make clean"""

_OPTIONS = ("--commit", "--discard", "--keep", "--kept", "--record", "--exact", "--wait", "--json",
            "--help")  # fmt: skip


class Options:
    """What stands on the command line before the program."""

    def __init__(self, arguments):
        self.then = self.keep = self.kept = None
        self.json = self.record = self.exact = self.wait = False
        rest = list(arguments)
        while rest and rest[0].startswith("-") and rest[0] != "--":
            option, equals, value = rest.pop(0).partition("=")
            if option in ("--commit", "--discard") and not equals:
                self._decide(option[2:])
            elif option in ("--json", "--record", "--exact", "--wait") and not equals:
                setattr(self, option[2:], True)
            elif option in ("--keep", "--kept"):
                value = value_of("rehearse", option, equals, value, rest, "a directory")
                setattr(self, option[2:], value)
                if option == "--keep":
                    self._decide("keep")
            else:
                raise no_option("rehearse", option, _OPTIONS)
        if rest[:1] == ["--"]:
            del rest[0]
        self.program = rest
        if rest[:1] == [""] or (not rest and self.kept is None):
            raise UsageError("rehearse: no program")
        if self.wait and self.kept is None:
            raise UsageError("rehearse: --wait belongs to --kept DIR")
        if self.exact and not self.record:
            raise UsageError("rehearse: --exact belongs to --record")

    def _decide(self, what):
        if self.then not in (None, what):
            raise UsageError(f"rehearse: --{self.then} or --{what}, not both")
        self.then = what


def main(arguments):
    """Run the program and do with the changes what was asked for; return its exit status."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE, file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else 2
    options = Options(arguments)
    try:
        if options.keep is not None:
            see_place(options.keep)
        machine = _machine(options)
    except (OSError, ValueError) as error:
        complain(about(error, options.keep or options.kept))
        return FAILED
    with machine:
        status = 0
        if options.program:
            try:
                status = _run(machine, options)
            except (OSError, ValueError) as error:
                complain(about(error, options.keep or options.kept))
                return FAILED
            if status < 0:
                return -status
        return status if ended(machine, options, status) else FAILED


def ended(machine, options, status):
    """Show what was changed, ask, and do it; whether all went well.

    What can't be shown is kept, and it is said where.
    """
    try:
        ending = Ending(machine, options, status)
    except OSError as error:
        complain(about(error, options.keep or options.kept))
        if machine.closed:
            return False
        if options.kept is not None:
            tell(f"ostler: still kept in {on_one_line(options.kept)}")
            return False
        directory = options.keep or tempfile.mkdtemp(prefix="ostler-kept-")
        machine.keep(directory)
        tell_kept(directory)
        return False
    return not ending.end()


def _machine(options):
    if options.kept is not None:
        if not options.program:
            return taken_up(options.kept, wait=options.wait)
        return standing(lambda: begun(options.kept, wait=options.wait))
    return standing(ostler.rehearsal)


def _run(machine, options):
    if options.kept is None:
        from ostler.cli.authors import noted

        with noted(machine, options.record, None, options.exact):
            return run(machine, command(options.program), options.json)
    return run_at_point(machine, options.program, options.json, options.record, options.exact)


class Ending:
    """What comes after the program: showing the changes, asking, and doing it."""

    lines = 60  # of a tree that nobody asked for in full

    def __init__(self, machine, options, status):
        self.machine = machine
        self.options = options
        self.status = status
        self.changes = self.left = machine.changes()  # all, and what is not committed of it
        self.conflicts = []

    def end(self):
        """Do what was chosen; whether that failed."""
        options = self.options
        if not options.json:
            if self.status == 128 + signal.SIGINT:
                end_line()
            self.show(self.lines if sys.stdout.isatty() else None)
            if self.changes and self.status:
                self.warn()
        then, failed = options.then, False
        if self.changes:
            if then is None and not options.json and _on_terminal():
                try:
                    from ostler.cli.asking import ask

                    then, failed = ask(self)
                except (KeyboardInterrupt, EOFError):
                    signal.signal(signal.SIGINT, signal.SIG_IGN)  # one is enough
                    print()
                    then = self.without_a_word("no answer")
            else:
                if then is None:
                    then = self.without_a_word("no terminal to ask on, and nothing chosen")
                failed = not self.tried(then)
                if failed and then == "commit" and options.kept is None:
                    complain("the changes are discarded; --keep DIR would have kept them")
        if options.json:
            self.write(then, failed)
        return failed

    def warn(self):
        """Say that the program failed: what it changed may be half of what it was to change."""
        how = f"exit status {self.status}"
        with contextlib.suppress(ValueError):
            how += f" ({signal.Signals(self.status - 128).name})"
        sys.stdout.flush()
        tell(f"ostler: {on_one_line(self.options.program[0])} ended with {how}")

    def without_a_word(self, reason):
        """What is done when nobody says what."""
        if self.options.kept is not None:
            then, done = "keep", f"still kept in {on_one_line(self.options.kept)}"
        else:
            then, done = "discard", "the changes are discarded"
        if not self.options.json:
            tell(f"ostler: {done}: {reason}")
        return then

    def show(self, most):
        """Print the tree of the changes, and how many there are."""
        if not self.changes:
            tell("ostler: nothing was changed")
            return
        from ostler.machines.rehearsal.pictures import summary, tree

        tree(host.fsdecode(self.machine._base), self.left, most).show()
        print(summary(self.left))

    def tried(self, then, paths=None):
        """Do it, and complain of what goes wrong; whether it was done."""
        try:
            self.do(then, paths)
        except OSError as error:
            complain(about(error, self.options.keep or self.options.kept))
            self.conflicts = getattr(error, "paths", [])
            now = getattr(error, "now", {})
            for path in self.conflicts[1:20]:
                new = f" (now {on_one_line(now[path])})" if path in now else ""
                complain(f"  {on_one_line(path)}{new}")
            if len(self.conflicts) > 20:
                complain(f"  and {len(self.conflicts) - 20} more")
            complain(
                "nothing was committed" if then == "commit" else "the real files are untouched"
            )
            return False
        return True

    def do(self, then, paths=None):
        """Commit, discard or keep the changes."""
        machine, options = self.machine, self.options
        if then == "commit":
            if paths is None and options.kept is None:
                done = machine._commit_at_last()
            else:
                done = machine.commit(paths)
            self.left = machine.changes() if paths is not None and not machine.closed else []
            if not options.json:
                number = f"{len(done):,} change{'s' if len(done) > 1 else ''}"
                tell(f"ostler: {number} committed")
            if paths is not None and machine.closed:
                where = "lost" if options.kept is None else f"kept in {options.kept}"
                complain(f"the rehearsal can't go on; what was not chosen is {where}")
                return
            if self.left:
                return
        elif then == "discard":
            if options.kept is None:
                return  # they go with the machine; else with the directory
        elif options.kept is None:
            machine.keep(options.keep)
            tell_kept(options.keep)
            return
        else:
            return
        if options.kept is not None:
            said = gone(machine, options.kept)
            if not options.json:
                tell(f"ostler: {said}")

    def write(self, then, failed):
        """Print the JSON document."""
        import json

        document = {
            "command": self.options.program,
            "status": self.status,
            "outcome": "failed" if failed else then or "unchanged",
            "conflicts": self.conflicts,
            "changes": [change.as_dict() for change in self.changes],
        }
        print(json.dumps(document))


def _on_terminal():
    return sys.stdin.isatty() and sys.stdout.isatty()

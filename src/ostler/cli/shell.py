"""`ostler shell`: a shell in which every command line can be undone.

A process can't be taken from one state of a machine to another one. So there is no shell that lives
on: each line is read here, and run by a bash of its own, in the state that is then. What the last
one had, from variables to the working directory, the next one begins with: it is written down, in
bash's own words, into a file in memory, and read from it.
"""

import re
import signal
import sys

import ostler
from ostler import host
from ostler.cli import UsageError, complain, end_line, kept, tell
from ostler.cli.authors import counted_on, noted
from ostler.cli.machine import FAILED, NOT_EXECUTABLE, standing
from ostler.cli.parsing import Parser
from ostler.cli.running import run, said_by

_WHAT = """
Type commands, as in any bash or zsh, on the real files, with every change kept aside, and a point
before each line. These are the shell's own: undo [POINT], redo, point [NAME], which makes one more,
points, changes and differences [POINT].
At the end (exit, or Ctrl-D) the changes are shown, and you are asked what is to be done with them.

Variables, functions, aliases, options and the working directory go on from line to line. Jobs do
not: what a line has left running is ended with it, and Ctrl-Z does nothing.

With --base the files are those in DIR alone, which is "/" in the shell, and the programs, too: a
whole system, as of a container. Nothing outside of it is seen.
"""
_EXAMPLES = """
ostler shell
ostler shell --kept typed
"""

_OPENING = (
    "Nothing real is changed. There are undo, redo, point, points, changes, differences; exit "
    "leaves, and asks."
)

# What no word of the shell's own has behind it, and how a line begins that has it all the same: no
# assignment, and no function of that name.
_ASIDE = re.compile(r"[;|&<>]|\s--?h(elp)?$")
_BEGUN = re.compile(r"\s*(\w+)(?=\s*[;|&<>]|\s+[^\s(=]|\s*$)")
_ALONE = "{} is the shell's own, and stands alone on its line"

# Descriptors of the bash that runs a line: what it begins with, what it leaves, and /dev/null,
# which there may be none of.
_IN, _OUT, _NULL = 61, 62, 63
_LOST = 64  # the signal by which it ends where it has no descriptors to leave anything with
_ENDS = "__ostler_ends=trap"  # in what it leaves, where something is to be run at its end
# How a bash writes down what it has: what a fresh one reads, before the line that it runs. Options
# come last there, as -e and -x are for what is typed alone, and aliases behind all that they could
# change. Options about a terminal are not taken along, and what is read-only is refused where it is
# read, without a word. No line is run in another directory than the one in which it was typed:
# `rm -r *` least of all.
_DUMP = f"""
__ostler_dump() {{
    [[ -z "${{__ostler_dumped-}}" ]] || builtin return 0
    {{
        builtin set +o | while builtin read -r __ostler_option; do
            case $__ostler_option in
                *monitor | *history | *emacs | *' vi') ;;
                *) builtin printf "__ostler_late+='\\\\\\\\builtin %s;'\\n" "$__ostler_option" ;;
            esac
        done
        builtin set +eux
        builtin shopt -p
        builtin declare -p
        builtin umask -p
        for __ostler_option in S H; do
            builtin ulimit "-${{__ostler_option}}a" | while builtin read -r __ostler_limit; do
                [[ $__ostler_limit =~ -([a-zA-Z])\\)\\ +([^ ]+)$ ]] &&
                    builtin printf 'ulimit -%s%s %s\\n' "$__ostler_option" "${{BASH_REMATCH[@]:1}}"
            done
        done
        builtin printf 'builtin cd -- %q || __ostler_gone=%q\\n' "$PWD" "$PWD"
        builtin printf '%s\\n' 'unset OLDPWD' "$(builtin declare -p OLDPWD)"
        for ((__ostler_option = ${{#DIRSTACK[@]}} - 1; __ostler_option > 0; --__ostler_option)); do
            builtin printf 'pushd -n %q >&{_NULL}\\n' "${{DIRSTACK[__ostler_option]}}"
        done
        builtin printf 'set --'
        (($#)) && builtin printf ' %q' "$@"
        builtin printf '\\n__ostler_last=%q\\n' "${{__ostler_left-}}"
        __ostler_option=$(builtin trap -p)
        __ostler_option="\\\\builtin ${{__ostler_option//$'\n'trap -- /$'\n'\\\\builtin trap -- }}"
        builtin printf '__ostler_late+=%q\\n' \\
            "\\\\builtin eval ${{__ostler_option@Q}}; \\\\builtin trap - DEBUG;"
        [[ $(builtin trap -p EXIT) == *__ostler_dump* ]] || builtin echo {_ENDS}
        builtin declare -f
        builtin declare -F | while builtin read -r __ostler_option; do
            [[ $__ostler_option == 'declare -f '* ]] || builtin echo "$__ostler_option"
        done
        builtin alias -p
    }} >&{_OUT} 2>&{_NULL}
    builtin printf '\\0%s' "${{PS1@P}}" >&{_OUT} 2>&{_NULL}
    __ostler_dumped=1
}}
"""
_FIRST = f"{_DUMP}__ostler_dump"
_LINE = f"""
{_DUMP}
__ostler_as() {{ builtin return "$1"; }}
__ostler_begin() {{
    command exec {_IN}<&-
    builtin shopt -s execfail
    builtin trap '{{ __ostler_dump "$@"; }} 2>&{_NULL}' EXIT
    builtin trap '{{ __ostler_went_on "$@"; }} 2>&{_NULL}; builtin exit 130' INT
    if [[ -n "${{__ostler_gone-}}" ]]; then
        __ostler_was=$__ostler_gone
        while [[ ! -d "$__ostler_gone" ]]; do
            __ostler_gone=${{__ostler_gone%/*}}
            __ostler_gone=${{__ostler_gone:-/}}
        done
        builtin cd -- "$__ostler_gone"
        __ostler_option='^[[:space:]]*exit([[:space:]]+[0-9]+)?[[:space:]]*(;|$)'
        if [[ ! ${{__ostler_line%%$'\\n'*}} =~ $__ostler_option ]]; then
            __ostler_was+=" is gone: nothing was run"
            builtin echo "ostler: $__ostler_was, and this is $__ostler_gone now" >&2
            __ostler_line='! :'
        fi
    fi
    __ostler_late+='\\builtin unset "${{!__ostler_@}}";'
    __ostler_late+=" __ostler_as $__ostler_before ${{__ostler_last@Q}}"
    __ostler_late+=" && __ostler_as 0 ${{__ostler_last@Q}}"
    __ostler_line="{{ $__ostler_late; }} 2>&{_NULL}$__ostler_between$__ostler_line"
}}
__ostler_went_on() {{
    builtin printf '\\0' >&{_OUT}
    __ostler_dump "$@"
    builtin trap - EXIT
}}
__ostler_can_tell() {{
    {{ {{ :; }} <&{_NULL} >&{_NULL} 2>&{_NULL}; }} <&{_NULL} >&{_NULL} 2>&{_NULL}
}}
__ostler_before=$1 __ostler_line=$2 __ostler_between=$3
if [[ -e /dev/fd/{_IN} ]]; then
    builtin source /dev/fd/{_IN} 2>&{_NULL}
else
    IFS= builtin read -r -d '' __ostler_state <&{_IN}
    builtin eval "$__ostler_state" 2>&{_NULL}
    builtin unset __ostler_state
fi
\\__ostler_begin
"""
# It is one line, so that bash counts the lines of what was typed from one on.
_RUN = (
    '\\builtin eval "$4"; \\builtin eval "$__ostler_line"; '
    "{ __ostler_status=${__ostler_status-$?}; \\__ostler_can_tell; } "
    f'2>&{_NULL} || \\builtin kill -{_LOST} $$; {{ \\__ostler_went_on "$@"; }} 2>&{_NULL}; '
    '\\builtin exit "$__ostler_status"'
)
# What is run behind a line: what it has left. It is part of what is read with the line, for `eval`
# has words of its own.
_BEHIND = f"\n{{ __ostler_status=$? __ostler_left=$_; }} 2>&{_NULL}"
_GONE_ON = b"\0"  # what a bash leaves first that was not left by `exit`


def shell_parser():
    """The parser of the command."""
    made = Parser(
        "shell", "[--base DIR] [--kept DIR [--wait]] [--record] [--shell NAME]", _WHAT, _EXAMPLES
    )
    made.add_argument("--base", metavar="DIR", help="Rehearse on the system that is in DIR.")
    made.add_argument(
        "--kept", metavar="DIR",
        help="Keep the changes and points in DIR, and go on with what is kept there already.",
    )  # fmt: skip
    made.add_argument(
        "--record", action="store_true",
        help="Record what each line does: points and differences tell which program it was.",
    )  # fmt: skip
    made.add_argument(
        "--shell", metavar="NAME",
        help="Run the lines by bash or zsh, by default that of them which is in $SHELL; or have "
        "another shell (dash, fish), which lives on, and can't be taken back itself: it has no "
        "command but point [NAME].",
    )  # fmt: skip
    made.add_argument("--wait", action="store_true", help=kept.WAIT)
    return made


def main(arguments):
    """Run the command; return its exit status."""
    options = shell_parser().read(arguments)
    options.then = options.keep = None
    options.json, options.program = False, ["shell"]
    if options.wait and options.kept is None:
        raise UsageError("shell: --wait belongs to --kept DIR")
    program = _shell_of(options.shell)
    try:
        machine = _machine(options)
    except (OSError, ValueError) as error:
        complain(kept.about(error, options.kept))
        return FAILED
    with machine:
        try:
            status = _run(machine, program, options.record)
        except OSError as error:
            complain(kept.about(error, options.kept))
            status = FAILED
        if status is None or machine.closed:
            return FAILED
        from ostler.cli.rehearse import ended

        return status if ended(machine, options, 0) else FAILED


def _run(machine, program, record):
    # Its exit status; None, which is said, where it could not begin.
    if isinstance(program, str):
        from ostler.cli.shell_other import run_other

        status = run_other(machine, program, record)
        return None if status < 0 else status
    shell = Shell(machine, record, program)
    if not shell.begin():
        complain(f"there is no {program.name} here")
        return None
    stops = signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    # Ctrl-C is for what runs, and for the line that is typed: see _typed().
    ends = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        shell.run()
    finally:
        signal.signal(signal.SIGINT, ends)
        signal.signal(signal.SIGTSTP, stops)
    return shell.status


def _machine(options):
    def make():
        if options.kept is None:
            return ostler.rehearsal(options.base)
        return kept.begun(options.kept, wait=options.wait, base=options.base)

    return make() if options.base is not None else standing(make)


def _drop(machine, points):
    for point in points:
        machine.drop(point)


class Bash:
    """The bash that runs lines, as Zsh in shell_zsh.py is the zsh."""

    name = "bash"

    def first(self):
        """The arguments of one that begins as an interactive one would, and leaves what it has."""
        return ["bash", "-ic", _FIRST]

    def line(self, status, line):
        """(the arguments of one that runs a line, how these begin, what is told instead)."""
        # In what is still open, at the end of the input, it would stand in what is quoted.
        behind = "" if _is_open(line) else _BEHIND
        between = "; " if _is_well_formed(line) else "\n"
        words = ["bash", "-c", _RUN, "bash", str(status), line + behind, between, _LINE]
        return words, ("bash", "-c", _RUN), ("bash", "-c", line)

    def prompt(self, text):
        """A prompt (bytes) as libreadline wants it."""
        return text

    def has_end(self, state):
        """Whether something is to be run at the end of one that left this (bytes)."""
        return f"\n{_ENDS}\n".encode() in state

    def is_open(self, text):
        """Whether a command goes on in the next line."""
        return _is_open(text)


def _shell_of(name):
    # What runs the lines, by default the user's own shell, where it is one of the two; of another
    # one the name.
    if name is None:
        name = host.path.basename(host.environ.get("SHELL", ""))
        name = name if name == "zsh" else "bash"
    if name == "bash":
        return Bash()
    if name == "zsh":
        from ostler.cli.shell_zsh import Zsh

        return Zsh((_IN, _OUT, _NULL, _LOST))
    return name


class Shell:
    """The lines that are typed, and what goes on from one to the next."""

    def __init__(self, machine, record=False, program=None):
        self.machine = machine
        self.record = record
        self.program = Bash() if program is None else program
        self.status = 0
        self.prompt = "$ "
        self._state = b""

    def begin(self):
        """Begin as an interactive shell would; whether there is one."""
        machine, out = self.machine, _file()
        names = 0 if machine._history is None else machine._history._names
        before = machine.checkpoint()
        try:
            self._run_shell(self.program.first(), {_OUT: out}, True)
            # What its start-up files have changed is nobody's command.
            _drop(machine, {before, machine.rollback(before)})
            machine._history._names = names
            return self._took(_content(out))
        finally:
            host.close(out)

    def run(self):
        """Read and run lines until there are none, or one has left the shell."""
        if sys.stdin.isatty():
            print(_OPENING)
        own = {
            "undo": self._undo, "redo": self._redo, "point": self._point, "points": self._points,
            "changes": self._changes, "differences": self._differences,
        }  # fmt: skip
        goes_on = True
        while goes_on:
            line = self._line()
            if line is None:
                if self.program.has_end(self._state):
                    self._do("exit")
                return
            words = line.split()
            if words and words[0] in own and len(words) < 3 and not _ASIDE.search(line):
                _said(own[words[0]], *words[1:])
            elif (begun := _BEGUN.match(line)) and begun[1] in own:
                complain(_ALONE.format(begun[1]), "ostler shell --help tells more")
            elif words:
                goes_on = self._do(line)

    # Reading

    def _line(self):
        # A whole command, of one line or several; None at the end.
        lines = []
        prompt = f"[rehearsal] {self.prompt}"
        while True:
            try:
                line = _typed(prompt)
            except KeyboardInterrupt:
                print()
                return ""
            if line is None:
                if sys.stdin.isatty():
                    print()
                return "\n".join(lines) or None
            lines.append(line)
            if not self.program.is_open("\n".join(lines)):
                return "\n".join(lines)
            prompt = "> "

    # Running

    def _do(self, line):
        machine = self.machine
        try:
            point = machine.checkpoint(command=line)
        except OSError as error:
            complain(error)
            return True
        given, out = _file(self._state), _file()
        try:
            # Of the shell that runs the line nothing is told but the line.
            words, *told = self.program.line(self.status, line)
            with noted(machine, self.record, tuple(told)):
                status = self._run_shell(words, {_IN: given, _OUT: out}, False)
            left = _content(out)
        except OSError as error:  # the line is longer than an argument can be, say
            complain(error)
            self.status = NOT_EXECUTABLE
            point.ended(self.status)
            return True
        finally:
            host.close(given)
            host.close(out)
        self.status = abs(status)
        if self.status == 128 + signal.SIGINT:
            end_line()
        # What has left nothing was ended by a signal, or has become another program by `exec`, or
        # had a trap of its own for its end.
        if not left and self.status == 128 + _LOST:
            complain("too few descriptors are left (ulimit -n): nothing of this line goes on")
            self.status = 1
            status = -1
        goes_on = left.startswith(_GONE_ON) or (not left and (status < 0 or status > 128))
        self._took(left.removeprefix(_GONE_ON))
        point.ended(self.status, kept.counted(machine.changes(since=point)))
        return goes_on

    def _run_shell(self, words, descriptors, quiet):
        null = host.open(host.devnull, host.O_WRONLY | host.O_CLOEXEC)
        pairs = [*descriptors.items(), (_NULL, null), *([(2, null)] if quiet else [])]
        actions = [(host.POSIX_SPAWN_DUP2, fd, number) for number, fd in pairs]
        try:
            return run(self.machine, words, False, actions)
        finally:
            host.close(null)

    def _took(self, left):
        state, zero, prompt = left.rpartition(b"\0")
        if zero:
            self._state = state
            prompt = self.program.prompt(prompt)
            self.prompt = prompt.decode("utf-8", "surrogateescape") or "$ "
        return bool(zero)

    # What is the shell's own

    def _undo(self, name=None):
        from ostler.cli.undo import undone

        print(undone(self.machine, name))

    def _redo(self):
        from ostler.cli.redo import redone

        print(redone(self.machine))

    def _point(self, name=None):
        print(f"this is point {self.machine.checkpoint(name).name}")

    def _points(self):
        from ostler.cli.points import show

        history = self.machine._history
        present = None if history is None else history.present
        show(self.machine.points(), present, counted_on(self.machine))

    def _changes(self):
        from ostler.machines.rehearsal.pictures import summary, tree

        found = self.machine.changes()
        if not found:
            tell("ostler: nothing was changed")
            return
        tree(host.fsdecode(self.machine._base), found, None).show()
        print(summary(found))

    def _differences(self, point=None):
        from ostler.cli.diff import show

        show(self.machine.diff(point))


def _said(function, *words):
    try:
        function(*words)
    except TypeError:
        complain(f"{function.__name__.strip('_')} takes no argument")
    except (OSError, ValueError) as error:
        complain(error)


def _typed(prompt):
    """A line that is typed, with a history and editing where that is to be had; None at the end."""
    sys.stdout.flush()
    if sys.stdin.isatty():
        import readline  # which input() has its editing from

        ours = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            return input(prompt)
        except EOFError:
            return None
        finally:
            signal.signal(signal.SIGINT, ours)
    # No more than the line: what comes behind it is for who it runs.
    found = b""
    while not found.endswith(b"\n"):
        more = host.read(0, 1)
        if not more:
            break
        found += more
    if not found:
        return None
    # A zero byte bash leaves out, too.
    return found.replace(b"\0", b"").decode("utf-8", "surrogateescape").removesuffix("\n")


def _said_of(text):
    # What bash says of the form of a command; nothing where that can't be asked.
    return said_by("bash", "-n", "-c", text) or b""


def _is_well_formed(text):
    return not _said_of(text)


def _is_open(text):
    """Whether a command goes on in the next line, by what bash says of it."""
    if text.endswith("\\"):
        return True
    said = _said_of(text)
    return (
        b"unexpected end of file" in said or b"unexpected EOF" in said or b"here-document" in said
    )


def _file(content=b""):
    fd = host.memfd_create("ostler-shell")
    host.write(fd, content)
    host.lseek(fd, 0, 0)
    return fd


def _content(fd):
    parts, at = [], 0
    while part := host.pread(fd, 1 << 16, at):
        parts.append(part)
        at += len(part)
    return b"".join(parts)

"""Reading the options of a command, as getopt(3) does, with words for what is not understood.

Options and operands may be mixed; an option that wants a value takes what follows, whatever it
begins with, but for a long option of the command; letters may be joined. What is left to argparse
is what the options mean.
"""

import sys
from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter

from ostler.cli import UsageError, near, no_option, on_one_line
from ostler.cli.letters import FOREIGN


class Parser(ArgumentParser):
    """The parser of one command: its usage, what it does in whole sentences, and examples."""

    def __init__(self, name, usage, what, examples):
        shown = "\n".join(f"  {line}" for line in examples.strip().split("\n"))
        super().__init__(
            f"ostler {name}", usage=f"ostler {name} {usage}".rstrip(), description=what.strip(),
            epilog=f"Examples:\n{shown}", add_help=False, allow_abbrev=False,
            formatter_class=_Formatter,
        )  # fmt: skip
        self.color = False  # which since 3.14 it has on a terminal: the help is shown by ours
        self.name = name
        self.words = {}  # of another program, with the option that each is here
        self.h_means = None  # the option that -h is where there is more on the line
        self.to_semicolon = None  # the option that takes a whole command
        self.add_argument("-h", "--help", action="help", help="Show this help.")

    def error(self, message):
        raise UsageError(f"{self.name}: {message}")

    def read(self, arguments):
        """The options and operands of a command line."""
        self.command = None
        self.alone = len(arguments) < 2
        options, operands = self._divided(list(arguments))
        if operands and not self._positionals._group_actions:
            raise UsageError(f"{self.name}: it takes no arguments: {on_one_line(operands[0])}")
        made = self.parse_args([*options, "--", *operands] if operands else options)
        if self.to_semicolon is not None:
            setattr(made, self.to_semicolon, self.command)
        return made

    def print_help(self, file=None):
        print(self.format_help(), end="", file=file or sys.stdout)

    def _divided(self, words):
        # (options in argparse's own form, operands)
        options, operands = [], []
        words.reverse()
        while words:
            word = words.pop()
            if word == "--":
                operands += reversed(words)
                break
            if self.words.get(word) == "":  # a word of another program that changes nothing
                continue
            word = self.words.get(word, word)
            self._refuse_foreign(word)
            if word.startswith("--"):
                self._long(word, words, options)
            elif word.startswith("-") and word != "-":
                self._letters(word, words, options)
            else:
                operands.append(word)
        return options, operands

    def _refuse_foreign(self, word):
        # Refuse a word of another program.
        hint = FOREIGN.get(self.name, {}).get(word)
        if hint is not None and word not in self._option_string_actions:
            raise UsageError(f"{self.name}: no option {word} here: {hint}")

    def _long(self, word, words, options):
        name, equals, value = word.partition("=")
        action = self._action(name)
        name = action.option_strings[-1]
        if name == f"--{self.to_semicolon}":
            if equals:
                words.append(value)
            self._command(words)
        elif action.nargs == 0:
            if equals:
                raise UsageError(f"{self.name}: {name} takes no value")
            options.append(name)
        else:
            options.append(f"{name}={value if equals else self._value(name, words)}")

    def _action(self, name):
        known = self._option_string_actions
        if name in known:
            return known[name]
        begun = [option for option in known if option.startswith(name) and len(name) > 2]
        if len({known[option].dest for option in begun}) == 1:
            return known[begun[0]]
        if begun:
            raise UsageError(f"{self.name}: {name} may be {' or '.join(sorted(begun))}")
        raise no_option(self.name, name, [o for o in known if o.startswith("--")])

    def _letters(self, word, words, options):
        known = self._option_string_actions
        at = 1
        while at < len(word):
            letter = f"-{word[at]}"
            if letter == "-h" and self.h_means is not None and not self.alone:
                letter = self.h_means
            at += 1
            self._refuse_foreign(letter)
            if letter not in known:
                self._refuse_misspelt(word)
                whole = "" if len(word) == 2 else f" (in {on_one_line(word)})"
                raise UsageError(f"{self.name}: no option {on_one_line(letter)}{whole}")
            action = known[letter]
            if action.nargs == 0:
                options.append(letter)
                continue
            if word[at:]:
                self._refuse_no_value(word, action, word[at:])
            value = word[at:] or self._value(letter, words)
            options.append(f"{action.option_strings[-1]}={value}")
            return

    def _refuse_misspelt(self, word):
        # Letters that are no options are a word of another program, perhaps, with a letter wrong.
        meant = near(word, self.words) if len(word) > 3 else None
        if meant is not None:
            raise no_option(self.name, word, (), meant)

    def _refuse_no_value(self, word, action, value):
        # As are those that are no value of an option.
        try:
            if action.type is not None:
                action.type(value)
        except (ArgumentTypeError, TypeError, ValueError):
            self._refuse_misspelt(word)

    def _value(self, name, words):
        if not words:
            raise UsageError(f"{self.name}: {name} wants a value")
        if words[-1] in self._option_string_actions and words[-1].startswith("--"):
            word = words[-1]
            raise UsageError(
                f"{self.name}: {name} wants a value, not {word} ({name}={word} is one)"
            )
        return words.pop()

    def _command(self, words):
        # A command ends with the line, with ";", or with "+" behind {} when it takes many names.
        command = []
        many = False
        while words:
            word = words.pop()
            if word == ";":
                break
            if word == "+" and command[-1:] == ["{}"]:
                many = True
                break
            command.append(word)
        if command[:1] in ([], [""]) or command == ["{}"]:
            raise UsageError(f"{self.name}: --{self.to_semicolon} wants a command")
        self.command = (command, many)


class _Formatter(RawDescriptionHelpFormatter):
    """As argparse's, but an option's value stands once, and habits that change nothing are not
    listed."""

    def __init__(self, prog):
        super().__init__(prog, max_help_position=30, width=96)

    def _format_action_invocation(self, action):
        if not action.option_strings:
            return super()._format_action_invocation(action)
        names = ", ".join(action.option_strings)
        return names if action.nargs == 0 else f"{names} {action.metavar or action.dest.upper()}"

    def add_argument(self, action):
        if action.option_strings and action.help is not SUPPRESS:
            super().add_argument(action)

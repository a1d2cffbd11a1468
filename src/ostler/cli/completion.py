"""`ostler completion`: what bash, zsh and fish want to complete a command line of ostler.

All of it is made from the help texts, so that it says what they say.
"""

import re

from ostler.cli import COMMANDS, helptext
from ostler.cli.parsing import Parser

# These take a program, whose words are completed as they are without ostler in front.
RUN_A_PROGRAM = ("exec", "record", "rehearse", "run")


def completion_parser():
    parser = Parser(
        "completion", "SHELL",
        "Print what completes the words of ostler's commands in SHELL: bash, zsh or fish. In the "
        "start-up\nfile of bash stands eval \"$(ostler completion bash)\", in zsh's the same with "
        "zsh, in fish's\nostler completion fish | source.",
        "ostler completion bash\n"
        "ostler completion fish",
    )  # fmt: skip
    parser.add_argument(
        "shell", metavar="SHELL", choices=["bash", "fish", "zsh"], help="The shell."
    )
    return parser


def main(arguments):
    """Print a shell's completion; return the exit status."""
    shell = completion_parser().read(arguments).shell
    print(SHELLS[shell](), end="")
    return 0


# What is chosen from, where a command's operand is neither a path nor a program, or is that, too.
CHOICES = {"completion": ("bash", "fish", "zsh"), "record": ("show", "diff")}
# The same of an option's value.
VALUES = {
    "--only": ("written", "read", "network", "refused", "all"),
    "--reflink": ("auto", "always", "never"),
    "--sparse": ("auto", "never"),
    "--type": ("f", "d", "l", "p", "s", "b", "c"),
}


def _helps():
    pages = [helptext.of_command(name) for name in COMMANDS]
    for page in pages:
        if page.name in RUN_A_PROGRAM:  # whose texts have no line for it
            page.parts.append([helptext.Option(["-h", "--help"], "", "Show this help.")])
    return pages


def _short(text):
    # The first sentence, or clause of it, in few words.
    return re.split(r"[.;] |\.$|;", text, maxsplit=1)[0]


def _is_directory(option):
    return option.value.strip("[]") in ("DIR", "DIRECTORY")


def _is_file(option):
    return option.value == "FILE"


def _values(option):
    return next((VALUES[name] for name in option.names if name in VALUES), ())


def bash():
    """The completion for bash."""
    lines = []
    for page in _helps():
        takes = [option for option in page.options if option.value]
        names = [
            " ".join(name for option in chosen for name in option.names)
            for chosen in (
                page.options,
                takes,
                [o for o in takes if _is_directory(o)],
                [o for o in takes if _is_file(o)],
            )
        ]
        values = [f"{name}={','.join(_values(o))}" for o in takes for name in o.names if _values(o)]
        told = f"options='{names[0]}' takes='{names[1]}' folders='{names[2]}' files='{names[3]}'"
        told += f" choices='{' '.join(CHOICES.get(page.name, ()))}' values='{' '.join(values)}'"
        lines.append(f"    {page.name}) {told} ;;")
    return _BASH % (" ".join(COMMANDS), "\n".join(lines), "|".join(RUN_A_PROGRAM))


_BASH = r"""# What completes ostler's commands in bash; made by `ostler completion bash`.
_ostler() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
  local options= takes= folders= files= choices= values= at
  COMPREPLY=()
  # Bash takes --option=value apart.
  if [[ $word == = ]]; then
    word=
  elif [[ $before == = ]]; then
    before=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W '%s --help --version' -- "$word"))
    return
  fi
  case ${COMP_WORDS[1]} in
%s
    *) return ;;
  esac
  case ${COMP_WORDS[1]} in
    %s)
      for ((at = 2; at < COMP_CWORD; at++)); do
        if [[ ${COMP_WORDS[at]} == --scratch && ${COMP_WORDS[at + 1]} == [0-9]* ]]; then
          ((at++))
        elif [[ " $takes " == *" ${COMP_WORDS[at]} "* && ${COMP_WORDS[at]} != --scratch ]]; then
          [[ ${COMP_WORDS[at + 1]} == = ]] && ((at++))
          ((at++))
        elif [[ ${COMP_WORDS[at]} != -* ]]; then
          declare -F _command_offset >/dev/null && _command_offset "$at"
          return
        fi
      done
      if [[ $word != -* && " $folders $takes " != *" $before "* && ${COMP_WORDS[1]} != run ]]; then
        compopt -o filenames
        mapfile -t COMPREPLY < <(
          compgen -W "$choices" -- "$word"; compgen -c -- "$word"; compgen -f -- "$word"
        )
        return
      fi
      ;;
  esac
  for at in $values; do
    if [[ $at == "$before="* ]]; then
      at=${at#*=}
      COMPREPLY=($(compgen -W "${at//,/ }" -- "$word"))
      compopt +o bashdefault +o default
      return
    fi
  done
  if [[ " $folders " == *" $before "* ]]; then
    compopt -o filenames
    mapfile -t COMPREPLY < <(compgen -d -- "$word")
  elif [[ " $files " == *" $before "* ]]; then
    compopt -o filenames
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
  elif [[ $before != --scratch && " $takes " == *" $before "* ]]; then
    compopt +o bashdefault +o default
  elif [[ -n $choices && $word != -* ]]; then
    COMPREPLY=($(compgen -W "$choices" -- "$word"))
  elif [[ $word == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$word"))
  fi
}
complete -o bashdefault -o default -F _ostler ostler
"""


def zsh():
    """The completion for zsh."""
    commands = "\n".join(
        "    " + _zsh_word(f"{name}:{_short(what)}") for name, what in COMMANDS.items()
    )
    cases = []
    for page in _helps():
        words = [_zsh_option(option) for option in page.options]
        if page.name == "run":
            words += ["'(-):program:_files'", "'*:argument:_files'"]
        elif page.name in RUN_A_PROGRAM:
            program = "_command_names -e"
            if page.name in CHOICES:
                also = " ".join(CHOICES[page.name])
                program = f'_alternative "words:word:({also})" "commands:program:{program}"'
            words += [f"'(-):program:{{{program}}}'", "'*::argument:_normal'"]
        elif page.name in CHOICES:
            words.append(f"':{page.name}:({' '.join(CHOICES[page.name])})'")
        else:
            words.append("'*:path:_files'")
        cases.append(
            f"    {page.name}) _arguments -S \\\n      " + " \\\n      ".join(words) + " ;;"
        )
    return _ZSH % (commands, "\n".join(cases))


def _zsh_word(text):
    return "'" + text.replace("'", "'\\''") + "'"


def _zsh_option(option):
    told = re.sub(r"([\[\]:\\])", r"\\\1", _short(option.text))
    value = ""
    if option.value and not option.value.startswith("["):  # which could be the program as well
        action = "_files -/" if _is_directory(option) else "_files" if _is_file(option) else ""
        if _values(option):
            action = f"({' '.join(_values(option))})"
        shown = re.sub(r"([\[\]])", r"\\\1", option.value)
        value = f":{shown}:{action}"
    # A long option's value may be the next word, or stand behind "=".
    ends = {name: "=" if value and name.startswith("--") else "" for name in option.names}
    words = [f"*{name}{end}[{told}]{value}" for name, end in ends.items()]
    return " ".join(map(_zsh_word, words))


_ZSH = """#compdef ostler
# What completes ostler's commands in zsh; made by `ostler completion zsh`.
_ostler() {
  local -a names  # zsh itself has one that is called commands
  names=(
%s
  )
  if ((CURRENT == 2)); then
    _describe -t commands 'command of ostler' names
    return
  fi
  local command=$words[2]
  shift words
  ((CURRENT--))
  case $command in
%s
  esac
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _ostler "$@"
else
  compdef _ostler ostler
fi
"""


def fish():
    """The completion for fish."""
    lines = ["# What completes ostler's commands in fish; made by `ostler completion fish`."]
    for name, what in COMMANDS.items():
        told = _fish_word(_short(what))
        lines.append(f"complete -c ostler -f -n __fish_use_subcommand -a {name} -d {told}")
    for page in _helps():
        when = f"-n '__fish_seen_subcommand_from {page.name}'"
        if page.name in RUN_A_PROGRAM and page.name != "run":
            takes = [option for option in page.options if option.value and option.value[0] != "["]
            # The "-" ends that function's own options.
            words = " ".join(["--fcs-skip=2 -", *(name for o in takes for name in o.names)])
            lines.append(f"complete -c ostler {when} -x -a '(__fish_complete_subcommand {words})'")
        if page.name in CHOICES:
            only = "-k" if page.name in RUN_A_PROGRAM else "-f"
            first = f"complete -c ostler {when} {only} -a"
            lines.append(f"{first} '{' '.join(CHOICES[page.name])}'")
        for option in page.options:
            names = " ".join(
                f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"
                for name in option.names
            )
            value = ""
            if _is_directory(option):
                value = " -x -a '(__fish_complete_directories)'"
            elif _values(option):
                value = f" -x -a '{' '.join(_values(option))}'"
            elif _is_file(option):
                value = " -r -F"
            elif option.value and not option.value.startswith("["):
                value = " -x"
            told = _fish_word(_short(option.text))
            lines.append(f"complete -c ostler {when} {names}{value} -d {told}")
    return "\n".join(lines) + "\n"


def _fish_word(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


SHELLS = {"bash": bash, "fish": fish, "zsh": zsh}

"""How `ostler shell` runs the lines of a zsh: what it begins with, and what it leaves.

As in bash, each line is run by a zsh of its own, and what goes on is written down in zsh's own
words. The user's hooks are run as a zsh that lives on would run them: preexec before a line, precmd
before a prompt, zshexit at the end of the shell alone.
"""

import re

from ostler import host
from ostler.cli.running import said_by

# What zsh has of itself, and nobody has set; what is not to be taken along, or can't be.
_DUMP = r"""
__ostler_dump() {
    [[ -z ${__ostler_dumped-} ]] || builtin return 0
    typeset -gA __ostler_options
    __ostler_options=("${(@kv)options[@]}")
    builtin emulate -L zsh
    builtin setopt extended_glob no_nomatch
    builtin zmodload zsh/parameter
    local __ostler_name __ostler_kind __ostler_on='' __ostler_off='' __ostler_each
    {
        for __ostler_name in ${(k)__ostler_options}; do
            case $__ostler_name in
                (interactive|monitor|shinstdin|singlecommand|zle|privileged|restricted|login) ;;
                (exec|rcs|globalrcs|aliases) ;;
                (*)
                    if [[ $__ostler_options[$__ostler_name] == on ]]; then
                        __ostler_on+=" $__ostler_name"
                    else
                        __ostler_off+=" $__ostler_name"
                    fi ;;
            esac
        done
        builtin print -r -- "__ostler_late+=' \\builtin setopt$__ostler_on;'"
        builtin print -r -- "__ostler_late+=' \\builtin unsetopt$__ostler_off;'"
        builtin print -r -- "unalias -m '*'"
        builtin zmodload -L
        for __ostler_name __ostler_kind in "${(@kv)parameters}"; do
            case $__ostler_name in
                (__ostler_*|_|argv|'*'|'@'|'?'|'#'|'!'|'$'|-|[0-9]*|SHLVL|LINENO|OLDPWD|PWD) ;;
                (PATH|path|FPATH|fpath|CDPATH|cdpath|MANPATH|manpath|IFS|PS[1-4]|RPS1) ;&
                (PROMPT[2-4]|PROMPT|RPROMPT|HISTSIZE|SAVEHIST|WORDCHARS|NULLCMD|READNULLCMD) ;&
                (LANG|LC_*|KEYTIMEOUT|TERM|HOME|FIGNORE|fignore|PSVAR|psvar|TIMEFMT|REPORTTIME|LISTMAX|MAILCHECK)
                    typeset -p -- $__ostler_name ;;
                (*)
                    [[ $__ostler_kind == *(special|hide|local)* ]] ||
                        typeset -p -- $__ostler_name ;;
            esac
        done
        builtin zstyle -L
        builtin hash -dL
        builtin print -r -- "umask $(umask)"
        for __ostler_each in S H; do
            builtin ulimit -${__ostler_each}a | while builtin read -r __ostler_name; do
                [[ $__ostler_name == (#b)-([a-zA-Z]):*' '([^' ']##) ]] &&
                    builtin print -r -- "ulimit -$__ostler_each$match[1] $match[2]"
            done
        done
        builtin print -r -- "builtin cd -q -- ${(q)PWD} || __ostler_gone=${(q)PWD}"
        builtin print -r -- "OLDPWD=${(q)OLDPWD-} dirstack=(${(@q)dirstack})"
        builtin print -r -- "set -- ${(@q)@}"
        builtin print -r -- "__ostler_last=${(q)__ostler_left-}"
        for __ostler_name in ${(k)functions}; do
            [[ $__ostler_name == __ostler_* ]] || builtin functions -- $__ostler_name
        done
        builtin alias -L
        builtin alias -Lg
        builtin alias -Ls
    } >&@OUT@ 2>&@NULL@
    typeset -g __ostler_dumped=1
}
__ostler_prompt() {
    typeset -g __ostler_name
    for __ostler_name in precmd "${(@)precmd_functions-}"; do
        (( $+functions[$__ostler_name] )) && { __ostler_as $__ostler_code; $__ostler_name }
    done
}
__ostler_as() { builtin return "$1" }
"""
_FIRST = (
    _DUMP
    + r"""
__ostler_code=0
__ostler_prompt 2>&@NULL@
__ostler_dump "$@"
{ builtin print -n '\0'; builtin print -rn -- "${(%%)PS1}" } >&@OUT@ 2>&@NULL@
builtin unfunction zshexit 2>&@NULL@
zshexit_functions=()
"""
)
_LINE = (
    _DUMP
    + r"""
__ostler_begin() {
    typeset -g __ostler_was
    if [[ -n ${__ostler_gone-} ]]; then
        __ostler_was=$__ostler_gone
        while [[ ! -d $__ostler_gone ]]; do
            __ostler_gone=${__ostler_gone%/*}
            __ostler_gone=${__ostler_gone:-/}
        done
        builtin cd -q -- "$__ostler_gone"
        if [[ ${__ostler_line%%$'\n'*} != (exit|exit\ <->)(|\;*) ]]; then
            __ostler_was+=" is gone: nothing was run"
            builtin print -r -- "ostler: $__ostler_was, and this is $__ostler_gone now" >&2
            __ostler_line='! :'
        fi
    elif [[ $__ostler_typed != exit ]]; then
        for __ostler_was in preexec "${(@)preexec_functions-}"; do
            (( ! $+functions[$__ostler_was] )) ||
                $__ostler_was "$__ostler_typed" "$__ostler_typed" "$__ostler_typed"
        done
    fi
    __ostler_late+=" \\builtin unset -m '__ostler_*';"
    __ostler_late+=" __ostler_as $__ostler_before ${(q)__ostler_last-}"
    __ostler_late+=" && __ostler_as 0 ${(q)__ostler_last-}"
    __ostler_line="{ $__ostler_late } 2>&@NULL@$__ostler_between$__ostler_line"
}
__ostler_went_on() {
    typeset -g __ostler_code=$__ostler_status
    __ostler_prompt 2>&@NULL@
    __ostler_dump "$@"
    { builtin print -n '\0'; builtin print -rn -- "${(%%)PS1}" } >&@OUT@ 2>&@NULL@
    builtin unfunction zshexit 2>&@NULL@
    zshexit_functions=()
}
__ostler_can_tell() {
    { { :; } <&@NULL@ >&@NULL@ 2>&@NULL@; } <&@NULL@ >&@NULL@ 2>&@NULL@
}
__ostler_before=$1 __ostler_line=$2 __ostler_between=$3 __ostler_typed=$5 __ostler_late=
builtin unsetopt err_exit
# Those of the state come behind them. In a function one on EXIT would be the function's.
builtin trap '{ __ostler_dump "$@"; } 2>&@NULL@' EXIT
builtin trap '{ __ostler_status=130; @LEFT@; } 2>&@NULL@; builtin exit 130' INT
if [[ -e /dev/fd/@IN@ ]]; then
    builtin source /dev/fd/@IN@ 2>&@NULL@
else
    IFS= builtin read -r -d '' -u @IN@ __ostler_state
    builtin eval "$__ostler_state" 2>&@NULL@
    builtin unset __ostler_state
fi
\__ostler_begin
"""
)
_LEFT = (
    r'\builtin print -n "\0" >&@OUT@; \builtin trap >&@OUT@; \__ostler_went_on "$@"; '
    r"\builtin trap - EXIT"
)
_RUN = (
    r'\builtin eval "$4"; \builtin eval "$__ostler_line"; '
    r"{ __ostler_status=${__ostler_status-$?}; \__ostler_can_tell; } 2>&@NULL@ || "
    r"\builtin kill -@LOST@ $$; "
    r"{ @LEFT@; } 2>&@NULL@; "
    r'\builtin exit "$__ostler_status"'
)
_BEHIND = "\n__ostler_status=$? __ostler_left=$_"  # a redirection would have another $_
_ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")


class Zsh:
    """The zsh that runs lines.

    `numbers`: the descriptors for what it begins with, what it leaves, and /dev/null, and the
    signal by which one ends that can leave nothing.
    """

    name = "zsh"

    def __init__(self, numbers):
        marks = "@IN@", "@OUT@", "@NULL@", "@LOST@"
        self._numbers = dict(zip(marks, map(str, numbers), strict=True))

    def _filled(self, text):
        text = text.replace("@LEFT@", _LEFT)
        for mark, value in self._numbers.items():
            text = text.replace(mark, value)
        return text

    def first(self):
        """The arguments of one that begins as an interactive one would, and leaves what it has."""
        return ["zsh", "-ic", self._filled(_FIRST)]

    def line(self, status, line):
        """(the arguments of one that runs a line, how these begin, what is told instead)."""
        said = _said_of(line)
        behind = "" if is_open(line) else self._filled(_BEHIND)
        run = self._filled(_RUN)
        words = [
            "zsh", "-fc", run, "zsh", str(status), line + behind, "\n" if said else "; ",
            self._filled(_LINE), line,
        ]  # fmt: skip
        return words, ("zsh", "-fc", run), ("zsh", "-c", line)

    def prompt(self, text):
        """A prompt (bytes) as libreadline wants it: with what takes no room marked."""
        return _ESCAPES.sub(lambda found: b"\1" + found[0] + b"\2", text)

    def has_end(self, state):
        """Whether something is to be run at the end of one that left this (bytes)."""
        ends = [line for line in state.split(b"\n") if line.endswith(b" EXIT")]
        hooks = b"\nzshexit () {" in state or b" zshexit_functions=( " in state
        return hooks or any(b"__ostler_dump" not in line for line in ends)

    def is_open(self, text):
        """Whether a command goes on in the next line."""
        return is_open(text)


def _said_of(text):
    # What zsh says of the form of a command; something where that can't be asked.
    said = said_by("zsh", "-fn", "-c", text)
    return b"nothing" if said is None else said


def is_open(text):
    """Whether a command goes on in the next line, by what zsh says of it."""
    if text.endswith("\\") or text.rstrip().endswith(("&&", "||", "|")):
        return True
    said = _said_of(text)
    if not said:
        return not _said_of(text + "\n)")  # else it stands in what is read there
    if b"unmatched" in said or b"brace expected" in said or b"near `$(" in said:
        return True
    more = _said_of(text + "\n__ostler_more")
    return b"parse error" in said and (not more or b"__ostler_more" in more)

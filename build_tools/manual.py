"""Writes what an installation has for the system: manual pages, and completions of the shells.

`python -m build_tools.manual --write` writes them into share/, all of it from the help texts of the
commands (ostler/cli/helptext.py). A test says when that is to be done again.
"""

import argparse
from pathlib import Path

from ostler.cli import COMMANDS, completion, helptext

SHARE = Path(__file__).parents[1] / "share"
# What a reader may want to see besides.
SEE = {
    "copy": "cp(1), rsync(1)", "find": "find(1), fd(1)", "remove": "rm(1)", "size": "du(1)",
    "walk": "tree(1), ls(1)", "exec": "bwrap(1), unshare(1), env(1)", "rehearse": "bwrap(1)",
    "run": "python3(1)",
}  # fmt: skip


def roff(text):
    """Text for a page: nothing in it is taken for a request or an escape."""
    text = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq").replace("^", r"\(ha")
    text = text.replace("~", r"\(ti").replace("`", r"\(ga")
    return r"\&" + text if text.startswith(".") else text


def literal(lines):
    """Lines that are shown as they are."""
    return [".RS 4", ".nf", *map(roff, lines), ".fi", ".RE"]


def page(name):
    """The manual page of a command."""
    told = helptext.of_command(name)
    out = [f'.TH OSTLER\\-{name.upper()} 1 "" ostler "ostler\\(aqs commands"']
    out += [".SH NAME", f"ostler\\-{name} \\- {roff(told.summary.rstrip('.'))}"]
    out += [".SH SYNOPSIS", *literal(told.usage), ".SH DESCRIPTION"]
    for part in told.parts:
        if isinstance(part, str):
            out += [".PP", roff(part)] if not part.startswith(" ") else literal([part.strip()])
            continue
        for option in part:
            shown = ", ".join(option.names) + (f" {option.value}" if option.value else "")
            out += [".TP", rf"\fB{roff(shown)}\fR", roff(option.text)]
    out += [".SH EXAMPLES"]
    for example in told.examples:
        out += [".PP", *literal([example])]
    others = [f"ostler-{other}(1)" for other in COMMANDS if other != name]
    see = [SEE[name]] if name in SEE else []
    out += [".SH SEE ALSO", roff(", ".join(["ostler(1)", *others, *see]))]
    return "\n".join(out) + "\n"


def first_page():
    """The manual page of ostler itself."""
    out = ['.TH OSTLER 1 "" ostler "ostler\\(aqs commands"', ".SH NAME"]
    out += [r"ostler \- Python's os, built again from the kernel up", ".SH SYNOPSIS"]
    out += literal(["ostler COMMAND [OPTION...] [ARGUMENT...]"])
    told = helptext.parsed("ostler", helptext.told("--help"))
    out += [".SH DESCRIPTION", roff(told.parts[0]), ".SH COMMANDS"]
    for name, what in COMMANDS.items():
        out += [".TP", rf"\fBostler {name}\fR", roff(what)]
    out += [".SH EXAMPLES", *literal(told.examples), ".SH SEE ALSO"]
    return "\n".join([*out, roff(", ".join(f"ostler-{name}(1)" for name in COMMANDS))]) + "\n"


def files():
    """Every file below share/, by its name there."""
    return {
        "man/man1/ostler.1": first_page(),
        **{f"man/man1/ostler-{name}.1": page(name) for name in COMMANDS},
        "bash-completion/completions/ostler": completion.bash(),
        "fish/vendor_completions.d/ostler.fish": completion.fish(),
        "zsh/site-functions/_ostler": completion.zsh(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write them; else tell which differ")
    write = parser.parse_args().write
    wanted = files()
    there = {str(path.relative_to(SHARE)) for path in SHARE.rglob("*") if path.is_file()}
    for name in sorted({*wanted, *there}):
        path = SHARE / name
        if name in wanted and path.is_file() and path.read_text() == wanted[name]:
            continue
        if not write:
            print(f"share/{name} is not what the help texts say")
        elif name in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[name])
        else:
            path.unlink()


if __name__ == "__main__":
    main()

"""`ostler doctor`: what this kernel lets this user have, each thing tried once."""

import json

import ostler
from ostler import host
from ostler.cli.parsing import Parser

_WHAT = """
Try once each thing that machines and trees are built on (namespaces, mounts, overlayfs, Landlock
and so on), and tell for each whether this kernel lets you have it, why not, and what would help.
The exit status is 0 when all can be had, else 1.
"""
_EXAMPLES = """
ostler doctor
ostler doctor --json
"""


def doctor_parser():
    """The parser of the command."""
    made = Parser("doctor", "[OPTION...]", _WHAT, _EXAMPLES)
    made.add_argument("--json", action="store_true", help="Print JSON, one object on a line.")
    return made


def main(arguments):
    """Print the report; the exit status is 0 when everything can be had, else 1."""
    reader = doctor_parser()
    options = reader.read(arguments)
    report = gathered()
    if options.json:
        print(json.dumps(report))
    else:
        print(as_text(report))
    return 0 if all(thing["available"] for thing in report["capabilities"].values()) else 1


def gathered():
    """The report as plain data."""
    system = host.uname()
    return {
        "kernel": f"{system.sysname} {system.release} {system.machine}",
        "user": host.geteuid(),
        "capabilities": ostler.capabilities(),
    }


def as_text(report):
    """The report for people."""
    things = report["capabilities"]
    width = max(map(len, things))
    lines = [f"{report['kernel']}, user {report['user']}", ""]
    for name, thing in things.items():
        mark = "yes" if thing["available"] else "no "
        lines.append(f"  {mark}  {name:{width}}  {thing['by']}")
        for key, label in (("reason", "because"), ("what_would_help", "would help")):
            if thing[key]:
                lines.append(f"       {'':{width}}  {label}: {thing[key]}")
    return "\n".join(lines)

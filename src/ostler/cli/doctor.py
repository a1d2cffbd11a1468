"""`ostler doctor`: what this kernel lets this user have, each thing tried once."""

import json

from ostler import host
from ostler.cli import parser


def main(arguments):
    """Print the report; the exit status is 0 when everything can be had, else 1."""
    reader = parser("doctor")
    reader.add_argument("--json", action="store_true", help="one JSON document on standard output")
    options = reader.parse_args(arguments)
    report = gathered()
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        print(as_text(report))
    return 0 if all(thing["available"] for thing in report["capabilities"].values()) else 1


def gathered():
    """The report as plain data."""
    from ostler.machines.abilities import capabilities

    system = host.uname()
    return {
        "kernel": f"{system.sysname} {system.release} {system.machine}",
        "user": host.geteuid(),
        "capabilities": capabilities(),
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

"""Puts what `python -m bench.bench_machines --json FILE` wrote into the documentation.

`python -m bench.draw_machines FILE... --document docs/machines.md`: one file per user. What is
between the lines "<!-- machines -->" and "<!-- end -->" is replaced.
"""

import argparse
import json

from bench.draw import put


def who(run):
    return "root" if run["user"] == 0 else "an ordinary user"


def lives(runs):
    """What making and closing each machine takes, for each user."""
    names = list(runs[0]["lives"])
    out = ["| microseconds to make / to close | " + " | ".join(names) + " |"]
    out.append("|---" + "|--:" * len(names) + "|")
    for run in runs:
        cells = (f"{run['lives'][n]['create']:.0f} / {run['lives'][n]['close']:.0f}" for n in names)
        out.append(f"| {who(run)} | " + " | ".join(cells) + " |")
    return "\n".join(out)


def calls(run):
    """How many times as long as os's own each call takes, on each machine."""
    names = list(next(iter(run["calls"].values())))
    out = ["| | os, microseconds | " + " | ".join(names[1:]) + " |"]
    out.append("|---" + "|--:" * len(names) + "|")
    for work, row in run["calls"].items():
        cells = " | ".join(f"{row[name] / row['os']:.1f}" for name in names[1:])
        out.append(f"| {LABELS[work]} | {row['os']:.1f} | {cells} |")
    return "\n".join(out)


LABELS = {
    "stat": "stat",
    "open": "open, close",
    "mkdir": "mkdir, rmdir",
    "rename": "rename, and back",
    "write": "open, write 4 KiB, close",
}


def workload(run):
    """How many times as long as the plain run each way of running the workload takes."""
    rows = {name: row for name, row in run["workload"].items() if name != "file system"}
    out = ["| | times plain | the directory afterwards |", "|---|--:|---|"]
    for name, row in rows.items():
        label = f"`{name}`" if name.startswith("ostler") else name
        if "reason" in row:
            out.append(f"| {label} | | not measured: {row['reason']} |")
            continue
        judged = row["after"] if row["right"] else f"**not {row['after']}**"
        if row["complaint"]:
            judged += f"; `{row['complaint']}`"
        time = f"{row['seconds']:.2f} s" if name == "plain" else f"{row['ratio']:.1f}"
        out.append(f"| {label} | {time} | {judged} |")
    return "\n".join(out)


def about(run):
    place = run["workload"]["file system"]
    return f"Linux {run['kernel']}, Python {run['python']}; the workload as {who(run)}, on {place}"


def document(runs):
    parts = [f"{about(runs[0])}.", lives(runs), "How many times as long as `os` itself takes:"]
    for run in runs:
        parts += [f"As {who(run)}:", calls(run)]
    parts += [
        "A shell script unpacks 5,000 files beside 5,000 others, edits a tenth of all, removes an "
        "eighth, and moves a directory; the time is that of the whole command:",
        workload(runs[0]),
    ]
    return "\n\n".join(parts) + "\n"


def main():
    parser = argparse.ArgumentParser(prog="python -m bench.draw_machines", description=__doc__)
    parser.add_argument("files", nargs="+", help="what python -m bench.bench_machines wrote")
    parser.add_argument("--document", help="put all tables into this document")
    given = parser.parse_args()
    runs = []
    for name in given.files:
        with open(name) as file:
            runs.append(json.load(file))
    if given.document:
        put(given.document, "machines", document(runs))
    if not given.document:
        print(document(runs), end="")


if __name__ == "__main__":
    main()

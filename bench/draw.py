"""Draws what `python -m bench --json FILE` wrote: a picture, and a table for the documentation.

`python -m bench.draw FILE... --svg docs/bench-calls.svg --document docs/speed.md`:
one file per interpreter. In the document what stands between the lines "<!-- calls -->" and
"<!-- end -->" is replaced, and between "<!-- calls-short -->" and "<!-- end -->" the table by
topic. What `python -m bench.bench_trees --json FILE` wrote is drawn as draw_trees.py tells.
"""

import argparse
import json
import math
import statistics
from html import escape

from bench import draw_trees

COLOURS = ("#0969da", "#bf8700", "#8250df", "#1a7f37", "#cf222e")
ROW, LEFT, WIDTH, RIGHT, TOP = 15, 250, 480, 60, 66
LEAST, MOST = 0.5, 200


def runs_of(files):
    runs = []
    for name in files:
        with open(name) as file:
            runs.append(json.load(file))
    # What most people run comes first: an interpreter that was built with optimisations.
    return sorted(runs, key=lambda run: "build" in run and not run["build"]["pgo"])


def rows_of(runs):
    """(topic, label, goal, [ratio by the medians, of each run]), in the order of the first."""
    found = {}
    for run in runs:
        for call in run["calls"]:
            key = call["topic"], call["label"]
            found.setdefault(key, (call["goal"], []))[1].append(call)
    return [(*key, goal, calls) for key, (goal, calls) in found.items()]


def title_of(run):
    build = run["build"]
    made = [word.upper() for word in ("pgo", "lto") if build[word]]
    return f"{build['implementation']} {build['python']}" + (
        f" ({', '.join(made)})" if made else ""
    )


def column_of(run):
    version = run["build"]["python"].rpartition(".")[0]
    return f"{version}, optimised" if run["build"]["pgo"] else version


def x_of(ratio):
    share = math.log(ratio / LEAST) / math.log(MOST / LEAST)
    return LEFT + WIDTH * min(max(share, 0), 1)


def picture(runs):
    """An SVG: how many times as fast each call is, one dot per interpreter, on a log scale."""
    rows = rows_of(runs)
    height = TOP + ROW * (len(rows) + 2 * len({topic for topic, *_ in rows})) + 30
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + RIGHT}" height="{height}" '
        f'viewBox="0 0 {LEFT + WIDTH + RIGHT} {height}" font-family="sans-serif" font-size="11">',
        f'<rect width="{LEFT + WIDTH + RIGHT}" height="{height}" fill="#ffffff"/>',
        '<text x="12" y="22" font-size="15" font-weight="bold">How many times as fast as os</text>',
    ]
    for i, run in enumerate(runs):
        x = 12 + 215 * i
        mean = run["geometric_mean"]["median"]
        out.append(f'<circle cx="{x + 4}" cy="40" r="4" fill="{COLOURS[i % 5]}"/>')
        out.append(f'<text x="{x + 13}" y="44">{escape(title_of(run))}, mean {mean:.2f}</text>')
    for mark in (0.5, 1, 2, 5, 10, 20, 50, 100, 200):
        out.append(draw_trees.upright(mark, x_of(mark), TOP, height))
    y, topic = TOP, None
    for name, label, _, calls in rows:
        if name != topic:
            y += 0 if topic is None else ROW
            topic = name
            out.append(f'<text x="12" y="{y + 11}" font-weight="bold">{topic}</text>')
            y += ROW
        ratios = [call["ratio_median"] for call in calls]
        middle = math.exp(sum(map(math.log, ratios)) / len(ratios))
        start, end = sorted((x_of(1), x_of(middle)))
        colour = "#b6e3c6" if middle >= 1 else "#ffc1ba"
        out.append(
            f'<text x="{LEFT - 8}" y="{y + 11}" text-anchor="end">{escape(label)}</text>'
            f'<rect x="{start:.1f}" y="{y + 2}" width="{max(end - start, 0.5):.1f}" '
            f'height="{ROW - 4}" fill="{colour}"/>'
        )
        for i, ratio in enumerate(ratios):
            out.append(
                f'<circle cx="{x_of(ratio):.1f}" cy="{y + 7.5}" r="3" fill="{COLOURS[i % 5]}" '
                'fill-opacity="0.8"/>'
            )
        out.append(f'<text x="{LEFT + WIDTH + 8}" y="{y + 11}">{middle:.2f}</text>')
        y += ROW
    out.append("</svg>\n")
    return "\n".join(out)


def table(runs):
    """The same as a table in Markdown."""
    out = []
    for run in runs:
        build = run["build"]
        made = [word.upper() for word in ("pgo", "lto") if build[word]]
        how = " and ".join(made) if made else "no PGO or LTO by its own account"
        out.append(
            f"- {build['implementation']} {build['python']}, {build['compiler']}, {how}; "
            f"{build['processor'] or build['machine']}, {build['processors']} processors, "
            f"Linux {build['kernel']}, load {build['load']:.1f}, {build['time']}: "
            f"geometric mean of {len(run['calls'])} calls "
            f"**{run['geometric_mean']['median']:.2f}** by the medians, "
            f"{run['geometric_mean']['min']:.2f} by the least"
        )
    versions = [column_of(run) for run in runs]
    out += ["", "| | floor | os | ostler | " + " | ".join(versions) + " | left | goal |"]
    out.append("|---" + "|--:" * (5 + len(runs)) + "|")
    topic = None
    for name, label, goal, calls in rows_of(runs):
        if name != topic:
            out.append(f"| **{name}** |" + " |" * (5 + len(runs)))
            topic = name
        first = calls[0]
        bare = f"{first['floor']['min']:.0f}" if "floor" in first else ""
        left = first["left_min"]
        ratios = " | ".join(
            f"{call['ratio_median']:.2f}" + ("" if call["reached"] else " \\*") for call in calls
        )
        out.append(
            f"| {label} | {bare} | {first['os']['min']:.0f} | {first['ostler']['min']:.0f} | {ratios} "
            f"| {'' if 'floor' not in first or left is None else f'{left:.0%}'} "
            f"| {'' if goal is None else goal} |"
        )
    return "\n".join(out) + "\n"


def short(runs):
    """The topics' geometric means, and each topic's calls at both ends, as a table in Markdown."""
    versions = [column_of(run) for run in runs]
    out = ["| | " + " | ".join(versions) + " | least | most |"]
    out.append("|---" + "|--:" * len(runs) + "|---|---|")
    topics = {}
    for name, label, _, calls in rows_of(runs):
        topics.setdefault(name, []).append((label, [call["ratio_median"] for call in calls]))
    topics["all of them"] = [row for rows in topics.values() for row in rows]
    for name, rows in topics.items():
        means = [
            f"{statistics.geometric_mean(ratios):.2f}"
            for ratios in zip(*(ratios for _, ratios in rows), strict=True)
        ]
        ordered = sorted((statistics.geometric_mean(ratios), label) for label, ratios in rows)
        ends = [f"{label} {ratio:.2f}" for ratio, label in (ordered[0], ordered[-1])]
        out.append(f"| {name} | {' | '.join(means)} | {' | '.join(ends)} |")
    return "\n".join(out) + "\n"


def put(document, mark, text):
    """Put text into a document, between the lines "<!-- MARK -->" and "<!-- end -->"."""
    with open(document) as file:
        before, start, rest = file.read().partition(f"<!-- {mark} -->\n")
    if not start:
        raise SystemExit(f"{document} has no line <!-- {mark} -->")
    _, _, after = rest.partition("<!-- end -->")
    with open(document, "w") as file:
        file.write(f"{before}{start}{text}<!-- end -->{after}")


def draw_trees_of(results, given):
    """What was asked for, of results of bench_trees."""
    if given.svg:
        with open(given.svg, "w") as file:
            file.write(draw_trees.picture(results))
    if given.document:
        put(given.document, "trees", draw_trees.table(results))
        put(given.document, "trees-short", draw_trees.short(results))
    if not given.svg and not given.document:
        print(draw_trees.table(results), end="")


def main(args=None):
    parser = argparse.ArgumentParser(prog="python -m bench.draw", description=__doc__)
    parser.add_argument("files", nargs="+", help="what python -m bench --json wrote")
    parser.add_argument("--svg", help="draw the picture here")
    parser.add_argument("--document", help="put both tables into this document")
    given = parser.parse_args(args)
    runs = runs_of(given.files)
    if "trees" in runs[0]:
        draw_trees_of([result for run in runs for result in run["trees"]], given)
        return
    if given.svg:
        with open(given.svg, "w") as file:
            file.write(picture(runs))
    if given.document:
        put(given.document, "calls", table(runs))
        put(given.document, "calls-short", short(runs))
    if not given.svg and not given.document:
        print(table(runs), end="")


if __name__ == "__main__":
    main()

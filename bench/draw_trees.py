"""Draws what `python -m bench.bench_trees --json FILE` wrote: a picture and tables.

`python -m bench.draw FILE --svg docs/bench-trees.svg --document docs/trees.md` comes here when the
file is of trees. What stands between the lines "<!-- trees -->" and "<!-- end -->" is replaced by
every ratio, and between "<!-- trees-short -->" and "<!-- end -->" by one line for each operation
and tree.
"""

import math
from html import escape

LEFT, WIDTH, RIGHT, TOP, ROW = 290, 440, 60, 66, 15
LEAST, MOST = 0.5, 40
TREES = {
    "wide": ("{:,} small files, {:,} directories", 200_000, 2_000),
    "source": ("{:,} files, {:,} directories", 300_000, 52_000),
    "flat": ("{:,} names in one directory", 500_000),
    "small": ("{:,} small files, {:,} directories", 50_000, 500),
    "twenty": ("twenty entries",),
}


def upright(mark, x, top, height):
    """The line of a chart at which something is `mark` times as fast, with the number below."""
    colour, width = ("#24292f", 1.2) if mark == 1 else ("#d0d7de", 1)
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{height - 22}" stroke="{colour}" '
        f'stroke-width="{width}"/>'
        f'<text x="{x:.1f}" y="{height - 8}" text-anchor="middle">{mark:g}</text>'
    )


def title(result):
    """What was measured, on what."""
    text, *numbers = TREES[result["corpus"]]
    tree = text.format(*(round(number * result.get("scale", 1)) for number in numbers))
    return f"{result['operation']}: {tree}, {result['kind']}"


def python(result):
    return result["about"]["python"].rpartition(".")[0]


def ordered(results):
    """In the order of the operations and trees, each Python beside the others."""
    operations = ["walk", "count", "find", "size", "remove", "copy"]
    kinds = ["tmpfs", "ext4", "xfs", "btrfs"]
    return sorted(
        results,
        key=lambda r: (operations.index(r["operation"]), list(TREES).index(r["corpus"]),
                       [*kinds, r["kind"]].index(r["kind"]), python(r)),
    )  # fmt: skip


def x_of(ratio):
    share = math.log(ratio / LEAST) / math.log(MOST / LEAST)
    return LEFT + WIDTH * min(max(share, 0), 1)


def picture(results):
    """An SVG: how many times as fast ours is as each other, and the goal as a mark."""
    results = [r for r in ordered(results) if r["ratios"]]
    newest = max((python(r) for r in results), key=lambda text: int(text.partition(".")[2]))
    results = [r for r in results if python(r) == newest]
    rows = sum(len(r["ratios"]) for r in results)
    height = TOP + ROW * (rows + 2 * len(results)) + 30
    whole = LEFT + WIDTH + RIGHT
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="{height}" '
        f'viewBox="0 0 {whole} {height}" font-family="sans-serif" font-size="11">',
        f'<rect width="{whole}" height="{height}" fill="#ffffff"/>',
        '<text x="12" y="22" font-size="15" font-weight="bold">Whole trees: how many times as '
        "fast as others</text>",
        f'<text x="12" y="44">CPython {newest}, {results[0]["about"]["processors"]} processors, '
        "warm cache; the upright line in a row is its goal</text>",
    ]
    for mark in (0.5, 1, 2, 5, 10, 20, 40):
        out.append(upright(mark, x_of(mark), TOP, height))
    y = TOP
    for result in results:
        out.append(f'<text x="12" y="{y + 11}" font-weight="bold">{escape(title(result))}</text>')
        y += ROW
        for ratio in result["ratios"]:
            start, end = sorted((x_of(1), x_of(ratio["ratio"])))
            colour = "#b6e3c6" if ratio["ratio"] >= ratio["goal"] else "#ffc1ba"
            goal = x_of(ratio["goal"])
            label = f"{ratio['ours']} / {ratio['peer']}"
            out.append(
                f'<text x="{LEFT - 8}" y="{y + 11}" text-anchor="end">{escape(label)}</text>'
                f'<rect x="{start:.1f}" y="{y + 2}" width="{max(end - start, 0.5):.1f}" '
                f'height="{ROW - 4}" fill="{colour}"/>'
                f'<line x1="{goal:.1f}" x2="{goal:.1f}" y1="{y + 1}" y2="{y + ROW - 1}" '
                'stroke="#24292f" stroke-width="1.5"/>'
                f'<text x="{LEFT + WIDTH + 8}" y="{y + 11}">{ratio["ratio"]:.2f}</text>'
            )
            y += ROW
        y += ROW
    out.append("</svg>\n")
    return "\n".join(out)


def about(results):
    """On what all this was measured, a line for each Python."""
    said = []
    for result in sorted(results, key=lambda r: int(python(r).partition(".")[2])):
        facts = result["about"]
        made = [word.upper() for word in ("pgo", "lto") if facts[word]]
        how = " and ".join(made) if made else "no PGO or LTO"
        line = (
            f"- CPython {facts['python']}, {how}; {facts['machine']}, {facts['processors']} "
            f"processors, Linux {facts['kernel']}, {facts['time']}"
        )
        if line not in said:
            said.append(line)
    return "\n".join(said)


def table(results):
    """Every ratio with its goal, and the medians, in Markdown."""
    out = [about(results), "", "| | Python | ours, ms | the other, ms | ratio | goal |"]
    out.append("|---|---|--:|--:|--:|--:|")
    before = None
    for result in ordered(results):
        if title(result) != before:
            before = title(result)
            out.append(f"| **{before}** | | | | | |")
        for ratio in result["ratios"]:
            ours, peer = (result["median"][ratio[side]] * 1000 for side in ("ours", "peer"))
            missed = "" if ratio["ratio"] >= ratio["goal"] else " \\*"
            digits = 3 if result["corpus"] == "twenty" else 1
            label = f"{ratio['ours']} / {ratio['peer']}".replace("*", "\\*")
            out.append(
                f"| {label} | {python(result)} | {ours:.{digits}f} | {peer:.{digits}f} "
                f"| {ratio['ratio']:.2f}{missed} | {ratio['goal']} |"
            )
    return "\n".join(out) + "\n"


def short(results):
    """One line for each operation and tree, of the newest Python."""
    newest = max((python(r) for r in results), key=lambda text: int(text.partition(".")[2]))
    out = [f"| CPython {newest}, two processors | times as fast as |", "|---|---|"]
    for result in ordered(results):
        if python(result) != newest or result["corpus"] == "twenty":
            continue
        best = {}
        for ratio in result["ratios"]:
            if not ratio["peer"].startswith("floor"):
                best.setdefault(ratio["ours"], []).append(f"{ratio['peer']} {ratio['ratio']:.1f}")
        said = "; ".join(
            f"{ours.removesuffix(' 2')}: " + ", ".join(peers) for ours, peers in best.items()
        ).replace("*", "\\*")
        out.append(f"| {title(result)} | {said} |")
    return "\n".join(out) + "\n"

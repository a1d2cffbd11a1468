"""The bars that `ostler size` draws on a terminal; in colour where rich is installed."""

import ostler

_BLOCKS = " ▏▎▍▌▋▊▉█"
_WIDTH = 30
_NARROW = 4


def bar(share, width=_WIDTH):
    """A bar as long as this share, between 0 and 1, of the whole width."""
    eighths = round(share * width * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_BLOCKS[rest] if rest else "")).ljust(width)


def room(rows, width):
    """How wide bars can be so that the names have their place beside them."""
    columns = ostler.get_terminal_size(1).columns or 80
    longest = max((len(name) for _, _, name in rows), default=0)
    return max(_NARROW, min(_WIDTH, columns - width - longest - 5))


def draw(rows, width, hidden, total):
    """Print a line for each (text, share, name), and the total; no name is cut."""
    wide = room(rows, width)
    more = f"{'':>{width}}  ... and {hidden:,} more"
    try:
        from rich.console import Console
        from rich.text import Text
    except ImportError:
        for text, share, name in rows:
            print(f"{text:>{width}}  {bar(share, wide)}  {name}")
        if hidden:
            print(more)
        print(total)
        return
    console = Console(highlight=False)
    for text, share, name in rows:
        line = Text(f"{text:>{width}}  ", style="bold")
        line.append(bar(share, wide), style="cyan")
        line.append(f"  {name}", style="default")
        console.print(line, soft_wrap=True)
    if hidden:
        console.print(more, style="dim", soft_wrap=True)
    console.print(Text(total, style="bold"), soft_wrap=True)

"""The bars that `ostler size` draws on a terminal; in colour where rich is installed."""

_BLOCKS = " ▏▎▍▌▋▊▉█"
_WIDTH = 30


def bar(share):
    """A bar as long as this share, between 0 and 1, of the whole width."""
    eighths = round(share * _WIDTH * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_BLOCKS[rest] if rest else "")).ljust(_WIDTH)


def draw(rows, width, hidden, total):
    """Print a line for each (text, share, name), and the total."""
    try:
        from rich.console import Console
        from rich.text import Text
    except ImportError:
        for text, share, name in rows:
            print(f"{text:>{width}}  {bar(share)}  {name}")
        if hidden:
            print(f"{'':>{width}}  ... and {hidden:,} more")
        print(total)
        return
    console = Console(highlight=False)
    for text, share, name in rows:
        line = Text(f"{text:>{width}}  ", style="bold")
        line.append(bar(share), style="cyan")
        line.append(f"  {name}", style="default")
        console.print(line, no_wrap=True, overflow="ellipsis")
    if hidden:
        console.print(f"{'':>{width}}  ... and {hidden:,} more", style="dim")
    console.print(Text(total, style="bold"), soft_wrap=True)

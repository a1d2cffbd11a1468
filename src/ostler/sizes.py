"""Sizes: how people write a number of bytes, understood in one way everywhere.

A number, and a unit if any: B, K, M, G, T, P or E, in either case, each also with B or iB behind
it. All are binary: "64K", "64KB" and "64KiB" are 65,536. With a unit the number may have a
fraction: "1.5M".
"""

import re

_SIZE = re.compile(r"([0-9]+)B?|([0-9]+)(\.[0-9]+)?\s?([KMGTPE])(?:I?B)?", re.IGNORECASE | re.ASCII)


def parsed(text: str) -> int:
    """The bytes that a text means. ValueError for what is no size."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"not a size: {text!r} (a number, and K, M, G, T, P or E: 64K, 1.5M)")
    plain, whole, fraction, unit = found.groups()
    if plain:
        return int(plain)
    factor: int = 1024 ** (1 + "KMGTPE".index(unit.upper()))
    return int(whole) * factor + int(float(fraction or 0) * factor)


def is_size(text: str) -> bool:
    """Whether a text is a size."""
    try:
        parsed(text)
    except ValueError:
        return False
    return True

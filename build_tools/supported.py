"""Whether ostler can be built here. Older Pythons read this file, too, so that they can tell."""

import sys

OLDEST = (3, 11)
TRIED = (3, 15)  # the newest that the tests have been run on


def text(version):
    """A version as it is written."""
    return ".".join(map(str, version))


def refusal(platform, implementation, version):
    """Why it can't be built there and what would help, in one line; "" where it can."""
    if version < OLDEST:
        return (
            f"ostler needs Python {text(OLDEST)} or newer, and this is Python {text(version)}: "
            "`python3.13 -m pip install ostler`, or another that is new enough, does it"
        )
    if implementation != "cpython":
        return f"ostler needs CPython, and this is {implementation}: take a python3 that is"
    if platform != "linux":
        return f"ostler needs Linux, and this is {platform}: a container or virtual machine helps"
    return ""


def doubt(version):
    """What is to be said of a Python that is newer than all that were tried; "" of others."""
    if version[:2] <= TRIED:
        return ""
    return (
        f"ostler was never tried on Python {text(version[:2])}: "
        f"if it fails, take one from {text(OLDEST)} to {text(TRIED)}"
    )


def check():
    """End this process, with that one line, where ostler can't be built."""
    version = tuple(sys.version_info[:3])
    why = refusal(sys.platform, sys.implementation.name, version)
    if why:
        sys.exit(why)
    if doubt(version):
        sys.stderr.write(f"{doubt(version)}\n")

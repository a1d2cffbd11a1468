"""Why ostler can't be imported here, where no shared object is for this interpreter."""

import platform
import sys
from pathlib import Path


def reason() -> str:
    """What is missing, and what would help, in one line."""
    if sys.platform != "linux":
        return (
            f"ostler needs Linux, and this is {sys.platform}: a container or virtual machine helps"
        )
    if sys.implementation.name != "cpython":
        return (
            f"ostler needs CPython, and this is {sys.implementation.name}: take a python3 that is"
        )
    python = "python{}.{}{}".format(*sys.version_info[:2], "t" if "t" in sys.abiflags else "")
    found = sorted(path.name.split(".")[1] for path in Path(__file__).parent.glob("_compiled.*.so"))
    built = f", only for {', '.join(found)}" if found else ""
    return (
        f"ostler is not built for {python} on {platform.machine()}{built}: "
        f"`{sys.executable or python} -m pip install ostler`, or make build in a clone, does so"
    )

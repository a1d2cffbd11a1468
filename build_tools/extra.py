"""What an extra of the package wants, for pip: `python -m build_tools.extra NAME`."""

import sys
import tomllib
from pathlib import Path

if __name__ == "__main__":
    with open(Path(__file__).parents[1] / "pyproject.toml", "rb") as file:
        print(*tomllib.load(file)["project"]["optional-dependencies"][sys.argv[1]])

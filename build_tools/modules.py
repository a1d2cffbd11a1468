"""Which modules are compiled: those below src/ostler that have the line `import cython`.

This is the one place that says so. setup.py builds what is found here, and the tests ask here.
"""

from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "src" / "ostler"


def is_compiled(source):
    """Whether a module's source is compiled."""
    return "import cython" in source.read_text(encoding="utf-8").splitlines()


def compiled(package=PACKAGE):
    """The names of the compiled modules of a package, without the package's own, in order."""
    sources = filter(is_compiled, package.rglob("*.py"))
    return sorted(".".join(path.relative_to(package).with_suffix("").parts) for path in sources)

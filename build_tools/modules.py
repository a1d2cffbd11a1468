"""Which modules are compiled: those below src/ostler that have the line `import cython`.

This is the one place that says so. setup.py builds what is found here, and the tests ask here.
"""

import ast
import re
from collections import Counter
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "src" / "ostler"
# The module that makes all others, and by whose name the shared object is found.
DRIVER = "_compiled"
_CIMPORT = re.compile(r"^\s*(?:from (ostler[\w.]*) cimport|cimport (ostler[\w.]*))", re.MULTILINE)


def is_compiled(source):
    """Whether a module's source is compiled."""
    return "import cython" in source.read_text(encoding="utf-8").splitlines()


def compiled(package=PACKAGE):
    """The names of the compiled modules of a package, without the package's own, in order."""
    sources = filter(is_compiled, package.rglob("*.py"))
    return sorted(".".join(path.relative_to(package).with_suffix("").parts) for path in sources)


def early(package=PACKAGE):
    """Those of them that `import ostler` needs, each after all that it imports itself."""
    seen, done = {"ostler", f"ostler.{DRIVER}"}, []
    waiting = [("ostler", iter(_imports(_source("ostler", package), package)))]
    while waiting:
        name, rest = waiting[-1]
        needed = next((other for other in rest if other not in seen), None)
        if needed is not None:
            seen.add(needed)
            waiting.append((needed, iter(_imports(_source(needed, package), package))))
            continue
        waiting.pop()
        if is_compiled(_source(name, package)):
            done.append(name.removeprefix("ostler."))
    return done


def _source(name, package):
    path = package.joinpath(*name.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _imports(source, package):
    """The modules of ostler that a source imports and cimports when it is itself imported."""
    found = []
    for node in _at_once(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found += (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
    declarations = source.with_suffix(".pxd")
    if declarations.exists():
        text = declarations.read_text(encoding="utf-8")
        found += (one or other for one, other in _CIMPORT.findall(text))
    for name in found:
        name = name.removeprefix("cython.cimports.")
        # A package is imported before what is in it.
        parts = name.split(".")
        for end in range(2, len(parts) + 1):
            part = ".".join(parts[:end])
            if parts[0] == "ostler" and _source(part, package).exists():
                yield part


def _at_once(tree):
    """The statements that run when a module is imported."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if not isinstance(node, ast.FunctionDef):
            yield node
            yield from _at_once(node)


def table(early, others):
    """The C source of the table by which the driver makes the modules of the shared object.

    The interpreter looks for a module in a shared object by the last part of its name alone.
    """
    names = [*early, *others]
    tails = [name.rpartition(".")[2] for name in (*names, DRIVER)]
    twice = [tail for tail, count in Counter(tails).items() if count > 1]
    if twice:
        raise ValueError(f"two compiled modules have the same last name: {', '.join(twice)}")
    lines = ["/* Written by build_tools/modules.py. */", "#include <Python.h>"]
    lines += (f"PyMODINIT_FUNC PyInit_{tail}(void);" for tail in tails[:-1])
    lines += [f"const int ostler_early = {len(early)};", "struct _inittab ostler_modules[] = {"]
    lines += (
        f'    {{"ostler.{name}", PyInit_{tail}}},' for name, tail in zip(names, tails, strict=False)
    )
    return "\n".join([*lines, "    {NULL, NULL}", "};", ""])

"""Finding what git would not ignore: the rules of .gitignore files, as pathspec knows them."""

from ostler.trees._digest import Errors
from ostler.trees._find import Found

_DIRECTORY = 4


def find(machine, top, on_error, options, least, most, expression):
    """Iterate over the paths that neither the rules nor the filters leave out."""
    try:
        from pathspec import GitIgnoreSpec
    except ImportError as error:
        raise ImportError(
            "gitignore needs the package pathspec: pip install ostler[cli]"
        ) from error
    errors = Errors(on_error)
    top = machine.fspath(top)
    if isinstance(top, bytes):
        top = machine.fsdecode(top)
    return _below(
        machine, top, "", (), 1, errors, options, least, most, expression, GitIgnoreSpec.from_lines
    )


def _below(machine, top, below, rules, depth, errors, options, least, most, expression, parse):
    if most is not None and depth > most:
        return
    directory = machine.path.join(top, below) if below else top
    text = _rules_of(machine, machine.path.join(directory, ".gitignore"), errors)
    if text is not None:
        rules = (*rules, (len(below), parse(text.splitlines())))
    one_filesystem, names, exclude, kinds, size, times = options

    def listed(kinds, names, size, times):
        found = Found(
            machine, directory, 1, "collect", None, one_filesystem, names, exclude, kinds, 1, 1,
            size, times, None, True,
        )  # fmt: skip
        for path, kind in found:
            yield path, below + path[found.below_text() :], kind
        errors.take(found.errors)

    try:
        everything = [
            item
            for item in listed((), (), (None, None), (None, None))
            if not _ignored(rules, item[1], item[2] == _DIRECTORY)
        ]
        wanted = {path for path, _, _ in listed(kinds, names, size, times)}
    except OSError as error:
        errors.take([error])
        return
    for path, name, kind in everything:
        if depth >= least and path in wanted and (expression is None or expression(name)):
            yield path
        if kind == _DIRECTORY:
            yield from _below(
                machine, top, name + "/", rules, depth + 1, errors, options, least, most,
                expression, parse,
            )  # fmt: skip


def _ignored(rules, name, directory):
    # The deepest file that says something about it decides.
    if directory and name.rpartition("/")[2] == ".git":
        return True
    for start, spec in reversed(rules):
        said = spec.check_file(name[start:] + ("/" if directory else "")).include
        if said is not None:
            return said
    return False


def _rules_of(machine, path, errors):
    try:
        fd = machine.open(path, machine.O_RDONLY | machine.O_CLOEXEC | machine.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        errors.take([error])
        return None
    try:
        parts = []
        while part := machine.read(fd, 65536):
            parts.append(part)
    except OSError as error:
        errors.take([error])
    finally:
        machine.close(fd)
    return machine.fsdecode(b"".join(parts))

"""Tree operations on any executor: the tree is cut into pieces of work that pickle.

A piece is a function of this module with a machine, a path and options. Its errors are values of
its result; so whatever a future raises is the executor's, a lost worker for instance, and the
piece is done again. A piece done twice does no harm: what reads, reads again; what copies,
replaces; what removes, finds less to remove.
"""

import errno
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, wait

from ostler.trees._digest import Errors
from ostler.trees._find import Found
from ostler.trees._results import Counts

_ATTEMPTS = 4
_PIECES = 64  # about as many are aimed at
_SHALLOW_AT_ONCE = 16


# ---- cutting and running


def cut(machine, top, exclude=(), pieces=_PIECES):
    """(directories whose own entries are one piece, directories that are one with all below).

    Unreadable ones are left whole, for the piece itself to report.
    """
    shallow = []
    whole = [machine.fspath(top)]
    at = 0
    while at < len(whole) and len(whole) < pieces:
        try:
            below = list(directories_in(machine, whole[at], exclude))
        except OSError:
            at += 1
            continue
        shallow.append(whole.pop(at))
        whole += below
    return shallow, whole


def directories_in(machine, path, exclude):
    """The paths of the directories in one directory."""
    return Found(
        machine, path, 1, "raise", None, False, (), exclude, ("directory",), 1, 1, (None, None),
        (None, None), None, False,
    )  # fmt: skip


def run_pieces(executor, function, pieces):
    """Run the function with each tuple of arguments; yield (number, result) as they come."""
    waiting = {}
    attempts = [0] * len(pieces)
    todo = list(range(len(pieces)))[::-1]
    broken = False
    try:
        while todo or waiting:
            while todo:
                number = todo.pop()
                if broken:
                    yield number, function(*pieces[number])
                    continue
                try:
                    future = executor.submit(function, *pieces[number])
                except (BrokenExecutor, RuntimeError):
                    # The executor is no more: what is left is done here.
                    broken = True
                    todo.append(number)
                    continue
                waiting[future] = number
            if not waiting:
                continue
            done = _first(waiting)
            for future in done:
                number = waiting.pop(future)
                try:
                    result = future.result()
                except (Exception, CancelledError):
                    attempts[number] += 1
                    if attempts[number] >= _ATTEMPTS:
                        raise
                    todo.append(number)
                    continue
                yield number, result
    finally:
        for future in waiting:
            future.cancel()


def _first(waiting):
    # In short turns, so that Ctrl-C is heard whatever the executor is.
    while True:
        done = wait(waiting, 0.05, FIRST_COMPLETED).done
        if done:
            return done


def _groups(paths):
    return [paths[at : at + _SHALLOW_AT_ONCE] for at in range(0, len(paths), _SHALLOW_AT_ONCE)]


# ---- size


def size_piece(machine, paths, one_filesystem, whole, threads):
    """[(counts, files with several names, errors)] of each path."""
    from ostler.trees._size import measure

    results = []
    for path in paths:
        try:
            counts, links = measure(
                machine, path, threads, "collect", None, one_filesystem, False, True, not whole
            )
            results.append((counts.numbers(), links, counts.errors))
        except OSError as error:
            results.append((Counts().numbers(), [], [error]))
    return results


def size(machine, top, executor, threads, on_error, progress, one_filesystem):
    """The size of a tree, its pieces measured by an executor."""
    errors = Errors(on_error)
    total = Counts(errors=errors.list)
    names = {}
    shallow, whole = cut(machine, top)
    if one_filesystem:
        device = machine.stat(top).st_dev
        whole = [path for path in whole if machine.lstat(path).st_dev == device]
        shallow = [path for path in shallow if machine.stat(path).st_dev == device]
    pieces = [(machine, [path], one_filesystem, True, threads or 1) for path in whole]
    pieces += [(machine, group, one_filesystem, False, threads or 1) for group in _groups(shallow)]
    try:
        for _, results in run_pieces(executor, size_piece, pieces):
            for numbers, links, failed in results:
                total.plus(numbers)
                for dev, ino, _, kind, size, disk in links:
                    if (dev, ino) not in names:
                        names[dev, ino] = True
                        total.add(kind, size, disk)
                errors.take(failed)
            if progress is not None:
                progress(total)
    except BaseException as error:
        error.done = total
        raise
    return total


# ---- find


def find_piece(machine, path, threads, options, least, most):
    """(paths, errors) of one piece."""
    try:
        found = Found(
            machine, path, threads, "collect", None, *options[:4], least, most, *options[4:], None,
            False,
        )  # fmt: skip
        return list(found), found.errors
    except OSError as error:
        return [], [error]


def find(machine, top, executor, threads, on_error, options, least, most, expression):
    """Iterate over what is found, its pieces searched by an executor."""
    errors = Errors(on_error)
    top = machine.fspath(top)
    slash = b"/" if isinstance(top, bytes) else "/"
    prefix = top if top.endswith(slash) else top + slash
    one_filesystem, _, exclude = options[:3]
    if one_filesystem:
        raise ValueError("one_filesystem and executor do not go together in find")
    shallow, whole = cut(machine, top, exclude)
    pieces = []
    for path, alone in [(p, False) for p in whole] + [(p, True) for p in shallow]:
        depth = 0 if path == top else path[len(prefix) :].count(slash) + 1
        deepest = None if most is None else most - depth
        if alone:
            deepest = 1 if deepest is None else min(1, deepest)
        if deepest is None or deepest > 0:
            pieces.append((machine, path, threads or 1, options, max(1, least - depth), deepest))
    pieces = [piece for piece in pieces if piece[5] is None or piece[5] >= piece[4]]
    skip = len(prefix)
    for _, (paths, failed) in run_pieces(executor, find_piece, pieces):
        errors.take(failed)
        for path in paths:
            if expression is None or expression(path[skip:]):
                yield path


# ---- copy


def copy_piece(machine, pairs, to_machine, threads, one_filesystem, flags, clone, alone):
    """[(numbers, errors)] of each pair of paths."""
    from ostler.trees._copy import copy_tree

    results = []
    for source, to in pairs:
        try:
            counts = copy_tree(
                machine, source, to, to_machine, threads, "collect", None, one_filesystem, flags,
                clone, alone,
            )  # fmt: skip
            results.append((counts.numbers(), counts.errors))
        except OSError as error:
            results.append((Counts().numbers(), [error]))
    return results


def copy(
    machine,
    top,
    to,
    to_machine,
    executor,
    threads,
    on_error,
    progress,
    one_filesystem,
    flags,
    merge,
    clone,
):
    """Copy a tree, its pieces by an executor: deep ones first, then the directories above them.

    Files with names in several pieces become one file for each piece.
    """
    errors = Errors(on_error)
    total = Counts(errors=errors.list)
    top, to = machine.fspath(top), machine.fspath(to)
    if isinstance(top, bytes) != isinstance(to, bytes):
        top, to = machine.fsencode(top), machine.fsencode(to)
    shallow, whole = cut(machine, top)
    if not merge and to_machine.path.lexists(to):
        raise FileExistsError(errno.EEXIST, "File exists", to)
    here = machine.path.realpath(top)
    there = to_machine.path.realpath(to)
    slash = b"/" if isinstance(top, bytes) else "/"
    if machine is to_machine and (there + slash).startswith(here + slash):
        raise OSError(errno.EINVAL, "the destination lies inside the source", top, None, to)

    def place(path):
        return to + path[len(top.rstrip(slash)) :]

    try:
        for path in sorted(shallow + whole, key=lambda p: p.count(slash)):
            try:
                to_machine.mkdir(place(path), 0o700)
            except FileExistsError:
                if not to_machine.path.isdir(place(path)):
                    raise
        levels = [[[path] for path in whole]]
        by_depth = {}
        for path in shallow:
            by_depth.setdefault(path.count(slash), []).append(path)
        levels += [_groups(by_depth[depth]) for depth in sorted(by_depth, reverse=True)]
        for level, groups in enumerate(levels):
            pieces = [
                (machine, [(path, place(path)) for path in group], to_machine, threads or 1,
                 one_filesystem, flags, clone, level > 0)
                for group in groups
            ]  # fmt: skip
            for _, results in run_pieces(executor, copy_piece, pieces):
                for numbers, failed in results:
                    total.plus(numbers)
                    errors.take(failed)
                if progress is not None:
                    progress(total)
    except BaseException as error:
        error.done = total
        raise
    return total


# ---- remove


def remove_piece(machine, path, threads, one_filesystem):
    """(numbers, errors) of one piece."""
    from ostler.trees._remove import remove_tree

    try:
        counts = remove_tree(machine, path, threads, "collect", None, one_filesystem)
        return counts.numbers(), counts.errors
    except FileNotFoundError:
        return Counts().numbers(), []  # done before, by a worker that was lost
    except OSError as error:
        return Counts().numbers(), [error]


def remove(machine, top, executor, threads, on_error, progress, one_filesystem):
    """Remove a tree, its pieces by an executor, and what is left above them here."""
    from ostler.trees._remove import remove_tree

    if machine.path.islink(top):
        raise NotADirectoryError(errno.ENOTDIR, "Not a directory", top)
    errors = Errors(on_error)
    total = Counts(errors=errors.list)
    shallow, whole = cut(machine, top)
    if one_filesystem or not shallow:
        return remove_tree(machine, top, threads, on_error, progress, one_filesystem)
    pieces = [(machine, path, threads or 1, one_filesystem) for path in whole]
    failed_before = False
    try:
        for _, (numbers, failed) in run_pieces(executor, remove_piece, pieces):
            total.plus(numbers)
            failed_before = failed_before or bool(failed)
            errors.take(failed)
            if progress is not None:
                progress(total)
        rest = remove_tree(machine, top, threads, "collect", None, one_filesystem)
        total.plus(rest.numbers())
        if not failed_before:
            errors.take(rest.errors)
    except BaseException as error:
        error.done = total
        raise
    return total

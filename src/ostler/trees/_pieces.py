"""Tree operations on any executor: the tree is cut into pieces of work that pickle.

A piece is a function of this module with a machine, a path and options. Its errors are values of
its result; so whatever a future raises is the executor's, a lost worker for instance, and the
piece is done again. A piece done twice does no harm: what reads, reads again; what copies,
puts complete files in the place of those that are there; what removes, finds less to remove.
"""

import errno
import stat
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, wait

from ostler.trees._find import Search
from ostler.trees._how import Errors, How
from ostler.trees._place import Place
from ostler.trees._results import Counts
from ostler.trees._run import descriptor, identify

_ATTEMPTS = 4
_PIECES = 64  # about as many are aimed at
_SHALLOW_AT_ONCE = 16


# ---- cutting and running


def root_of(machine, top, function, follow=True):
    """The Place of a tree's root, which every piece must find again."""
    top = machine.fspath(top)
    return Place(top, identify(machine, top, function, follow))


def cut(machine, root, exclude=(), pieces=_PIECES):
    """(Places whose own entries are one piece, Places that are one with all below).

    Those without directories are whole, and unreadable ones, for the piece itself to report.
    """
    shallow = []
    whole = [root]
    at = 0
    while at < len(whole) and len(whole) < pieces:
        try:
            below = list(directories_in(machine, whole[at], exclude))
        except OSError:
            below = []
        if below:
            shallow.append(whole.pop(at))
            whole += below
        else:
            at += 1
    return shallow, whole


def directories_in(machine, place, exclude):
    """The Places of the directories in one directory."""
    slash = b"/" if isinstance(place.root, bytes) else "/"
    for path in Search(
        machine, place, How(threads=1), exclude=exclude, kinds=("directory",), most=1
    ):
        yield place.below(path.rpartition(slash)[2])


def on_device(machine, places, device):
    """Those that are on this device, and those that can't be opened: they are told later."""
    for place in places:
        try:
            if identify(machine, place, "size")[1] != device:
                continue
        except OSError:
            pass
        yield place


def run_pieces(executor, function, pieces):
    """Run the function with each tuple of arguments; yield (number, result) as they come."""
    waiting = {}
    try:
        yield from _run(executor, function, pieces, waiting)
    finally:
        for future in waiting:
            future.cancel()


def _run(executor, function, pieces, waiting):
    # `waiting`: the futures that aren't done, each with the number of its piece.
    attempts = [0] * len(pieces)
    todo = list(range(len(pieces)))[::-1]
    broken = False
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


def _first(waiting):
    # In short turns, so that Ctrl-C is heard whatever the executor is.
    while True:
        done = wait(waiting, 0.05, FIRST_COMPLETED).done
        if done:
            return done


def _groups(paths):
    return [paths[at : at + _SHALLOW_AT_ONCE] for at in range(0, len(paths), _SHALLOW_AT_ONCE)]


# ---- size


def size_piece(machine, paths, how, whole, exclude=()):
    """[(counts, files with several names, errors)] of each path."""
    from ostler.trees._size import measure

    results = []
    for path in paths:
        try:
            counts, links = measure(machine, path, how, False, True, not whole, exclude)
            results.append((counts.numbers(), links, counts.errors))
        except OSError as error:
            results.append((Counts().numbers(), [], [error]))
    return results


def size(machine, top, executor, how, exclude=()) -> Counts:
    """The size of a tree, its pieces measured by an executor."""
    errors = Errors(how)
    total = Counts(errors=errors.list)
    root = root_of(machine, top, "size")
    shallow, whole = cut(machine, root, exclude)
    if how.one_filesystem:
        whole = list(on_device(machine, whole, root.identity[1]))
        shallow = list(on_device(machine, shallow, root.identity[1]))
    part = how.in_pieces()
    pieces = [(machine, [path], part, True, exclude) for path in whole]
    pieces += [(machine, group, part, False, exclude) for group in _groups(shallow)]
    try:
        _size_all(executor, pieces, total, errors, how.progress)
    except BaseException as error:
        error.done = total
        raise
    return total


def _size_all(executor, pieces, total, errors, progress):
    names = set()
    for _, results in run_pieces(executor, size_piece, pieces):
        for numbers, links, failed in results:
            total.plus(numbers)
            for dev, ino, _, kind, size, disk in links:
                if (dev, ino) not in names:
                    names.add((dev, ino))
                    total.add(kind, size, disk)
            errors.take(failed)
        if progress is not None:
            progress(total)


# ---- find


def find_piece(machine, path, how, wanted, least, most):
    """(paths, errors) of one piece."""
    try:
        found = Search(machine, path, how, **wanted, least=least, most=most)
        return list(found), found.errors
    except OSError as error:
        return [], [error]


def find(machine, top, executor, how, wanted, least, most, expression):
    """Iterate over what is found, its pieces searched by an executor; wanted: as Search's."""
    errors = Errors(how)
    top = machine.fspath(top)
    slash = b"/" if isinstance(top, bytes) else "/"
    skip = len(top if top.endswith(slash) else top + slash)
    if how.one_filesystem:
        raise ValueError("one_filesystem and executor do not go together in find")
    shallow, whole = cut(machine, root_of(machine, top, "find"), wanted["exclude"])
    part = how.in_pieces()
    pieces = []
    for place, alone in [(p, False) for p in whole] + [(p, True) for p in shallow]:
        depth = len(place.names)
        deepest = None if most is None else most - depth
        if alone:
            deepest = 1 if deepest is None else min(1, deepest)
        if deepest is None or deepest > 0:
            pieces.append((machine, place, part, wanted, max(1, least - depth), deepest))
    pieces = [piece for piece in pieces if piece[5] is None or piece[5] >= piece[4]]
    for _, (paths, failed) in run_pieces(executor, find_piece, pieces):
        errors.take(failed)
        for path in paths:
            if expression is None or expression(path[skip:]):
                yield path


# ---- copy


def copy_piece(machine, pairs, to_machine, how, keep, clone, alone, exclude=()):
    """[(numbers, errors, files with names elsewhere)] of each pair of Places."""
    from ostler.trees._copy import copy_tree

    results = []
    for source, to in pairs:
        several = []
        try:
            counts = copy_tree(
                machine, source, to, to_machine, how, keep, clone, alone, several, exclude
            )
            results.append((counts.numbers(), counts.errors, several))
        except OSError as error:
            results.append((Counts().numbers(), [error], several))
    return results


def copy(machine, top, to, to_machine, executor, how, keep, clone, exclude=()) -> Counts:
    """Copy a tree, its pieces by an executor: deep ones first, then the directories above them.

    Files with names in several pieces are linked together in the end, here.
    """
    from ostler.trees._copy import mask_for
    from ostler.trees._destination import prepare

    errors = Errors(how)
    total = Counts(errors=errors.list)
    top, to = machine.fspath(top), machine.fspath(to)
    if isinstance(top, bytes) != isinstance(to, bytes):
        top, to = machine.fsencode(top), machine.fsencode(to)
    source = root_of(machine, top, "copy")
    shallow, whole = cut(machine, source, exclude)
    mask = mask_for(to_machine, keep)
    prepare(machine, source, to_machine, to, keep["merge"], mask)
    target = root_of(to_machine, to, "copy", False)
    keep = {**keep, "merge": True}  # a piece finds its directory made

    def copy_all():
        several = {}
        for place in sorted(shallow + whole, key=lambda place: len(place.names)):
            if place.names:
                prepare(machine, source, to_machine, target.below(*place.names), True, mask)
        for level, groups in enumerate(_levels(shallow, whole)):
            pieces = [
                (machine, [(place, target.below(*place.names)) for place in group], to_machine,
                 how.in_pieces(), keep, clone, level > 0, exclude)
                for group in groups
            ]  # fmt: skip
            for number, results in run_pieces(executor, copy_piece, pieces):
                for place, (numbers, failed, names) in zip(groups[number], results, strict=True):
                    total.plus(numbers)
                    errors.take(failed)
                    for _, inode, path in names:
                        several.setdefault(inode, []).append(place.place_of(machine, path))
                if how.progress is not None:
                    how.progress(total)
        errors.take(_join(machine, source, to_machine, target, several))

    try:
        copy_all()
    except BaseException as error:
        error.done = total
        raise
    return total


def _levels(shallow, whole):
    """Groups of Places, in the order in which they are copied: those above others after them."""
    by_depth = {}
    for place in shallow:
        by_depth.setdefault(len(place.names), []).append(place)
    levels = [_groups(by_depth[depth]) for depth in sorted(by_depth, reverse=True)]
    return [[[place] for place in whole], *levels]


def _join(machine, source, to_machine, target, several):
    """Make files that several pieces copied one file again; the errors.

    Pieces tell inodes as their workers see them: what is the same file is looked at here.
    """
    errors = []
    for places in several.values():
        if len(places) < 2:
            continue
        same = {}
        for place in sorted(places, key=lambda place: place.names):
            try:
                with _Opened(machine, place.above()) as directory:
                    st = machine.stat(place.names[-1], dir_fd=directory, follow_symlinks=False)
            except OSError as error:
                errors.append(error)
                continue
            if not stat.S_ISDIR(st.st_mode):
                same.setdefault((st.st_dev, st.st_ino), []).append(place)
        for first, *others in same.values():
            for other in others:
                try:
                    _link(to_machine, target.below(*first.names), target.below(*other.names))
                except OSError as error:
                    path = target.below(*other.names).__fspath__()
                    errors.append(type(error)(error.errno, error.strerror, path))
    return errors


def _link(machine, first, other):
    # In the place of the other name, in one step; its directory's times stay.
    temporary = f".ostler-{machine.getpid()}-link"
    with _Opened(machine, first.above()) as old, _Opened(machine, other.above()) as new:
        kept = machine.stat(first.names[-1], dir_fd=old, follow_symlinks=False)
        mine = machine.stat(other.names[-1], dir_fd=new, follow_symlinks=False)
        if (kept.st_dev, kept.st_ino) == (mine.st_dev, mine.st_ino):
            return
        times = machine.stat(new)
        machine.link(
            first.names[-1], temporary, src_dir_fd=old, dst_dir_fd=new, follow_symlinks=False
        )
        machine.rename(temporary, other.names[-1], src_dir_fd=new, dst_dir_fd=new)
        machine.utime(new, ns=(times.st_atime_ns, times.st_mtime_ns))


class _Opened:
    """The descriptor of a Place's directory, for a block."""

    def __init__(self, machine, place):
        self.machine = machine
        self.fd = descriptor(machine, place, "copy")

    def __enter__(self):
        return self.fd

    def __exit__(self, *exception):
        self.machine.close(self.fd)


# ---- remove


def remove_piece(machine, place, how):
    """(numbers, errors) of one piece."""
    from ostler.trees._remove import remove_tree

    try:
        counts = remove_tree(machine, place, how)
        return counts.numbers(), counts.errors
    except (FileNotFoundError, NotADirectoryError):
        # Removed before, by a worker that was lost; or something else has taken its name, or that
        # of a directory above it, and is not followed: the last step removes what is there.
        return Counts().numbers(), []
    except OSError as error:
        if error.errno == errno.ELOOP:
            return Counts().numbers(), []
        return Counts().numbers(), [error]


def remove(machine, top, executor, how) -> Counts:
    """Remove a tree, its pieces by an executor, and what is left above them here."""
    from ostler.trees._remove import remove_tree

    errors = Errors(how)
    total = Counts(errors=errors.list)
    root = root_of(machine, top, "remove", False)
    shallow, whole = cut(machine, root)
    if how.one_filesystem or not shallow:
        return remove_tree(machine, root, how)
    pieces = [(machine, place, how.in_pieces()) for place in whole]
    try:
        failed_before = _remove_all(executor, pieces, total, errors, how.progress)
        rest = remove_tree(machine, root, How(how.threads, "collect", None, how.one_filesystem))
        total.plus(rest.numbers())
        if not failed_before:
            errors.take(rest.errors)
    except BaseException as error:
        error.done = total
        raise
    return total


def _remove_all(executor, pieces, total, errors, progress):
    # Whether some of it failed.
    failed_before = False
    for _, (numbers, failed) in run_pieces(executor, remove_piece, pieces):
        total.plus(numbers)
        failed_before = failed_before or bool(failed)
        errors.take(failed)
        if progress is not None:
            progress(total)
    return failed_before

"""What `ostler find` does with what it found: --delete, --exec, and their dry runs."""

import errno
import shlex

import ostler
from ostler import host
from ostler.cli import IGNORED, below
from ostler.cli._trees import Output
from ostler.cli.below import Below, failure, is_directory

_AT_ONCE = 1000  # names for one command
_BYTES = 60_000


def act(options, found, teller):
    """Delete what is found, or run the command on it: (a tree's top, what is found in it) each."""
    output = Output(options.null, options.json)
    for top, names in found:
        names = list(names)  # all of them before anything is changed
        if options.delete:
            _delete(top, names, options, teller, output)
        else:
            _run(names, options, teller, output)
    output.flush()


# ---- delete


def _delete(top, found, options, teller, output):
    if not found:
        return
    if found == [top]:  # which is no directory
        head, name = ostler.path.split(top)
        paths = {(name,): top}
        place = head or "."
    else:
        paths = {_names_below(path, top): path for path in found}
        place = top
    with Below(place) as places:
        _delete_below(places, paths, options, teller, output)


def _delete_below(places, paths, options, teller, output):
    gone = set()
    for parts, path in sorted(paths.items(), reverse=True):  # what is in one before it
        try:
            directory = places.directory(parts[:-1])
            if options.dry_run:
                _try_to_delete(parts, directory, gone)
            else:
                _delete_one(parts[-1], directory)
        except FileNotFoundError:
            continue  # somebody else has
        except OSError as error:
            teller.error(failure(error.errno, path))
            continue
        gone.add(parts)
        if options.dry_run or options.json:
            output.name(path)


def _names_below(path, top):
    return tuple(name for name in path[len(top) :].split("/") if name)


def _delete_one(name, directory):
    st = host.stat(name, dir_fd=directory, follow_symlinks=False)
    if is_directory(st):
        host.rmdir(name, dir_fd=directory)
    else:
        host.unlink(name, dir_fd=directory)


def _try_to_delete(parts, directory, gone):
    name = parts[-1]
    st = host.stat(name, dir_fd=directory, follow_symlinks=False)
    number = below.refuses_removal(directory, name, st)
    if number:
        raise failure(number)
    if is_directory(st):
        fd = host.open(name, host.O_RDONLY | host.O_DIRECTORY | host.O_NOFOLLOW, dir_fd=directory)
        try:
            names = host.listdir(fd)
        finally:
            host.close(fd)
        if any((*parts, left) not in gone for left in names):
            raise failure(errno.ENOTEMPTY)


# ---- exec


def _run(found, options, teller, output):
    command, many = options.exec
    found = [f"./{path}" if path.startswith("-") else path for path in found]  # never an option
    if many:
        runs = [[*command[:-1], *paths] for paths in _batches(found)]
    else:
        runs = [_filled(command, path) for path in found]
    for words in runs:
        if options.dry_run and options.json:
            output.json({"command": words})
        elif options.dry_run:
            output.line(output.shown(" ".join(map(shlex.quote, words))))
        elif not _ran(words, teller, output):
            return


def _filled(command, path):
    if any("{}" in word for word in command):
        return [word.replace("{}", path) for word in command]
    return [*command, path]


def _batches(paths):
    batch, size = [], 0
    for path in paths:
        length = len(ostler.fsencode(path)) + 1
        if batch and (len(batch) == _AT_ONCE or size + length > _BYTES):
            yield batch
            batch, size = [], 0
        batch.append(path)
        size += length
    if batch:
        yield batch


def _ran(words, teller, output):
    """Run a command to its end; False when there is no sense in going on."""
    output.flush()
    try:
        pid = host.posix_spawnp(words[0], words, host.environ, setsigdef=IGNORED)
    except OSError as error:
        teller.error(failure(error.errno, words[0]))
        return False
    _, status = host.waitpid(pid, 0)
    if host.waitstatus_to_exitcode(status) != 0:
        teller.failed += 1
    return True

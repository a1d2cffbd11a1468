"""Digests of a tree's contents: hashlib in threads, which hold no GIL while they read and hash."""

import hashlib
import stat
import sys

from ostler.trees._find import Search
from ostler.trees._hashing import Hashing, hashed
from ostler.trees._how import Errors, How
from ostler.trees._results import Digest
from ostler.trees._run import default_threads

_BATCH = 64


def entries(machine, top, how, errors):
    """(path below top as bytes, path, kind) of every entry, sorted by the first."""
    found = Search(machine, top, how, typed=True)
    skip = found.below()
    listed = []
    for path, kind in found:
        text = path if isinstance(path, bytes) else path.encode(_ENCODING, "surrogateescape")
        listed.append((text[skip:], path, kind))
    errors.take(found.errors)
    listed.sort()
    return listed


_ENCODING = sys.getfilesystemencoding()


def hash_files(machine, paths, algorithm):
    """For each path its digest and size, or its error; a piece of work."""
    results = []
    for path in paths:
        try:
            new, size = hashed(machine, path, None, algorithm)
            results.append((new.hexdigest(), size))
        except OSError as error:
            results.append(error)
    return results


def digest(machine, top, algorithm, how, executor=None) -> Digest:
    """The digest of a tree and of each of its files."""
    errors = Errors(how)
    hashlib.new(algorithm, usedforsecurity=False)  # an unknown one fails before any work
    threads = default_threads() if how.threads is None else how.threads
    result = Digest(algorithm)
    hashed = {}
    try:
        if executor is None:
            Hashing(machine, top, algorithm, threads, errors, how, result).run()
        else:
            listed = entries(
                machine, top, How(threads, "collect", None, how.one_filesystem), errors
            )
            files = _files(listed)
            _hash_there(machine, files, algorithm, executor, errors, how.progress, result, hashed)
            result.finish(_lines(machine, listed, hashed, errors))
    except BaseException as error:
        result.errors = errors.list
        error.done = result
        raise
    result.errors = errors.list
    return result


_FILE = stat.S_IFREG >> 12
_LINK = stat.S_IFLNK >> 12


def _files(listed):
    return [item for item in listed if item[2] == _FILE]


def _lines(machine, listed, hashed, errors):
    # What the digest of the tree is made of: kind, name and content of each entry, in order.
    for name, path, kind in listed:
        content = b""
        if kind == _FILE:
            if path not in hashed:
                continue  # its error was told
            content = hashed[path].encode()
        elif kind == _LINK:
            try:
                content = machine.readlink(path)
            except OSError as error:
                errors.take([error])
                continue
            if isinstance(content, str):
                content = content.encode(_ENCODING, "surrogateescape")
        yield b"%d %d:%s %d:%s\n" % (kind, len(name), name, len(content), content)


def _note(batch, outcomes, errors, result, hashed):
    for (_, path, _), outcome in zip(batch, outcomes, strict=True):
        if isinstance(outcome, OSError):
            errors.take([outcome])
        else:
            hashed[path] = result.files[path] = outcome[0]
            result.bytes += outcome[1]


def _batches(files):
    return [files[at : at + _BATCH] for at in range(0, len(files), _BATCH)]


def _hash_there(machine, files, algorithm, executor, errors, progress, result, hashed):
    from ostler.trees._pieces import run_pieces

    batches = _batches(files)
    pieces = [(machine, [path for _, path, _ in batch], algorithm) for batch in batches]
    for number, outcomes in run_pieces(executor, hash_files, pieces):
        _note(batches[number], outcomes, errors, result, hashed)
        if progress is not None:
            progress(result)

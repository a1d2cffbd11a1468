"""What a search leaves out: the rules of each directory, read when it is entered, by any thread."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.trees._engine import _refusal
from cython.cimports.ostler.trees._holding import open_any
from cython.cimports.ostler.trees._ignore import Ruleset, ruleset_new, ruleset_says
from cython.cimports.ostler.trees._output import path_length, report
from cython.cimports.ostler.trees._state import Node

_WITHIN = cython.declare(cython.int, 1)  # Node.second: a repository of its own begins there
_MOST = cython.declare(cython.long, 100 << 20)  # a larger file of rules counts as none, as in git
_REGULAR = cython.declare(cython.int, libc.S_IFREG >> 12)


def ignoring_new(names, layers, everywhere):
    """`names`: of the files of rules in each directory, the weakest first; `layers`: (path from
    where rules hold to the root, their text), the weakest first; `everywhere`: text of rules."""
    made: cython.pointer(Ignoring) = cython.cast(
        cython.pointer(Ignoring), libc.calloc(1, cython.sizeof(Ignoring))
    )
    if made == cython.NULL:
        raise MemoryError
    try:
        made.count = len(names)
        made.names = _copied(b"".join([name + b"\0" for name in names]))
        made.everywhere = _rules(everywhere)
        made.layer = cython.cast(
            cython.pointer(Layer), libc.calloc(len(layers) + 1, cython.sizeof(Layer))
        )
        if made.layer == cython.NULL:
            raise MemoryError
        for prefix, text in layers:
            layer: cython.pointer(Layer) = cython.address(made.layer[made.layers])
            made.layers += 1
            layer.length = len(prefix)
            layer.prefix = _copied(prefix)
            layer.rules = _rules(text)
    except BaseException:
        ignoring_free(made)
        raise
    return made


def _copied(text):
    made: cython.p_char = cython.cast(cython.p_char, libc.malloc(len(text) + 1))
    source: cython.p_const_char = text
    if made == cython.NULL:
        raise MemoryError
    libc.memcpy(made, source, len(text) + 1)
    return made


def _rules(text):
    source: cython.p_const_char = text
    made: cython.pointer(Ruleset) = ruleset_new(source, len(text))
    if made == cython.NULL:
        raise MemoryError
    return made


def ignoring_free(ignoring):
    i: cython.int
    if ignoring == cython.NULL:
        return
    for i in range(ignoring.layers):
        libc.free(ignoring.layer[i].rules)
        libc.free(ignoring.layer[i].prefix)
    libc.free(ignoring.layer)
    libc.free(ignoring.everywhere)
    libc.free(ignoring.names)
    libc.free(ignoring)


def ignoring_enter(ignoring, worker, node):
    # Read the rules that stand in a directory which is going to be searched; 0, as `enter` says.
    name: cython.p_const_char = ignoring.names
    text: cython.p_char = cython.NULL
    size: cython.long = 0
    i: cython.int
    if node.parent != cython.NULL and _knows_git(ignoring) and _is_repository(worker, node.fd[0]):
        node.second = _WITHIN
        _append(worker, node, b".git/info/exclude", cython.address(text), cython.address(size))
    for i in range(ignoring.count):
        _append(worker, node, name, cython.address(text), cython.address(size))
        name += libc.strlen(name) + 1
    if size:
        node.own = ruleset_new(text, size)
        if node.own == cython.NULL:
            report(worker, node, cython.NULL, libc.ENOMEM, b"open")
    libc.free(text)
    return 0


def _is_repository(worker, dir):
    # As git tells a repository from a directory that only has something called ".git". Nothing is
    # followed out of it: a link there, and where a file in its place leads, are believed.
    st: libc.stat_t
    if libc.fstatat(dir, b".git", cython.address(st), libc.AT_SYMLINK_NOFOLLOW) < 0:
        return False
    kind: cython.uint = st.st_mode & libc.S_IFMT
    if kind == libc.S_IFREG:
        return _begins(worker, dir, b".git", b"gitdir: ", cython.NULL)
    if kind != libc.S_IFDIR:
        return kind == libc.S_IFLNK
    if not _is_head(worker, dir):
        return False
    if libc.faccessat(dir, b".git/commondir", libc.F_OK, libc.AT_SYMLINK_NOFOLLOW) == 0:
        return True  # which has the rest
    return (
        libc.faccessat(dir, b".git/objects", libc.F_OK, libc.AT_SYMLINK_NOFOLLOW) == 0
        and libc.faccessat(dir, b".git/refs", libc.F_OK, libc.AT_SYMLINK_NOFOLLOW) == 0
    )


def _is_head(worker, dir):
    target: cython.char[8]
    if libc.readlinkat(dir, b".git/HEAD", target, 8) >= 5:
        return libc.memcmp(target, b"refs/", 5) == 0
    return _begins(worker, dir, b".git/HEAD", b"ref:", b"refs/")


def _begins(worker, dir, name, words, then):
    # Whether a file begins with these words and, blanks between, with more; or names a commit.
    text: cython.char[256]
    at: cython.long = 0
    fd: cython.int = open_any(worker, dir, name, libc.O_RDONLY | libc.O_NONBLOCK, 0)
    if fd < 0:
        return False
    size: cython.long = libc.read(fd, text, 255)
    libc.close(fd)
    if size < 0:
        return False
    text[size] = 0
    length: cython.long = libc.strlen(words)
    if libc.strncmp(text, words, length) == 0:
        if then == cython.NULL:
            return True
        at = length
        while text[at] == 0x20 or (text[at] >= 0x09 and text[at] <= 0x0D):
            at += 1
        return libc.strncmp(text + at, then, libc.strlen(then)) == 0
    if then == cython.NULL:
        return False
    while (
        (text[at] >= 0x30 and text[at] <= 0x39)
        or (text[at] >= 0x61 and text[at] <= 0x66)
        or (text[at] >= 0x41 and text[at] <= 0x46)
    ):
        at += 1
    return at >= 40


def _append(worker, node, name, text, size):
    # Add what a file of rules says, and a line's end, to a text. What is no file counts as none.
    st: libc.stat_t
    more: cython.p_char
    n: cython.long
    at: cython.long = size[0]
    fd: cython.int = open_any(worker, node.fd[0], name, libc.O_RDONLY | libc.O_NONBLOCK, 0)
    number: cython.int = 0
    if fd < 0:
        number = libc.errno
        if number != libc.ENOENT and number != libc.ENOTDIR and number != libc.ELOOP:
            report(worker, node, name, number, b"open")
        return 0
    if _refusal(worker, node, name, _REGULAR, b"read"):
        libc.close(fd)
        return 0
    if libc.fstat(fd, cython.address(st)) < 0:
        number = libc.errno
    elif st.st_mode & libc.S_IFMT == libc.S_IFREG and st.st_size <= _MOST:
        more = cython.cast(cython.p_char, libc.realloc(text[0], at + st.st_size + 1))
        if more == cython.NULL:
            number = libc.ENOMEM
        else:
            text[0] = more
            while at - size[0] < st.st_size:
                n = libc.read(fd, more + at, st.st_size - (at - size[0]))
                if n < 0 and libc.errno == libc.EINTR:
                    continue
                if n <= 0:
                    if n < 0:
                        number = libc.errno
                    break
                at += n
            if at - size[0] >= 3 and libc.memcmp(more + size[0], b"\xef\xbb\xbf", 3) == 0:
                more[size[0]] = more[size[0] + 1] = more[size[0] + 2] = 0x0A
            more[at] = 0x0A
            size[0] = at + 1
    libc.close(fd)
    if number:
        report(worker, node, name, number, b"read")
    return 0


def ignores(ignoring, worker, node, name, length, directory):
    # Whether a name in a directory is to be left out, with all below it.
    room: cython.pointer(Room)
    at: cython.long
    end: cython.long
    said: cython.int
    i: cython.int
    layer: cython.pointer(Layer)
    root: cython.pointer(Node) = node
    needed: cython.long = path_length(node) + length + 1
    longest: cython.int = 0
    for i in range(ignoring.layers):
        if ignoring.layer[i].length > longest:
            longest = ignoring.layer[i].length
    if length == 4 and libc.memcmp(name, b".git", 4) == 0 and _knows_git(ignoring):
        return 1
    needed += longest
    room = cython.cast(cython.pointer(Room), worker.own)
    if room == cython.NULL or room.size < needed:
        room = cython.cast(
            cython.pointer(Room), libc.realloc(worker.own, cython.sizeof(Room) + 2 * needed)
        )
        if room == cython.NULL:
            worker.engine.stop = 1
            return 1
        room.size = 2 * needed
        worker.own = room
    # The path grows to the left, on the way up.
    end = room.size
    at = end - length
    libc.memcpy(cython.address(room.data[at]), name, length)
    while True:
        if root.own != cython.NULL:
            said = ruleset_says(
                cython.cast(cython.pointer(Ruleset), root.own),
                cython.address(room.data[at]), end - at, directory,
            )  # fmt: skip
            if said >= 0:
                return said
        if root.second == _WITHIN:
            return ruleset_says(
                ignoring.everywhere, cython.address(room.data[at]), end - at, directory
            ) == 1  # fmt: skip
        if root.parent == cython.NULL:
            break
        at -= root.length + 1
        libc.memcpy(cython.address(room.data[at]), cython.address(root.name[0]), root.length)
        room.data[at + root.length] = 0x2F
        root = root.parent
    for i in range(ignoring.layers - 1, -1, -1):
        layer = cython.address(ignoring.layer[i])
        libc.memcpy(cython.address(room.data[at - layer.length]), layer.prefix, layer.length)
        said = ruleset_says(
            layer.rules, cython.address(room.data[at - layer.length]), end - at + layer.length,
            directory,
        )  # fmt: skip
        if said >= 0:
            return said
    return 0


def _knows_git(ignoring):
    # Whether the rules are git's, which never looks at what it keeps in ".git".
    return ignoring.count > 0 and libc.strcmp(ignoring.names, b".gitignore") == 0

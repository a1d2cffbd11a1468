"""What git reads besides the .gitignore files below a directory, for what it leaves out.

In the order of their weight, the least first: the file that `core.excludesFile` names, the
repository's info/exclude, and the .gitignore files from its top down to the directory.
"""

import errno
import re

from ostler.trees._how import Errors, How

# A file of rules that can't be one counts as none, as in git.
_NONE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP)
_MOST_INCLUDES = 10
_HEAD = re.compile(rb"ref:[ \t-\r]*refs/|[0-9A-Fa-f]{40}")
_MARK = b"\xef\xbb\xbf"  # of UTF-8, which some editors put at the beginning


def rules(machine, top, gitignore, names, how):
    """What a search below `top` leaves out, for Search: (names, layers, everywhere).

    `names`: of the files of rules in each directory, as bytes, the weakest first; `layers`: (the
    way from where the rules hold to the top, their text); `everywhere`: text of rules that hold in
    repositories that lie within, too.
    """
    names = [machine.fsencode(name) for name in names]
    for name in names:
        if not name or b"/" in name or b"\0" in name or name in (b".", b".."):
            raise ValueError(f"no name of a file: {machine.fsdecode(name)!r}")
    if not gitignore:
        return names, [], b""
    return [b".gitignore", *names], *_above(machine, top, Errors(how))


def content(machine, path, errors, follow=False):
    """The bytes of a file of rules, b"" when there is none; other errors go to `errors`."""
    flags = machine.O_RDONLY | machine.O_CLOEXEC | machine.O_NONBLOCK
    if not follow:
        flags |= machine.O_NOFOLLOW
    try:
        fd = machine.open(path, flags)
        try:
            text = _read(machine, fd)
        finally:
            machine.close(fd)
    except OSError as error:
        if error.errno not in _NONE:
            errors.take([error])
        return b""
    return text.removeprefix(_MARK)


def _read(machine, fd):
    parts = []
    while part := machine.read(fd, 65536):
        parts.append(part)
    return b"".join(parts)


def _above(machine, top, errors):
    # (layers, everywhere) for a directory that may lie in a repository.
    path = machine.path
    top = path.realpath(machine.fsencode(top))
    root = top
    while not _is_repository(machine, root):
        parent = path.dirname(root)
        if parent == root:
            return [], b""
        root = parent
    to_top = top[len(root.rstrip(b"/")) + 1 :]
    prefix = to_top + b"/" if to_top else b""
    common = _common_directory(machine, root, errors)
    everywhere = b""
    name = excludes_file(machine, path.join(common, b"config"), errors)
    if name is not None:
        everywhere = content(machine, path.join(root, name), errors, follow=True)
    exclude = content(machine, path.join(common, b"info/exclude"), errors, follow=True)
    layers = [(prefix, everywhere), (prefix, exclude)]
    at = root
    for name in to_top.split(b"/") if to_top else ():
        layers.append((prefix, content(machine, path.join(at, b".gitignore"), errors)))
        prefix = prefix[len(name) + 1 :]
        at = path.join(at, name)
    return [(prefix, text) for prefix, text in layers if text], everywhere


def _is_repository(machine, directory):
    # As git tells one from a directory that only has something called ".git".
    path = machine.path
    own = path.join(directory, b".git")
    no_matter = Errors(How(on_error="collect"))
    if not path.isdir(own):
        return content(machine, own, no_matter, follow=True).startswith(b"gitdir: ")
    head = path.join(own, b"HEAD")
    if path.islink(head):
        if not machine.readlink(head).startswith(b"refs/"):
            return False
    elif not _HEAD.match(content(machine, head, no_matter)):
        return False
    if path.lexists(path.join(own, b"commondir")):
        return True
    return all(path.lexists(path.join(own, name)) for name in (b"objects", b"refs"))


def _common_directory(machine, root, errors):
    # .git itself, or where a file in its place leads; a worktree's names the repository's own.
    path = machine.path
    directory = path.join(root, b".git")
    if not path.isdir(directory):
        text = content(machine, directory, errors)
        if text.startswith(b"gitdir:"):
            directory = path.join(root, text[7:].strip(b" \t\r\n"))
    common = content(machine, path.join(directory, b"commondir"), errors).strip(b"\r\n")
    return path.join(directory, common) if common else directory


def excludes_file(machine, own, errors):
    """The path that core.excludesFile names, as bytes, or git's default; None without a home.

    `own`: the configuration of the repository. Those of the system and of the user count, too.
    """
    environ = machine.environb
    home = environ.get(b"HOME", b"")
    there = environ.get(b"XDG_CONFIG_HOME") or (home + b"/.config" if home else b"")
    files = [b"/etc/gitconfig"] if b"GIT_CONFIG_NOSYSTEM" not in environ else []
    if b"GIT_CONFIG_GLOBAL" in environ:
        files.append(environ[b"GIT_CONFIG_GLOBAL"])
    else:
        files += [there + b"/git/config"] if there else []
        files += [home + b"/.gitconfig"] if home else []
    found = None
    for file in [*files, own]:
        for value in _values(machine, file, home, errors, 0):
            found = value
    if found is None:
        return there + b"/git/ignore" if there else None
    return _at_home(machine, found, home)


def _values(machine, file, home, errors, depth):
    """Each value of core.excludesFile in a configuration, with what that includes."""
    if depth > _MOST_INCLUDES:
        return
    for section, key, value in settings(content(machine, file, errors, follow=True)):
        if (section, key) == (b"core", b"excludesfile"):
            yield value
        elif (section, key) == (b"include", b"path"):
            included = machine.path.join(machine.path.dirname(file), _at_home(machine, value, home))
            yield from _values(machine, included, home, errors, depth + 1)


def _at_home(machine, value, home):
    if value.startswith(b"~/"):
        return home + value[1:]
    return machine.path.expanduser(value) if value.startswith(b"~") else value


def settings(text):
    """Each (section, key, value) of a configuration of git, all bytes, sections without names."""
    section = None
    at = 0
    text = text.replace(b"\r\n", b"\n")
    while at < len(text):
        c = text[at : at + 1]
        if c in b" \t\n":
            at += 1
        elif c in b"#;":
            at = _end(text, at)
        elif c == b"[":
            end = text.find(b"]", at)
            while b'"' in text[at:end] and end >= 0 and text[at:end].count(b'"') % 2:
                end = text.find(b"]", end + 1)
            if end < 0:
                return
            name = text[at + 1 : end].strip().lower()
            section = name if b'"' not in name and b"." not in name else b""
            at = end + 1
        else:
            end = _end(text, at)
            key, equals, _ = text[at:end].partition(b"=")
            if not equals:
                at = end
                continue
            value, at = _value(text, at + len(key) + 1)
            yield section, key.strip().lower(), value


def _end(text, at):
    end = text.find(b"\n", at)
    return len(text) if end < 0 else end


def _value(text, at):
    # The value that begins here, and where its line ends: quotes, escapes, comments, long lines.
    parts = bytearray()
    solid = 0  # as much of it is kept, whatever blanks follow
    quoted = False
    while at < len(text):
        c = text[at : at + 1]
        if c == b"\n":
            break
        if c == b"\\":
            at += 1
            escaped = text[at : at + 1]
            if escaped != b"\n":
                parts += {b"n": b"\n", b"t": b"\t", b"b": b"\b"}.get(escaped, escaped)
            solid = len(parts)
        elif c == b'"':
            quoted = not quoted
            solid = len(parts)
        elif c in b"#;" and not quoted:
            at = _end(text, at)
            break
        elif c in b" \t" and not quoted:
            if parts:
                parts += c
        else:
            parts += c
            solid = len(parts)
        at += 1
    return bytes(parts[:solid]), at

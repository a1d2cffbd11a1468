"""Dry runs: what `ostler copy` and `ostler remove` would do, and what they would refuse.

Nothing is changed; what would fail for a reason that can be seen beforehand is told as the run
itself tells it. What only shows while it is done (a full disk) is not foreseen.
"""

import errno

import ostler
from ostler import host
from ostler.cli import below
from ostler.cli.below import Below, failure, identity, is_directory, opened
from ostler.trees._run import split

_SPECIAL_DEVICES = (0o020000, 0o060000)


# ---- remove


def would_remove(path, options, teller):
    """The paths that would be removed, in an order in which they could be."""
    head, name = split(path)
    st = host.lstat(path)
    holder = opened(path, head, follow=True)
    try:
        if not is_directory(st):
            number = below.refuses_removal(holder, name, st)
            if number:
                raise failure(number, path)
            yield path
            return
        host.close(opened(path, name, holder))
        left = yield from _contents(path, options, teller)
        number = below.refuses_removal(holder, name, st)
        if left:
            return
        if number:
            raise failure(number, path)
        yield path
    finally:
        host.close(holder)


def _contents(top, options, teller):
    # What is below would go; whether some of it would stay.
    device = host.stat(top).st_dev
    unreadable = set()

    def failed(error):
        unreadable.add(error.filename)
        teller.error(error)

    found = ostler.trees.find(top, threads=options.threads, on_error=failed,
                              one_filesystem=options.one_file_system)  # fmt: skip
    names = sorted((_names_below(path, top) for path in found), reverse=True)
    kept = {_names_below(path, top) for path in unreadable}
    with Below(top) as places:
        yield from _going(places, names, kept, top, device, options, teller)
    return () in kept


def _going(places, names, kept, top, device, options, teller):
    # `kept`: the directories that stay, to which those are added above what stays.
    for parts in names:
        path = _joined(top, parts)
        try:
            directory = places.directory(parts[:-1])
            st = host.stat(parts[-1], dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            continue
        except OSError as error:
            if parts[:-1] not in kept:
                teller.error(failure(error.errno, path))
            kept.add(parts[:-1])
            continue
        if parts in kept:
            kept.add(parts[:-1])
            continue
        if options.one_file_system and is_directory(st) and st.st_dev != device:
            kept.add(parts[:-1])
            continue
        number = below.refuses_removal(directory, parts[-1], st)
        if number:
            teller.error(failure(number, path))
            kept.add(parts[:-1])
            continue
        yield path


def _names_below(path, top):
    rest = path[len(top) :]
    return tuple(name for name in rest.split("/") if name)


def _joined(top, names):
    return ostler.path.join(top, *names)


# ---- copy


def would_copy(source, target, existing, options, teller):
    """(source, target, whether something there is replaced) of all that would be made.

    `existing` is what trees.copy takes: "refuse", "merge" or "update".
    """
    top = opened(source, source, follow=True)
    head, name = split(target)
    try:
        st = host.stat(top)
        holder = opened(target, head, follow=True)
        try:
            outside = below.around(holder)
            _not_inside(source, target, st, outside)
            there = _root(source, target, name, holder, st, existing)
        finally:
            host.close(holder)
    finally:
        host.close(top)
    if there is None:
        yield source, target, False
    trees = [_CopiedTree(source, target, st, there, existing, options, teller, outside)]
    while trees:  # the first, and those that links lead to
        tree = trees.pop()
        yield from tree.all()
        trees += reversed(tree.followed)


def _not_inside(source, target, st, outside):
    if identity(st) in outside:
        raise OSError(errno.EINVAL, "the destination lies inside the source",
                      source, None, target)  # fmt: skip


def _root(source, target, name, holder, st, existing):
    # The stat result of the directory that is copied into; None when it would be made.
    try:
        host.stat(name, dir_fd=holder, follow_symlinks=False)
    except FileNotFoundError:
        number = below.refuses_change(holder)
        if number:
            raise failure(number, target) from None
        return None
    if existing == "refuse":
        raise failure(errno.EEXIST, target)
    fd = opened(target, name, holder)
    try:
        there = host.stat(fd)
    finally:
        host.close(fd)
    if ostler.path.samestat(there, st):
        raise OSError(errno.EINVAL, "the destination is the source", source, None, target)
    return there


class _CopiedTree:
    """What a copy of a tree would make below its root."""

    def __init__(self, source, target, st, there, existing, options, teller, outside, above=()):
        self.source = source
        self.target = target
        self.st = st
        self.there = there
        self.existing = existing
        self.options = options
        self.teller = teller
        self.directories = {(): there is not None}  # those that would be, and whether they are
        self.unreadable = set()
        self.outside = outside  # the directories that the destination lies in, for these links
        self.above = (*above, st)  # the directories around it, for links that lead there
        self.followed = []

    def all(self):
        options = self.options
        found = ostler.trees.find(
            self.source, exclude=options.exclude, threads=options.threads, on_error=self.failed,
            one_filesystem=options.one_file_system,
        )  # fmt: skip
        names = sorted(_names_below(path, self.source) for path in found)
        if self.there is None:
            yield from self.each(names, None)
        else:
            with Below(self.target) as targets:
                yield from self.each(names, targets)

    def failed(self, error):
        self.unreadable.add(_names_below(error.filename, self.source))
        self.teller.error(error)

    def each(self, names, targets):
        with Below(self.source) as sources:
            yield from self._each(names, sources, targets)

    def _each(self, names, sources, targets):
        for parts in names:
            if parts[:-1] not in self.directories or parts in self.unreadable:
                continue
            path = _joined(self.source, parts)
            try:
                replaces = self.one(parts, sources, targets)
            except FileNotFoundError as error:
                if error.filename == path:  # what a link leads to is not there
                    self.teller.error(error)
                continue  # it is gone
            except OSError as error:
                whole = error.filename2 is not None
                self.teller.error(error if whole else failure(error.errno, path))
                continue
            if replaces is not None:
                yield path, _joined(self.target, parts), replaces

    def one(self, parts, sources, targets):
        # Whether something is replaced; None when nothing is done.
        name = parts[-1]
        directory = sources.directory(parts[:-1])
        follow = self.options.follow_links
        try:
            st = host.stat(name, dir_fd=directory, follow_symlinks=follow)
        except FileNotFoundError:
            host.stat(name, dir_fd=directory, follow_symlinks=False)
            raise failure(errno.ENOENT, _joined(self.source, parts)) from None
        if follow and is_directory(st) and is_link(name, directory):
            return self.follow(parts, st, targets)
        if is_directory(st):
            if self.options.one_file_system and st.st_dev != self.st.st_dev:
                return None
            if self.there is not None and ostler.path.samestat(st, self.there):
                raise failure(errno.EINVAL)
        else:
            refuses_reading(name, directory, st, follow)
        place = targets.directory(parts[:-1]) if self.directories[parts[:-1]] else None
        return self.at_the_copy(parts, st, place)

    def at_the_copy(self, parts, st, place):
        """The same of what is not refused by the source; an error names the copy, too."""
        try:
            return self.into(parts, st, place)
        except OSError as error:
            names = _joined(self.source, parts), _joined(self.target, parts)
            raise failure(error.errno, *names) from None

    def follow(self, parts, st, targets):
        # A link to a directory, which is copied when all else is.
        link, copy = _joined(self.source, parts), _joined(self.target, parts)
        place = targets.directory(parts[:-1]) if self.directories[parts[:-1]] else None
        made = self.at_the_copy(parts, st, place)
        around = self.above
        for number in range(1, len(parts)):
            around = (*around, host.stat(_joined(self.source, parts[:number])))
        if any(ostler.path.samestat(st, other) for other in around):
            raise failure(errno.ELOOP, link)
        outside = self.around(parts[:-1], targets)
        _not_inside(link, copy, st, outside)
        there = host.stat(copy) if made is None else None
        host.close(opened(link, link, follow=True))
        self.followed.append(
            _CopiedTree(
                link, copy, st, there, self.existing, self.options, self.teller, outside, around
            )
        )
        return made

    def around(self, parts, targets):
        # The directories that are there and that one in the copy would lie in.
        while not self.directories[parts]:
            if not parts:
                return self.outside
            parts = parts[:-1]
        return below.around(targets.directory(parts))

    def into(self, parts, st, place):
        name = parts[-1]
        there = None
        if place is not None:
            try:
                there = host.stat(name, dir_fd=place, follow_symlinks=False)
            except FileNotFoundError:
                pass
        if is_directory(st):
            if there is not None:
                host.close(opened(name, name, place))
            elif place is not None:
                _writable(place)
            self.directories[parts] = there is not None
            return None if there is not None else False
        if there is not None and is_directory(there):
            raise failure(errno.EISDIR)
        if there is not None and self.existing == "update" and there.st_mtime_ns >= st.st_mtime_ns:
            return None
        if place is not None:
            _writable(place)
            number = below.refuses_removal(place, name, there) if there is not None else 0
            if number:
                raise failure(number)
        return there is not None


def _writable(place):
    number = below.refuses_change(place)
    if number:
        raise failure(number)


def is_link(name, directory):
    """Whether a name in an open directory is a link."""
    st = host.stat(name, dir_fd=directory, follow_symlinks=False)
    return st.st_mode & 0o170000 == 0o120000


def refuses_reading(name, directory, st, follow=False):
    """Raise the OSError with which an entry that is no directory could not be read, or made."""
    kind = st.st_mode & 0o170000
    if kind == 0o100000 and not host.access(
        name, host.R_OK, dir_fd=directory, effective_ids=True, follow_symlinks=follow
    ):
        raise failure(errno.EACCES)
    if kind in _SPECIAL_DEVICES and host.geteuid() != 0:
        raise failure(errno.EPERM)


def would_copy_entry(source, target, existing, follow=False):
    """(source, target, whether it is replaced) of a single entry; None when it is left."""
    head, name = split(source)
    if source.endswith("/"):
        raise failure(errno.ENOTDIR, source)
    to_head, to_name = split(target)
    holder = opened(source, head, follow=True)
    try:
        place = opened(target, to_head, follow=True)
        try:
            return _entry(source, target, existing, holder, name, place, to_name, follow)
        finally:
            host.close(place)
    finally:
        host.close(holder)


def _entry(source, target, existing, holder, name, place, to_name, follow):
    try:
        mine = host.stat(name, dir_fd=holder, follow_symlinks=False)
        st = host.stat(name, dir_fd=holder, follow_symlinks=follow)
    except OSError as error:
        raise failure(error.errno, source) from None
    try:
        there = host.stat(to_name, dir_fd=place, follow_symlinks=False)
    except FileNotFoundError:
        there = None
    if there is not None:
        if existing == "refuse":
            raise failure(errno.EEXIST, target)
        if ostler.path.samestat(there, mine):
            raise OSError(errno.EINVAL, "the destination is the source", source, None, target)
        if is_directory(there):
            raise failure(errno.EISDIR, target)
        if existing == "update" and there.st_mtime_ns >= st.st_mtime_ns:
            return None
    try:
        refuses_reading(name, holder, st, follow)
    except OSError as error:
        raise failure(error.errno, source) from None
    try:
        _writable(place)
        number = below.refuses_removal(place, to_name, there) if there is not None else 0
        if number:
            raise failure(number)
    except OSError as error:
        raise failure(error.errno, source, target) from None
    return source, target, there is not None

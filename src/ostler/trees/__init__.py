"""Whole trees at once: walk, find, size, remove, in parallel and without the GIL.

`ostler.trees` is the host's, or that of the machine which is installed where it is used;
`machine.trees` that of any machine. Every operation takes
`threads` (how many workers; the result is the same whatever it is), `on_error` ("raise",
"collect", or a function that is given each OSError), `progress` (a function given the counts so
far, some fifty times a second) and `one_filesystem` (stay on the root's file system). Links are
never followed below the root. What stops an operation carries what was done as its `done`.
"""

from ostler.core.asking import found
from ostler.core.crossing import the_host
from ostler.trees._how import How
from ostler.trees._results import Counts, Difference, Digest

_OPERATIONS = (
    "chmod",
    "chown",
    "compare",
    "copy",
    "count",
    "digest",
    "find",
    "remove",
    "size",
    "sizes",
    "walk",
)
__all__ = ["Counts", "Difference", "Digest", "Trees", *_OPERATIONS]


class Trees:
    """The operations on whole trees of one machine."""

    def __init__(self, machine, /):
        self._machine = machine

    def __repr__(self):
        return f"{self._machine!r}.trees"

    def __reduce__(self):
        return getattr, (self._machine, "trees")

    def walk(
        self,
        top,
        *,
        sort=False,
        max_depth=None,
        threads=None,
        on_error="raise",
        progress=None,
        one_filesystem=False,
    ):
        """Iterate over (directory, names of directories, other names), as os.walk does top-down.

        Directories are read ahead by several threads, in the order of os.walk (with `sort`, each
        directory's names in order): changing the lists has no effect on what follows. Those
        below `max_depth` (0: top itself) are only named.
        """
        from ostler.trees._find import Walked

        how = How(threads, on_error, progress, one_filesystem)
        return Walked(self._machine, top, how, sort, max_depth)

    def find(
        self,
        top,
        name=(),
        *,
        exclude=(),
        type=(),
        regex=None,
        ignore_case=False,
        size=(None, None),
        newer=None,
        older=None,
        min_depth=1,
        max_depth=None,
        sort=False,
        threads=None,
        on_error="raise",
        progress=None,
        one_filesystem=False,
        gitignore=False,
        ignore_files=(),
        executor=None,
    ):
        """Iterate over the paths of the entries below `top`, in no order or sorted.

        `name`: a pattern or patterns as fnmatch's, one of which the name matches; `exclude`: of
        names left out with all below; `type`: "file", "directory", "link", "fifo", "socket",
        "block", "character" or several; `regex`: searched for in the path below top;
        `ignore_case`: of letters in `name` and `regex`; `size`: least and most bytes; `newer`,
        `older`: bounds of the modification time, in seconds of the epoch; `gitignore`: leave out
        what git would: by the .gitignore files below `top` and above it up to the repository,
        .git/info/exclude and core.excludesFile, and .git itself; `ignore_files`: names of more
        files with such rules, such as ".ignore", the strongest last.
        """
        from ostler.trees._find import Search

        how = How(threads, on_error, progress, one_filesystem)
        expression = None
        if ignore_case:
            from ostler.trees._cases import expression_of

            expression = expression_of(_several(name), regex)
            name = ()
        elif regex is not None:
            import re

            expression = re.compile(regex).search
        wanted = {
            "patterns": _several(name),
            "exclude": _several(exclude),
            "kinds": _several(type),
            "sizes": size,
            "times": (newer, older),
        }
        ignoring = None
        ignore_files = _several(ignore_files)
        if gitignore or ignore_files:
            from ostler.trees._repository import rules

            if executor is not None:
                raise ValueError("gitignore, ignore_files and executor do not go together")
            ignoring = rules(self._machine, top, gitignore, ignore_files, how)
        if executor is not None:
            from ostler.trees import _pieces

            found = _pieces.find(
                self._machine, top, executor, how, wanted, min_depth, max_depth, expression
            )
        else:
            found = Search(
                self._machine, top, how, **wanted, least=min_depth, most=max_depth,
                expression=expression, ignoring=ignoring,
            )  # fmt: skip
        return iter(sorted(found)) if sort else found

    def count(self, top, *, threads=None, on_error="raise", progress=None, one_filesystem=False):
        """How many entries of which kinds the tree has, its root included; bytes are not asked."""
        from ostler.trees._size import number

        return number(self._machine, top, How(threads, on_error, progress, one_filesystem))

    def size(
        self,
        top,
        *,
        by_directory=False,
        exclude=(),
        files=False,
        threads=None,
        on_error="raise",
        progress=None,
        one_filesystem=False,
        executor=None,
    ):
        """What the tree holds, its root included: entries, bytes and disk use.

        A file with several names counts once. `by_directory` (True, or down to which depth)
        gives each directory's own totals too, a dictionary by path; with `files`, those of other
        entries as well. `exclude`: patterns of names left out with all below.
        """
        how = How(threads, on_error, progress, one_filesystem)
        if executor is not None:
            if by_directory is not False:
                raise ValueError("by_directory and executor do not go together")
            from ostler.trees import _pieces

            return _pieces.size(self._machine, top, executor, how, _several(exclude))
        from ostler.trees._size import measure

        counts, _ = measure(
            self._machine, top, how, by_directory, False, exclude=_several(exclude), files=files
        )
        return counts

    def sizes(
        self,
        tops,
        *,
        by_directory=False,
        exclude=(),
        files=False,
        threads=None,
        on_error="raise",
        progress=None,
        one_filesystem=False,
    ):
        """The Counts of several trees or single files, a list in their order.

        What belongs to more than one of them, by hard links or since one lies in the other,
        counts for the first; None stands for one that the earlier ones held already.
        """
        from ostler.trees._together import Several

        how = How(threads, on_error, progress, one_filesystem)
        several = Several(self._machine, how, by_directory, _several(exclude), files)
        return [several.add(top) for top in tops]

    def copy(
        self,
        top,
        to,
        *,
        machine=None,
        existing="refuse",
        exclude=(),
        follow_links=False,
        modes=True,
        owners=None,
        times=True,
        xattrs=True,
        hard_links=True,
        sparse=True,
        special=True,
        reflink="auto",
        threads=None,
        on_error="raise",
        progress=None,
        one_filesystem=False,
        executor=None,
    ):
        """Copy the tree `top` to the name `to` (of `machine`, else of this one); what was made.

        `existing`: "refuse" when `to` is there already, or "merge": directories are kept, other
        entries replaced, or "update": replaced where they were modified earlier than what comes.
        `exclude`: patterns of names left out with all below. Links stay links; with
        `follow_links` what they lead to is copied. `owners`: True, False, or None: where this
        process may give files away. `xattrs` are the access control lists too, with `modes`;
        without these all is as if it were new there, by the machine's umask or the directory's
        default list. `sparse`: holes stay holes. `special`: pipes, sockets and devices are made;
        else each is an error. `reflink`: "auto", "always" or "never" share the blocks of the files.
        """
        from ostler.trees import _copy

        if existing not in ("refuse", "merge", "update"):
            raise ValueError('existing must be "refuse", "merge" or "update"')
        if reflink not in ("auto", "always", "never"):
            raise ValueError('reflink must be "auto", "always" or "never"')
        how = How(threads, on_error, progress, one_filesystem)
        flags = _copy.flags(
            modes, owners, times, xattrs, hard_links, sparse, special, existing, follow_links
        )
        clone = ("never", "auto", "always").index(reflink)
        if follow_links:
            from ostler.trees._following import copy_following

            if executor is not None:
                raise ValueError("follow_links and executor do not go together")
            return copy_following(
                self._machine, top, to, machine or self._machine, how, flags, clone,
                _several(exclude), times,
            )  # fmt: skip
        if executor is not None:
            from ostler.trees import _pieces

            return _pieces.copy(
                self._machine, top, to, machine or self._machine, executor, how,
                flags | _copy.flags_of_pieces(), existing != "refuse", clone, _several(exclude),
            )  # fmt: skip
        return _copy.copy_tree(
            self._machine, top, to, machine or self._machine, how, flags, clone,
            exclude=_several(exclude),
        )  # fmt: skip

    def remove(
        self,
        top,
        *,
        threads=None,
        on_error="raise",
        progress=None,
        one_filesystem=False,
        executor=None,
    ):
        """Remove the directory `top` and all below it; the counts of what was removed."""
        how = How(threads, on_error, progress, one_filesystem)
        if executor is not None:
            from ostler.trees import _pieces

            return _pieces.remove(self._machine, top, executor, how)
        from ostler.trees._remove import remove_tree

        return remove_tree(self._machine, top, how)

    def chmod(
        self, top, mode, *, threads=None, on_error="raise", progress=None, one_filesystem=False
    ):
        """Set the mode of `top` and of all below it; the counts of what was set.

        `mode` is a number, or text as chmod(1) takes it ("u+rwX,go-w"). Links have no mode.
        """
        from ostler.trees._change import change_mode

        how = How(threads, on_error, progress, one_filesystem)
        return change_mode(self._machine, top, mode, how)

    def chown(
        self,
        top,
        uid=-1,
        gid=-1,
        *,
        threads=None,
        on_error="raise",
        progress=None,
        one_filesystem=False,
    ):
        """Set owner and group (-1: unchanged) of `top` and of all below it, links themselves."""
        from ostler.trees._change import change_owner

        how = How(threads, on_error, progress, one_filesystem)
        return change_owner(self._machine, top, uid, gid, how)

    def compare(
        self,
        first,
        second,
        *,
        machine=None,
        metadata=True,
        times=False,
        content=True,
        threads=None,
        on_error="raise",
        progress=None,
    ):
        """What differs between two trees (the second one on `machine`): Differences by path.

        Names and types, sizes, links' targets and devices always; `metadata`: modes and owners;
        `times`: of modification; `content`: byte by byte. The roots themselves are not compared.
        """
        from ostler.trees._compare import compare_trees

        how = How(threads, on_error, progress)
        return compare_trees(
            self._machine, first, second, machine or self._machine, how, metadata, times, content
        )

    def digest(
        self,
        top,
        algorithm="sha256",
        *,
        threads=None,
        on_error="raise",
        progress=None,
        one_filesystem=False,
        executor=None,
    ):
        """The Digest of the tree and of each of its files, by any algorithm of hashlib.

        The tree's is made of names, kinds, contents and links' targets, not of metadata.
        """
        from ostler.trees import _digest

        how = How(threads, on_error, progress, one_filesystem)
        return _digest.digest(self._machine, top, algorithm, how, executor)


def _several(value):
    return (value,) if isinstance(value, (str, bytes)) else tuple(value)


class _Here(Trees):
    # ostler.trees itself: as os, of the machine that is installed where it is asked.
    def __init__(self):
        pass

    @property
    def _machine(self):
        return found() or the_host()


for _name in _OPERATIONS:
    globals()[_name] = getattr(_Here(), _name)
del _name

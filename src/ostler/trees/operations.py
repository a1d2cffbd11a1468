"""Operations on whole trees of one machine: what each takes, and who does it."""

import errno

from ostler.trees._how import How
from ostler.trees._results import Counts, Difference, Digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Executor
    from typing import Any, AnyStr, Literal, TypeAlias

    from _typeshed import GenericPath as _Path
    from _typeshed import StrOrBytesPath

    from ostler.core.crossing import Core

    _OnError: TypeAlias = Literal["raise", "collect"] | Callable[[OSError], object]
    _Progress: TypeAlias = Callable[[Any], object] | None
    _Patterns: TypeAlias = str | bytes | Iterable[str | bytes]
    _Kind: TypeAlias = Literal["file", "directory", "link", "fifo", "socket", "block", "character"]

# What a copy keeps: the options of copy() that tell it, which in C are the members of Keep in
# _task.pxd. What `ostler copy` may leave out by its option --no-NAME has the words for that here.
KEEP: "dict[str, str | None]" = {
    "modes": None,
    "owners": "owners and groups",
    "times": None,
    "xattrs": "extended attributes and access control lists",
    "hard_links": None,
    "sparse": None,
    "special": None,
    "follow_links": None,
}
_OWNERS_IF_ALLOWED = 2


def kept(existing: str = "refuse", **options: "Any") -> "dict[str, Any]":
    """What a copy with these options keeps, as Keep in _task.pxd; the others are as by default."""
    defaults: Any = Trees.copy.__kwdefaults__
    keep = {name: options.get(name, defaults[name]) for name in KEEP}
    keep["owners"] = _OWNERS_IF_ALLOWED if keep["owners"] is None else bool(keep["owners"])
    return {**keep, "merge": existing != "refuse", "update": existing == "update"}


class Trees:
    """The operations on whole trees of one machine."""

    def __init__(self, machine: "Core", /) -> None:
        self._machine = machine

    def __repr__(self):
        return f"{self._machine!r}.trees"

    def __reduce__(self):
        return getattr, (self._machine, "trees")

    def walk(
        self,
        top: "_Path[AnyStr]",
        *,
        sort: bool = False,
        max_depth: "int | None" = None,
        threads: "int | None" = None,
        on_error: "_OnError" = "raise",
        progress: "_Progress" = None,
        one_filesystem: bool = False,
    ) -> "Iterator[tuple[AnyStr, list[AnyStr], list[AnyStr]]]":
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
        top: "_Path[AnyStr]",
        name: "_Patterns" = (),
        *,
        exclude: "_Patterns" = (),
        type: "_Kind | Iterable[_Kind]" = (),
        regex: "AnyStr | None" = None,
        ignore_case: bool = False,
        size: "tuple[int | None, int | None]" = (None, None),
        newer: "float | None" = None,
        older: "float | None" = None,
        min_depth: int = 1,
        max_depth: "int | None" = None,
        sort: bool = False,
        threads: "int | None" = None,
        on_error: "_OnError" = "raise",
        progress: "_Progress" = None,
        one_filesystem: bool = False,
        gitignore: bool = False,
        ignore_files: "_Patterns" = (),
        executor: "Executor | None" = None,
    ) -> "Iterator[AnyStr]":
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

    def count(
        self,
        top: "_Path[AnyStr]",
        *,
        threads: "int | None" = None,
        on_error: "_OnError" = "raise",
        progress: "_Progress" = None,
        one_filesystem: bool = False,
    ) -> "Counts":
        """How many entries of which kinds the tree has, its root included; bytes are not asked."""
        from ostler.trees._size import number

        return number(self._machine, top, How(threads, on_error, progress, one_filesystem))

    def size(
        self,
        top: "_Path[AnyStr]",
        *,
        by_directory: "bool | int" = False,
        exclude: "_Patterns" = (),
        files: bool = False,
        threads: "int | None" = None,
        on_error: "_OnError" = "raise",
        progress: "_Progress" = None,
        one_filesystem: bool = False,
        executor: "Executor | None" = None,
    ) -> "Counts":
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
        tops: "Iterable[StrOrBytesPath]",
        *,
        by_directory: "bool | int" = False,
        exclude: "_Patterns" = (),
        files: bool = False,
        threads: "int | None" = None,
        on_error: "_OnError" = "raise",
        progress: "_Progress" = None,
        one_filesystem: bool = False,
    ) -> "list[Counts | None]":
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
        top: "_Path[AnyStr]",
        to: "_Path[AnyStr]",
        *,
        machine: "Core | None" = None,
        existing: "Literal['refuse', 'merge', 'update']" = "refuse",
        exclude: "_Patterns" = (),
        follow_links: bool = False,
        modes: bool = True,
        owners: "bool | None" = None,
        times: bool = True,
        xattrs: bool = True,
        hard_links: bool = True,
        sparse: bool = True,
        special: bool = True,
        reflink: "Literal['auto', 'always', 'never']" = "auto",
        threads: "int | None" = None,
        on_error: "_OnError" = "raise",
        progress: "_Progress" = None,
        one_filesystem: bool = False,
        executor: "Executor | None" = None,
    ) -> "Counts":
        """Copy the tree `top` to the name `to` (of `machine`, else of this one); what was made.

        `existing`: "refuse" when `to` is there already, or "merge": directories are kept, other
        entries replaced, or "update": replaced where they were modified earlier than what comes.
        `exclude`: patterns of names left out with all below. Links stay links; with
        `follow_links` what they lead to is copied. `owners`: True, False, or None: where this
        process may give files away. `xattrs` are the access control lists too, with `modes`;
        without these all is as if it were new there, by the machine's umask or the directory's
        default list. `sparse`: holes stay holes. `special`: pipes, sockets and devices are made;
        else each is an error. `reflink`: "auto", "always" or "never" share the blocks of the files.
        The `filename` of an OSError is in `top`; where its copy could not be made or written, as on
        a full disk, `filename2` is where that should be.
        """
        given = locals()
        from ostler.trees import _copy

        if existing not in ("refuse", "merge", "update"):
            raise ValueError('existing must be "refuse", "merge" or "update"')
        if reflink not in ("auto", "always", "never"):
            raise ValueError('reflink must be "auto", "always" or "never"')
        how = How(threads, on_error, progress, one_filesystem)
        keep = kept(existing, **{name: given[name] for name in given.keys() & KEEP.keys()})
        clone = ("never", "auto", "always").index(reflink)
        if follow_links:
            from ostler.trees._following import copy_following

            if executor is not None:
                raise ValueError("follow_links and executor do not go together")
            return copy_following(
                self._machine, top, to, _other(machine, self._machine), how, keep, clone,
                _several(exclude),
            )  # fmt: skip
        if executor is not None:
            from ostler.trees import _pieces

            return _pieces.copy(
                self._machine, top, to, _other(machine, self._machine), executor, how, keep,
                clone, _several(exclude),
            )  # fmt: skip
        return _copy.copy_tree(
            self._machine, top, to, _other(machine, self._machine), how, keep, clone,
            exclude=_several(exclude),
        )  # fmt: skip

    def remove(
        self,
        top: "_Path[AnyStr]",
        *,
        threads: "int | None" = None,
        on_error: "_OnError" = "raise",
        progress: "_Progress" = None,
        one_filesystem: bool = False,
        executor: "Executor | None" = None,
    ) -> "Counts":
        """Remove the directory `top` and all below it; the counts of what was removed."""
        how = How(threads, on_error, progress, one_filesystem)
        if executor is not None:
            from ostler.trees import _pieces

            return _pieces.remove(self._machine, top, executor, how)
        from ostler.trees._remove import remove_tree

        return remove_tree(self._machine, top, how)

    def chmod(
        self,
        top: "_Path[AnyStr]",
        mode: "int | str",
        *,
        threads: "int | None" = None,
        on_error: "_OnError" = "raise",
        progress: "_Progress" = None,
        one_filesystem: bool = False,
    ) -> "Counts":
        """Set the mode of `top` and of all below it; the counts of what was set.

        `mode` is a number, or text as chmod(1) takes it ("u+rwX,go-w"). Links have no mode.
        """
        from ostler.trees._change import change_mode

        how = How(threads, on_error, progress, one_filesystem)
        return change_mode(self._machine, top, mode, how)

    def chown(
        self,
        top: "_Path[AnyStr]",
        uid: int = -1,
        gid: int = -1,
        *,
        threads: "int | None" = None,
        on_error: "_OnError" = "raise",
        progress: "_Progress" = None,
        one_filesystem: bool = False,
    ) -> "Counts":
        """Set owner and group (-1: unchanged) of `top` and of all below it, links themselves."""
        from ostler.trees._change import change_owner

        how = How(threads, on_error, progress, one_filesystem)
        return change_owner(self._machine, top, uid, gid, how)

    def compare(
        self,
        first: "_Path[AnyStr]",
        second: "_Path[AnyStr]",
        *,
        machine: "Core | None" = None,
        metadata: bool = True,
        times: bool = False,
        content: bool = True,
        threads: "int | None" = None,
        on_error: "_OnError" = "raise",
        progress: "_Progress" = None,
    ) -> "list[Difference]":
        """What differs between two trees (the second one on `machine`): Differences by path.

        Names and types, sizes, links' targets and devices always; `metadata`: modes and owners;
        `times`: of modification; `content`: byte by byte. The roots themselves are not compared.
        """
        from ostler.trees._compare import compare_trees

        how = How(threads, on_error, progress)
        return compare_trees(
            self._machine,
            first,
            second,
            _other(machine, self._machine),
            how,
            metadata,
            times,
            content,
        )

    def digest(
        self,
        top: "_Path[AnyStr]",
        algorithm: str = "sha256",
        *,
        threads: "int | None" = None,
        on_error: "_OnError" = "raise",
        progress: "_Progress" = None,
        one_filesystem: bool = False,
        executor: "Executor | None" = None,
    ) -> "Digest":
        """The Digest of the tree and of each of its files, by any algorithm of hashlib.

        The tree's is made of names, kinds, contents and links' targets, not of metadata.
        """
        from ostler.trees import _digest

        how = How(threads, on_error, progress, one_filesystem)
        return _digest.digest(self._machine, top, algorithm, how, executor)


def _other(machine, own):
    """The machine of a second tree, which is worked on in C, by descriptors."""
    if machine is not None and getattr(machine, "behind", machine) is not machine:
        what = "a tree of a machine over another: give the one behind, or call its own trees"
        raise OSError(errno.ENOSYS, what)
    return machine or own


def _several(value):
    return (value,) if isinstance(value, (str, bytes)) else tuple(value)

"""A PATH of `ostler find` that is no directory: it is tested itself, as find(1) does."""

import errno
import re
from fnmatch import fnmatchcase

import ostler

_KINDS = {
    0o100000: "file", 0o040000: "directory", 0o120000: "link", 0o010000: "fifo",
    0o140000: "socket", 0o060000: "block", 0o020000: "character",
}  # fmt: skip
_NO_DIRECTORY = (errno.ENOTDIR, errno.ENOENT, errno.ELOOP)


def is_single(path, error):
    """Whether an error means that this PATH is something else than a directory."""
    if error.errno not in _NO_DIRECTORY or error.filename != path:
        return False
    try:
        return kind_of(ostler.lstat(path)) != "directory"
    except OSError:
        return False


def kind_of(st):
    """The kind of a stat result, as trees.find calls it."""
    return _KINDS[st.st_mode & 0o170000]


def meets(path, filters):
    """Whether it is what is looked for; a name leads to it, as one below a PATH would."""
    st = ostler.lstat(path)
    name = ostler.path.basename(path)
    cased = str.lower if filters["ignore_case"] else str
    expression = filters["regex"]
    least, most = filters["size"]
    return (
        not any(fnmatchcase(name, pattern) for pattern in filters["exclude"])
        and (not filters["type"] or kind_of(st) in filters["type"])
        and (
            not filters["name"]
            or any(fnmatchcase(cased(name), cased(pattern)) for pattern in filters["name"])
        )
        and (
            expression is None
            or re.search(expression, name, re.IGNORECASE if filters["ignore_case"] else 0)
            is not None
        )
        and (least is None or least <= st.st_size)
        and (most is None or st.st_size <= most)
        and (filters["newer"] is None or int(filters["newer"]) <= int(st.st_mtime))
        and (filters["older"] is None or int(st.st_mtime) <= int(filters["older"]))
    )

"""Roles: what the arguments of each verb are, a path, a descriptor or something else.

They follow from the names of the parameters, which are the same in all verbs; where a name does not
tell, the exception is typed here. What a call has to do with a file is found by these alone, and
never guessed from the values.
"""

PATH = "path"  # a path, or a descriptor in its place where the verb takes one
FD = "fd"  # an open descriptor
DIR_FD = "dir_fd"  # the directory that a path begins in
PROGRAM = "program"  # a path, or a name that is looked for in PATH
PROGRAMS = "programs"  # a list whose first one is the program
TEXT = "text"  # what an error names as it names a path, and is none
OTHER = "other"

_BY_NAME = {
    "path": PATH, "src": PATH, "dst": PATH, "old": PATH, "new": PATH, "first": PATH,
    "second": PATH, "top": PATH, "cwd": PATH,
    "file": PROGRAM, "argv": PROGRAMS,
    "fd": FD, "fd2": FD, "in_fd": FD, "out_fd": FD,
    "dir_fd": DIR_FD, "src_dir_fd": DIR_FD, "dst_dir_fd": DIR_FD, "first_dir_fd": DIR_FD,
    "second_dir_fd": DIR_FD,
}  # fmt: skip
_BUT = {
    ("symlink", "src"): TEXT,
    ("copy_file_range", "src"): FD,
    ("copy_file_range", "dst"): FD,
    ("splice", "src"): FD,
    ("splice", "dst"): FD,
    ("fspath", "path"): OTHER,
    ("makedirs", "name"): PATH,
    ("removedirs", "name"): PATH,
    ("temporary_directory", "dir"): PATH,
    ("open_file", "file"): PATH,
    ("execv", "argv"): OTHER,
    ("execve", "argv"): OTHER,
    ("posix_spawn", "argv"): OTHER,
    ("posix_spawnp", "argv"): OTHER,
    ("posix_spawnp", "path"): PROGRAM,
}
# Those whose signature can't be had, as in os: what may be given by position, and defaults.
_UNSIGNED: dict[str, tuple[tuple[str, ...], dict]] = {
    "posix_spawn": (("path", "argv", "env"), {}),
    "posix_spawnp": (("path", "argv", "env"), {}),
    "register_at_fork": ((), {}),
    "utime": (("path", "times"), {"times": None, "dir_fd": None}),
}
# Without a path these act on the working directory.
_HERE = frozenset(("listdir", "scandir", "listxattr"))


class Shape:
    """A verb's parameters: their order, their roles, and what stands for those not given."""

    __slots__ = ("defaults", "names", "roles")

    def __init__(self, verb, names, defaults):
        self.names = tuple(names)
        self.roles = {name: role_of(verb, name) for name in (*names, *defaults)}
        self.defaults = defaults


def role_of(verb: str, name: str) -> str:
    """What the parameter of this name is in this verb."""
    return _BUT.get((verb, name)) or _BY_NAME.get(name, OTHER)


_shapes: dict[str, Shape] = {}


def shape(verb: str) -> Shape:
    """The Shape of a verb of a machine with a root of its own, which has all verbs."""
    found = _shapes.get(verb)
    if found is None:
        found = _shapes[verb] = _shape(verb)
    return found


def _shape(verb):
    from ostler.machines.rooted import Rooted

    if verb in _UNSIGNED:
        return Shape(verb, *_UNSIGNED[verb])
    import inspect

    names, defaults = [], {}
    for parameter in inspect.signature(getattr(Rooted, verb)).parameters.values():
        if parameter.name == "self" or parameter.kind is parameter.VAR_KEYWORD:
            continue
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            names.append(parameter.name)
        value = parameter.default
        if parameter.kind is not parameter.VAR_POSITIONAL and value is not parameter.empty:
            defaults[parameter.name] = value
    if verb in _HERE:
        defaults["path"] = "."
    return Shape(verb, names, defaults)


def bound(verb: str, args: tuple, kwargs: dict) -> dict:
    """{parameter: (role, value)} of a call, in whatever form it was made.

    What is not given has its default. A call that does not fit is not refused here: it is the
    verb's to do that.
    """
    of = shape(verb)
    given = dict(of.defaults)
    given.update(zip(of.names, args, strict=False))
    given.update(kwargs)
    if verb in _HERE and given.get("path") is None:
        given["path"] = "."
    return {name: (of.roles.get(name, OTHER), value) for name, value in given.items()}


def directory_of(name: str, call: dict):
    """The directory descriptor that the path of this parameter begins in, or None."""
    own = f"{name}_dir_fd"
    role, value = call.get(own) or call.get("dir_fd", (OTHER, None))
    return value if role == DIR_FD else None

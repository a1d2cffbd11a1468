"""Room: what a test's machine shows of the host, so that Python goes on there, and what it has."""

import sys
from typing import Any

from ostler.core import interpreter, mounts
from ostler.machine import host
from ostler.machines import binds
from ostler.verbs import environment

WORK = "/work"
TEMPORARY = "/tmp/of-pytest"  # where tmp_path is made
OF_A_USER = ("USER", "LOGNAME", "HOME")  # variables

# Of the host's settings those by which programs find names, addresses and certificates.
_SETTINGS = (
    "/etc/bash.bashrc", "/etc/ca-certificates", "/etc/gai.conf", "/etc/gitconfig", "/etc/host.conf",
    "/etc/hostname", "/etc/hosts", "/etc/ld.so.preload", "/etc/locale.alias", "/etc/locale.conf",
    "/etc/machine-id", "/etc/magic", "/etc/mime.types", "/etc/os-release", "/etc/pki",
    "/etc/profile", "/etc/protocols", "/etc/resolv.conf", "/etc/services", "/etc/shells",
    "/etc/ssl", "/etc/timezone",
)  # fmt: skip
_LISTS_OF_DIRECTORIES = ("PATH", "LD_LIBRARY_PATH")
_OF_TMP_PATH = 2  # that pytest makes: the directory, and the link to the last one of its name
_MOST = 200  # entries of a directory that are shown one by one

_known: "tuple[Any, list[bytes]]" = (None, binds.sources(None))


# Of the marker those that are about the machine.
OPTIONS = ("size", "inodes", "bind", "user")


def made(item: "Any", process: bool = False) -> "Any":
    """The scratch machine of a test, as its marker says; one for its process with what that needs.

    UsageError for a marker that nobody understands.
    """
    import pytest

    import ostler

    marker = item.get_closest_marker("scratch")
    options = {} if marker is None else dict(marker.kwargs)
    if marker is not None and marker.args:
        raise pytest.UsageError(f"the marker scratch takes keywords: {', '.join(OPTIONS)}")
    options.pop("strict", None)  # which is installed_scratch's
    if not isinstance(options.pop("process", False), bool):
        raise pytest.UsageError("the marker scratch takes True or False for process")
    unknown = options.keys() - set(OPTIONS)
    if unknown:
        names = ", ".join(sorted(unknown))
        raise pytest.UsageError(f"the marker scratch has no {names}; it takes {', '.join(OPTIONS)}")
    if process:
        return _made_for_process(item, options)
    if not options.get("bind") or options.get("inodes") is None:
        return ostler.scratch(**options)
    del options["inodes"]  # for which what is shown doesn't count
    machine = ostler.scratch(**options)
    try:
        leave_uncounted(item, machine, files_on(machine) - 1)
    except BaseException:
        machine.close()
        raise
    return machine


def _made_for_process(item, options):
    import ostler

    bind = options.pop("bind", None)
    options.pop("inodes", None)
    own = binds.sources(bind)  # which says what is wrong with it
    machine = ostler.scratch(bind=binds.joined(shown(item), own), **options)
    try:
        _take_variables(machine)
        furnish_for_process(machine)
        _let_make_machines(machine)
        later = _OF_TMP_PATH if "tmp_path" in item.fixturenames else 0
        leave_uncounted(item, machine, files_on(machine) - 1 + later)
    except BaseException:
        machine.close()
        raise
    return machine


def files_on(machine: "Any") -> int:
    """How many files there are on a machine, its root directory being one."""
    found = status(machine)
    return int(found.f_files - found.f_ffree)


def status(machine: "Any") -> "Any":
    """What there is of room on a machine, as statvfs() tells it, whatever becomes of its "/"."""
    from ostler.machine import host

    return host.fstatvfs(machine._root)


def leave_uncounted(item: "Any", machine: "Any", number: int) -> None:
    """Don't count so many more files, which a test's plugins have made, as the test's `inodes`."""
    marker = item.get_closest_marker("scratch")
    inodes = None if marker is None else marker.kwargs.get("inodes")
    if not hasattr(machine, "_uncounted"):
        return  # it is one of the test's own making
    machine._uncounted += number
    if inodes is not None and number:
        machine.resize(inodes=inodes)


def _take_variables(machine):
    # Those that the test will have: the process's, as they are now.
    own = {}
    if getattr(machine, "_is_anothers", False):
        own = {name: machine.environ.get(name) for name in OF_A_USER}
    now = interpreter.os.environ
    machine.environ = environment.of_variables(getattr(now, "_data", now))
    for name, value in own.items():
        machine.environ.pop(name, None)
        if value is not None:
            machine.environ[name] = value


def _let_make_machines(machine):
    """Show an ordinary user /proc as it is: who makes a namespace has to write there.

    Root, which needs none for it, could change the host there.
    """
    if machine._user_ns >= 0 and host.geteuid():
        steps = [(mounts.CLONE_TREE, b"proc", b"/proc", None, None, None, False)]
        mounts.build(machine._root, machine._user_ns, machine._mount_ns, steps)


def furnish(machine: "Any") -> None:
    """Give a machine an empty /tmp, and an empty /work where it stands."""
    owner = machine.getuid(), machine.getgid()
    with machine.as_root():
        machine.makedirs("/tmp", exist_ok=True)
        machine.chmod("/tmp", 0o1777)
        machine.makedirs(WORK, exist_ok=True)  # what was bound may lie in it
        machine.chown(WORK, *owner)
    machine.environ.pop("TMPDIR", None)
    machine.chdir(WORK)


def furnish_for_process(machine: "Any") -> None:
    """As furnish(), with a home, and a directory for tmp_path."""
    furnish(machine)
    owner = machine.getuid(), machine.getgid()
    home = machine.environ.get("HOME", "")
    with machine.as_root():
        if home.startswith("/") and not machine.path.lexists(home):
            machine.makedirs(home)
            machine.chown(home, *owner)
        machine.mkdir(TEMPORARY, 0o700)
        machine.chown(TEMPORARY, *owner)


def shown(item: "Any") -> "list[bytes]":
    """The paths of the host that the machine of a test shows, read-only."""
    global _known
    config = item.config
    here = host.fsencode(item.path.parent)
    variables = [interpreter.os.environ.get(name) for name in ("HOME", *_LISTS_OF_DIRECTORIES)]
    key = (config.rootpath, len(sys.modules), tuple(sys.path), here, *variables)
    if _known[0] != key:
        roots = [*_of_python(), *_of_variables(), config.rootpath, here]
        found = [*filter(host.path.lexists, _SETTINGS)]
        for root in roots:
            found += _piece(root, here)
        paths = {path for each in found for path in _with_target(each)}
        _known = key, binds.joined(paths.union(map(host.fsencode, binds.shell())), ())
    return _known[1]


def there_before(item: "Any", machine: "Any") -> "frozenset[str]":
    """What is on the machine of a test before it: what is shown, and where it lies."""
    found = {"/tmp", WORK, TEMPORARY, *_upwards(machine.environ.get("HOME", "/"))}
    for path in shown(item):
        found.update(_upwards(host.fsdecode(path)))
    return frozenset(found)


def _upwards(path):
    parts = path.split("/")
    return ["/".join(parts[:number]) for number in range(2, len(parts) + 1)]


def _of_python():
    # Where modules are, loaded ones and others; editable ones lie where sys.path doesn't lead.
    found = [sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix]
    found += [path for path in sys.path if isinstance(path, str)]
    for name, module in list(sys.modules.items()):
        if "." not in name:
            found += _of_module(module)
    return found


def _of_module(module):
    try:
        paths = list(getattr(module, "__path__", ()))
        file = getattr(module, "__file__", None)
    except Exception:  # a module may be any object
        return []
    paths = paths or [file]
    return [path for path in paths if isinstance(path, str) and path.startswith("/")]


def _of_variables():
    lists = [interpreter.os.environ.get(name, "").split(":") for name in _LISTS_OF_DIRECTORIES]
    paths = [path for each in lists for path in each if path.startswith("/")]
    return [path for path in paths if host.access(path, host.R_OK | host.X_OK)]


def _piece(path, here):
    """The path itself, or its entries where the machine has a directory of its own there."""
    path = host.path.abspath(host.fsencode(path))
    if path == b"/":
        # The host as a whole is not shown: of a test in it, the files beside it.
        return _files(path) if here == path else []
    if not host.path.lexists(path):
        return []
    return _entries(path) if path in _own() else [path]


def _own():
    home = host.fsencode(interpreter.os.environ.get("HOME", "/"))
    places = [b"/tmp", b"/dev/shm", WORK.encode(), home]
    return {*places, *(host.path.realpath(place) for place in places)}


def _entries(path):
    try:
        names = host.listdir(path)
    except OSError:
        return []
    names.sort(key=lambda name: (not name.endswith(b".py"), name))
    return [host.path.join(path, name) for name in names[:_MOST]]


def _files(path):
    return [each for each in _entries(path) if host.path.isfile(each)]


def _with_target(path):
    """The path, and what it leads to where it goes over links."""
    path = host.path.abspath(host.fsencode(path))
    target = host.path.realpath(path)
    if target == path or target == b"/" or not host.path.exists(target):
        return [path]
    return [path, target]

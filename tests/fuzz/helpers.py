"""What generated lines can name beside os: values of odd types, and longer courses of calls."""

import contextlib

VARIABLES = tuple(f"{kind}{number}" for kind in "xyz" for number in range(6))
CLOSED = 987_654_321


class Text(str):
    """A subclass of str."""


class Bytes(bytes):
    """A subclass of bytes."""


class Item(str):
    """Text that answers for its parts itself."""

    def __getitem__(self, index):
        return "Z"


class Path:
    """What stands for a path, or raises instead."""

    def __init__(self, path):
        self.path = path

    def __fspath__(self):
        if isinstance(self.path, BaseException):
            raise self.path
        return self.path

    def __repr__(self):
        return f"Path({self.path!r})"


class Index:
    """A number that is no int."""

    def __init__(self, number):
        self.number = number

    def __index__(self):
        return self.number


def made(system, call, *args, **keywords):
    """One call of system, as a value: for courses that go on after an error."""
    try:
        return getattr(system, call)(*args, **keywords)
    except Exception as error:
        return error


def entries(system, path, changes=(), order=()):
    """What scandir says of each entry, after changes of the tree; sorted by name."""
    with system.scandir(path) as found:
        listed = sorted(found, key=lambda entry: entry.name)
    said = []
    for number, entry in enumerate(listed):
        if number == len(listed) // 2:
            said += [made(system, *change) for change in changes]
        answers = [entry.name, entry.path, repr(entry), system.fspath(entry)]
        for question, keywords in order:
            try:
                answers.append(getattr(entry, question)(**keywords))
            except Exception as error:
                answers.append(error)
        answers.append(type(entry.inode()))
        said.append(answers)
    return said


def partly(system, path, count):
    """As many entries of an iterator, which is then closed, and asked once more."""
    found = system.scandir(path)
    with contextlib.suppress(StopIteration):
        for _ in range(count):
            next(found)
    found.close()
    return list(found)


def walked(system, name, top, *, change=(), put=None, stop=20, raising=False, **keywords):
    """The steps of a walk, with changes of the tree and of `dirs` in its course."""
    said = []

    def onerror(error):
        said.append(("error", error))
        if raising:
            raise error

    if raising is not None:
        keywords["onerror"] = onerror
    walking = getattr(system, name)(top, **keywords)
    try:
        for number, step in enumerate(walking):
            at, dirs, files = step[:3]
            with contextlib.suppress(TypeError):  # names that can't be compared are left
                dirs.sort()
            said.append((at, list(dirs), sorted(files)))
            if len(step) == 4:
                said.append(system.fstat(step[3]).st_mode)
            for when, call, *args in change:
                if when == number:
                    said.append(made(system, call, *args))
            if put is not None and put[0] == number:
                dirs[put[1]] = put[2]
            if number + 1 >= stop:
                break
    except Exception as error:
        said.append(error)
    walking.close()
    return said


def spoken(system, command, mode="r", *, text="", buffering=-1, how="with"):
    """What popen's stream says, and what comes of closing it."""
    stream = system.popen(command, mode, buffering)
    if how == "dropped":
        return None
    said = []
    if mode == "w":
        said.append(stream.write(text))
        if how == "close twice":
            said.append(stream.close())
    elif how == "lines":
        said += list(stream)
    elif how == "part":
        said.append(stream.read(1))
    else:
        said.append(stream.read())
    said += [stream.close(), stream._proc.returncode]
    return said


def waited(system, pid):
    """The exit code of a child."""
    return system.waitstatus_to_exitcode(system.waitpid(pid, 0)[1])


NAMES = {
    "Text": Text, "Bytes": Bytes, "Item": Item, "Path": Path, "Index": Index, "CLOSED": CLOSED,
    "made": made, "entries": entries, "partly": partly, "walked": walked, "spoken": spoken,
    "waited": waited,
}  # fmt: skip

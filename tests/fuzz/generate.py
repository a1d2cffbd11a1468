"""Programs from numbers: the same number and topic always give the same lines."""

from tests.fuzz import calls, courses
from tests.fuzz.maker import Maker

TOPICS = {
    function.__name__: function
    for function in (
        courses.commands, calls.descriptors, courses.directories, calls.environment, calls.files,
        calls.links, calls.paths, calls.utimes, courses.walks, calls.xattrs,
    )
}  # fmt: skip
LENGTHS = {"commands": 4, "walks": 4}


def program(topic, number):
    """The lines of one program."""
    m = Maker(f"{topic} {number}")
    step = TOPICS[topic]
    length = m.random.randrange(2, 2 * LENGTHS.get(topic, 9))
    if topic in ("descriptors", "walks", "directories", "xattrs"):
        m.open()
    while len(m.lines) < length and not m.ended:
        step(m)
    return m.lines

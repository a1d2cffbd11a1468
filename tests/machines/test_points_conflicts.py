"""Conflicts of a commit of what was changed again after a point: only those that are some."""

import contextvars  # noqa: F401  # an ordinary user can't read the interpreter's files everywhere
import os

import pytest

import ostler
from tests.machines.rehearsing import put, put_on, text

pytestmark = pytest.mark.usefixtures("as_user")

# What is done after a point to /new, which was made before it, and where its text is then.
AGAIN = {
    "written": (lambda m: put_on(m, "/new", b"one two"), "new", "one two"),
    "append": (lambda m: _append(m, "/new"), "new", "one!"),
    "chmod": (lambda m: m.chmod("/new", 0o600), "new", "one"),
    "utime": (lambda m: m.utime("/new", (1, 1)), "new", "one"),
    "rename": (lambda m: m.rename("/new", "/other"), "other", "one"),
    "rename over": (lambda m: m.rename("/new", "/newer"), "newer", "one"),
}
# What somebody else does meanwhile in the same directory of the base.
MEANWHILE = {
    "makes": lambda base: put(f"{base}/theirs", "t"),
    "removes": lambda base: os.remove(f"{base}/there"),
    "renames": lambda base: os.rename(f"{base}/there", f"{base}/moved"),
}


def _append(m, path):
    with m.open_file(path, "ab") as file:
        file.write(b"!")


@pytest.fixture(params=[False, True], ids=["in memory", "kept"])
def upper(request, folder):
    return f"{folder}/kept" if request.param else None


@pytest.fixture(params=[1, 3], ids=["a point", "three points"])
def points(request):
    return request.param


@pytest.mark.parametrize("meanwhile", MEANWHILE)
def test_what_was_made_and_changed_again(base, upper, points, meanwhile):
    """Other changes in its directory are no conflict, whatever was done to it after a point."""
    for again, (change, name, content) in AGAIN.items():
        home = f"{base}/{again}"
        put(f"{home}/there", "there")
        kept = upper and f"{upper}-{again.replace(' ', '-')}"
        if kept:
            os.mkdir(kept, 0o700)
        with ostler.rehearsal(home, upper=kept) as m:
            put_on(m, "/new", b"one")
            put_on(m, "/newer", b"")
            for _ in range(points):
                m.checkpoint()
            change(m)
            MEANWHILE[meanwhile](home)
            m.commit()
        assert text(f"{home}/{name}") == content, again


@pytest.mark.parametrize("squashed", [False, True])
def test_what_was_there_and_is_removed_by_another(base, upper, points, squashed):
    """What is a copy of the base's own stays a conflict where that is gone."""
    if upper:
        os.mkdir(upper, 0o700)
    put(f"{base}/before", "b")
    put(f"{base}/after", "a")
    with ostler.rehearsal(base, upper=upper) as m:
        _append(m, "/before")
        put_on(m, "/new", b"n")
        made = [m.checkpoint() for _ in range(points)]
        _append(m, "/before")
        _append(m, "/after")
        if squashed:
            for point in made:
                m.drop(point)
        os.remove(f"{base}/before")
        os.remove(f"{base}/after")
        with pytest.raises(ostler.CommitConflict) as caught:
            m.commit()
        assert [os.path.basename(path) for path in caught.value.paths] == ["after", "before"]
    assert os.listdir(base) == []

"""What is mounted below the base is unmounted on the host while a rehearsal goes on, or is kept."""

import errno
import os
import subprocess

import pytest

import ostler
from ostler.cli import main
from ostler.core import mounts
from tests.machines.rehearsing import got, put_on
from tests.machines.test_points_kept_mounts import places  # noqa: F401
from tests.test_durable import own_mounts  # noqa: F401


def unmount(base, removes):
    subprocess.run(["umount", "-l", base / "other"], check=True)
    if removes:
        (base / "other").rmdir()


@pytest.mark.parametrize("removes", [False, True], ids=["its directory stays", "that goes, too"])
@pytest.mark.parametrize("pointed", [False, True], ids=["no points", "points"])
def test_where_nothing_was_changed_in_it(places, removes, pointed):  # noqa: F811
    """The rest is told, pointed, undone and committed as ever."""
    base, _, mount = places
    mount()
    with ostler.rehearsal(base) as m:
        if pointed:
            m.checkpoint()
        put_on(m, "/file", b"one")
        unmount(base, removes)
        assert [(c.kind, c.path) for c in m.changes()] == [("modified", str(base / "file"))]
        point = m.checkpoint()
        put_on(m, "/file", b"two")
        m.rollback(point)
        assert [(c.kind, c.path) for c in m.commit()] == [("modified", str(base / "file"))]
    assert (base / "file").read_text() == "one"
    assert os.path.lexists(base / "other") is not removes


@pytest.mark.parametrize("kept", [False, True], ids=["in memory", "kept"])
def test_where_something_was_changed_in_it(places, kept):  # noqa: F811
    """Nothing is told or done without it, and nothing is lost."""
    base, upper, mount = places
    mount()
    with ostler.rehearsal(base, upper=upper if kept else None) as m:
        put_on(m, "/file", b"one")
        put_on(m, "/other/there", b"two")
        unmount(base, True)
        for call in (m.changes, m.commit):
            with pytest.raises(OSError, match="and changed, is not mounted now") as caught:
                call()
            assert (caught.value.errno, caught.value.filename) == (errno.ESTALE, f"{base}/other")
        if not kept:
            upper.rmdir()
            m.keep(upper)
    # Without any point, too: what is left out of the state would be removed in the end.
    for _ in range(2):
        with pytest.raises(OSError, match="not mounted now") as caught:
            ostler.rehearsal(base, upper=upper)
        assert (caught.value.errno, caught.value.filename) == (errno.ESTALE, "/other")
    assert (base / "file").read_text() == "base"
    (base / "other").mkdir()
    mount()
    with ostler.rehearsal(base, upper=upper) as m:
        assert m.open_file("/other/there").read() == "two"
        assert m.open_file("/file").read() == "one"


def test_what_can_not_be_shown_is_kept(places, capsys, monkeypatch, tmp_path):  # noqa: F811
    """A rehearsal of the command line whose changes can't be listed any more does not drop them."""
    base, _, mount = places
    mount()
    monkeypatch.chdir(base)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    script = f"echo two >other/there; nsenter -t {os.getpid()} -m umount -l {base}/other"
    script += f"; nsenter -t {os.getpid()} -m rmdir {base}/other"
    assert main(["rehearse", "--commit", "sh", "-c", script]) != 0
    said = capsys.readouterr().err
    assert "and changed, is not mounted now" in said
    (directory,) = tmp_path.glob("ostler-kept-*")
    assert f"kept in {directory}; this goes on with it: ostler rehearse --kept {directory}" in said
    (base / "other").mkdir()
    mount()
    with ostler.rehearsal("/", upper=directory) as m:
        assert m.open_file(f"{base}/other/there").read() == "two\n"


def before_mounting(monkeypatch, *steps):
    """Have these be done, one before each of the next times that anything is mounted."""
    waiting, real = list(steps), mounts.build

    def build(*args):
        if waiting:
            waiting.pop(0)()
        return real(*args)

    monkeypatch.setattr(mounts, "build", build)


@pytest.mark.parametrize("kept", [False, True], ids=["in memory", "kept"])
@pytest.mark.parametrize("removes", [False, True], ids=["its directory stays", "that goes, too"])
@pytest.mark.parametrize("call", ["checkpoint", "rollback"])
def test_in_the_middle_of_a_point(places, monkeypatch, call, removes, kept):  # noqa: F811
    """What was changed there is not laid over what is there now, and all is as it was before."""
    base, upper, mount = places
    mount()
    with ostler.rehearsal(base, upper=upper if kept else None) as m:
        m.checkpoint("first")
        put_on(m, "/file", b"one")
        put_on(m, "/other/there", b"two")
        before_mounting(monkeypatch, lambda: unmount(base, removes))
        with pytest.raises(OSError, match="and changed, is not mounted now") as caught:
            m.checkpoint() if call == "checkpoint" else m.rollback("first")
        assert (caught.value.errno, caught.value.filename) == (errno.ESTALE, f"{base}/other")
        assert (got(m, "/file"), got(m, "/other/there")) == ("one", "two")
        assert [point.name for point in m.points()] == ["first"]
        put_on(m, "/file", b"three")
        put_on(m, "/other/there", b"four")
    if kept:
        (base / "other").mkdir(exist_ok=True)
        mount()
        with ostler.rehearsal(base, upper=upper) as m:
            assert (got(m, "/file"), got(m, "/other/there")) == ("three", "four")
            m.rollback("first")
            assert (got(m, "/file"), got(m, "/other/there")) == ("base", "there")


def test_everything_in_the_middle_of_a_point(places, monkeypatch):  # noqa: F811
    """What the machine shows of it is all that is left of it: it goes on with that."""
    base, upper, mount = places
    mount()
    (base.parent / "bound").write_text("bound")
    (base / "bound").write_text("")
    subprocess.run(["mount", "--bind", base.parent / "bound", base / "bound"], check=True)

    def unmount_the_file():
        subprocess.run(["umount", "-l", base / "bound"], check=True)
        (base / "bound").unlink()

    with ostler.rehearsal(base, upper=upper) as m:
        m.checkpoint("first")
        put_on(m, "/other/there", b"two")
        before_mounting(monkeypatch, lambda: unmount(base, True), unmount_the_file)
        with pytest.raises(OSError, match="and changed, is not mounted now"):
            m.checkpoint()
        assert (got(m, "/bound"), got(m, "/other/there")) == ("bound", "two")
        with pytest.raises(OSError, match="Read-only"):
            put_on(m, "/bound", b"")
        put_on(m, "/file", b"three")
        put_on(m, "/other/there", b"four")
    (base / "other").mkdir()
    mount()
    with ostler.rehearsal(base, upper=upper) as m:
        assert (got(m, "/file"), got(m, "/other/there")) == ("three", "four")
        m._history.background.finish()
        stores = {*m._history.paths(), *(overlay.store for overlay in m._overlays)}
        named = {store.decode().split("/")[1] for store in stores if b"/" in store}
        assert set(os.listdir(upper / "layers")) <= {*named, str(m._history.ahead)}

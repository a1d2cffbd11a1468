"""What is mounted below the base is unmounted on the host while a rehearsal goes on, or is kept."""

import errno
import os
import subprocess

import pytest

import ostler
from ostler.cli import main
from tests.machines.rehearsing import put_on
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
    assert f"kept in {directory}; ostler rehearse --kept {directory}" in said
    (base / "other").mkdir()
    mount()
    with ostler.rehearsal("/", upper=directory) as m:
        assert m.open_file(f"{base}/other/there").read() == "two\n"

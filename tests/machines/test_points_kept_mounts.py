"""Points on disk of a base in which other file systems are mounted: each has layers of its own."""

import errno
import os
import subprocess

import pytest

import ostler
from ostler import MachineUnavailable, cli
from ostler.machines.rehearsal import layers
from tests.machines import let_all_in
from tests.machines.rehearsing import USER, forked, put, put_on, view
from tests.test_durable import own_mounts  # noqa: F401


@pytest.fixture
def places(tmp_path, own_mounts):  # noqa: F811
    """(base, upper, mount): a base with a directory upon which mount() mounts a file system."""
    base, upper = tmp_path / "base", tmp_path / "kept"
    put(str(base / "file"), "base")
    (base / "other").mkdir()
    upper.mkdir(0o700)
    tmp_path.chmod(0o755)
    let_all_in(tmp_path)

    def mount():
        subprocess.run(["mount", "-t", "tmpfs", "small", base / "other"], check=True)
        (base / "other" / "there").write_text("there")

    yield base, upper, mount
    subprocess.run(["umount", base / "other"], check=False, capture_output=True)


def test_each_has_its_layers(places):
    base, upper, mount = places
    mount()
    with ostler.rehearsal(base, upper=upper) as m:
        put_on(m, "/file", b"one")
        m.checkpoint()
        put_on(m, "/other/there", b"two")
        m.checkpoint()
        put_on(m, "/other/more", b"three")
        shown = view(m)
    with ostler.rehearsal(base, upper=upper) as m:
        assert view(m) == shown
        m.rollback("1")
        assert m.open_file("/other/there").read() == "there"
        assert m.open_file("/file").read() == "one"
        m.redo()
        assert view(m) == shown
        with m.at("2") as then:
            assert not then.path.exists("/other/more")


def test_what_can_not_be_mounted_can_be_discarded(places, tmp_path):
    """As where something was mounted that only root may lay anything over."""
    base, upper, mount = places
    for directory in (tmp_path, base, base / "other", upper):
        os.chown(directory, USER, USER)

    def begin():
        with ostler.rehearsal(base, upper=upper) as m:
            put_on(m, "/new", b"one")

    def discard():
        with pytest.raises(MachineUnavailable, match="something is mounted below"):
            ostler.rehearsal(base, upper=upper)
        assert cli.main(["discard", str(upper)]) == 0

    forked(begin, USER)
    mount()
    forked(discard, USER)
    assert not upper.exists()
    assert (base / "other" / "there").read_text() == "there"


def test_what_is_not_mounted_any_more(places):
    """What was changed there could not be shown: it is refused, and is there when it is again."""
    base, upper, mount = places
    mount()
    with ostler.rehearsal(base, upper=upper) as m:
        m.checkpoint()
        put_on(m, "/file", b"one")
        m.checkpoint()
    subprocess.run(["umount", base / "other"], check=True)
    with ostler.rehearsal(base, upper=upper) as m:  # nothing was changed in it
        assert len(m.points()) == 2
    mount()
    with ostler.rehearsal(base, upper=upper) as m:
        put_on(m, "/other/there", b"two")
        m.checkpoint()
    subprocess.run(["umount", base / "other"], check=True)
    before = sorted(os.listdir(upper / "layers"))
    with pytest.raises(OSError, match="not mounted now") as caught:
        ostler.rehearsal(base, upper=upper)
    assert (caught.value.errno, caught.value.filename) == (errno.ESTALE, "/other")
    assert sorted(os.listdir(upper / "layers")) == before
    mount()
    with ostler.rehearsal(base, upper=upper) as m:
        assert m.open_file("/other/there").read() == "two"
        m.rollback("2")
        assert m.open_file("/other/there").read() == "there"


@pytest.mark.parametrize("kept", [False, True], ids=["in memory", "kept"])
def test_a_link_where_something_is_mounted(places, kept, tmp_path):
    """What is mounted again lands nowhere else, on the host least of all."""
    base, upper, _ = places
    (base / "other").rmdir()
    (base / "above" / "other").mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "small", base / "above" / "other"], check=True)
    put(str(base / "above" / "other" / "mounted"))
    victim = tmp_path / "victim"
    put(str(victim / "other" / "precious"), "precious")
    try:
        with ostler.rehearsal(base, upper=upper if kept else None) as m:
            first = m.checkpoint("first")
            m.rename("/above", "/moved")
            m.symlink(str(victim), "/above")
            put_on(m, "/file", b"changed")
            m.checkpoint("second")
            assert os.listdir(victim / "other") == ["precious"]
            assert m.listdir("/moved/other") == ["mounted"]
            put_on(m, "/goes-on", b"")
            m.rollback(first)
            assert sorted(m.listdir("/")) == ["above", "file"]
            assert m.listdir("/above/other") == ["mounted"]
            m.redo()
        if kept:
            with ostler.rehearsal(base, upper=upper) as m:
                assert m.listdir("/moved/other") == ["mounted"]
                assert m.readlink("/above") == str(victim)
        assert os.listdir(victim / "other") == ["precious"]
    finally:
        for place in (victim / "other", base / "above" / "other"):
            subprocess.run(["umount", place], check=False, capture_output=True)


@pytest.mark.parametrize("kept", [False, True], ids=["in memory", "kept"])
def test_what_comes_and_goes_meanwhile(places, kept):
    """A machine is made of what is mounted then, while that is unmounted and mounted again."""
    base, upper, mount = places
    mount()
    endless = 'while :; do umount -l "$0"; mount -t tmpfs small "$0"; done'
    with subprocess.Popen(["sh", "-c", endless, base / "other"]) as other:
        try:
            for number in range(30):
                with ostler.rehearsal(base, upper=upper if kept else None) as m:
                    put_on(m, "/file", str(number).encode())
                    assert m.changes()[0].kind == "modified"
        finally:
            other.kill()
    if kept:
        with ostler.rehearsal(base, upper=upper) as m:
            assert m.open_file("/file").read() == "29"


@pytest.mark.parametrize("kept", [False, True], ids=["in memory", "kept"])
def test_what_is_unmounted_when_it_was_looked_at(places, kept, monkeypatch):
    """A machine is made of what is mounted then: it is tried again without what has gone."""
    base, upper, mount = places
    build, tries = layers._build, []

    def build_late(wanted):
        tries.append(len(wanted.plan))
        if len(tries) == 1:  # as the kernel says it of what goes while it is mounted
            subprocess.run(["umount", base / "other"], check=True)
            raise MachineUnavailable("gone", number=errno.EINVAL)
        return build(wanted)

    mount()
    monkeypatch.setattr(layers, "_build", build_late)
    monkeypatch.setattr(layers, "any_below", lambda base: False)  # nor is there anything just now
    with ostler.rehearsal(base, upper=upper if kept else None) as m:
        put_on(m, "/other/new", b"new")
        assert [os.path.basename(change.path) for change in m.changes()] == ["new"]
    assert tries == [2, 1]

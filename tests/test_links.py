"""links.py beyond parity: on machines, beside readers, and without a descriptor left."""

import os
import threading

import pytest

import ostler
from tests.machines import as_self, as_user, kinds, let_all_in

both_users = pytest.mark.parametrize("user", [as_self, as_user])


def tree_of(path):
    """What lies in a directory: {name: content, or where a link leads to}."""
    found = {}
    for name in sorted(os.listdir(path)):
        whole = os.path.join(path, name)
        if os.path.islink(whole):
            found[name] = "-> " + os.readlink(whole)
        elif os.path.isfile(whole):
            with open(whole) as file:
                found[name] = file.read()
        else:
            found[name] = "a directory"
    return found


def names_of_links(directory):
    """Each verb is given a name that is a link, or that lies behind one that leads out."""
    outside, inside = f"{directory}/outside", f"{directory}/inside"
    for path in (outside, inside):
        os.mkdir(path)
    for path in (f"{outside}/file", f"{outside}/other", f"{inside}/file"):
        with open(path, "w") as file:
            file.write("kept")
    before = tree_of(outside)
    found = []

    def told(call, *args):
        try:
            call(*args)
        except OSError as error:
            found.append(type(error).__name__)
        else:
            found.append("done")

    with ostler.confined(inside) as m:
        m.symlink(outside, "/out")  # a link's text is kept as it was given
        found.append(m.readlink("/out") == outside)
        told(m.remove, "/out/file")  # it leads nowhere on the machine
        told(m.rename, "/out/file", "/taken")
        told(m.rename, "/file", "/out/file")
        told(m.replace, "/file", "/out/new")
        told(m.link, "/out/other", "/taken")
        told(m.link, "/file", "/out/new")
        told(m.symlink, "x", "/out/new")
        told(m.readlink, "/out/file")
        told(m.rename, "/out", "/moved")  # the link itself is renamed
        told(m.unlink, "/moved")  # and removed
        found.append(m.listdir("/"))
    return found, tree_of(outside) == before


@both_users
def test_a_link_that_leads_out_of_a_machine_is_not_followed(user, tmp_path):
    let_all_in(tmp_path)
    tmp_path.chmod(0o777)
    found, kept = user(names_of_links, str(tmp_path))
    assert kept
    assert found == [True, *["FileNotFoundError"] * 8, "done", "done", ["file"]]


@pytest.mark.parametrize("kind", kinds.OVER)
def test_no_descriptor_stays_whatever_fails(kind, tmp_path):
    (tmp_path / "base").mkdir()
    m = kind(str(tmp_path / "base"))
    before = len(os.listdir("/proc/self/fd"))
    for path in ("", "/missing/x", "/", "/" + "n" * 300, "/missing/../x/y", "/" * 5000):
        for call in (m.remove, m.unlink, m.readlink):
            with pytest.raises(OSError):
                call(path)
        for call in (m.rename, m.replace, m.link):
            with pytest.raises(OSError):
                call(path, "/missing/there")
            with pytest.raises(OSError):
                call("/missing", path)
        with pytest.raises(OSError):
            m.symlink("anywhere", path)
    assert len(os.listdir("/proc/self/fd")) == before
    m.close()


def test_readers_see_the_old_or_the_new_file(tmp_path):
    """replace() leaves no moment without one, also on a machine."""
    with ostler.scratch() as m:
        for system, place in ((ostler, str(tmp_path)), (m, "")):
            system.close(system.open(f"{place}/f", system.O_CREAT | system.O_WRONLY))
            missed, done = [], threading.Event()

            def look(system=system, place=place, missed=missed, done=done):
                while not done.is_set():
                    if not system.path.exists(f"{place}/f"):
                        missed.append(place)

            reader = threading.Thread(target=look)
            reader.start()
            for _ in range(300):
                system.close(system.open(f"{place}/new", system.O_CREAT | system.O_WRONLY))
                system.replace(f"{place}/new", f"{place}/f")
            done.set()
            reader.join()
            assert not missed


def test_names_of_an_open_directory(tmp_path):
    """A dir_fd is the directory that was opened, also after it got another name."""
    with ostler.scratch() as m:
        for system, place in ((ostler, str(tmp_path)), (m, "")):
            system.mkdir(f"{place}/d")
            fd = system.open(f"{place}/d", system.O_RDONLY | system.O_DIRECTORY)
            system.rename(f"{place}/d", f"{place}/e")
            system.symlink("nowhere", "l", dir_fd=fd)
            system.rename("l", "k", src_dir_fd=fd, dst_dir_fd=fd)
            assert system.readlink("k", dir_fd=fd) == "nowhere"
            system.link("k", "h", src_dir_fd=fd, dst_dir_fd=fd, follow_symlinks=False)
            system.unlink("k", dir_fd=fd)
            assert system.listdir(f"{place}/e") == ["h"]
            system.close(fd)


def test_a_link_of_any_length_is_read_whole(tmp_path):
    for length in (1, 255, 1000, 4000, 4095):
        path = tmp_path / str(length)
        ostler.symlink("x" * length, path)
        assert ostler.readlink(path) == os.readlink(path) == "x" * length

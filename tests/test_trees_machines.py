"""Trees of machines other than the host, and from one machine to another."""

import os

import pytest

import ostler
from ostler.machine import Machine
from tests import tree_maker


@pytest.fixture
def scratch():
    try:
        machine = ostler.scratch()
    except ostler.MachineUnavailable as error:
        pytest.skip(f"no scratch machine here: {error}")
    with machine:
        yield machine


def test_the_host_and_the_module(tmp_path):
    assert isinstance(ostler.host, Machine)
    assert ostler.host.trees.size(tmp_path) == ostler.trees.size(tmp_path)
    assert ostler.trees.size.__self__._machine is ostler.host


def test_confined(tmp_path):
    tree = tree_maker.make(str(tmp_path / "inside"), size=0)
    tree_maker.make(os.path.join(tree, "t"), seed=31, size=200)
    os.symlink("/", os.path.join(tree, "out"))
    (tmp_path / "secret").mkdir()
    os.symlink(str(tmp_path / "secret"), os.path.join(tree, "away"))
    try:
        machine = ostler.confined(tree)
    except ostler.MachineUnavailable as error:
        pytest.skip(f"no confined machine here: {error}")
    with machine:
        assert machine.trees.size("/t").numbers() == ostler.trees.size(tree + "/t").numbers()
        inside = [path.removeprefix(tree) for path in tree_maker.names(tree)]
        # A link at the root of a tree is resolved within the machine.
        assert sorted(machine.trees.find("/")) == sorted(inside)
        assert sorted(machine.trees.find("/out")) == sorted("/out" + path for path in inside)
        for operation in (machine.trees.size, machine.trees.remove):
            with pytest.raises(OSError):
                operation("/away")
        machine.trees.copy("/t", "/c")
        assert machine.trees.compare("/t", "/c", times=True) == []
        with pytest.raises(OSError, match="lies inside"):
            machine.trees.copy("/", "/t/below")
        machine.trees.chmod("/c", "go-rwx")
        machine.trees.remove("/c")
        assert not os.path.lexists(os.path.join(tree, "c"))
    assert (tmp_path / "secret").is_dir()


def test_from_machine_to_machine(tmp_path, scratch):
    tree = tree_maker.make(str(tmp_path / "t"), seed=32, size=300)
    ostler.trees.copy(tree, "/t", machine=scratch)
    assert ostler.trees.compare(tree, "/t", machine=scratch, times=True) == []
    assert list(scratch.trees.walk("/t", sort=True)) == [
        (d.replace(tree, "/t", 1), sorted(ds), sorted(fs))
        for d, ds, fs in ostler.trees.walk(tree, sort=True)
    ]
    assert scratch.trees.digest("/t").hex == ostler.trees.digest(tree).hex
    scratch.trees.copy("/t", str(tmp_path / "back"), machine=ostler.host)
    assert ostler.trees.compare(tree, tmp_path / "back", times=True) == []
    for root in ("/", "//", "/..", "/t/.."):
        with pytest.raises(OSError, match="Invalid argument"):
            scratch.trees.remove(root)
    assert scratch.trees.count("/t").entries == ostler.trees.count(tree).entries
    scratch.trees.remove("/t")
    assert scratch.listdir("/") == []


@pytest.mark.parametrize("mask", [0o077, 0o002, 0o022])
def test_the_umask_of_trees_is_the_machines(mask, tmp_path):
    """Of chmod's text without a who, and of copies that get new modes; the process's is another."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "f").write_text("x")
    before = os.umask(0o027)
    try:
        with ostler.scratch() as m:
            m.umask(mask)
            m.makedirs("/t/d")
            m.open_file("/t/f", "w").close()
            m.trees.copy("/t", "/new", modes=False)
            ostler.trees.copy(f"{tmp_path}/in", "/copied", machine=m, modes=False)
            for name, mode in (("/new", 0o777), ("/new/d", 0o777), ("/new/f", 0o666)):
                assert m.stat(name).st_mode & 0o777 == mode & ~mask
            assert m.stat("/copied/f").st_mode & 0o777 == 0o666 & ~mask
            m.trees.chmod("/new", "=rwX")
            assert m.stat("/new/f").st_mode & 0o777 == 0o666 & ~mask
        ostler.trees.copy(f"{tmp_path}/in", f"{tmp_path}/out", modes=False)
        assert (tmp_path / "out" / "f").stat().st_mode & 0o777 == 0o640
    finally:
        os.umask(before)


def test_the_umask_without_proc():
    from ostler.core.umask import process_umask, umask_by_thread

    for mask in (0, 0o022, 0o077, 0o777):
        before = os.umask(mask)
        try:
            assert process_umask() == umask_by_thread() == mask
        finally:
            assert os.umask(before) == mask


@pytest.mark.skipif(os.geteuid() != 0, reason="may not change its root")
def test_the_umask_in_a_root_without_proc(tmp_path):
    from ostler.core.umask import process_umask

    child = os.fork()
    if child == 0:
        try:
            os.chroot(tmp_path)
            os.umask(0o031)
            os._exit(process_umask())
        finally:
            os._exit(255)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0o031

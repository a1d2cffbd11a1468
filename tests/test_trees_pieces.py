"""The same operations cut into pieces, on threads, processes and a Dask cluster."""

import concurrent.futures
import errno
import os
import pickle

import pytest

import ostler
from ostler.trees import _pieces
from tests import tree_maker


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return tree_maker.make(str(tmp_path_factory.mktemp("pieces") / "t"), seed=20, size=1200)


@pytest.fixture(params=["threads", "processes"])
def executor(request):
    if request.param == "threads":
        made = concurrent.futures.ThreadPoolExecutor(3)
    else:
        import multiprocessing

        made = concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context("spawn"))
    with made:
        yield made


def check_all(tree, tmp_path, executor):
    trees = ostler.trees
    assert trees.size(tree, executor=executor).numbers() == trees.size(tree).numbers()
    for options in ({}, {"name": "*.py"}, {"type": "directory", "max_depth": 3}, {"min_depth": 4},
                    {"exclude": "*_a"}, {"regex": "b.*c", "size": (1, None)}):  # fmt: skip
        found = trees.find(tree, sort=True, executor=executor, **options)
        assert list(found) == list(trees.find(tree, sort=True, **options))
    assert trees.digest(tree, executor=executor).hex == trees.digest(tree).hex
    counts = trees.copy(tree, tmp_path / "c", executor=executor)
    assert counts.entries >= trees.size(tree).entries  # each name counts
    assert trees.compare(tree, tmp_path / "c", times=True) == []
    # With the links between files of different pieces, and the times of their directories.
    assert tree_maker.picture(tmp_path / "c") == tree_maker.picture(tree)
    # What a lost worker had removed is in nobody's counts.
    assert trees.remove(tmp_path / "c", executor=executor).entries > 0
    assert not os.path.exists(tmp_path / "c")


def test_pieces(tree, tmp_path, executor):
    check_all(tree, tmp_path, executor)


def test_errors(tmp_path, executor):
    for operation in (ostler.trees.size, ostler.trees.remove, ostler.trees.digest):
        with pytest.raises(FileNotFoundError):
            operation(tmp_path / "missing", executor=executor)
    tree = tree_maker.make(str(tmp_path / "t"), size=100)
    with pytest.raises(OSError, match="destination lies inside"):
        ostler.trees.copy(tree, os.path.join(tree, "x"), executor=executor)
    with pytest.raises(FileExistsError):
        ostler.trees.copy(tree, tree, executor=executor)


class Hostile(concurrent.futures.Executor):
    """Somebody swaps a directory for a link that leads out, before the first piece is begun."""

    def __init__(self, directory, link):
        self.directory, self.link, self.swapped = directory, link, False

    def submit(self, function, /, *args):
        if not self.swapped:
            self.swapped = True
            os.rename(self.directory, f"{self.directory}-away")
            os.symlink(self.link, self.directory)
        future = concurrent.futures.Future()
        future.set_result(function(*args))
        return future


def broad(top):
    """A tree whose pieces are on its third level, enough of them to be pieces."""
    for number in range(80):
        os.makedirs(top / f"a/e{number}/deep")
        (top / f"a/e{number}/f").write_text("mine")
    (top / "b").mkdir()
    return top


def test_links_that_are_swapped_in_above_a_piece(tmp_path):
    outside = broad(tmp_path / "outside")
    before = tree_maker.picture(outside)
    tree = broad(tmp_path / "t")
    away = f"{tree}/a"
    done = ostler.trees.size(tree, executor=Hostile(away, outside / "a"), on_error="collect")
    assert done.files == 0
    assert {e.errno for e in done.errors} <= {errno.ENOTDIR, errno.ELOOP}
    assert len(done.errors) == 81
    os.unlink(away)
    os.rename(f"{away}-away", away)

    copied = ostler.trees.copy(
        tree, tmp_path / "c", executor=Hostile(tmp_path / "c/a", outside / "b"), on_error="collect"
    )
    assert copied.files == 0
    assert {e.errno for e in copied.errors} <= {errno.ENOTDIR, errno.ELOOP}

    ostler.trees.remove(tree, executor=Hostile(away, outside / "a"))
    assert not tree.exists()
    assert tree_maker.picture(outside) == before


def test_a_root_that_is_another_directory_meanwhile(tmp_path):
    tree, other = broad(tmp_path / "t"), broad(tmp_path / "other")
    before = tree_maker.picture(other)

    class Swapping(Hostile):
        def submit(self, function, /, *args):
            if not self.swapped:
                self.swapped = True
                os.rename(tree, tmp_path / "away")
                os.rename(other, tree)
            return super().submit(function, *args)

    with pytest.raises(OSError) as caught:
        ostler.trees.remove(tree, executor=Swapping("", ""))
    assert caught.value.errno == errno.ESTALE
    assert caught.value.filename == str(tree)
    assert tree_maker.picture(tree) == before


class Forgetful(concurrent.futures.Executor):
    """Loses every third piece: sometimes before it was done, sometimes after."""

    def __init__(self):
        self.count = 0
        self.lost = set()

    def submit(self, function, /, *args):
        future = concurrent.futures.Future()
        self.count += 1
        number = self.count
        piece = pickle.dumps((function, args))
        function, args = pickle.loads(piece)
        if number % 3 != 0 or piece in self.lost:
            future.set_result(pickle.loads(pickle.dumps(function(*args))))
        else:
            self.lost.add(piece)
            if number % 2:
                function(*args)
            future.set_exception(ConnectionError("the worker was lost"))
        return future


def test_a_lost_piece_is_done_again(tree, tmp_path):
    check_all(tree, tmp_path, Forgetful())


class Broken(Forgetful):
    """Breaks for good after a few pieces, as a process pool does."""

    def submit(self, function, /, *args):
        if self.count > 4:
            raise concurrent.futures.BrokenExecutor
        return super().submit(function, *args)


def test_a_broken_executor(tree, tmp_path):
    check_all(tree, tmp_path, Broken())


def test_a_piece_that_never_works():
    class Never(Forgetful):
        def submit(self, function, /, *args):
            future = concurrent.futures.Future()
            future.set_exception(ConnectionError("no"))
            return future

    with pytest.raises(ConnectionError):
        list(_pieces.run_pieces(Never(), len, [("a",)]))


@pytest.mark.dask
def test_dask(tree, tmp_path):
    distributed = pytest.importorskip("distributed", reason="ostler[dask] is not installed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        executor = client.get_executor()
        check_all(tree, tmp_path, executor)
        # One worker dies in the middle.
        killed = []

        def kill(counts):
            if not killed:
                killed.append(True)
                next(iter(cluster.workers.values())).process.process.kill()

        counts = ostler.trees.size(tree, executor=executor, progress=kill)
        assert killed.pop()
        assert counts.numbers() == ostler.trees.size(tree).numbers()
        ostler.trees.copy(tree, tmp_path / "k", executor=executor, progress=kill)
        assert killed.pop()
        assert tree_maker.picture(tmp_path / "k") == tree_maker.picture(tree)
        ostler.trees.remove(tmp_path / "k", executor=executor, progress=kill)
        assert killed
        assert not os.path.lexists(tmp_path / "k")

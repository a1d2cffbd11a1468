"""The same operations cut into pieces, on threads, processes and a Dask cluster."""

import concurrent.futures
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
    # Hard links between pieces are files of their own, so the counts may be larger, never smaller.
    assert counts.files >= trees.size(tree).files
    assert trees.compare(tree, tmp_path / "c", times=True) == []
    assert os.stat(tree).st_mtime_ns == os.stat(tmp_path / "c").st_mtime_ns
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
        assert killed
        assert counts.numbers() == ostler.trees.size(tree).numbers()

"""Branches of a rehearsal: they begin alike and part; what they share stays while one needs it."""

import concurrent.futures
import concurrent.futures.thread
import contextvars  # noqa: F401  # an ordinary user can't read the interpreter's files everywhere
import errno
import gc
import json  # noqa: F401
import os
import random
import resource
import time

import pytest

import ostler
from ostler.installation import installed  # noqa: F401
from ostler.machines.rehearsal import branches, commits, flat, layers, moments  # noqa: F401
from ostler.points import history
from tests.machines.rehearsing import got, kinds, put, put_on, text, view

pytestmark = pytest.mark.usefixtures("as_user")


def stores(m):
    """What was changed in the family's machines and is still kept: the paths of all files."""
    found = []
    for folder, _, names in os.walk(f"/proc/self/fd/{m._stores}/"):
        if "/upper" in folder:
            found += [os.path.join(folder, name) for name in names]
    return found


def settled(m):
    """Wait until all is done that nobody waits for."""
    m._share.family.background.finish()
    if m._history is not None:
        m._history.background.finish()


def test_they_begin_alike_and_part(base):
    put(f"{base}/file", "base")
    with ostler.rehearsal(base) as m:
        put_on(m, "/file", b"one")
        with m.branch() as one, m.branch() as two:
            assert [type(each) for each in (one, two)] == [type(m)] * 2
            assert view(m) == view(one) == view(two)
            put_on(one, "/one", b"")
            two.unlink("/file")
            put_on(m, "/file", b"m")
            assert (got(m, "/file"), got(one, "/file")) == ("m", "one")
            assert [sorted(each.listdir("/")) for each in (m, one, two)] == [
                ["file"], ["file", "one"], []
            ]  # fmt: skip
            assert kinds(one, base) == {"file": "modified", "one": "created"}
            assert kinds(two, base) == {"file": "removed"}
            since = [each.changes(since=each.branched_at) for each in (one, two)]
            assert [[(c.kind, c.path) for c in each] for each in since] == [
                [("created", f"{base}/one")], [("removed", f"{base}/file")]
            ]  # fmt: skip
    assert text(f"{base}/file") == "base"


def test_how_many(base):
    with ostler.rehearsal(base) as m:
        assert [len(m.branch(n)) for n in (0, 1, 3)] == [0, 1, 3]
        for wrong, error in ((-1, ValueError), ("1", TypeError), (1.5, TypeError)):
            with pytest.raises(error):
                m.branch(wrong)
        with pytest.raises(ValueError, match="children"):
            m.branch(children="none")


def test_points_are_known_in_a_branch(base):
    with ostler.rehearsal(base) as m:
        put_on(m, "/file", b"1")
        first = m.checkpoint("first")
        put_on(m, "/file", b"2")
        second = m.checkpoint("second")
        put_on(m, "/file", b"3")
        branch = m.branch()
        assert m.branched_at is None
        assert branch.points() == m.points()
        assert branch.branched_at == m.points()[-1]
        assert [p.name for p in branch.points()] == ["first", "second", "1"]
        assert [p.parent for p in branch.points()] == [None, first, second]
        branch.rollback(first)
        assert (got(branch, "/file"), got(m, "/file")) == ("1", "3")
        put_on(branch, "/file", b"4")
        branch.rollback("second")
        assert got(branch, "/file") == "2"
        own = branch.checkpoint("own")
        with pytest.raises(ValueError, match="another machine"):
            m.rollback(own)
        m.drop(second)
        with pytest.raises(ValueError, match="dropped"):
            m.rollback(second)
        branch.rollback(second)
        assert got(branch, "/file") == "2"
        m.rollback(first)
        with m.branch() as late:  # where there is a point already, there is no other
            assert late.branched_at == first
            assert got(late, "/file") == "1"
        branch.close()
        m.redo()
        assert got(m, "/file") == "3"


def test_what_else_begins_alike(base):
    with ostler.rehearsal(base) as m:
        m.mkdir("/d")
        m.chdir("/d")
        m.umask(0o77)
        m.environ["OSTLER_FORK"] = "1"
        with m.branch() as branch:
            assert (branch.getcwd(), branch.umask(0o22)) == ("/d", 0o77)
            assert branch.environ["OSTLER_FORK"] == "1"
            branch.environ["OSTLER_FORK"] = "2"
            branch.chdir("/")
        assert (m.getcwd(), m.environ["OSTLER_FORK"], m.umask(0)) == ("/d", "1", 0o77)


def test_branches_of_branches_in_any_order(base, monkeypatch):
    """A random family: each machine is what a model of it says, whoever is closed, and when."""
    monkeypatch.setattr(history, "BLOCK", 3)
    rng = random.Random(5)
    put(f"{base}/base", "")
    machine = ostler.rehearsal(base)
    family = [(machine, {"base": ""}, {})]
    for step in range(150):
        m, model, points = rng.choice(family)
        act = rng.random()
        if act < 0.45:
            name = str(rng.randrange(12))
            if name in model and rng.random() < 0.4:
                m.unlink("/" + name)
                del model[name]
            else:
                put_on(m, "/" + name, b"%d" % step)
                model[name] = str(step)
        elif act < 0.6:
            points[m.checkpoint()] = dict(model)
        elif act < 0.7 and points:
            point = rng.choice([*points])
            points[m.rollback(point)] = dict(model)
            model.clear()
            model.update(points[point])
        elif act < 0.8 and points:
            point = rng.choice([*points])
            m.drop(point)
            del points[point]
        elif act < 0.93 and len(family) < 8:
            branch = m.branch()
            points[branch.branched_at] = dict(model)
            family.append((branch, dict(model), dict(points)))
        elif len(family) > 1:
            number = rng.randrange(len(family))
            family.pop(number)[0].close()
        for m, model, points in family:
            assert {name: got(m, "/" + name) for name in m.listdir("/")} == model
            assert set(m.points()) >= set(points)
    for m, model, points in family:
        for point, known in points.items():
            with m.at(point) as then:
                assert {name: got(then, "/" + name) for name in then.listdir("/")} == known
        assert {os.path.basename(c.path) for c in m.changes()} == model.keys() ^ {"base"}
        m.close()


def test_layers_go_when_nobody_needs_them(base):
    with ostler.rehearsal(base) as m:
        put_on(m, "/file", b"1")
        one = m.branch()
        put_on(one, "/of-one", b"1")
        two = one.branch()
        before = len(stores(m))
        three = one.branch()
        put_on(three, "/of-three", b"1")
        three.close()
        settled(m)
        assert len(stores(m)) == before
        put_on(one, "/alone", b"1")
        one.close()
        settled(m)
        assert sorted(two.listdir("/")) == ["file", "of-one"]
        names = [os.path.basename(path) for path in stores(m)]
        assert ("of-one" in names, "alone" in names) == (True, False)
        two.close()
        settled(m)
        assert [os.path.basename(path) for path in stores(m)] == ["file"]
        assert os.listdir(f"/proc/self/fd/{m._stores}/branches") == []
        four = m.branch()
        put_on(m, "/of-m", b"1")
        m.close()
        settled(four)
        assert four.listdir("/") == ["file"]
        assert [os.path.basename(path) for path in stores(four)] == ["file"]
        put_on(four, "/more", b"1")
        five = four.branch()
        four.close()
        assert sorted(five.listdir("/")) == ["file", "more"]
        five.close()


def test_one_that_nobody_has_any_more(base):
    with ostler.rehearsal(base) as m:
        branch = m.branch()
        put_on(branch, "/file", b"1")
        branch.checkpoint()
        background = branch._history.background
        del branch
        background.finish()
        gc.collect()
        settled(m)
        assert stores(m) == []
        count = len(os.listdir("/proc/self/fd"))
        m.branch(20)
        gc.collect()
        settled(m)
        assert len(os.listdir("/proc/self/fd")) == count


def test_the_state_at_a_point_outlives_a_branch(base):
    with ostler.rehearsal(base) as m:
        branch = m.branch()
        put_on(branch, "/file", b"1")
        then = branch.at(branch.checkpoint())
        branch.close()
        settled(m)
        assert got(then, "/file") == "1"
        then.close()
        m.branch().close()
        settled(m)
        assert stores(m) == []


def test_a_child_outlives_a_branch(user):
    place = f"/var/tmp/ostler-branches-{os.getpid()}{user}"
    with ostler.rehearsal() as m:
        branch = m.branch()
        put_on(branch, place, b"there")
        out, inside = os.pipe()
        reader, writer = os.pipe()
        actions = [(os.POSIX_SPAWN_DUP2, reader, 0), (os.POSIX_SPAWN_DUP2, inside, 1)]
        script = f"echo begun; read line; cat {place}"
        pid = branch.posix_spawn("/bin/sh", ["sh", "-c", script], {}, file_actions=actions)
        os.close(reader)
        os.close(inside)
        with open(out) as file:
            assert file.readline() == "begun\n"
            branch.close()
            settled(m)
            os.close(writer)
            assert file.read() == "there"
        os.waitpid(pid, 0)
        assert stores(m)
        m.branch().close()
        settled(m)
        assert stores(m) == []


def test_in_a_forked_process(base):
    with ostler.rehearsal(base) as m:
        put_on(m, "/file", b"1")
        branch = m.branch()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                put_on(branch, "/of-child", b"1")
                try:
                    branch.branch()
                except RuntimeError:
                    branch.discard()
                    try:
                        branch.checkpoint()
                    except RuntimeError:
                        status = 0
                branch.close()
                m.close()
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        settled(m)
        assert sorted(branch.listdir("/")) == ["file", "of-child"]
        assert m.listdir("/") == ["file"]
        branch.branch().close()


def test_side_by_side(base):
    with ostler.rehearsal(base) as m:
        put_on(m, "/file", b"1")

        def work(branch):
            with branch:
                for number in range(8):
                    put_on(branch, f"/{number}", b"%d" % number)
                    branch.checkpoint()
                with branch.branch() as other:
                    other.rollback(other.points()[4])
                    return len(other.listdir("/")), len(branch.changes())

        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            assert set(pool.map(work, m.branch(18))) == {(5, 9)}
        settled(m)
        assert [os.path.basename(path) for path in stores(m)] == ["file"]


def test_children_of_branches(user):
    place = f"/var/tmp/ostler-branches-{os.getpid()}{user}"
    with ostler.rehearsal() as m:
        put_on(m, place, b"m\n")
        for number, branch in enumerate(m.branch(3)):
            with branch:
                done = branch.run(
                    ["sh", "-c", f"echo {number} >> {place}; cat {place}"], capture=True
                )
                assert done.stdout == b"m\n%d\n" % number
                assert branch.run(["cat", place], capture=True).stdout == done.stdout
        assert got(m, place) == "m\n"
        pid = m.posix_spawn("/bin/sleep", ["sleep", "100"], {})
        with m.branch():  # nothing was changed: nobody is in the way
            pass
        put_on(m, place, b"n")
        with pytest.raises(OSError, match=f"process {pid}") as caught:
            m.branch()
        assert caught.value.errno == errno.EBUSY
        with m.branch(children="kill") as branch:
            assert got(branch, place) == "n"
        os.waitpid(pid, 0)
    assert not os.path.exists(place)


def test_commits(base):
    put(f"{base}/both", "base")
    with ostler.rehearsal(base) as m:
        put_on(m, "/mine", b"1")
        one, two = m.branch(2)
        put_on(one, "/both", b"one")
        put_on(two, "/both", b"two")
        put_on(two, "/other", b"two")
        one.commit()
        assert sorted(os.listdir(base)) == ["both", "mine"]
        assert (one.points(), one.changes(), one.branched_at) == ([], [], None)
        with pytest.raises(ostler.CommitConflict):
            two.commit()
        assert two.commit([f"{base}/other"])
        assert got(two, "/both") == "two"
        two.discard()
        assert got(two, "/both") == "one"
        point = two.checkpoint()
        put_on(two, "/again", b"")
        with two.branch() as three:
            two.rollback(point)
            assert three.path.exists("/again")
        put_on(m, "/last", b"1")
        m.discard()
        assert (m.changes(), m.points()) == ([], [])
        with m.branch() as four:
            put_on(four, "/four", b"")
            four.checkpoint()
            assert sorted(four.listdir("/")) == ["both", "four", "mine", "other"]
        one.close()
        two.close()
        settled(m)
        assert stores(m) == []


@pytest.mark.parametrize("with_point", [False, True])
def test_commits_of_parts_leave_the_rest(base, with_point):
    """Without points what is changed stays where it is, for as long as something of it is left."""
    with ostler.rehearsal(base) as m, m.branch() as branch:
        for machine in (m, branch):
            for name in "abcd":
                put_on(machine, f"/{name}", b"m" if machine is m else b"branch")
            if with_point:
                machine.checkpoint()
        for name in "abc":
            m.commit(f"{base}/{name}")
            assert sorted(m.listdir("/")) == list("abcd")
            assert got(m, "/d") == "m"
            assert got(branch, f"/{name}") == "branch"
        assert kinds(m, base) == {"d": "created"}
        branch.commit(f"{base}/d")
        assert kinds(branch, base) == dict.fromkeys("abc", "modified")
        assert got(branch, "/a") == "branch"
    assert sorted(os.listdir(base)) == list("abcd")


def test_a_machine_that_is_mounted_anew_leaves_its_branches(base):
    with ostler.rehearsal(base) as m:
        put_on(m, "/d", b"1")
        m.checkpoint()
        branch = m.branch()
        m.commit()
        os.unlink(f"{base}/d")
        assert got(branch, "/d") == "1"
        put_on(branch, "/e", b"1")
        branch.rollback(branch.branched_at)
        assert branch.listdir("/") == ["d"]
        branch.close()
        settled(m)
        assert stores(m) == []


def test_too_many_descriptors(base):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with ostler.rehearsal(base) as m:
        put_on(m, "/a", b"")
        m.branch().close()
        settled(m)
        points = m.points()
        put_on(m, "/b", b"")
        highest = max(int(name) for name in os.listdir("/proc/self/fd"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 40, hard))
        try:
            before = len(os.listdir("/proc/self/fd"))
            with pytest.raises(OSError, match=r"resource\.setrlimit") as caught:
                m.branch(1000)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        assert (caught.value.errno, caught.value.filename) == (errno.EMFILE, base)
        settled(m)
        assert len(os.listdir("/proc/self/fd")) == before
        assert (m.points(), len(stores(m))) == (points, 2)
        put_on(m, "/c", b"")
        assert len(m.branch(30)) == 30


@pytest.mark.parametrize("function", ["new_store", "mounted_again"])
def test_no_room_in_the_middle(base, monkeypatch, function):
    with ostler.rehearsal(base) as m:
        put_on(m, "/a", b"1")
        m.branch().close()
        settled(m)
        points, before = m.points(), stores(m)
        made = getattr(layers, function)
        left = [3]

        def full(*args, **kwargs):
            left[0] -= 1
            if not left[0]:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return made(*args, **kwargs)

        monkeypatch.setattr(layers, function, full)
        with pytest.raises(OSError, match="No space"):
            m.branch(5)
        settled(m)
        assert (m.points(), stores(m), got(m, "/a")) == (points, before, "1")
        assert len(m.branch(2)) == 2


@pytest.mark.thorough
def test_many_layers(base, monkeypatch):
    """As many layers as the kernel takes, and then one more of a branch's."""
    monkeypatch.setattr(history, "BLOCK", 1000)
    with ostler.rehearsal(base) as m:
        for number in range(498):
            put_on(m, f"/{number}", b"")
            m.checkpoint()
        one, two = m.branch(2)
        put_on(one, "/more", b"")
        assert (len(one.listdir("/")), len(two.listdir("/"))) == (499, 498)
        monkeypatch.setattr(history, "BLOCK", 16)
        m.close()
        one.checkpoint()
        settled(one)
        put_on(one, "/still", b"")
        one.checkpoint()
        assert len(one.listdir("/")) == 500
        two.rollback(two.points()[0])
        assert two.listdir("/") == ["0"]
        two.close()
        one.close()


def test_a_base_that_is_another_one_by_now(base):
    os.mkdir(f"{base}/inner")
    with ostler.rehearsal(f"{base}/inner") as m:
        put_on(m, "/a", b"x")
        m.checkpoint()
        os.rename(f"{base}/inner", f"{base}/away")
        os.mkdir(f"{base}/inner")
        with pytest.raises(OSError, match="another directory") as caught:
            m.branch()
        assert caught.value.errno == errno.ESTALE
        os.rmdir(f"{base}/inner")
        os.rename(f"{base}/away", f"{base}/inner")
        assert m.branch().listdir("/") == ["a"]


def test_what_has_no_branches(base, folder):
    os.mkdir(f"{folder}/upper")
    with ostler.rehearsal(base, upper=f"{folder}/upper") as m:
        with pytest.raises(OSError, match="on disk") as caught:
            m.branch()
        assert (caught.value.errno, caught.value.filename) == (errno.EOPNOTSUPP, f"{folder}/upper")
    with ostler.rehearsal(base) as m:
        m.close()
        with pytest.raises(ValueError, match="closed"):
            m.branch()


def test_a_branch_is_installed(base):
    with ostler.rehearsal(base) as m, m.branch() as branch:
        with branch.installed():
            with open("/inside", "w") as file:
                file.write("one")
        assert (m.listdir("/"), branch.listdir("/")) == ([], ["inside"])
        begin = time.time()
        assert branch.checkpoint().time >= begin

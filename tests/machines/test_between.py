"""What stands before a machine's verbs: in any order, seen by every form of a call, gone again."""

import errno
import gc
import itertools
import os
import weakref
from operator import attrgetter

import pytest

import ostler
from ostler.core import standers
from ostler.machines import before, between


class Told(standers.Stander):
    """Writes down what passes by it."""

    def __init__(self, name, verbs, log):
        self.name, self.verbs, self.log = name, frozenset(verbs), log

    def called(self, machine, verb, args, kwargs, go):
        self.log.append((self.name, verb))
        return go(*args, **kwargs)


class Refusing(standers.Stander):
    """Lets verbs, and their steps, fail."""

    sees_steps = True

    def __init__(self, *verbs):
        self.verbs = frozenset(verbs)

    def called(self, machine, verb, args, kwargs, go):
        raise OSError(errno.EIO, "refused")

    def step(self, machine, call, args):
        return errno.EIO


class Upper(standers.Stander):
    """Gives another answer."""

    verbs = frozenset(("read",))

    def called(self, machine, verb, args, kwargs, go):
        return go(*args, **kwargs).upper()


@pytest.fixture
def machine():
    with ostler.scratch(size="8M") as made:
        made.create_file("/f", b"data")
        yield made


def test_they_are_asked_in_turn_the_last_one_first(machine):
    log = []
    first, second = Told("first", ["stat"], log), Told("second", ["stat", "listdir"], log)
    before.stand(machine, first)
    before.stand(machine, second)
    assert machine.stat("/f").st_size == 4
    assert machine.listdir("/") == ["f"]
    assert log == [("second", "stat"), ("first", "stat"), ("second", "listdir")]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_in_any_order(machine, order):
    log = []
    standers = [Told("log", ["read", "stat", "open"], log), Upper(), Refusing("stat")]
    for at in order:
        before.stand(machine, standers[at])
    fault = machine.faults.add("open", path="other")
    fd = machine.open("/f", machine.O_RDONLY)
    assert machine.read(fd, 9) == b"DATA"
    machine.close(fd)
    for call, number in ((lambda: machine.stat("/f"), errno.EIO),
                         (lambda: machine.open("/other", 0), errno.EIO)):  # fmt: skip
        with pytest.raises(OSError) as caught:
            call()
        assert caught.value.errno == number
    seen_before_the_refusal = order.index(0) > order.index(2)
    assert log == [
        ("log", "open"), ("log", "read"), *[("log", "stat")] * seen_before_the_refusal
    ]  # fmt: skip
    machine.faults.remove(fault)
    for stander in standers:
        before.leave(machine, stander)
    assert machine.stat("/f").st_size == 4


def test_a_machine_before_which_nothing_stands_is_as_it_was(machine):
    kind = type(machine)
    log = []
    stander = Told("log", ["stat"], log)
    before.stand(machine, stander)
    assert isinstance(machine, kind) and type(machine) is not kind
    before.leave(machine, stander)
    assert type(machine) is kind and machine._hooked is None
    with pytest.raises(ValueError):
        before.leave(machine, stander)


def test_steps_of_compositions_only_for_who_asks_for_them(machine):
    log = []
    before.stand(machine, Told("log", ["rename", "open", "fsync"], log))
    machine.write_atomic("/f", b"new")
    assert set(log) <= {("log", "rename"), ("log", "open"), ("log", "fsync")}
    before.stand(machine, Refusing("rename"))
    with pytest.raises(OSError) as caught:
        machine.write_atomic("/f", b"newer")
    assert caught.value.errno == errno.EIO
    assert machine.listdir("/") == ["f"]


def test_kinds_of_ones_own_have_standers_too():
    class Own(ostler.Machine):
        def stat(self, path):
            return len(path)

    log = []
    own = Own()
    before.stand(own, Told("log", ["stat", "listdir"], log))
    assert own.stat("/abc") == 4
    with pytest.raises(OSError) as caught:
        own.listdir("/")
    assert caught.value.errno == errno.ENOSYS
    assert log == [("log", "stat"), ("log", "listdir")]


def test_what_it_stands_before_may_change(machine):
    log = []
    stander = Told("log", ["stat"], log)
    before.stand(machine, stander)
    stander.verbs = frozenset(("lstat",))
    before.settle(machine)
    machine.stat("/f")
    machine.lstat("/f")
    assert log == [("log", "lstat")]


def test_on_an_installed_machine(machine):
    import os

    log = []
    before.stand(machine, Told("log", ["listdir", "open"], log))
    with machine.installed():
        assert os.listdir("/") == ["f"]
        with open("/f") as file:
            assert file.read() == "data"
    assert log == [("log", "listdir"), ("log", "open")]


def test_a_closed_machine(machine):
    before.stand(machine, Told("log", ["stat"], []))
    machine.close()
    with pytest.raises(ValueError, match="closed"):
        machine.stat("/f")
    machine.close()


def test_the_example_of_an_own_machine(capsys):
    import importlib.util
    from pathlib import Path

    path = Path(__file__).parents[2] / "examples" / "own_machine.py"
    spec = importlib.util.spec_from_file_location("own_machine", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("b'meet me at noon'")
    assert lines[1].endswith(repr(module.scrambled(b"meet me at noon")))
    assert lines[2].endswith("['a', 'secret'] True")
    assert "'makedirs': 1" in lines[3]
    assert len(path.read_text().splitlines()) < 100


def test_own_kinds_over_the_host_and_over_each_other(tmp_path):
    class View(between.Between):
        def called(self, verb, args, kwargs):
            seen.append(verb)
            return super().called(verb, args, kwargs)

    seen = []
    view = View(View(ostler.host))
    view.mkdir(tmp_path / "d")
    assert view.path.isdir(tmp_path / "d") and view.getpid() == ostler.getpid()
    assert seen == ["mkdir", "mkdir", "path.isdir", "path.isdir", "getpid", "getpid"]
    seen.clear()
    assert view.trees.count(tmp_path).directories == 2
    assert view.run(["true"]).code == 0
    assert seen == ["trees.count", "trees.count", "run", "run"]


def test_an_own_kind_may_have_a_verb_of_its_own_and_standers():
    class Quiet(between.Between):
        def getpid(self):
            return 1

    log = []
    with Quiet(ostler.scratch()) as machine:
        before.stand(machine, Told("log", ["getpid", "mkdir"], log))
        assert machine.getpid() == 1
        machine.mkdir("/d")
        assert machine.listdir("/") == ["d"]
    assert log == [("log", "getpid"), ("log", "mkdir")]


@pytest.mark.parametrize("ends", ["the recording", "the machine"])
def test_a_machine_is_closed_whatever_stands_before_it(ends):
    machine = ostler.scratch(size="8M")
    machine.faults.add("mkdir")
    recording = machine.recorded()
    with recording as log:
        with pytest.raises(OSError):
            machine.mkdir("/d")
        if ends == "the machine":
            machine.close()
            for use in (lambda: dir(machine), lambda: machine.stat("/"), lambda: machine.environ):
                with pytest.raises(ValueError, match="closed"):
                    use()
    machine.close()
    machine.close()
    assert machine.closed and "closed" in repr(machine)
    for use in (lambda: machine.mkdir("/d"), lambda: machine.faults, lambda: machine.__enter__()):
        with pytest.raises(ValueError, match="closed"):
            use()
    assert [call.verb for call in log] == ["mkdir"]
    assert isinstance(machine, ostler.Machine)


def test_closing_makes_no_class_for_each_machine():
    kinds = set()
    for _ in range(3):
        machine = ostler.scratch(size="8M")
        machine.close()
        kinds.add(type(machine))
    assert len(kinds) == 1


def test_who_stands_before_a_verb_is_asked_for_its_steps_alone(machine):
    before.stand(machine, Refusing("rename"))
    before.stand(machine, Refusing("fsync"))
    asked = {call: standers.step(machine, call, ("/f",)) for call in ("rename", "fsync", "link")}
    assert asked == {"rename": errno.EIO, "fsync": errno.EIO, "link": 0}
    with standers.file_over(machine, machine.open("/f", os.O_RDONLY), "rb") as file:
        assert file.read() == b"data"


def test_a_machine_that_is_closed_twice_says_why_it_was():
    machine = ostler.scratch(size="8M")
    machine._close_because("it broke")
    with pytest.raises(ValueError, match="closed: it broke"):
        machine.stat("/")
    machine.close()
    assert machine.closed


class Asking(between.Between):
    """Overrides verbs, and asks for what they are without that."""

    def stat(self, *args, **kwargs):
        return super().stat(*args, **kwargs)

    def getcwd(self):
        return super().getcwd()

    def walk(self, *args, **kwargs):
        return super().walk(*args, **kwargs)


@pytest.mark.parametrize("kind", [between.Between, Asking])
def test_what_a_between_does_not_say_is_the_one_behind_and_never_the_host(machine, kind):
    machine.makedirs("/a/b")
    machine.chdir("/a/b")
    view = kind(machine)
    assert view.getcwd() == "/a/b"
    assert view.stat("/f").st_ino == machine.stat("/f").st_ino
    assert list(view.walk("/")) == list(machine.walk("/"))
    mask = ostler.umask(0o22)
    try:
        view.umask(0o123)
        assert (machine.umask(0o22), ostler.umask(0o22)) == (0o123, 0o22)
    finally:
        ostler.umask(mask)


@pytest.mark.parametrize("kind", [between.Between, Asking])
@pytest.mark.parametrize("verb", ["stat", "getcwd", "walk", "path.getsize", "trees.size"])
def test_a_between_over_nothing_has_nothing(kind, verb):
    with kind(None) as nothing, pytest.raises(OSError) as caught:
        attrgetter(verb)(nothing)(*() if verb == "getcwd" else ("/",))
    assert caught.value.errno == errno.ENOSYS


def test_a_between_over_the_host_is_left_as_any_other():
    with between.Between(ostler.host) as view:
        assert view.getcwd() == ostler.getcwd()


def test_a_verb_of_any_form_passes_what_stands_before_it():
    class Formed(ostler.Machine):
        @staticmethod
        def read(fd, length):
            return b"r" * length

        @classmethod
        def write(cls, fd, data):
            return cls, len(data)

        @property
        def listdir(self):
            return lambda path: [path]

    machine, log = Formed(), []
    before.stand(machine, Told("told", ["read", "write", "listdir"], log))
    assert machine.read(3, 2) == b"rr"
    kind, size = machine.write(3, b"xyz")
    assert issubclass(kind, Formed) and size == 3
    assert machine.listdir("/a") == ["/a"]
    assert [verb for _, verb in log] == ["read", "write", "listdir"]


def test_classes_that_are_made_go_with_their_kind():
    def made():  # whose frame has nothing of it any more
        class Own(between.Between):
            pass

        for _ in range(2):
            machine = Own(None)
            stander = Told("log", ["stat"], [])
            before.stand(machine, stander)
            assert type(machine).__name__ == "Own" and isinstance(machine, Own)
            before.leave(machine, stander)
            assert type(machine) is Own
        return weakref.ref(Own)

    gone = made()
    gc.collect()
    assert gone() is None


class View(between.Between):
    """Writes down what it is asked."""

    def __init__(self, behind):
        super().__init__(behind)
        self.log = []

    def called(self, verb, args, kwargs):
        self.log.append(verb)
        return super().called(verb, args, kwargs)


def test_what_a_between_has_besides_the_verbs(machine):
    view = View(View(machine))
    assert view.guarantees == machine.guarantees != {}
    assert not view.closed
    view.close()
    assert view.closed and view.behind.closed and machine.closed
    with pytest.raises(ValueError, match="closed"):
        view.stat("/f")
    view.close()
    assert view.log == ["stat"]


@pytest.mark.parametrize("behind", [ostler.host, None])
def test_a_between_with_nothing_to_close(behind):
    view = View(behind)
    view.close()
    assert not view.closed and view.guarantees == {}
    assert ostler.getpid()
    with pytest.raises(OSError):
        view.close(987_654)  # a descriptor, as with os
    assert view.log == ["close"]


def test_a_between_has_faults_of_its_own(machine):
    view = View(machine)
    fault = view.faults.add("stat", path="/f")
    with pytest.raises(OSError) as caught:
        view.stat("/f")
    assert caught.value.errno == errno.EIO and view.log == []
    assert machine.stat("/f").st_size == 4
    assert list(view.faults) == [fault] and list(machine.faults) == []
    view.faults.clear()
    machine.faults.add("rename")
    with pytest.raises(OSError):
        view.write_atomic("/f", b"new")  # a step of the machine behind
    assert view.stat("/f").st_size == 4


def test_a_between_is_installed(machine):
    view = View(machine)
    with view.installed():
        assert os.listdir("/") == ["f"]
        with open("/g", "w") as file:
            file.write("text")
    assert view.log[0] == "listdir" and "open_file" in view.log
    assert sorted(machine.listdir("/")) == ["f", "g"]


def test_trees_of_a_between(machine):
    machine.makedirs("/a/b")
    view = View(machine)
    view.trees.copy("/a", "/c", machine=view)
    assert view.trees.compare("/a", "/c", machine=view) == []
    for copy in (machine.trees.copy, ostler.trees.copy, View(machine).trees.copy):
        with pytest.raises(OSError, match="give the one behind") as caught:
            copy("/a", "/d", machine=view)
        assert caught.value.errno == errno.ENOSYS
    machine.trees.copy("/a", "/d", machine=view.behind)


def test_which_machine_it_is_can_be_seen(machine):
    view = View(machine)
    assert repr(machine.path) == f"{machine!r}.path"
    assert repr(view) == f"<View over {machine!r}>"
    assert repr(view.path) == f"{view!r}.path" and repr(view.trees) == f"{view!r}.trees"
    assert repr(View(None)) == "<View over None>"

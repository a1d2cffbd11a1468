"""What environment.py promises beyond the cases of parity."""

import collections.abc
import copy
import inspect
import os
import pickle
import subprocess
import sys
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ostler
from ostler.verbs import environment


@pytest.fixture(autouse=True)
def restored():
    before = ostler.environ.copy()
    yield
    ostler.environ.clear()
    ostler.environ.update(before)


@pytest.mark.parametrize("name", "getenv getenvb putenv unsetenv get_exec_path".split())
def test_signature(name):
    assert inspect.signature(getattr(ostler, name)) == inspect.signature(getattr(os, name))


def child_sees(name):
    code = f"import os; print(ascii(os.environ.get({name!r})))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout


def test_children_see_changes():
    ostler.environ["OSTLER_X"] = "1"
    assert child_sees("OSTLER_X") == "'1'\n"
    del ostler.environ["OSTLER_X"]
    assert child_sees("OSTLER_X") == "None\n"


def test_is_a_mutable_mapping():
    assert isinstance(ostler.environ, collections.abc.MutableMapping)
    match ostler.environ:
        case {"PATH": found}:
            assert found == ostler.environ["PATH"]
        case _:
            pytest.fail("not matched as a mapping")


NAMES = st.binary(min_size=1, max_size=4).filter(lambda b: not set(b) & {0, 61})
VALUES = st.binary(max_size=4).filter(lambda b: 0 not in b)
CHANGES = st.lists(st.tuples(st.booleans(), NAMES, st.none() | VALUES), max_size=30)


@given(CHANGES)
def test_text_and_bytes_stay_one(changes):
    environ = environment.of_variables()
    raw = environment.as_bytes(environ)
    model = {}
    for by_text, name, value in changes:
        view, form = (environ, os.fsdecode) if by_text else (raw, bytes)
        if value is None:
            view.pop(form(name), None)
            model.pop(name, None)
        else:
            view[form(name)] = form(value)
            model[name] = value
    assert raw.copy() == dict(raw) == model
    text = {os.fsdecode(k): os.fsdecode(v) for k, v in model.items()}
    assert environ.copy() == dict(environ) == text
    assert list(environ) == list(text)


def test_changes_behind_its_back_are_seen():
    ostler.environ["OSTLER_X"] = "1"
    ostler.environ._data[b"OSTLER_X"] = b"2"
    assert ostler.environ["OSTLER_X"] == ostler.getenv("OSTLER_X") == "2"


def test_reload_environ():
    ostler.putenv("OSTLER_X", "1")
    assert "OSTLER_X" not in ostler.environ
    ostler.reload_environ()
    assert ostler.environ["OSTLER_X"] == "1"


def test_replaced_in_the_module(monkeypatch):
    monkeypatch.setattr(ostler, "environ", {"OSTLER_X": "ours", "PATH": "/only"})
    assert ostler.getenv("OSTLER_X") == "ours"
    assert ostler.get_exec_path() == ["/only"]


def test_patched_as_a_dict():
    with mock.patch.dict(ostler.environ, {"OSTLER_X": "1"}, clear=True):
        assert ostler.environ.copy() == {"OSTLER_X": "1"}
    assert "PATH" in ostler.environ
    assert "OSTLER_X" not in ostler.environ


def test_environ_of_no_process():
    environ = environment.of_variables({"A": "1", b"B": b"2"})
    environ["OSTLER_X"] = "3"
    assert environ.copy() == {"A": "1", "B": "2", "OSTLER_X": "3"}
    assert child_sees("OSTLER_X") == "None\n"
    with pytest.raises(ValueError, match="illegal environment variable name"):
        environ["a=b"] = "c"
    with pytest.raises(ValueError, match="embedded null byte"):
        environ["a"] = "\0"


def test_copies():
    other = copy.deepcopy(ostler.environ)
    same = copy.copy(ostler.environ)
    ostler.environ["OSTLER_X"] = "1"
    assert same["OSTLER_X"] == "1"
    assert "OSTLER_X" not in other
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(ostler.environ)


def test_clear_of_the_process():
    """All at once since 3.15, one after the other before: as the events tell."""
    code = """if True:
        import sys
        import {os} as os
        os.environ["A"], os.environ["B"] = "1", "2"
        keys, events = {{*os.environ}}, []
        sys.addaudithook(lambda event, args: events.append((event, args)))
        os.environ.clear()
        seen = sorted(e for e in events if e[0] in ("os.unsetenv", "os._clearenv"))
        import subprocess
        shown = subprocess.run(["/usr/bin/env"], capture_output=True).stdout
        print(seen, dict(os.environ), dict(os.environb), os.getenv("A"), shown)
        os.environ["C"] = "3"
        print(dict(os.environ), dict(os.environb))
    """
    seen = [
        subprocess.run(
            [sys.executable, "-c", code.format(os=module)],
            capture_output=True, text=True, check=True,
        ).stdout
        for module in ("os", "ostler")
    ]  # fmt: skip
    assert seen[0] == seen[1]

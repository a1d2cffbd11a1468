"""Where namespaces, mounts or openat2 are refused: what can't be had is said, nothing is weaker."""

import errno
import json
import os
import tempfile

import pytest

import ostler
import ostler.cli.doctor
from tests import parity
from tests.machines import as_self, as_user, containers, kinds, test_contract, test_escapes
from tests.machines.test_escapes import places  # noqa: F401  (the fixture)

if containers.numbers() is None:
    pytest.skip("the system calls' numbers of this architecture", allow_module_level=True)

both_users = pytest.mark.parametrize("user", [as_self, as_user])


def in_container(function, *args):
    containers.refuse(containers.DEFAULT)
    return function(*args)


def without_openat2(function, *args):
    containers.refuse(containers.NO_OPENAT2)
    return function(*args)


def refusals(directory):
    found = {}
    fds = len(os.listdir("/proc/self/fd"))
    for name, make in {
        "scratch": ostler.scratch,
        "read_only": ostler.read_only,
        "read_only below": lambda: ostler.read_only(directory),
        "rehearsal": ostler.rehearsal,
        "rehearsal below": lambda: ostler.rehearsal(directory),
        "confined read-only": lambda: ostler.confined(directory, read_only=True),
    }.items():
        try:
            make().close()
            found[name] = "made"
        except ostler.MachineUnavailable as error:
            found[name] = (bool(error.reason), bool(error.what_would_help), error.errno)
    return found, len(os.listdir("/proc/self/fd")) - fds


@both_users
def test_a_container_refuses_clearly(user, tmp_path):
    found, left = user(in_container, refusals, "/tmp")
    assert set(found.values()) == {(True, True, errno.EPERM)}
    assert left == 0


def confined_there(directory):
    with ostler.confined(directory) as machine:
        machine.mkdir("made")
        machine.chdir("made")
        here = machine.getcwd()
        machine.chdir("../..")
        try:
            machine.system("true")
            child = "started"
        except PermissionError:
            child = "refused"
        return here, machine.getcwd(), child, machine.guarantees["children"]


@both_users
def test_confined_in_a_container(user, places):  # noqa: F811
    here, above, child, said = user(in_container, confined_there, places[1])
    assert (here, above, child) == ("/made", "/", "refused")
    assert said.startswith("none")


@both_users
@pytest.mark.parametrize("name", test_escapes.CASES)
def test_no_way_out_in_a_container(name, user, places):  # noqa: F811
    outside, inside = places
    before = test_escapes.picture(outside, inside)
    links, path = test_escapes.CASES[name]
    found = user(in_container, test_escapes.run, outside, inside, links, path)
    assert test_escapes.SECRET not in found
    assert test_escapes.picture(outside, inside) == before


@both_users
@pytest.mark.parametrize("name", test_escapes.CASES)
def test_no_way_out_without_openat2(name, user, places):  # noqa: F811
    outside, inside = places
    before = test_escapes.picture(outside, inside)
    links, path = test_escapes.CASES[name]
    found = user(without_openat2, test_escapes.run, outside, inside, links, path)
    assert test_escapes.SECRET not in found
    assert test_escapes.picture(outside, inside) == before


@both_users
@pytest.mark.parametrize("how", test_escapes.RACES)
def test_no_race_leads_out_without_openat2(how, user, places):  # noqa: F811
    outside, inside = places
    calls, escapes, made, size = user(without_openat2, test_escapes.race, outside, inside, how, 0.3)
    assert calls and not escapes and not made and size == len(test_escapes.SECRET)


@pytest.mark.parametrize(
    "name", [n for n in sorted(parity.CASES) if n.split(".")[0] in ("files", "directories")]
)
def test_the_walk_is_as_the_kernel(name):
    kind = kinds.whole_scratch
    if name == "files.extended_attributes":
        pytest.skip("its errors name descriptors by number, which a walk gives higher ones")
    if test_contract.reason(test_contract.NOT_THERE, name, kind):
        pytest.skip("it differs on a scratch machine in any case")
    expected, found = as_self(without_openat2, test_contract.compare, name, kind)
    assert found == expected


def report():
    text = ostler.cli.doctor.as_text(ostler.cli.doctor.gathered())
    return json.loads(json.dumps(ostler.capabilities(refresh=True))), text


@both_users
def test_capabilities(user):
    found, text = user(report)
    assert found["scratch"]["available"] and found["openat2"]["available"]
    for thing in found.values():
        assert thing["available"] == (not thing["reason"])
    assert "scratch" in text


@both_users
def test_capabilities_in_a_container(user):
    found, text = user(in_container, report)
    assert found["openat2"]["available"] and found["confined"]["available"]
    for name in ("namespaces", "scratch", "read_only", "rehearsal", "children"):
        assert not found[name]["available"]
        assert found[name]["reason"] and found[name]["what_would_help"]
    assert found["scratch, weaker"]["available"]
    assert "no limits" in found["scratch, weaker"]["by"]
    assert "a copy in" in found["rehearsal, weaker"]["by"]
    assert "because" in text and "would help" in text


def on_linux_5_0(function, *args):
    containers.refuse_newer()
    return function(*args)


def differing_cases():
    """Of tests/parity: those in which the host is another than os."""
    home, differing = os.getcwd(), []
    for name, case in sorted(parity.CASES.items()):
        seen = []
        for system in (os, ostler):
            with tempfile.TemporaryDirectory() as directory:
                os.chdir(directory)
                try:
                    seen.append(case(system))
                except OSError as error:  # pidfd_open, with a child that has ended
                    seen.append(str(error))
                    os.waitpid(-1, 0)
                finally:
                    os.chdir(home)
        if seen[0] != seen[1]:
            differing.append(name)
    return differing


def test_the_host_is_as_os_on_an_old_kernel():
    assert as_self(on_linux_5_0, differing_cases) == []


@both_users
def test_an_old_kernel_and_what_would_help_are_said_in_a_line(user):
    found, text = user(on_linux_5_0, report)
    since = {"openat2": "5.6", "landlock": "5.13"}
    for name in ("scratch", "read_only", "rehearsal", "children", *since):
        assert not found[name]["available"] and "\n" not in found[name]["reason"]
        help_ = found[name]["what_would_help"]
        assert help_.startswith(f"Linux {since.get(name, '5.12')} or newer") and "\n" not in help_
    assert found["confined"]["available"]
    assert "would help: Linux 5.12 or newer" in text

"""The compiled command `ostler`, in installations of all sorts."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FREE_THREADED = "t" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""
TAG = "python{}.{}{}".format(*sys.version_info[:2], FREE_THREADED)
COMPILER = shutil.which(os.environ.get("CC", "cc"))
pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler here")
# What the script that pip writes stands for, here: it tells that it was started, and with what.
SCRIPT = "import sys; print('the script', sys.argv[1:])\n"
LOOK = """\
import os, sys
print(os.name, getattr(os, 'host', None), sys.argv, sorted(os.environ.items()))
"""


@pytest.fixture(scope="module")
def launcher(tmp_path_factory):
    made = tmp_path_factory.mktemp("launcher") / "ostler"
    command = [COMPILER, "-O1", "-Wall", "-Werror", f'-DOSTLER_PYTHON="{TAG}"', "-o", str(made)]
    subprocess.run([*command, str(ROOT / "build_tools/launcher.c")], check=True)
    return made


@pytest.fixture(params=["lib/*/site-packages", "lib64/*/site-packages", "lib/*/dist-packages"])
def prefix(tmp_path, launcher, request):
    """An installation below a prefix: the command, the script beside it, and the package."""
    (tmp_path / "bin").mkdir()
    shutil.copy2(launcher, tmp_path / "bin/ostler")
    write_script(tmp_path / "bin", f"#!{sys.executable}\n")
    packages = tmp_path / request.param.replace("*", TAG)
    packages.mkdir(parents=True)
    for name in ("ostler", "ostler_command.py"):
        os.symlink(ROOT / "src" / name, packages / name)
    return tmp_path


def write_script(folder, first_line):
    script = folder / "ostler-command"
    script.write_text(first_line + SCRIPT)
    script.chmod(0o755)


def run(command, *arguments, cwd=None, **changes):
    environment = {**os.environ, **changes}
    environment = {name: value for name, value in environment.items() if value is not None}
    done = subprocess.run(
        [command, *arguments], cwd=cwd, env=environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("path", [None, "", "/none", "/none:", ":/none"])
def test_a_program_has_what_python_gives_it(prefix, path):
    status, plain, _ = run(sys.executable, "-c", LOOK, "a", "-b", PYTHONPATH=path)
    expected = plain.replace("posix None", "posix <ostler.host>")
    assert status == 0 and expected != plain
    command = str(prefix / "bin/ostler")
    assert run(command, "run", "-c", LOOK, "a", "-b", PYTHONPATH=path) == (0, expected, "")


def test_it_is_found_through_links_and_the_search_path(prefix, tmp_path):
    links = tmp_path / "links"
    links.mkdir()
    (links / "ostler").symlink_to(prefix / "bin/ostler")
    (links / "another").symlink_to("ostler")
    code = "import os; print(os.host)"
    for command in ("ostler", str(links / "another")):
        done = run("/usr/bin/env", command, "run", "-c", code, PATH=f"{links}:/usr/bin:/bin")
        assert done == (0, "<ostler.host>\n", ""), command


def test_a_file_that_is_itself_a_link_has_its_script_beside_the_link(prefix, launcher):
    # As an installer that links its files from a store makes it.
    (prefix / "bin/ostler").unlink()
    (prefix / "bin/ostler").symlink_to(launcher)
    done = run(str(prefix / "bin/ostler"), "run", "-c", "import os; print(os.host)")
    assert done == (0, "<ostler.host>\n", "")


def test_other_commands_begin_in_the_same_interpreter(prefix):
    command = str(prefix / "bin/ostler")
    status, out, err = run(command, "find", "--help")
    assert (status, err) == (0, "") and out.startswith("usage: ostler find")
    for arguments in ([], ["run"], ["run", "--help"], ["run", "-Z"], ["nothing"], ["run", ""]):
        expected = run(sys.executable, "-m", "ostler", *arguments, PYTHONPATH=str(ROOT / "src"))
        assert run(command, *arguments) == expected, arguments


def test_an_ostler_on_the_path_is_not_taken(prefix, tmp_path):
    wrong = tmp_path / "wrong"
    for name in ("ostler", "ostler_command"):
        (wrong / name).mkdir(parents=True)
        (wrong / name / "__init__.py").write_text("raise SystemExit('the wrong one')")
    command = str(prefix / "bin/ostler")
    for arguments in (["find", "--help"], ["run", "--help"], ["run", "-c", "import os; os.host"]):
        status, _, err = run(command, *arguments, PYTHONPATH=str(wrong))
        assert (status, err) == (0, ""), arguments


@pytest.mark.parametrize(
    "first_line",
    [
        # What pip writes where the path is long or has blanks.
        "#!/bin/sh\n'''exec' {} \"$0\" \"$@\"\n' '''\n",
        "#!/usr/bin/env -S {}\n",
        "#! {}\n",
    ],
)
def test_what_it_does_not_know_is_left_to_the_script(prefix, first_line):
    write_script(prefix / "bin", first_line.format(sys.executable))
    for arguments in (["run", "-c", "1", "a b"], ["size"], []):
        expected = (0, f"the script {arguments}\n", "")
        assert run(str(prefix / "bin/ostler"), *arguments) == expected


def test_a_package_that_lies_elsewhere_is_left_to_the_script(prefix):
    shutil.rmtree(next(prefix.glob("lib*")))
    done = run(str(prefix / "bin/ostler"), "run", "-c", "print(1)")
    assert done == (0, "the script ['run', '-c', 'print(1)']\n", "")


def test_an_interpreter_that_is_gone_is_told(prefix):
    write_script(prefix / "bin", "#!/none/python\n")
    status, out, err = run(str(prefix / "bin/ostler"), "run", "-c", "print(1)")
    assert (status, out) == (127, "")
    assert err == f"ostler: {prefix}/bin/ostler-command: No such file or directory\n"


def test_no_script_beside_it_is_told(prefix):
    (prefix / "bin/ostler-command").unlink()
    status, out, err = run(str(prefix / "bin/ostler"), "run", "-c", "print(1)")
    assert (status, out) == (127, "")
    assert err == f"ostler: no ostler-command beside {prefix}/bin/ostler; install ostler again\n"


def test_a_package_for_another_python_is_told_and_its_children_run(prefix):
    """Only the program that was asked for; a child of another version runs without ostler."""
    package = next(prefix.glob("lib*/*/*/ostler"))
    package.unlink()
    startup = package / "cli/startup"
    startup.mkdir(parents=True)
    shutil.copy2(ROOT / "src/ostler/cli/startup/sitecustomize.py", startup)
    (package / "py.typed").touch()
    status, out, err = run(str(prefix / "bin/ostler"), "run", "-c", "print(1)")
    version = "{}.{}".format(*sys.version_info)
    told = f"ostler: {os.path.realpath(package)} is not for Python {version}; install it again"
    assert status != 0 and out == "" and told in err
    child = run(sys.executable, "-c", "print(1)", PYTHONPATH=str(startup))
    assert child == (0, "1\n", "")
    inherited = run(sys.executable, "-c", "print(1)", PYTHONPATH=str(startup), OSTLER_RUN="1")
    assert inherited == (0, "1\n", "")


def test_a_program_below_another_does_not_see_the_startup_folder(prefix):
    """However deep: as python gives it, and as it was the first time."""
    command = str(prefix / "bin/ostler")
    nested = "import os, subprocess, sys\n"
    nested += "print(os.environ.get('PYTHONPATH'), os.host, flush=True)\n"
    nested += "n = int(sys.argv[2])\n"
    nested += "n and subprocess.run([sys.argv[1], 'run', __file__, sys.argv[1], str(n - 1)])\n"
    program = prefix / "nested.py"
    program.write_text(nested)
    for path in (None, "", "/none"):
        done = run(command, "run", str(program), command, "3", PYTHONPATH=path)
        assert done == (0, f"{path} <ostler.host>\n" * 4, "")


def test_links_from_a_store_are_followed_one_by_one(prefix, launcher, tmp_path):
    """The script lies beside one of the links; where it is called from does not matter."""
    (prefix / "bin/ostler").unlink()
    (prefix / "bin/ostler").symlink_to(launcher)
    links = tmp_path / "more links"
    links.mkdir()
    (links / "ostler").symlink_to("../bin/ostler")
    program = [
        "-c",
        "import os, subprocess, sys; os.chdir('/');"
        "print(os.host, os.environ.get('PYTHONPATH'), flush=True);"
        "subprocess.run([sys.executable, '-c', 'import os; print(os.host)'])",
    ]
    for folder, command in (
        (prefix, "bin/ostler"),
        (prefix / "bin", "./ostler"),
        (prefix / "bin", "../bin/ostler"),
        (tmp_path, "more links/ostler"),
        (links, "./ostler"),
        ("/", str(links / "ostler")),
    ):
        done = run(command, "run", *program, cwd=folder, PYTHONPATH=None)
        assert done == (0, "<ostler.host> None\n<ostler.host>\n", ""), command

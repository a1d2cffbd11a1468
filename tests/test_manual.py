"""The manual pages and completions in share/: they say what the help texts say, and they work."""

import os
import re
import shutil
import subprocess
import sys
import tomllib

import pytest

from build_tools import manual
from ostler.cli import COMMANDS, completion, helptext
from ostler.cli.copy import copy_parser
from tests.command_line import on_terminal

SHARE = manual.SHARE
BASH = SHARE / "bash-completion/completions/ostler"
FISH = SHARE / "fish/vendor_completions.d/ostler.fish"
ZSH = SHARE / "zsh/site-functions/_ostler"


def needs(program):
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


def test_share_is_what_the_help_texts_say():
    found = (path for path in SHARE.rglob("*") if path.is_file())
    there = {str(path.relative_to(SHARE)): path.read_text() for path in found}
    assert there == manual.files(), "python -m build_tools.manual --write"


def test_all_of_it_is_installed():
    text = (SHARE.parent / "pyproject.toml").read_text()
    installed = tomllib.loads(text)["tool"]["setuptools"]["data-files"]
    found = {}
    for folder, patterns in installed.items():
        for path in (path for pattern in patterns for path in SHARE.parent.glob(pattern)):
            found[f"{folder}/{path.name}"] = path
    assert {name.removeprefix("share/") for name in found} == set(manual.files())


@pytest.mark.parametrize("name", COMMANDS)
def test_a_help_text_is_taken_apart_whole(name):
    """Each word of it is in the usage, a paragraph, an option or an example; options are all."""
    text = helptext.told(name, "--help")
    page = helptext.parsed(name, text)
    words = [*page.usage, *page.examples]
    for part in page.parts:
        if isinstance(part, str):
            words.append(part)
        else:
            for option in part:
                words += [", ".join(option.names), option.value, option.text]
    headings = ["usage:", "options:", "Examples:"]
    left = [word for word in text.split() if word not in headings]
    assert sorted(" ".join(words).split()) == sorted(left)
    assert page.usage and len(page.examples) >= 2 and page.parts
    for option in page.options:
        assert option.text[0].isupper() and option.text.endswith((".", ".)")), option


@needs("groff")
@pytest.mark.parametrize("name", ["ostler", *(f"ostler-{name}" for name in COMMANDS)])
def test_a_page_is_set_without_a_warning(name):
    source = SHARE / f"man/man1/{name}.1"
    command = ["groff", "-man", "-Tutf8", "-ww", "-rLL=100n", "-P-cbou", str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    shown = " ".join(done.stdout.split())
    page = helptext.of_command(name[7:]) if "-" in name else helptext.parsed(
        "ostler", helptext.told("--help")
    )  # fmt: skip
    for example in page.examples:
        assert " ".join(example.split()) in shown
    for option in page.options:
        assert ", ".join(option.names) in shown


# ---- completion: (the words typed, what is offered, what is not)

OFFERED = [
    (["re"], {"rehearse", "remove"}, {"run"}),
    (["find", "--n"], {"--name", "--newer", "--null"}, {"--exclude"}),
    (["find", "--gi"], {"--gitignore"}, {"--name"}),
    (["size", "--to"], {"--top", "--total"}, {"--help"}),
    (["exec", "--re"], {"--read-only", "--rehearse"}, {"--confine"}),
    (["exec", "--confine", "f"], {"folder"}, {"file"}),
    (["remove", "f"], {"folder", "file"}, {"--force"}),
    (["rehearse", "--kept", "f"], {"folder"}, {"file"}),
    (["completion", ""], {"bash", "fish", "zsh"}, {"folder", "file"}),
    (["run", "--h"], {"--help"}, {"--rehearse"}),
    (["exec", "--h"], {"--help"}, {"--rehearse"}),
    (["copy", "--reflink", ""], {"always", "auto", "never"}, {"folder", "file"}),
    (["copy", "--reflink", "a"], {"always", "auto"}, {"never", "file"}),
    (["find", "--type", ""], {"f", "d", "l"}, {"folder", "file"}),
    (["record", "--only", ""], {"written", "refused"}, {"folder", "file"}),
    (["record", "--html", "f"], {"folder", "file"}, {"false"}),
    (["exec", "--profile", "f"], {"folder", "file"}, {"false"}),
    (["exec", "fals"], {"false"}, {"file", "fork"}),
    (["exec", "--profile", "file", "tru"], {"true", "truncate"}, {"folder"}),
    (["record", "sh"], {"show", "sh", "shred"}, {"folder", "--scratch"}),
    (["record", "--h"], {"--help", "--html"}, {"--rehearse"}),
]


@pytest.fixture
def place(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    return tmp_path


def offered_by_bash(place, words):
    script = (
        f'source {BASH}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); compopt() {{ :; }}; _ostler\n'
        # What readline does with `-o default` where the function has nothing to say, if it may.
        '[[ ${#COMPREPLY[@]} == 0 ]] && COMPREPLY=($(compgen -f -- "${@: -1}"))\n'
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", script, "bash", "ostler", *words],
        cwd=place, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    return set(done.stdout.splitlines())


def offered_by_fish(place, words):
    script = f"source {FISH}; complete -C '{' '.join(['ostler', *words])}'"
    env = {**os.environ, "HOME": str(place)}
    done = subprocess.run(
        ["fish", "--no-config", "-c", script],
        cwd=place, env=env, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return {line.split("\t")[0].rstrip("/") for line in done.stdout.splitlines()}


@needs("bash")
@pytest.mark.parametrize(("words", "wanted", "unwanted"), OFFERED)
def test_bash(place, words, wanted, unwanted):
    offered = offered_by_bash(place, words)
    assert wanted <= offered and not unwanted & offered


@needs("fish")
@pytest.mark.parametrize(("words", "wanted", "unwanted"), OFFERED)
def test_fish(place, words, wanted, unwanted):
    offered = offered_by_fish(place, words)
    assert wanted <= offered and not unwanted & offered


@needs("zsh")
@pytest.mark.parametrize(
    ("words", "wanted", "unwanted"), [case for case in OFFERED if len(case[1]) > 1]
)
def test_zsh(place, words, wanted, unwanted):
    """What is listed at the first Tab, where there is more than one."""
    (place / ".zshrc").write_text(
        "PS1='ready> '; setopt no_beep auto_list no_list_ambiguous\n"
        f"autoload -Uz compinit; compinit -D; source {ZSH}\n"
    )
    typed = f"ostler {' '.join(words)}\t".encode()
    script = f"cd {place} && HOME={place} ZDOTDIR={place} exec zsh -i"
    # The list is sorted. Ctrl-U takes the line away, so that nothing is run.
    keys = [(b"ready> ", typed), (max(wanted).encode(), b"\x15exit\r")]
    _, text = on_terminal(["/bin/sh", "-c", script], 100, cwd=place, keys=keys)
    plain = re.sub(r"\x1b(\[[\d;?]*[A-Za-z]|[=>])|/", " ", text)
    listed = plain.partition("\n")[2].split()
    assert wanted <= {*listed} and not unwanted & {*listed}, text


def test_what_is_chosen_from_is_what_the_options_take():
    known = {name: option for command in COMMANDS for option in helptext.of_command(command).options
             for name in option.names}  # fmt: skip
    for name, words in completion.VALUES.items():
        assert all(re.search(rf"\b{word}\b", known[name].text) for word in words), name
    for name in ("--reflink", "--sparse"):
        assert copy_parser()._option_string_actions[name].choices == completion.VALUES[name]


@needs("bash")
def test_bash_takes_a_value_behind_an_equals_sign(place):
    for typed in (["copy", "--reflink", "="], ["copy", "--reflink", "=", "a"]):
        assert {"auto", "always"} <= offered_by_bash(place, typed)
    assert offered_by_bash(place, ["exec", "--kept", "=", "f"]) == {"folder"}
    assert "true" in offered_by_bash(place, ["exec", "--profile", "=", "file", "tru"])


@needs("bash")
def test_bash_offers_no_file_for_a_number(place):
    script = (
        f'source {BASH}; COMP_WORDS=(ostler size --top ""); COMP_CWORD=3\n'
        'compopt() { printf "%s " "$@"; }; _ostler; echo "${#COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", script], cwd=place, capture_output=True, text=True)
    assert done.stdout == "+o bashdefault +o default 0\n"


def test_the_command_prints_the_files():
    for shell, path in (("bash", BASH), ("fish", FISH), ("zsh", ZSH)):
        done = subprocess.run(
            [sys.executable, "-m", "ostler", "completion", shell],
            env={**os.environ, "PYTHONPATH": str(SHARE.parent / "src")},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout == path.read_text()
    assert set(completion.SHELLS) == {"bash", "fish", "zsh"}
    refused = subprocess.run(
        [sys.executable, "-m", "ostler", "completion", "tcsh"],
        env={**os.environ, "PYTHONPATH": str(SHARE.parent / "src")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    # Some releases of Python put each into quotes.
    told = refused.stderr.replace("'", "")
    assert refused.returncode == 2 and "bash, fish, zsh" in told


@needs("bash")
@pytest.mark.parametrize(
    "words", [["exec", "--confine", "M"], ["copy", "-t", "M"], ["exec", "./M"]]
)
def test_names_with_blanks_and_stars_in_bash(place, words):
    """Each is one word of what is offered, and no pattern."""
    for name in ("My Folder", "M*"):
        (place / name).mkdir()
    prefix = "./" if words[-1].startswith("./") else ""
    assert {f"{prefix}My Folder", f"{prefix}M*"} <= offered_by_bash(place, words)

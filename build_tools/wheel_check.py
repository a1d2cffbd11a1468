"""Whether a wheel is what its name says, so that it loads on every system that pip installs it on.

auditwheel looks at the versions of symbols; musl's have none, and those that a library lacks have
none either. So each symbol that is asked for is looked up here in the oldest C library of the tag.
"""

import json
import re
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

from cross import TARGETS

LARGEST = 4_000_000  # bytes
# What musl got after 1.2.0, the oldest one that a musllinux_1_2 wheel is installed on: by its
# release notes for 1.2.1 to 1.2.3, for 1.2.5 by a comparison of the libraries themselves.
LATER_IN_MUSL = frozenset(
    """
    _Fork gettid reallocarray tcgetwinsize tcsetwinsize
    pthread_getname_np qsort_r
    preadv2 pwritev2 statx
    """.split()
)
# The interpreter's own functions, which are not looked up: one that its headers don't declare has
# ended the build, and one that is gone ends the import, which `make test-wheels` tries.
OF_PYTHON = re.compile("_?Py")


def elf_files(wheel):
    """{name: ELFFile} of all that is no text in a wheel."""
    from elftools.elf.elffile import ELFFile

    found = {}
    with zipfile.ZipFile(wheel) as packed:
        for name in packed.namelist():
            content = packed.read(name)
            if content.startswith(b"\x7fELF"):
                found[name] = ELFFile(BytesIO(content))
    return found


def asked_for(file):
    """The symbols that a file wants of others: {name: version, or ""}, but for the weak ones."""
    section = file.get_section_by_name(".dynsym")
    if section is None:
        return {}
    versions = file.get_section_by_name(".gnu.version")
    needs = file.get_section_by_name(".gnu.version_r")
    names = {}
    if needs is not None:
        for _, auxiliaries in needs.iter_versions():
            names |= {each["vna_other"]: each.name for each in auxiliaries}
    found = {}
    for place, symbol in enumerate(section.iter_symbols()):
        if symbol["st_shndx"] != "SHN_UNDEF" or symbol["st_info"]["bind"] == "STB_WEAK":
            continue
        if symbol.name:
            number = versions.get_symbol(place)["ndx"] if versions is not None else 0
            found[symbol.name] = names.get(number, "")
    return found


def dynamic(file, tag):
    """The values of one tag of the dynamic section, as of DT_NEEDED."""
    section = file.get_section_by_name(".dynamic")
    if section is None:
        return []
    name = tag.removeprefix("DT_").lower()
    return [getattr(each, name) for each in section.iter_tags(tag)]


def of_musl():
    """The names that musl has, as ziglang's compiler knows it."""
    import ziglang

    text = Path(ziglang.__file__).with_name("lib").joinpath("libc/musl/libc.S").read_text()
    return frozenset(re.findall(r"^(?:\.globl|\.weak|WEAK\w*) (\w+)$", text, re.MULTILINE))


def newer_than_glibc(version, limit):
    """Whether a symbol's version, as GLIBC_2.34, is above a limit, as (2, 28)."""
    number = version.removeprefix("GLIBC_")
    if not re.fullmatch(r"\d+(\.\d+)+", number):
        return True
    return tuple(map(int, number.split("."))) > limit


def wrong_symbols(tag, file):
    """What a file wants that the oldest C library of a tag lacks, in words."""
    wanted = {
        name: version for name, version in asked_for(file).items() if not OF_PYTHON.match(name)
    }
    if TARGETS[tag].is_musl:
        has = of_musl() - LATER_IN_MUSL
        return [f"musl 1.2.0 has no {name}" for name in sorted(wanted.keys() - has)]
    limit = tuple(map(int, re.search(r"_(\d+)_(\d+)_", tag).groups()))
    return [
        f"glibc {limit[0]}.{limit[1]} has no {name} ({version or 'of no version'})"
        for name, version in sorted(wanted.items())
        if not version or newer_than_glibc(version, limit)
    ]


def wrong_program(tag, file):
    """What is wrong with the command, in words."""
    machine = TARGETS[tag].machine
    loader = [
        part.get_interp_name() for part in file.iter_segments() if part["p_type"] == "PT_INTERP"
    ]
    if TARGETS[tag].is_musl:
        right = loader in ([], [f"/lib/ld-musl-{machine}.so.1"])
    else:
        right = loader in (["/lib64/ld-linux-x86-64.so.2"], ["/lib/ld-linux-aarch64.so.1"])
    return [] if right else [f"its loader is {loader}"]


def faults(wheel):
    """What is wrong with a wheel, a list of sentences."""
    tag = wheel.stem.split("-")[4]
    python = wheel.stem.split("-")[3]
    target = TARGETS[tag]
    found = []
    if wheel.stat().st_size > LARGEST:
        found.append(f"{wheel.stat().st_size} bytes, more than {LARGEST}")
    files = elf_files(wheel)
    suffix = f".cpython-{python[2:]}-{target.triplet}.so"
    command = f"{'-'.join(wheel.stem.split('-')[:2])}.data/scripts/ostler"
    if set(files) != {f"ostler/_compiled{suffix}", command}:
        found.append(f"the machine code in it is {sorted(files)}")
    for name, file in files.items():
        machine = {"EM_X86_64": "x86_64", "EM_AARCH64": "aarch64"}.get(file["e_machine"])
        wrong = [] if machine == target.machine else [f"is for {file['e_machine']}"]
        for place in ("DT_RUNPATH", "DT_RPATH"):
            wrong += [f"has {place} {value}" for value in dynamic(file, place)]
        wrong += wrong_symbols(tag, file)
        if name == command:
            wrong += wrong_program(tag, file)
        found += [f"{name}: {each}" for each in wrong]
    show = [sys.executable, "-m", "auditwheel", "show", "--json", str(wheel)]
    done = subprocess.run(show, capture_output=True, text=True, check=False)
    told = json.loads(done.stdout) if done.returncode == 0 else {}
    if told.get("overall_tag") != tag:
        found.append(f"auditwheel says {told.get('overall_tag') or done.stderr.strip()}")
    return found

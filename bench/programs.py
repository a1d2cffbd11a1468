"""Real Python programs from the index, each with work to do, for bench_programs.py."""

import os
import sys
import sysconfig
from pathlib import Path

# What is installed from the index, and nothing else: their versions are printed.
PACKAGES = (
    "pip", "pytest", "black", "isort", "sphinx", "mkdocs", "dulwich", "mercurial", "scons",
    "meson", "setuptools",
)  # fmt: skip


class Programs:
    """The programs, over a directory in which their work lies."""

    def __init__(self, packages, work):
        self.packages = Path(packages)
        self.work = Path(work)

    def prepare(self):
        """Make everything that the programs work on."""
        library = Path(sysconfig.get_path("stdlib"))
        sources = self.work / "sources"
        for path in sorted(library.rglob("*.py")):
            name = path.relative_to(library)
            if "site-packages" in name.parts or "lib2to3" in name.parts or "test" in name.parts:
                continue
            target = sources / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
        for number in range(400):
            place = self.work / "tests" / f"part{number % 20}"
            place.mkdir(parents=True, exist_ok=True)
            text = f"def test_one_{number}():\n    assert {number} + 1\n"
            (place / f"test_{number}.py").write_text(text)
        pages = self.work / "mkdocs" / "docs"
        pages.mkdir(parents=True)
        (self.work / "sphinx").mkdir()
        for number in range(60):
            text = f"# Page {number}\n\nSome text about [another](page{(number + 1) % 60}.md).\n"
            name = "index" if number == 0 else f"page{number}"
            (pages / f"{name}.md").write_text(text * 5)
            text = f"Page {number}\n=======\n\nSome text.\n\n.. code:: python\n\n   x = {number}\n"
            (self.work / "sphinx" / f"{name}.rst").write_text(text)
        (self.work / "mkdocs" / "mkdocs.yml").write_text("site_name: Pages\n")
        (self.work / "sphinx" / "conf.py").write_text("project = 'Pages'\n")
        scons = self.work / "scons"
        scons.mkdir()
        (scons / "SConstruct").write_text(
            "env = Environment()\n"
            "for i in range(300): env.Command(f'out{i}', f'in{i}', Copy('$TARGET', '$SOURCE'))\n"
        )
        for number in range(300):
            (scons / f"in{number}").write_text(str(number))
        meson = self.work / "meson"
        for number in range(60):
            place = meson / f"part{number}"
            place.mkdir(parents=True)
            (place / "meson.build").write_text(
                "configure_file(input: 'in', output: 'out', copy: true)\n"
            )
            (place / "in").write_text(str(number))
        lines = ["project('parts')", *(f"subdir('part{number}')" for number in range(60))]
        (meson / "meson.build").write_text("\n".join(lines) + "\n")
        # What the runs are to find done.
        for command in self.before().values():
            yield [sys.executable, *command]

    def script(self, name):
        """A command of the packages, as the script that pip has written for it."""
        return str(self.packages / "bin" / name)

    def before(self):
        """What is run once: repositories are filled, bytecode and targets are made."""
        return {
            "compileall": ["-m", "compileall", "-q", "sources"],
            "dulwich": ["-m", "dulwich", "init", "sources"],
            "hg": [self.script("hg"), "init", "tests"],
            "hg add": [self.script("hg"), "-q", "--cwd", "tests", "add"],
            "hg commit": [self.script("hg"), "--cwd", "tests", "commit", "-u", "me", "-m", "all"],
            "scons": ["-m", "SCons", "-Q", "-s", "-C", "scons"],
        }

    def all(self):
        """Each program's arguments to python, by name, in the order of the table."""
        return {
            "compileall, up to date": ["-m", "compileall", "-q", "sources"],
            "dulwich status": ["-c", _DULWICH],
            "tarfile -c": ["-m", "tarfile", "-c", "packed.tar", "sources"],
            "zipfile -c": ["-m", "zipfile", "-c", "packed.zip", "sources/email", "sources/json",
                           "sources/asyncio", "sources/concurrent", "sources/unittest"],
            "mkdocs build": ["-m", "mkdocs", "build", "-q", "-f", "mkdocs/mkdocs.yml"],
            "sphinx-build": ["-m", "sphinx", "-q", "-E", "sphinx", "sphinx/built"],
            "meson setup": ["-m", "mesonbuild.mesonmain", "setup", "--wipe", "--backend", "none",
                            "meson/built", "meson"],
            "scons, nothing to do": ["-m", "SCons", "-Q", "-s", "-C", "scons"],
            "pytest --collect-only": ["-m", "pytest", "-q", "--collect-only", "-p",
                                      "no:cacheprovider", "tests"],
            "isort --check": ["-m", "isort", "-q", "--check", "sources/asyncio", "sources/email",
                              "sources/json"],
            "black --check": ["-m", "black", "-q", "--check", "-W", "1", "sources/json"],
            "hg status": [self.script("hg"), "--cwd", "tests", "status"],
            "pip list": ["-m", "pip", "--disable-pip-version-check", "list"],
        }  # fmt: skip

    def environment(self):
        """What the programs find of the environment."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PYTEST"))}
        return {**kept, "PYTHONPATH": str(self.packages), "PYTHONHASHSEED": "0", "HGRCPATH": ""}


# A status of all that is there and untracked.
_DULWICH = """\
from dulwich import porcelain
found = porcelain.status("sources")
assert found.untracked, found
"""

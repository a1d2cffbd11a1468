"""Compiles the command `ostler`, a small program; launcher.c says what it does."""

import os
import shlex
import sysconfig
from pathlib import Path

import setuptools  # noqa: F401  which brings the distutils that follow

from distutils.ccompiler import new_compiler  # isort: skip
from distutils.command.build_scripts import build_scripts  # isort: skip
from distutils.sysconfig import customize_compiler  # isort: skip

HERE = Path(__file__).parent
SOURCE = HERE / "launcher.c"


def definitions(editable):
    """Where the launcher looks for the package, as C macros."""
    suffix = "t" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""
    python = "python{}{}".format(sysconfig.get_config_var("VERSION"), suffix)
    macros = [("OSTLER_PYTHON", f'"{python}"')]
    if editable:
        path = str(HERE.parent / "src").replace("\\", r"\\").replace('"', r"\"")
        macros.append(("OSTLER_SOURCE", f'"{path}"'))
    return macros


class BuildLauncher(build_scripts):
    """setuptools' command, with the scripts compiled and not copied."""

    editable_mode = False  # setuptools sets it

    def copy_scripts(self):
        """Compile the launcher into the folder of the scripts."""
        build = self.get_finalized_command("build")
        compiler = new_compiler()
        customize_compiler(compiler)
        objects = compiler.compile(
            [str(SOURCE)],
            output_dir=build.build_temp,
            macros=definitions(self.editable_mode),
            extra_preargs=["-O2", "-Wall"],
        )
        self.mkpath(self.build_dir)
        options = shlex.split(os.environ.get("LDFLAGS", ""))
        compiler.link_executable(
            objects, "ostler", output_dir=self.build_dir, extra_preargs=options
        )
        made = [str(Path(self.build_dir, "ostler"))]
        self._change_modes(made)
        return made, made

    def get_source_files(self):
        """What a source archive has of it."""
        return [str(SOURCE.relative_to(HERE.parent))]

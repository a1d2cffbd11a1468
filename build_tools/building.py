"""Building: each C file is compiled by itself, and only if it has changed; then all are linked."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from pathlib import Path

from setuptools.command.build_ext import build_ext as setuptools_build_ext


def jobs():
    """How many processes may run at a time."""
    return len(os.sched_getaffinity(0))


class build_ext(setuptools_build_ext):
    """setuptools' own, which compiles all sources of an extension again when one has changed."""

    def finalize_options(self):
        """Keep the objects where they are kept: pip's editable builds would use a new folder."""
        super().finalize_options()
        build = self.get_finalized_command("build")
        name = f"temp.{build.plat_name}-{sys.implementation.cache_tag}{sys.abiflags}"
        self.build_temp = os.path.join(build.build_base, name)

    def build_extensions(self):
        """Compile and link all extensions."""
        self.force = True  # what is up to date is seen file by file
        with ThreadPoolExecutor(jobs()) as pool:
            self.compiler.compile = partial(compile_changed, pool, self.compiler)
            super().build_extensions()


def compile_changed(pool, compiler, sources, output_dir=None, **how):
    """As the compiler's own `compile`, a file at a time, of those that are not compiled yet.

    Beside each object stands what it was compiled of, and how.
    """
    command = (sys.version, compiler.compiler_so, sorted(how.items()))
    objects = compiler.object_filenames(sources, output_dir=output_dir)
    for folder in {os.path.dirname(name) for name in objects}:
        os.makedirs(folder, exist_ok=True)

    def compile_one(source, name):
        now = repr((sha256(Path(source).read_bytes()).hexdigest(), *command))
        told = Path(f"{name}.txt")
        if os.path.exists(name) and told.exists() and told.read_text() == now:
            return
        told.unlink(missing_ok=True)
        type(compiler).compile(compiler, [source], output_dir=output_dir, **how)
        told.write_text(now)

    list(pool.map(compile_one, sources, objects))
    return objects

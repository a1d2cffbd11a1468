"""Fake filesystem shutil: pyfakefs's place of these names."""

from ostler.fakefs.modules import FakeShutilModule

__all__ = ["FakeShutilModule"]

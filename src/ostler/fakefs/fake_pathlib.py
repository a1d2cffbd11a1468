"""Fake pathlib: pyfakefs's place of these names."""

from ostler.fakefs.modules import FakePathlibModule

__all__ = ["FakePathlibModule"]

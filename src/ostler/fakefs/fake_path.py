"""Fake path: pyfakefs's place of these names."""

from ostler.fakefs.modules import FakePathModule

__all__ = ["FakePathModule"]

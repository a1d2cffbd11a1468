"""Fake os: pyfakefs's place of these names."""

from ostler.fakefs.modules import FakeOsModule

__all__ = ["FakeOsModule"]

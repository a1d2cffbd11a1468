"""Fake open: pyfakefs's place of these names."""

from ostler.fakefs.modules import FakeFileOpen

__all__ = ["FakeFileOpen"]

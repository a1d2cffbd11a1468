"""Fake io: pyfakefs's place of these names."""

from ostler.fakefs.fake_filesystem import PatchMode
from ostler.fakefs.modules import FakeIoModule

__all__ = ["FakeIoModule", "PatchMode"]

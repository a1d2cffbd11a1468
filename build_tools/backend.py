"""The build backend: setuptools, and a C compiler from a wheel where the machine has none."""

import supported

supported.check()  # before anything that an older Python has not

from compiler import needs_ziglang  # noqa: E402
from setuptools import build_meta  # noqa: E402
from setuptools.build_meta import *  # noqa: E402, F403

# Asked first of all: setup.py, which setuptools runs to learn its requirements, sets CC.
_COMPILER = ["ziglang"] if needs_ziglang() else []


def get_requires_for_build_wheel(config_settings=None):
    """setuptools' own requirements, and ziglang when no C compiler is found."""
    return build_meta.get_requires_for_build_wheel(config_settings) + _COMPILER


def get_requires_for_build_editable(config_settings=None):
    """setuptools' own requirements, and ziglang when no C compiler is found."""
    return build_meta.get_requires_for_build_editable(config_settings) + _COMPILER


def build_sdist(sdist_directory, config_settings=None):
    """setuptools' own; with SOURCE_DATE_EPOCH it is the same whoever makes it, and wherever."""
    import archives

    return archives.made_plain(build_meta.build_sdist, sdist_directory, config_settings)

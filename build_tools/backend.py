"""The build backend: setuptools, and a C compiler from a wheel where the machine has none."""

from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F403

from compiler import needs_ziglang


def get_requires_for_build_wheel(config_settings=None):
    """setuptools' own requirements, and ziglang when no C compiler is found."""
    return _with_compiler(build_meta.get_requires_for_build_wheel(config_settings))


def get_requires_for_build_editable(config_settings=None):
    """setuptools' own requirements, and ziglang when no C compiler is found."""
    return _with_compiler(build_meta.get_requires_for_build_editable(config_settings))


def _with_compiler(requirements):
    return [*requirements, "ziglang"] if needs_ziglang() else requirements

"""Which C compiler to build with."""

import os
import shlex
import shutil
import sys
import sysconfig


def needs_ziglang():
    """Whether neither CC, nor the compiler that Python was built with, nor cc, is here."""
    candidates = [os.environ.get("CC"), sysconfig.get_config_var("CC"), "cc"]
    return not any(c and shutil.which(shlex.split(c)[0]) for c in candidates)


def choose():
    """Set CC and LDSHARED for setuptools: what is there, else the compiler of the ziglang wheel."""
    if needs_ziglang():
        zig = f"{shlex.quote(sys.executable)} -m ziglang cc"
        os.environ["CC"] = zig
        os.environ["LDSHARED"] = f"{zig} -shared"
    elif not os.environ.get("CC"):
        built_with = shlex.split(sysconfig.get_config_var("CC") or "cc")[0]
        if not shutil.which(built_with):
            os.environ["CC"] = "cc"
            os.environ["LDSHARED"] = "cc -shared"

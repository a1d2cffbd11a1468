"""Lets what Cython cimports be imported without a look at the packages above it.

Cython asks for `ostler.core.crossing` by a call that answers with `ostler`, and then takes the
module from sys.modules. While `ostler` is itself being imported, importlib sees to it each time
that no other thread is doing so, which takes ten microseconds, a hundred times in all.
"""

import re

# Cython's call; not that for a module of the standard library.
CALL = re.compile(r'PyImport_ImportModule(?=\("ostler\.)')
# With something in the list of names the answer is the module itself: it's asked for truth alone.
MACRO = ("OSTLER_MODULE(name)", "PyImport_ImportModuleLevel(name, NULL, NULL, Py_True, 0)")


def direct(text):
    """C whose cimports ask for the module itself."""
    return CALL.sub("OSTLER_MODULE", text)

"""The memory that install() must look at: how much it is, and what that alone takes.

Of each value of a module and of a class the word with its type, of each function its defaults, of
each class and module the dict, with its keys. How objects lie in memory is CPython's matter: this is
right for 64 bits and a GIL.
"""

import ctypes
import gc
import sys
from array import array
from types import FunctionType, ModuleType

LINE = 64  # bytes that come together
HEAP_CLASS = 1 << 9
TYPE, DEFAULTS, KEYS_OF_DICT, DICT_OF_CLASS, DICT_OF_MODULE = 8, 64, 32, 264, 16


def places():
    """The addresses of all those lines of memory, each once, in the order of their use; as bytes."""
    lines = {}

    def look(address, size=1):
        for line in range(address // LINE, (address + size - 1) // LINE + 1):
            lines.setdefault(line * LINE)

    def in_dict(names):
        look(id(names) + KEYS_OF_DICT)
        keys = ctypes.c_size_t.from_address(id(names) + KEYS_OF_DICT).value
        look(keys, sys.getsizeof(names) - dict.__basicsize__)
        for value in names.values():
            look(id(value) + TYPE)
            function = getattr(value, "__func__", value)
            if type(function) is FunctionType:
                look(id(function) + DEFAULTS)

    seen = set()
    for name, module in list(sys.modules.items()):
        if isinstance(module, ModuleType) and module not in seen and not is_ours(name):
            seen.add(module)
            look(id(module) + DICT_OF_MODULE)
            in_dict(vars(module))
            for kind in list(vars(module).values()):
                if isinstance(kind, type):
                    look(id(kind) + DICT_OF_CLASS)
                    if kind.__flags__ & HEAP_CLASS and kind.__dict__.get("__module__") == name:
                        in_dict(gc.get_referents(vars(kind))[0])
    return array("Q", lines).tobytes()


def is_ours(name):
    """Whether the module is one of ostler's, which stays as it is."""
    return name == "ostler" or name.startswith("ostler.")

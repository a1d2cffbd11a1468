# How the interpreter makes modules, and the table of those in the shared object, which
# build_tools/modules.py writes.
from cpython.object cimport PyObject

cdef extern from "Python.h":
    ctypedef struct PyModuleDef
    ctypedef PyObject *(*ostler_init "PyObject *(*)(void)")() except NULL
    object PyModule_FromDefAndSpec(PyModuleDef *definition, object spec)
    int PyModule_ExecDef(object module, PyModuleDef *definition) except -1
    int PyGC_Disable()
    int PyGC_Enable()
    struct _inittab:
        const char *name
        PyObject *(*initfunc)() except NULL

cdef extern from *:
    """
    extern struct _inittab ostler_modules[]; /* ends with one without a name */
    extern const int ostler_early; /* how many of them `import ostler` needs: the first */
    """
    _inittab *ostler_modules
    const int ostler_early

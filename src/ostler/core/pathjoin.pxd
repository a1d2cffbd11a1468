from ostler.core cimport python as py

cdef object join(object a, tuple parts)
cdef object join_given(py.PyObject **given, Py_ssize_t count)  # one or more, not ours
cdef object relative(object origin, object goal)  # of two that abspath gave; or None

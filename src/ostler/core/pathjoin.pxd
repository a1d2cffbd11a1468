from ostler.core cimport python as py

cdef object join(object a, tuple parts)
cdef object join_given(py.PyObject **given, Py_ssize_t count)  # one or more, not ours

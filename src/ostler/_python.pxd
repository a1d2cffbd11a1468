# What the core takes from the interpreter's C API; used under the one prefix `py.`
from cpython.object cimport PyObject

cdef extern from "Python.h":
    enum: PY_VERSION_HEX

    # text
    bint PyUnicode_Check(object o)
    bint PyUnicode_IS_COMPACT_ASCII(object o)
    const char *PyUnicode_DATA(object o)
    Py_ssize_t PyUnicode_GET_LENGTH(object o)
    const char *PyUnicode_AsUTF8AndSize(object o, Py_ssize_t *size) except NULL
    object PyUnicode_EncodeFSDefault(object o)
    object PyUnicode_DecodeFSDefault(const char *text)
    object PyUnicode_DecodeFSDefaultAndSize(const char *text, Py_ssize_t size)
    object PyUnicode_DecodeLocale(const char *text, const char *errors)
    bint PyBytes_Check(object o)
    const char *PyBytes_AS_STRING(object o)
    Py_ssize_t PyBytes_GET_SIZE(object o)
    object PyBytes_FromString(const char *text)
    object PyBytes_FromStringAndSize(const char *text, Py_ssize_t size)
    object PyBytes_FromObject(object o)
    bint PyObject_CheckBuffer(object o)

    # numbers
    bint PyBool_Check(object o)
    bint PyIndex_Check(object o)
    object PyNumber_Index(object o)
    long PyLong_AsLong(object o) except? -1
    long PyLong_AsLongAndOverflow(object o, int *overflow) except? -1
    unsigned long PyLong_AsUnsignedLong(object o) except? <unsigned long>-1
    long long PyLong_AsLongLong(object o) except? -1
    object PyLong_FromLong(long v)
    object PyLong_FromUnsignedLong(unsigned long v)
    object PyLong_FromLongLong(long long v)
    int PyObject_AsFileDescriptor(object o) except -1
    int PyObject_IsTrue(object o) except -1

    # errors, warnings, signals, audit
    int PyErr_CheckSignals() except -1
    int PyErr_WarnEx(object category, const char *text, Py_ssize_t level) except -1
    int PySys_Audit(const char *event, const char *format, ...) except -1

    # type slots
    object PyType_GenericGetAttr "PyObject_GenericGetAttr"(object o, object name)

    # functions
    bint PyCFunction_Check(object o)
    PyObject *PyCFunction_GET_SELF(object o)
    PyObject *PyDict_GetItemWithError(object d, object key) except? NULL

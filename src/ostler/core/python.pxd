# What the core takes from the interpreter's C API; used under the one prefix `py.`
from cpython.object cimport PyObject

cdef extern from "Python.h":
    enum: PY_VERSION_HEX
    const unsigned long Py_Version  # of the interpreter that runs: one wheel serves all of a 3.x

    # text
    bint PyUnicode_Check(object o)
    bint PyUnicode_IS_COMPACT_ASCII(object o)
    const char *PyUnicode_DATA(object o)
    Py_ssize_t PyUnicode_GET_LENGTH(object o)
    const char *PyUnicode_AsUTF8AndSize(object o, Py_ssize_t *size) except NULL
    object PyUnicode_EncodeFSDefault(object o)
    object PyOS_FSPath(object path)
    object PyUnicode_Concat(object a, object b)
    object PyUnicode_DecodeFSDefault(const char *text)
    object PyUnicode_DecodeFSDefaultAndSize(const char *text, Py_ssize_t size)
    object PyUnicode_DecodeLocale(const char *text, const char *errors)
    object PyUnicode_New(Py_ssize_t size, unsigned int highest)
    object PyOS_FSPath(object path)
    bint PyBytes_Check(object o)
    const char *PyBytes_AS_STRING(object o)
    Py_ssize_t PyBytes_GET_SIZE(object o)
    object PyBytes_FromString(const char *text)
    object PyBytes_FromStringAndSize(const char *text, Py_ssize_t size)
    object PyBytes_FromObject(object o)
    bint PyObject_CheckBuffer(object o)
    bint PyUnicode_CheckExact(object o)
    bint PyUnicode_IS_READY(object o)
    int PyUnicode_KIND(object o)
    unsigned int PyUnicode_MAX_CHAR_VALUE(object o)
    unsigned int PyUnicode_READ_CHAR(object o, Py_ssize_t index)
    object PyUnicode_New(Py_ssize_t size, unsigned int greatest)
    int PyUnicode_WriteChar(object o, Py_ssize_t index, unsigned int character) except -1
    Py_ssize_t PyUnicode_CopyCharacters(object to, Py_ssize_t start, object source,
                                        Py_ssize_t first, Py_ssize_t count) except -1
    Py_ssize_t PyUnicode_FindChar(object o, unsigned int character, Py_ssize_t start,
                                  Py_ssize_t end, int direction) except -2
    object PyUnicode_Substring(object o, Py_ssize_t start, Py_ssize_t end)
    object PyUnicode_DecodeUTF8(const char *text, Py_ssize_t size, const char *errors)
    bint PyBytes_CheckExact(object o)
    object PyOS_FSPath(object o)
    object PyMemoryView_FromObject(object o)

    # numbers
    bint PyBool_Check(object o)
    bint PyIndex_Check(object o)
    bint PySequence_Check(object o)
    bint PyLong_Check(object o)
    bint PyFloat_Check(object o)
    double PyFloat_AS_DOUBLE(object o)
    object PyNumber_Index(object o)
    Py_ssize_t PyLong_AsSsize_t(object o) except? -1
    long PyLong_AsLong(object o) except? -1
    long PyLong_AsLongAndOverflow(object o, int *overflow) except? -1
    unsigned long PyLong_AsUnsignedLong(object o) except? <unsigned long>-1
    unsigned long PyLong_AsUnsignedLongMask(object o) except? <unsigned long>-1
    unsigned long long PyLong_AsUnsignedLongLong(object o) except? <unsigned long long>-1
    long long PyLong_AsLongLong(object o) except? -1
    object PyLong_FromLong(long v)
    object PyBool_FromLong(long v)
    object PyLong_FromUnsignedLong(unsigned long v)
    object PyLong_FromLongLong(long long v)
    int PyObject_AsFileDescriptor(object o) except -1
    int PyObject_IsTrue(object o) except -1

    # errors, warnings, signals, audit
    int PyErr_CheckSignals() except -1
    unsigned long PyThread_get_thread_ident() nogil
    int PyErr_WarnEx(object category, const char *text, Py_ssize_t level) except -1
    int PyErr_ResourceWarning(object source, Py_ssize_t level, const char *format, ...) except -1
    int PySys_Audit(const char *event, const char *format, ...) except -1
    # The same where the event shows so many objects before anything else.
    int audit1 "PySys_Audit"(const char *event, const char *format, object a, ...) except -1
    int audit2 "PySys_Audit"(const char *event, const char *format, object a, object b,
                             ...) except -1
    int audit3 "PySys_Audit"(const char *event, const char *format, object a, object b, object c,
                             ...) except -1
    int audit4 "PySys_Audit"(const char *event, const char *format, object a, object b, object c,
                             object d, ...) except -1
    int audit5 "PySys_Audit"(const char *event, const char *format, object a, object b, object c,
                             object d, object e, ...) except -1

    # mappings
    bint PyMapping_Check(object o)
    Py_ssize_t PyMapping_Size(object o) except -1
    list PyMapping_Keys(object o)
    list PyMapping_Values(object o)

    # fork
    void PyOS_BeforeFork()
    void PyOS_AfterFork_Parent()
    void PyOS_AfterFork_Child()

    # recursion in C
    int Py_EnterRecursiveCall(const char *where) except -1
    void Py_LeaveRecursiveCall()

    # type slots
    object PyType_GenericGetAttr "PyObject_GenericGetAttr"(object o, object name)

    # records: named tuples made in C, and the slots of their types
    ctypedef int (*visitor "visitproc")(PyObject *o, void *arg) noexcept
    ctypedef object (*getter)(object record, void *closure)
    ctypedef int (*setter)(object record, PyObject *value, void *closure) except -1
    ctypedef struct PyTypeObject:
        object (*tp_new)(PyTypeObject *kind, PyObject *args, PyObject *kwargs)
        void (*tp_dealloc)(PyObject *record) noexcept
        int (*tp_traverse)(PyObject *record, visitor visit, void *arg) noexcept
        void (*tp_finalize)(PyObject *o) noexcept
        object (*tp_descr_get)(object o, object instance, object kind)
    ctypedef struct PyTupleObject:
        PyObject **ob_item
    ctypedef struct PyStructSequence_Field:
        const char *name
        const char *doc
    ctypedef struct PyStructSequence_Desc:
        const char *name
        const char *doc
        PyStructSequence_Field *fields
        int n_in_sequence
    ctypedef struct PyGetSetDef:
        const char *name
        getter get
        setter set
        const char *doc
        void *closure
    ctypedef struct PyMethodDef:
        const char *ml_name
        void *ml_meth
        int ml_flags
        const char *ml_doc
    enum: METH_NOARGS
    const char *PyStructSequence_UnnamedField
    PyTypeObject *PyStructSequence_NewType(PyStructSequence_Desc *desc) except NULL
    object PyStructSequence_New(PyTypeObject *kind)
    object PyDescr_NewGetSet(PyTypeObject *kind, PyGetSetDef *getset)
    object PyDescr_NewMethod(PyTypeObject *kind, PyMethodDef *method)
    enum: AS_OBJECT "PyObject"  # the C type that the next one is to return
    object PyObject_GC_NewVar(int c_type, PyTypeObject *kind, Py_ssize_t size)
    void PyObject_GC_Del(void *o)
    void PyObject_GC_Track(PyObject *o)
    void PyObject_GC_UnTrack(void *o)
    int PyArg_ParseTupleAndKeywords(PyObject *args, PyObject *kwargs, const char *format,
                                    char **keywords, ...) except 0
    PyTypeObject *Py_TYPE(PyObject *o)
    void Py_SET_SIZE(object o, Py_ssize_t size)
    void Py_INCREF(PyObject *o)
    void Py_DECREF(PyObject *o)
    void Py_XDECREF(PyObject *o)
    # the same numbers as above, owned by the caller
    PyObject *own_long "PyLong_FromLong" (long v) except NULL
    PyObject *own_long_long "PyLong_FromLongLong" (long long v) except NULL
    PyObject *own_double "PyFloat_FromDouble" (double v) except NULL
    PyObject *own_unsigned "PyLong_FromUnsignedLong" (unsigned long v) except NULL
cdef extern from *:
    """
    typedef struct {
        long value;
        PyObject *held; /* NULL at first */
    } ostler_last;
    /* A number as PyLong_FromLong gives it: the object of the last time, if it was the same then. */
    static inline PyObject *ostler_long_as_last(ostler_last *last, long value) {
    #ifdef Py_GIL_DISABLED
        return PyLong_FromLong(value);
    #else
        PyObject *made, *before = last->held;
        if (before != NULL && last->value == value)
            return Py_NewRef(before);
        made = PyLong_FromLong(value);
        if (made != NULL) {
            last->held = Py_NewRef(made);
            last->value = value;
            Py_XDECREF(before);
        }
        return made;
    #endif
    }
    """
    ctypedef struct Last "ostler_last":
        long value
        PyObject *held
    PyObject *own_as_last "ostler_long_as_last" (Last *last, long value) except NULL

cdef extern from "Python.h":

    # functions
    # what a borrowed reference is, with no count of its own taken
    bint is_exact_text "PyUnicode_CheckExact"(PyObject *o)
    bint is_ascii_text "PyUnicode_IS_COMPACT_ASCII"(PyObject *o)
    Py_ssize_t text_size "PyUnicode_GET_LENGTH"(PyObject *o)
    const char *text_data "PyUnicode_DATA"(PyObject *o)
    bint PyCFunction_Check(object o)
    PyObject *PyCFunction_GET_SELF(object o)
    PyObject *PyDict_GetItemWithError(object d, object key) except? NULL
    bint is_builtin "PyCFunction_Check"(PyObject *o)
    PyObject *self_of "PyCFunction_GET_SELF"(PyObject *o)

# A value of a dict, lent until give_back() or NULL. With the GIL nobody can take it out of the dict
# meanwhile, as long as no Python code runs; without it a reference is taken.
cdef extern from *:
    """
    #ifdef Py_GIL_DISABLED
    static inline PyObject *ostler_lent_in(PyObject *d, PyObject *key) {
        PyObject *value;
        (void)PyDict_GetItemRef(d, key, &value);
        return value;
    }
    #define ostler_give_back(value) Py_XDECREF(value)
    #define ostler_kept(value) (value)
    #else
    #define ostler_lent_in(d, key) PyDict_GetItemWithError(d, key)
    #define ostler_give_back(value) ((void)0)
    #define ostler_kept(value) Py_NewRef(value)
    #endif
    """
    PyObject *lent_in "ostler_lent_in"(PyObject *d, object key) except? NULL
    # the same of a dict with texts alone, for a text: nothing can go wrong
    PyObject *lent_text_in "ostler_lent_in"(PyObject *d, object key) noexcept
    void give_back "ostler_give_back"(PyObject *value) noexcept
    object kept "ostler_kept"(PyObject *value)  # instead of give_back(): it is no more lent

# A change in several steps, in which no Python code runs. The GIL keeps other threads out of it, and
# without one this lock, which is a process's. Who waits for it lets the interpreter go on.
cdef extern from *:
    """
    #ifdef Py_GIL_DISABLED
    __attribute__((weak, visibility("hidden"))) PyMutex ostler_changing = {0};
    #define ostler_begin_change() PyMutex_Lock(&ostler_changing)
    #define ostler_end_change() PyMutex_Unlock(&ostler_changing)
    #define OSTLER_FREE_THREADED 1
    static void ostler_forget_changes(void) {
        memset(&ostler_changing, 0, sizeof(ostler_changing));
    }
    #else
    static void ostler_forget_changes(void) {
    }
    #define ostler_begin_change() ((void)0)
    #define ostler_end_change() ((void)0)
    #define OSTLER_FREE_THREADED 0
    #endif
    """
    void begin_change "ostler_begin_change"() noexcept
    void end_change "ostler_end_change"() noexcept
    void forget_changes "ostler_forget_changes"() noexcept nogil  # in a forked copy
    bint FREE_THREADED "OSTLER_FREE_THREADED"

cdef extern from *:
    """
    static inline PyObject *ostler_ascii_text(const char *text, Py_ssize_t size) {
        PyObject *made = PyUnicode_New(size, 127);
        if (made != NULL)
            memcpy(PyUnicode_1BYTE_DATA(made), text, (size_t)size);
        return made;
    }
    static inline int ostler_forbid_making(PyObject *type) {
        PyTypeObject *t = (PyTypeObject *)type;
        t->tp_new = NULL;
        t->tp_vectorcall = NULL;
        t->tp_flags |= Py_TPFLAGS_DISALLOW_INSTANTIATION;
        if (PyDict_DelItemString(t->tp_dict, "__new__"))
            PyErr_Clear();
        PyType_Modified(t);
        return 0;
    }
    static inline PyObject *ostler_type_named(PyObject *o) {
        return PyUnicode_FromString(o == Py_None ? "None" : Py_TYPE(o)->tp_name);
    }
    static inline int ostler_show_as(PyObject *type, const char *name) {
        PyTypeObject *t = (PyTypeObject *)type;
        t->tp_name = name;
    #if PY_VERSION_HEX < 0x030F0000
        t->tp_flags &= ~Py_TPFLAGS_IMMUTABLETYPE;
    #endif
        PyType_Modified(t);
        return 0;
    }
    /* What Python does for a mutable class alone, and for none of type's own. */
    static inline int ostler_set_type(PyObject *type, PyObject *meta) {
        PyObject *before = (PyObject *)Py_TYPE(type);
        Py_INCREF(meta);
        Py_SET_TYPE(type, (PyTypeObject *)meta);
        Py_DECREF(before);
        PyType_Modified((PyTypeObject *)type);
        return 0;
    }
    static inline PyObject *ostler_in_class(PyObject *type, PyObject *name) {
        return PyDict_GetItemWithError(((PyTypeObject *)type)->tp_dict, name);
    }
    static inline int ostler_forget(PyObject *type, const char *name) {
        if (PyDict_DelItemString(((PyTypeObject *)type)->tp_dict, name))
            PyErr_Clear();
        PyType_Modified((PyTypeObject *)type);
        return 0;
    }
    static inline PyObject *ostler_fs_bytes(PyObject *path) {
        PyObject *made = NULL;
        return PyUnicode_FSConverter(path, &made) ? made : NULL;
    }
    """
    # Programs can't make objects of this type, only the module of the type can.
    int forbid_making "ostler_forbid_making"(object type) except -1
    # A type that shows itself by the name of one of posix's, and like those, up to 3.14, lets its
    # attributes be set.
    int show_as "ostler_show_as"(object type, const char *name) except -1
    # What the C API's own errors call an object: "collections.deque" of one, and "None".
    object type_named "ostler_type_named"(object o)
    # The metaclass of a class; one with the same room for the class's own attributes.
    int set_type "ostler_set_type"(object type, object meta) except -1
    # An attribute that a class itself has, or NULL.
    PyObject *in_class "ostler_in_class"(object type, object name) except? NULL
    # Take an attribute out of a class, if it is there, also one that every class has.
    int forget "ostler_forget"(object type, const char *name) except -1
    # A path as bytes: str, bytes or PathLike, with no NUL inside.
    object fs_bytes "ostler_fs_bytes"(object path)
    # Text of these bytes, every one of which is under 128.
    object ascii_text "ostler_ascii_text"(const char *text, Py_ssize_t size)

# Since 3.14 a tuple keeps its hash; one whose room is not cleared has none yet.
cdef extern from *:
    """
    #if PY_VERSION_HEX >= 0x030E0000
    #define ostler_forget_hash(o) (((PyTupleObject *)(o))->ob_hash = -1)
    #else
    #define ostler_forget_hash(o) ((void)0)
    #endif
    """
    void forget_hash "ostler_forget_hash"(object record)

cdef extern from *:
    """
    #if PY_VERSION_HEX < 0x030D0000
    #define Py_IsFinalizing _Py_IsFinalizing
    #endif
    """
    bint Py_IsFinalizing()

cdef extern from *:
    """
    static inline const char *ostler_utf8_or_null(PyObject *text, Py_ssize_t *size) {
        const char *utf8 = PyUnicode_AsUTF8AndSize(text, size);
        if (utf8 == NULL)
            PyErr_Clear();
        return utf8;
    }
    """
    # The text's UTF-8 form, which lives as long as it; NULL when it has none.
    const char *utf8_or_null "ostler_utf8_or_null"(object text, Py_ssize_t *size)

cdef extern from "Python.h":
    # buffers and sequences
    ctypedef struct Py_buffer:
        void *buf
        Py_ssize_t len
    enum: PyBUF_SIMPLE, PyBUF_WRITABLE
    int PyObject_GetBuffer(object o, Py_buffer *view, int flags) except -1
    void PyBuffer_Release(Py_buffer *view)
    bint PySequence_Check(object o)
    Py_ssize_t PySequence_Size(object o) except -1
    object PySequence_GetItem(object o, Py_ssize_t index)
    # bytes that are filled before anybody sees them
    PyObject *own_bytes "PyBytes_FromStringAndSize" (const char *text, Py_ssize_t size) except NULL
    char *bytes_room "PyBytes_AS_STRING" (PyObject *o)
    int resize_bytes "_PyBytes_Resize" (PyObject **o, Py_ssize_t size) except -1
    # numbers
    double PyFloat_AsDouble(object o) except? -1
    unsigned long PyLong_AsUnsignedLongMask(object o) except? <unsigned long>-1
    unsigned long long PyLong_AsUnsignedLongLong(object o) except? <unsigned long long>-1
    # signals
    ctypedef void (*signal_handler "PyOS_sighandler_t")(int) noexcept
    signal_handler PyOS_setsig(int number, signal_handler handler)

# A quick way in front of a method, for its usual arguments: it gets them as they are on the
# interpreter's stack, and hands all others on to the whole method. Signature, documentation and
# type stay those of the method.
cdef extern from *:
    """
    typedef PyObject *(*ostler_quick)(PyObject *, PyObject **, Py_ssize_t, PyObject *);
    static inline ostler_quick ostler_in_front(PyObject *type, const char *name,
                                               ostler_quick quick) {
        PyObject *method = PyDict_GetItemString(((PyTypeObject *)type)->tp_dict, name);
        PyMethodDef *def = NULL;
        ostler_quick whole;
        if (method != NULL && Py_IS_TYPE(method, &PyMethodDescr_Type))
            def = ((PyMethodDescrObject *)method)->d_method;
        if (def == NULL || def->ml_flags != (METH_FASTCALL | METH_KEYWORDS)) {
            PyErr_SetString(PyExc_SystemError, name);
            return NULL;
        }
        whole = (ostler_quick)(void (*)(void))def->ml_meth;
        def->ml_meth = (PyCFunction)(void (*)(void))quick;
        return whole;
    }
    """
    ctypedef object (*quick_t "ostler_quick")(object self, PyObject **given, Py_ssize_t count,
                                              PyObject *names)
    quick_t in_front "ostler_in_front"(object type, const char *name, quick_t quick) except NULL

cdef extern from *:
    """
    static inline PyObject *ostler_method_for(PyObject *type, PyObject *method) {
        return PyDescr_NewMethod((PyTypeObject *)type, ((PyMethodDescrObject *)method)->d_method);
    }
    static inline int ostler_small(PyObject *o, long *value) {
        if (!PyLong_CheckExact(o))
            return 0;
    #if PY_VERSION_HEX >= 0x030C0000
        if (!PyUnstable_Long_IsCompact((PyLongObject *)o))
            return 0;
        *value = (long)PyUnstable_Long_CompactValue((PyLongObject *)o);
    #else
        Py_ssize_t size = Py_SIZE(o);
        if (size < -1 || size > 1)
            return 0;
        *value = size ? size * (long)((PyLongObject *)o)->ob_digit[0] : 0;
    #endif
        return 1;
    }
    """
    # A compiled class's method as a method of a class derived from it.
    object method_for "ostler_method_for"(object type, object method)
    # Whether this is exactly an int of one digit (under 2**30); then also its value.
    bint small "ostler_small"(object o, long *value) noexcept

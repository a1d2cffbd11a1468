# Builtin functions that ask before they act: a function of C is changed in place, so that whoever
# holds it, and wherever, has the changed one.
#
# Two words of the function's object are exchanged: the pointer to its definition, for one without
# flags, and that to the C function which takes its calls. With no flags nobody, nor specialised
# bytecode, takes the short way to the C function in the definition, which stays: by it functions
# are equal, and have their hash. Name, documentation, signature and pickling are as before.
#
# Without the GIL others call a function while its words are exchanged, and may see one of them new
# and one old. In either direction that to the C function is written where the definition of ours
# does not come without it, so whoever sees ours alone takes the function as it was.
from cpython.object cimport PyObject

from ostler.core cimport python_dicts  # whose C comes first

cdef extern from *:
    """
    #define OSTLER_PLACES 512

    typedef struct {
        PyCFunctionObject *function; /* owned, as is the next */
        PyObject *plain;             /* the function as it was: another object, which never asks */
        PyMethodDef *before;
        vectorcallfunc call_before;  /* NULL for the old conventions */
        PyMethodDef now;
    } ostler_asking;

    static ostler_asking ostler_functions[OSTLER_PLACES];
    static int ostler_count = 0;
    /* What is to be called instead of number `at`, a new reference; NULL: the function itself. */
    static int (*ostler_ask)(int at, PyObject **other) = NULL;

    static int ostler_place(PyCFunctionObject *f) {
        /* Whose definition is one of ours. */
        char *first = (char *)&ostler_functions[0].now;
        char *own = (char *)__atomic_load_n(&f->m_ml, __ATOMIC_ACQUIRE);
        if (own < first || own >= (char *)&ostler_functions[OSTLER_PLACES])
            return -1;
        return (int)((own - first) / (Py_ssize_t)sizeof(ostler_asking));
    }
    static PyObject *ostler_call(PyObject *function, PyObject *const *args, size_t count,
                                 PyObject *names) {
        PyObject *other = NULL, *result;
        int at = ostler_place((PyCFunctionObject *)function);
        if (at < 0) { /* it is being given back, or does not ask yet, without the GIL */
            for (at = 0; at < ostler_count; at++)
                if (ostler_functions[at].function == (PyCFunctionObject *)function)
                    break;
            return PyObject_Vectorcall(ostler_functions[at].plain, args, count, names);
        }
        if (ostler_ask(at, &other) < 0)
            return NULL;
        if (other == NULL) {
            ostler_asking *a = &ostler_functions[at];
            if (a->call_before != NULL)
                return a->call_before(function, args, count, names);
            return PyObject_Vectorcall(a->plain, args, count, names);
        }
        result = PyObject_Vectorcall(other, args, count, names);
        Py_DECREF(other);
        return result;
    }
    /* The place of a function, taken for it the first time. */
    static int ostler_place_of(PyObject *function) {
        PyCFunctionObject *f = (PyCFunctionObject *)function;
        ostler_asking *a;
        int at;
        if (!PyCFunction_CheckExact(function)) {
            PyErr_SetString(PyExc_TypeError, "not a builtin function");
            return -1;
        }
        for (at = 0; at < ostler_count; at++)
            if (ostler_functions[at].function == f)
                return at;
        if (at == OSTLER_PLACES) {
            PyErr_SetString(PyExc_SystemError, "no room for one more function that asks");
            return -1;
        }
        a = &ostler_functions[at];
        a->plain = PyCFunction_NewEx(f->m_ml, f->m_self, f->m_module);
        if (a->plain == NULL)
            return -1;
        Py_INCREF(f);
        a->function = f;
        a->before = f->m_ml;
        a->call_before = f->vectorcall;
        a->now = *f->m_ml;
        a->now.ml_flags = 0;
        ostler_count++;
        return at;
    }
    static void ostler_exchange(int asking) {
        int at;
        for (at = 0; at < ostler_count; at++) {
            ostler_asking *a = &ostler_functions[at];
            vectorcallfunc call = asking ? ostler_call : a->call_before;
            PyMethodDef *definition = asking ? &a->now : a->before;
            if (asking)
                __atomic_store_n(&a->function->vectorcall, call, __ATOMIC_SEQ_CST);
            __atomic_store_n(&a->function->m_ml, definition, __ATOMIC_SEQ_CST);
            if (!asking)
                __atomic_store_n(&a->function->vectorcall, call, __ATOMIC_SEQ_CST);
        }
    }
    static PyObject *ostler_plain(int at) {
        return Py_NewRef(ostler_functions[at].plain);
    }
    static int ostler_asks(PyObject *function) {
        return PyCFunction_CheckExact(function) && ostler_place((PyCFunctionObject *)function) >= 0;
    }
    """
    ctypedef int (*ask_t)(int at, PyObject **other) except -1
    ask_t ask "ostler_ask"
    int place_of "ostler_place_of"(object function) except -1
    void exchange "ostler_exchange"(bint asking)
    object plain "ostler_plain"(int at)
    bint asks "ostler_asks"(object function)

# The same for a type that opens files itself: what makes an object of it ready asks first.
cdef extern from *:
    """
    static initproc ostler_init_before = NULL;
    static _Thread_local int ostler_opening = 0;
    /* 1: by an opener, and perhaps with these arguments instead, new references; 0: as it is. */
    static int (*ostler_ask_opening)(PyObject *given, PyObject *keywords, PyObject **other,
                                     PyObject **other_keywords) = NULL;

    static int ostler_init(PyObject *self, PyObject *given, PyObject *keywords) {
        PyObject *other = NULL, *other_keywords = NULL;
        int asked = ostler_ask_opening(given, keywords, &other, &other_keywords), result;
        if (asked < 0)
            return -1;
        ostler_opening += asked;
        result = other == NULL ? ostler_init_before(self, given, keywords)
                               : ostler_init_before(self, other, other_keywords);
        ostler_opening -= asked;
        Py_XDECREF(other);
        Py_XDECREF(other_keywords);
        return result;
    }
    /* A type, or one that has inherited its tp_init; and what __init__ of it is. */
    static void ostler_exchange_init(PyObject *type, int asking) {
        PyTypeObject *t = (PyTypeObject *)type;
        if (ostler_init_before == NULL)
            ostler_init_before = t->tp_init;
        if (t->tp_init == (asking ? ostler_init_before : ostler_init))
            t->tp_init = asking ? ostler_init : ostler_init_before;
    }
    static void ostler_exchange_wrapped(PyObject *wrapper, int asking) {
        if (Py_IS_TYPE(wrapper, &PyWrapperDescr_Type) && ostler_init_before != NULL)
            ((PyWrapperDescrObject *)wrapper)->d_wrapped =
                (void *)(asking ? ostler_init : ostler_init_before);
    }
    static int ostler_may_mean_files(const char *event) {
        /* All interpreters of the process tell their events to the same hook. */
        if (PyInterpreterState_Get() != PyInterpreterState_Main())
            return 0;
        return strcmp(event, "open") == 0 || strcmp(event, "sqlite3.connect") == 0
               || strcmp(event, "sqlite3.load_extension") == 0 || strcmp(event, "ctypes.dlopen") == 0 || strcmp(event, "socket.connect") == 0
               || strcmp(event, "socket.bind") == 0 || strncmp(event, "socket.send", 11) == 0;
    }
    """
    ctypedef int (*ask_opening_t)(PyObject *given, PyObject *keywords, PyObject **other,
                                  PyObject **other_keywords) except -1
    ask_opening_t ask_opening "ostler_ask_opening"
    int opening "ostler_opening"  # whether this thread is in there
    void exchange_init "ostler_exchange_init"(object type, bint asking)
    void exchange_wrapped "ostler_exchange_wrapped"(object wrapper, bint asking)
    # Of the audit events those that tell of a file that C code opens.
    bint may_mean_files "ostler_may_mean_files"(const char *event) noexcept

cdef extern from "Python.h":
    # the running code, and what belongs to it
    PyObject *PyEval_GetGlobals() noexcept
    PyObject *PyEval_GetFrame "(PyObject *)PyEval_GetFrame"() noexcept
    PyObject *PyThreadState_GetDict() noexcept
    object PyContextVar_New(const char *name, PyObject *default)
    int PyContextVar_Get(object var, PyObject *default, PyObject **value) except -1
    object PyContextVar_Set(object var, object value)
    int PyContextVar_Reset(object var, object token) except -1
    ctypedef int (*audit_hook "Py_AuditHookFunction")(const char *event, PyObject *given,
                                                      void *data) except -1
    int PySys_AddAuditHook(audit_hook hook, void *data) except -1

# What a sweep through modules looks at; borrowed references all of them, and nothing is called.
cdef extern from *:
    """
    #if PY_VERSION_HEX < 0x030C0000
    #include <structmember.h> /* PyMemberDef, which Python.h has since */
    #endif

    static inline int ostler_is_heap_class(PyObject *o) {
        return (((PyTypeObject *)o)->tp_flags & Py_TPFLAGS_HEAPTYPE) != 0;
    }
    static inline PyObject *ostler_class_dict(PyObject *o) {
        return ((PyTypeObject *)o)->tp_dict;
    }
    /* Whether both are one text, or one object; of what is no plain text nothing is asked. */
    static inline int ostler_same_text(PyObject *a, PyObject *b) {
        return a == b || (a != NULL && PyUnicode_CheckExact(a) && PyUnicode_CheckExact(b)
            && PyUnicode_GET_LENGTH(a) == PyUnicode_GET_LENGTH(b) && PyUnicode_Compare(a, b) == 0);
    }
    /* Whether they may be: of most texts that differ the sizes do. */
    static inline int ostler_may_be_same_text(PyObject *a, PyObject *b) {
        if (a == NULL || !PyUnicode_CheckExact(a) || !PyUnicode_CheckExact(b))
            return a == b;
        return (a == b) | (PyUnicode_GET_LENGTH(a) == PyUnicode_GET_LENGTH(b));
    }
    /* Whether it is the name of a module of ostler's. */
    static inline int ostler_is_ours(PyObject *name) {
        static const char ours[] = "ostler.";
        Py_ssize_t i, size;
        if (!PyUnicode_CheckExact(name))
            return 0;
        size = PyUnicode_GET_LENGTH(name);
        for (i = 0; i < 7 && i < size; i++)
            if (PyUnicode_READ_CHAR(name, i) != (Py_UCS4)ours[i])
                return 0;
        return size >= 6;
    }
    /* Whether it is a text that begins with two underscores. */
    static inline int ostler_is_dunder(PyObject *name) {
        return PyUnicode_CheckExact(name) && PyUnicode_GET_LENGTH(name) > 1
            && PyUnicode_READ_CHAR(name, 0) == '_' && PyUnicode_READ_CHAR(name, 1) == '_';
    }
    /* Whether it is a whole number, or a text. */
    static inline int ostler_is_plain(PyObject *o) {
        return PyLong_CheckExact(o) || PyUnicode_CheckExact(o);
    }
    /* A function, of C or Python, and a module; nearly all are of the types themselves. */
    static inline int ostler_is_any_function(PyObject *o) {
        return PyFunction_Check(o) || PyCFunction_CheckExact(o) || PyCFunction_Check(o);
    }
    static inline int ostler_is_module(PyObject *o) {
        return PyModule_CheckExact(o) || (!ostler_is_any_function(o) && PyModule_Check(o));
    }
    /* What is needed of a class, or of a function, soon. */
    static inline void ostler_fetch_class(PyObject *o) {
        __builtin_prefetch(&((PyTypeObject *)o)->tp_dict);
    }
    static inline void ostler_fetch_function(PyObject *o) {
        __builtin_prefetch(&((PyFunctionObject *)o)->func_kwdefaults);
    }
    /* What a staticmethod or a classmethod holds; NULL of anything else. */
    static inline PyObject *ostler_within_method(PyObject *o) {
        static Py_ssize_t places[2];
        PyTypeObject *t = Py_TYPE(o), *kinds[2] = {&PyStaticMethod_Type, &PyClassMethod_Type};
        int i = t == kinds[1];
        if (t != kinds[i]) {
            if (!(t->tp_flags & Py_TPFLAGS_HEAPTYPE))
                return NULL;
            i = PyType_IsSubtype(t, kinds[1]);
            if (!i && !PyType_IsSubtype(t, kinds[0]))
                return NULL;
        }
        Py_ssize_t place = __atomic_load_n(&places[i], __ATOMIC_RELAXED);
        if (place == 0) {
            PyMemberDef *m = kinds[i]->tp_members;
            while (strcmp(m->name, "__func__") != 0)
                m++;
            place = m->offset;
            __atomic_store_n(&places[i], place, __ATOMIC_RELAXED);
        }
        return *(PyObject **)((char *)o + place);
    }
    /* Whether it can be one: what is no class of C that is neither. */
    static inline int ostler_may_be_method(PyObject *o) {
        PyTypeObject *t = Py_TYPE(o);
        return (t == &PyStaticMethod_Type) | (t == &PyClassMethod_Type)
            | ((t->tp_flags & Py_TPFLAGS_HEAPTYPE) != 0);
    }
    /* Defaults of a function, lent until give_back() of python.pxd. */
    static inline PyObject *ostler_of_function(PyObject *function, int keywords) {
        PyFunctionObject *f = (PyFunctionObject *)function;
        PyObject *found;
    #ifdef Py_GIL_DISABLED
        Py_BEGIN_CRITICAL_SECTION(function);
        found = Py_XNewRef(keywords ? f->func_kwdefaults : f->func_defaults);
        Py_END_CRITICAL_SECTION();
    #else
        found = keywords ? f->func_kwdefaults : f->func_defaults;
    #endif
        return found;
    }
    /* Whether a function has any. */
    static inline int ostler_has_defaults(PyObject *function) {
        PyFunctionObject *f = (PyFunctionObject *)function;
    #ifdef Py_GIL_DISABLED
        PyObject *plain = __atomic_load_n(&f->func_defaults, __ATOMIC_RELAXED);
        PyObject *named = __atomic_load_n(&f->func_kwdefaults, __ATOMIC_RELAXED);
    #else
        PyObject *plain = f->func_defaults, *named = f->func_kwdefaults;
    #endif
        return ((size_t)plain | (size_t)named) != 0;
    }
    /* Memory is asked for what is needed of those, wherever in their lines it stands. */
    static inline void ostler_fetch_defaults(PyObject *function) {
    #ifndef Py_GIL_DISABLED
        PyFunctionObject *f = (PyFunctionObject *)function;
        char *plain = (char *)f->func_defaults, *named = (char *)f->func_kwdefaults;
        /* Without a branch, for which of them there are is hard to foretell. */
        __builtin_prefetch(plain == NULL ? (char *)f : plain + 16);
        named = named == NULL ? (char *)f : named;
        __builtin_prefetch(named);
        __builtin_prefetch(named + 32);
    #endif
    }
    /* Whether a function may have one of a set by bits among its defaults. */
    static inline int ostler_may_default_to(PyObject *function, const unsigned long long *marks,
                                            size_t mask) {
    #ifdef Py_GIL_DISABLED
        return 1; /* others may take them away meanwhile */
    #else
        PyFunctionObject *f = (PyFunctionObject *)function;
        ostler_entries e;
        Py_ssize_t i, last;
        int any = 0;
        if (f->func_defaults != NULL && (last = PyTuple_GET_SIZE(f->func_defaults) - 1) >= 0) {
            PyObject **items = ((PyTupleObject *)f->func_defaults)->ob_item;
            /* Most have no more than four; how many would be guessed wrong, so of these the last is
               looked at again. */
            for (i = 0; i < 4; i++)
                any |= ostler_is_marked(marks, mask, items[i < last ? i : last]);
            for (; i <= last; i++)
                any |= ostler_is_marked(marks, mask, items[i]);
        }
        if (f->func_kwdefaults != NULL) {
            if (!PyDict_Check(f->func_kwdefaults) || !ostler_laid_out
                || !ostler_entries_of(f->func_kwdefaults, &e))
                return 1;
            for (; e.value < e.end; e.value += e.step)
                any |= ostler_is_marked(marks, mask, *e.value);
        }
        return any;
    #endif
    }
    static inline int ostler_is_of(PyObject *function, PyObject *module) {
        int is_of;
    #ifdef Py_GIL_DISABLED
        Py_BEGIN_CRITICAL_SECTION(function);
    #endif
        is_of = ostler_same_text(PyFunction_GET_MODULE(function), module);
    #ifdef Py_GIL_DISABLED
        Py_END_CRITICAL_SECTION();
    #endif
        return is_of;
    }
    /* The __module__ of a function, of C or Python; None where it has none. */
    static inline PyObject *ostler_module_of(PyObject *f) {
        PyObject *found;
    #ifdef Py_GIL_DISABLED
        Py_BEGIN_CRITICAL_SECTION(f);
    #endif
        found = PyCFunction_Check(f) ? ((PyCFunctionObject *)f)->m_module
                                     : PyFunction_GET_MODULE(f);
        found = Py_NewRef(found == NULL ? Py_None : found);
    #ifdef Py_GIL_DISABLED
        Py_END_CRITICAL_SECTION();
    #endif
        return found;
    }
    /* Another __module__ for a function of C, or Python. */
    static inline int ostler_set_module(PyObject *f, PyObject *module) {
    #ifndef Py_GIL_DISABLED
        if (PyCFunction_Check(f)) {
            Py_XSETREF(((PyCFunctionObject *)f)->m_module, Py_NewRef(module));
            return 0;
        }
    #endif
        return PyObject_SetAttrString(f, "__module__", module);
    }
    static inline int ostler_is_static_method(PyObject *o) {
        return PyObject_TypeCheck(o, &PyStaticMethod_Type);
    }
    """
    bint is_class "PyType_Check"(PyObject *o) noexcept
    bint is_heap_class "ostler_is_heap_class"(PyObject *o) noexcept  # of a class
    PyObject *class_dict "ostler_class_dict"(PyObject *o) noexcept  # NULL of the interpreter's own
    PyObject *type_of "(PyObject *)Py_TYPE"(PyObject *o) noexcept
    void fetch_class "ostler_fetch_class"(PyObject *o) noexcept
    void fetch_function "ostler_fetch_function"(PyObject *o) noexcept
    PyObject *within_method "ostler_within_method"(PyObject *o) noexcept
    bint may_be_method "ostler_may_be_method"(PyObject *o) noexcept
    bint is_static_method "ostler_is_static_method"(PyObject *o) noexcept
    bint is_function "PyFunction_Check"(PyObject *o) noexcept
    PyObject *of_function "ostler_of_function"(PyObject *function, bint keywords) noexcept
    bint has_defaults "ostler_has_defaults"(PyObject *function) noexcept
    void fetch_defaults "ostler_fetch_defaults"(PyObject *function) noexcept
    bint may_default_to "ostler_may_default_to"(PyObject *function,
                                                const unsigned long long *marks,
                                                size_t mask) noexcept
    bint is_of "ostler_is_of"(PyObject *function, PyObject *module) noexcept  # by its __module__
    object module_of "ostler_module_of"(object function)
    int set_module "ostler_set_module"(object function, object module) except -1
    bint is_ours "ostler_is_ours"(PyObject *name) noexcept
    bint is_dunder "ostler_is_dunder"(PyObject *name) noexcept
    bint is_text "PyUnicode_CheckExact"(PyObject *o) noexcept
    bint is_plain "ostler_is_plain"(PyObject *o) noexcept
    bint is_any_function "ostler_is_any_function"(PyObject *o) noexcept
    bint is_module "ostler_is_module"(PyObject *o) noexcept
    PyObject *module_dict "PyModule_GetDict"(PyObject *o) noexcept
    Py_ssize_t tuple_size "PyTuple_GET_SIZE"(PyObject *o) noexcept
    PyObject *tuple_item "PyTuple_GET_ITEM"(PyObject *o, Py_ssize_t index) noexcept
    bint is_dict "PyDict_Check"(PyObject *o) noexcept
    bint is_plain_dict "PyDict_CheckExact"(PyObject *o) noexcept
    Py_ssize_t dict_size "PyDict_Size"(PyObject *o) noexcept
    bint PyDict_Next(object d, Py_ssize_t *pos, PyObject **key, PyObject **value) noexcept
    bint next_in "PyDict_Next"(PyObject *d, Py_ssize_t *pos, PyObject **key,
                               PyObject **value) noexcept
    bint same_text "ostler_same_text"(PyObject *a, PyObject *b) noexcept  # `a` may be NULL
    bint may_be_same_text "ostler_may_be_same_text"(PyObject *a, PyObject *b) noexcept

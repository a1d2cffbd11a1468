# Signatures that follow the running interpreter: what inspect.signature() tells of a method, and
# which of its parameters can't be given by name. For methods with METH_FASTCALL | METH_KEYWORDS, as
# all are here that take what could be a keyword.
from cpython.object cimport PyObject

cdef extern from *:
    """
    #define OSTLER_SIGNATURES 32

    typedef PyObject *(*ostler_signed)(PyObject *, PyObject **, Py_ssize_t, PyObject *);
    static struct {
        ostler_signed whole;
        const char *name;
        PyObject *only; /* the names of the parameters that are positional only, owned */
    } ostler_positional[OSTLER_SIGNATURES];
    static int ostler_positionals = 0;

    static PyObject *ostler_refuse_names(int at, PyObject *self, PyObject **given,
                                         Py_ssize_t count, PyObject *names) {
        Py_ssize_t i, size = names == NULL ? 0 : PyTuple_GET_SIZE(names);
        PyObject *wrong = NULL, *sep, *shown;
        for (i = 0; i < size; i++) {
            PyObject *name = PyTuple_GET_ITEM(names, i);
            int found = PySequence_Contains(ostler_positional[at].only, name);
            if (found > 0 && wrong == NULL && (wrong = PyList_New(0)) == NULL)
                return NULL;
            if (found < 0 || (found && PyList_Append(wrong, name) < 0)) {
                Py_XDECREF(wrong);
                return NULL;
            }
        }
        if (wrong == NULL)
            return ostler_positional[at].whole(self, given, count, names);
        sep = PyUnicode_FromString(", ");
        shown = sep == NULL ? NULL : PyUnicode_Join(sep, wrong);
        if (shown != NULL)
            PyErr_Format(PyExc_TypeError, "%s() got some positional-only arguments passed as "
                         "keyword arguments: '%U'", ostler_positional[at].name, shown);
        Py_XDECREF(sep);
        Py_XDECREF(shown);
        Py_DECREF(wrong);
        return NULL;
    }
    #define OSTLER_FRONT(n) \\
        static PyObject *ostler_front_##n(PyObject *self, PyObject **given, Py_ssize_t count, \\
                                          PyObject *names) { \\
            if (names == NULL) \\
                return ostler_positional[n].whole(self, given, count, names); \\
            return ostler_refuse_names(n, self, given, count, names); \\
        }
    #define OSTLER_FRONTS(do) \\
        do(0) do(1) do(2) do(3) do(4) do(5) do(6) do(7) do(8) do(9) do(10) do(11) do(12) do(13) \\
        do(14) do(15) do(16) do(17) do(18) do(19) do(20) do(21) do(22) do(23) do(24) do(25) \\
        do(26) do(27) do(28) do(29) do(30) do(31)
    #define OSTLER_NAME(n) ostler_front_##n,
    OSTLER_FRONTS(OSTLER_FRONT)
    static ostler_signed ostler_fronts[OSTLER_SIGNATURES] = {OSTLER_FRONTS(OSTLER_NAME)};

    static PyMethodDef *ostler_definition(PyObject *type, const char *name) {
        PyObject *method = PyDict_GetItemString(((PyTypeObject *)type)->tp_dict, name);
        PyMethodDef *def = NULL;
        if (method != NULL && Py_IS_TYPE(method, &PyMethodDescr_Type))
            def = ((PyMethodDescrObject *)method)->d_method;
        if (def == NULL || def->ml_doc == NULL
            || def->ml_flags != (METH_FASTCALL | METH_KEYWORDS)) {
            PyErr_SetString(PyExc_SystemError, name);
            return NULL;
        }
        return def;
    }
    /* The new text is kept for ever: objects point at it. */
    static int ostler_sign(PyObject *type, const char *name, const char *parameters) {
        PyMethodDef *def = ostler_definition(type, name);
        const char *rest;
        char *made;
        size_t size;
        if (def == NULL)
            return -1;
        rest = strstr(def->ml_doc, ")\\n--\\n\\n");
        size = strlen(name) + strlen(parameters) + strlen(def->ml_doc) + 32;
        made = PyMem_Malloc(size);
        if (made == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        PyOS_snprintf(made, size, "%s($self, %s)\\n--\\n\\n%s", name, parameters,
                      rest == NULL ? def->ml_doc : rest + 6);
        def->ml_doc = made;
        return 0;
    }
    static int ostler_forbid_names(PyObject *type, const char *name, PyObject *only) {
        PyMethodDef *def = ostler_definition(type, name);
        int at = ostler_positionals;
        if (def == NULL)
            return -1;
        if (at == OSTLER_SIGNATURES) {
            PyErr_SetString(PyExc_SystemError, "no room for one more signature");
            return -1;
        }
        ostler_positional[at].whole = (ostler_signed)(void (*)(void))def->ml_meth;
        ostler_positional[at].name = def->ml_name;
        ostler_positional[at].only = Py_NewRef(only);
        ostler_positionals++;
        def->ml_meth = (PyCFunction)(void (*)(void))ostler_fronts[at];
        return 0;
    }
    """
    # What is shown of a method's parameters, but self.
    int sign "ostler_sign"(object type, const char *name, const char *parameters) except -1
    # Parameters of it that can't be given by name any more.
    int forbid_names "ostler_forbid_names"(object type, const char *name, object only) except -1

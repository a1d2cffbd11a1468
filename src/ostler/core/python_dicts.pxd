# The entries of a dict as they lie in memory, for who looks at tens of thousands of values; used
# under the prefix `pyd.`
#
# The interpreter's own way, PyDict_Next, takes more time for an entry than a look at its value. It
# is what is asked where the layout is not known to be this one.
from cpython.object cimport PyObject

cdef extern from *:
    """
    /* Key and value of each entry lie beside each other, after the hash of the key where not all
       keys are texts. A value that is NULL is one that was removed. */
    typedef struct {
        PyObject **value; /* of the first entry */
        PyObject **end;
        int step; /* from a value to the next */
    } ostler_entries;
    #ifdef Py_GIL_DISABLED
    #define OSTLER_HAS_ENTRIES 0 /* other threads may change a dict at any time */
    #else
    #define OSTLER_HAS_ENTRIES 1
    #endif
    /* How 3.11 to 3.15 have the keys of a dict. */
    typedef struct {
        Py_ssize_t references;
        uint8_t log2_size, log2_index_bytes, kind; /* kind: 0 any keys; 1 texts; 2 split */
        uint32_t version;
        Py_ssize_t usable, count;
        char indices[];
    } ostler_keys;

    /* Whether a dict has its entries so. */
    static inline int ostler_entries_of(PyObject *d, ostler_entries *e) {
        PyDictObject *dict = (PyDictObject *)d;
        ostler_keys *keys = (ostler_keys *)dict->ma_keys;
        PyObject **first;
        if (!OSTLER_HAS_ENTRIES || dict->ma_values != NULL || keys->kind > 1)
            return 0;
        first = (PyObject **)(keys->indices + ((size_t)1 << keys->log2_index_bytes));
        e->step = keys->kind ? 2 : 3;
        e->value = first + e->step - 1;
        e->end = e->value + keys->count * e->step;
        return 1;
    }
    /* Whether that gives the same as PyDict_Next. */
    static int ostler_is_laid_out(PyObject *d) {
        ostler_entries e;
        PyObject *key, *value;
        Py_ssize_t after = 0, left = PyDict_GET_SIZE(d), most = 2 * left + 8;
        if (((ostler_keys *)((PyDictObject *)d)->ma_keys)->log2_index_bytes > 8
            || !ostler_entries_of(d, &e))
            return 0;
        for (; e.value != e.end; e.value += e.step) {
            if (--most < 0)
                return 0;
            if (*e.value == NULL)
                continue;
            if (!PyDict_Next(d, &after, &key, &value) || value != e.value[0]
                || key != e.value[-1])
                return 0;
            left--;
        }
        return left == 0;
    }
    /* Set where it has been found so: else PyDict_Next is asked. */
    __attribute__((weak, visibility("hidden"))) int ostler_laid_out = 0;

    /* As PyDict_Next, with less to do for each. */
    static inline int ostler_next_in(PyObject *d, Py_ssize_t *at, PyObject **key,
                                     PyObject **value) {
        ostler_entries e;
        PyObject **place;
        if (!ostler_laid_out || !ostler_entries_of(d, &e))
            return PyDict_Next(d, at, key, value);
        for (place = e.value + *at * e.step; place < e.end; place += e.step) {
            ++*at;
            if (*place != NULL) {
                *key = place[-1];
                *value = *place;
                return 1;
            }
        }
        return 0;
    }
    /* Memory is asked for what is needed soon: whoever looks would wait for each else. */
    static inline void ostler_fetch(PyObject *o) {
        __builtin_prefetch(o);
    }
    static inline void ostler_fetch_dict(PyObject *d) {
        __builtin_prefetch(&((PyDictObject *)d)->ma_keys); /* beside which is ma_values */
    }
    static inline void ostler_fetch_keys(PyObject *d) {
        ostler_keys *keys = (ostler_keys *)((PyDictObject *)d)->ma_keys;
        __builtin_prefetch(keys);
        __builtin_prefetch((char *)keys + 64);
    }
    /* Of the entries some, whether there are so many or not: the processor sees by itself that the
       rest of a long dict will be needed, and to count them takes more time than is won. */
    static inline void ostler_fetch_entries(PyObject *d) {
        ostler_entries e;
        if (ostler_entries_of(d, &e)) {
            __builtin_prefetch(e.value);
            __builtin_prefetch((char *)e.value + 64);
            __builtin_prefetch((char *)e.value + 128);
        }
    }
    /* Memory is asked for all that a dict has. */
    static inline void ostler_fetch_all(PyObject *d) {
        ostler_entries e;
        if (ostler_entries_of(d, &e)) {
            for (; e.value < e.end; e.value += e.step) {
                __builtin_prefetch(e.value[-1]);
                __builtin_prefetch(e.value[0]);
            }
        }
    }
    /* A set of objects by bits, in which more may seem to be than are. */
    static inline int ostler_is_marked(const unsigned long long *marks, size_t mask, const void *o) {
        size_t number = (size_t)o >> 4;
        return marks[number >> 6 & mask] >> (number & 63) & 1;
    }
    static inline void ostler_mark(unsigned long long *marks, size_t mask, const void *o) {
        size_t number = (size_t)o >> 4;
        marks[number >> 6 & mask] |= 1ULL << (number & 63);
    }
    """
    ctypedef struct entries "ostler_entries":
        PyObject **value
        PyObject **end
        int step
    bint entries_of "ostler_entries_of"(PyObject *d, entries *e) noexcept
    bint laid_out "ostler_laid_out"
    bint next_in "ostler_next_in"(PyObject *d, Py_ssize_t *at, PyObject **key,
                                  PyObject **value) noexcept
    bint is_laid_out "ostler_is_laid_out"(PyObject *d) noexcept
    void fetch "ostler_fetch"(PyObject *o) noexcept
    void fetch_dict "ostler_fetch_dict"(PyObject *d) noexcept
    void fetch_keys "ostler_fetch_keys"(PyObject *d) noexcept
    void fetch_entries "ostler_fetch_entries"(PyObject *d) noexcept
    void fetch_all "ostler_fetch_all"(PyObject *d) noexcept
    bint is_marked "ostler_is_marked"(const unsigned long long *marks, size_t mask,
                                      const void *o) noexcept
    void mark "ostler_mark"(unsigned long long *marks, size_t mask, const void *o) noexcept
    bint unlikely(bint condition) noexcept  # of Cython's: what follows is seldom done

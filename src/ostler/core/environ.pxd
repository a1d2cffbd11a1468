# The mapping behind os.environ: one store of variables, seen as text and as bytes.
from ostler.core.crossing cimport Core

# How a mapping turns keys and values into bytes.
cdef enum:
    GIVEN = 0       # by the functions that it was made with
    TEXT = 1
    BYTES = 2       # not at all

cdef class Store:
    cdef dict data          # bytes -> bytes, what the names and values are
    cdef dict text          # str -> str, or None; the same one as long as the store lives
    cdef bint in_step       # whether it is so with data, and counts; not once `data` was handed out
    cdef Core machine       # whose process environment follows each change; None: none does
    cdef int put(self, key, value, given, given_value) except -1
    cdef bint drop(self, key) except -1
    cdef int reload(self) except -1
    cdef int replace(self, dict data) except -1
    cdef dict now(self)
    cdef dict as_text(self)
    cdef int _set(self, key, value, name, text) except -1
    cdef bint _delete(self, key, name) except -1
    cdef int _become(self, dict data) except -1

cdef class EnvironCore:
    cdef Store store
    cdef int kind
    cdef bint ours          # exactly _Environ: made here, not by a constructor or a subclass
    cdef object _encodekey, _decodekey, _encodevalue, _decodevalue
    cdef object twin        # the bytes view, made on first use
    cdef object looked_up(self, key, default)
    cdef dict plain(self)
    cdef object encoded(self, key)

cdef object process_variables()
cdef list process_entries()
cdef object environ_of(dict data, Core machine)
cdef object copied(EnvironCore environ)
cdef object bytes_view(EnvironCore environ)
cdef int set_variable(object key, object value) except -1
cdef int unset_variable(object key) except -1
cdef int clear_variables() except -1
cdef int check_name(object key) except -1

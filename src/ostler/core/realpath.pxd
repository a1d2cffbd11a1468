from ostler.core.crossing cimport Core

cdef object realpath(Core machine, object filename, object strict)
cdef object abspath(Core machine, object path)
cdef object walk(Core machine, object path, object rest, object strict, dict seen)
cdef object joined(Core machine, object path, tuple parts)

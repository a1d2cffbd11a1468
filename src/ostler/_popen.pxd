from ostler._core cimport Core

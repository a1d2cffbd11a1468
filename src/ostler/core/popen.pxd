from ostler.core.crossing cimport Core

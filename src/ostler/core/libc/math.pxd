cdef extern from "math.h" nogil:
    double floor(double x)
    double modf(double x, double *whole)

from ostler cimport _libc as libc
from ostler cimport _python as py

# The records, made from C; for the topic files.
cdef object new_stat(const libc.stat_t *st)
cdef object new_statvfs(const libc.statvfs_t *st)
cdef object new_times(double user, double system, double children_user, double children_system,
                      double elapsed)
cdef object new_uname(object sysname, object nodename, object release, object version,
                      object machine)
cdef object new_terminal_size(int columns, int lines)
cdef object new_sched_param(int priority)
cdef object new_waitid(libc.pid_t pid, libc.uid_t uid, int signo, int status, int code)

cdef py.PyTypeObject *_make_type(bytes name, bytes doc, tuple fields, int visible) except NULL

# Every C declaration of the system, one file per header; used under the one prefix `libc.`
from ostler._libc.absent cimport *
from ostler._libc.errno cimport *
from ostler._libc.fcntl cimport *
from ostler._libc.sched cimport *
from ostler._libc.signal cimport *
from ostler._libc.stdio cimport *
from ostler._libc.stdlib cimport *
from ostler._libc.string cimport *
from ostler._libc.sys_mman cimport *
from ostler._libc.sys_prctl cimport *
from ostler._libc.sys_resource cimport *
from ostler._libc.sys_stat cimport *
from ostler._libc.sys_statvfs cimport *
from ostler._libc.sys_syscall cimport *
from ostler._libc.sys_wait cimport *
from ostler._libc.time cimport *
from ostler._libc.unistd cimport *

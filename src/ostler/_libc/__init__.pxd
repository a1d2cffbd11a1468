# Every C declaration of the system, one file per header; used under the one prefix `libc.`
from ostler._libc.errno cimport *
from ostler._libc.fcntl cimport *
from ostler._libc.stdio cimport *
from ostler._libc.string cimport *
from ostler._libc.sys_stat cimport *
from ostler._libc.sys_statvfs cimport *
from ostler._libc.time cimport *
from ostler._libc.unistd cimport *

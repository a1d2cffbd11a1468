cimport cython

from ostler.core.crossing cimport Core, Life, Where
from ostler.core.identity cimport Identity
from ostler.core.spawn cimport Spawn
from ostler.core.confine cimport Confinement

cdef enum:
    _TRIES = 128        # a resolution with ".." is repeated when anything was renamed meanwhile
    _PATH_MAX = 4096
    _LINKS = 40         # that a path may lead through
    _BITS = 0o7777      # of a mode

cdef class RootedCore(Core):
    cdef readonly int _root         # the machine's root directory; -1: closed
    cdef readonly int _cwd          # its working directory, an O_PATH descriptor
    cdef readonly int _user_ns      # the namespaces that its mounts were made in; -1: our own
    cdef readonly int _mount_ns
    cdef readonly int _children_ns  # the mount namespace of its children; -1: not made yet
    cdef readonly int _mount        # the descriptor that keeps the mounts alive; -1: it is _root
    cdef readonly int _stores       # of a rehearsal: where its changes are; else -1
    cdef public int _mounted        # whether anything may be mounted below the root
    cdef public object _origin      # of a rehearsal: the directory of the host that it is over
    cdef public bint _overlaid      # files with several names must be renamed with care
    cdef int _umask                 # -1: the process's own
    cdef bint _lax                  # _umask allows what the process's umask does not
    cdef readonly bint _is_here     # this process lives there, as the machine's children do
    cdef readonly bint _closed
    cdef bint _handed_over          # the descriptors are _life's
    cdef bint _dropped              # nobody has had it, unless by its Path
    cdef object _seen               # without the GIL: a weak reference to its Path; None: none
    cdef Life _life                 # who is inside with the descriptors
    cdef Identity _user             # who makes the calls, if it is not who runs
    cdef cython.pymutex _making     # of what children share; held, too, while it is dropped
    cdef unsigned long _maker       # the thread that holds it, to make something; 0: none
    cdef public Confinement _confinement   # of its children; None: only their files
    cdef readonly bint _plain       # the root is a directory of the host, no mount
    cdef readonly bint _walks       # no openat2 here: paths are walked name by name
    cdef size_t _prefix_size        # the root's own path in the host, for a root that is no mount
    cdef char _prefix[4096]

    cdef int place(self, Where *w, int purpose) noexcept nogil
    cdef int open_at(self, Where *w, int flags, unsigned int mode) noexcept nogil
    cdef int mkdir_at(self, Where *w, unsigned int mode) noexcept nogil
    cdef int mknod_at(self, Where *w, unsigned int mode, unsigned long device) noexcept nogil

    cdef bint has_mounts(self) noexcept nogil
    cdef int may_go(self, Where *w, bint directory) noexcept nogil
    cdef int may_move(self, Where *w, Where *w2, unsigned int flags) noexcept nogil
    cdef bint _had_several(self, Where *w) noexcept nogil
    cdef int file_mask(self) except -1
    cdef int enter(self, Spawn *s) except -1

    cdef int resolve(self, int dir, const char *path, int flags, unsigned int mode) noexcept nogil
    cdef int _from_root(self, int dir, const char *path, int flags, unsigned int mode) noexcept nogil
    cdef int _below(self, int dir, const char *path, int flags, unsigned int mode,
                    unsigned long how) noexcept nogil
    cdef int _own_descriptor(self, int dir, const char *path, int flags) noexcept nogil
    cdef int _whole(self, Where *w, int dir) noexcept nogil
    cdef int _parent(self, Where *w, int dir, int purpose) noexcept nogil
    cdef int _no_program(self, const char *path) noexcept nogil
    cdef int _open(self, Where *w, int flags, unsigned int mode) noexcept nogil
    cdef int _open_directory(self, Where *w) noexcept nogil
    cdef int _enter(self, Where *w) noexcept nogil
    cdef bint _inside(self, int fd, const char *path) noexcept nogil
    cdef long path_of(self, int fd, char *buffer) noexcept nogil
    cdef int _allow(self, Where *w, int fd, unsigned int mode) noexcept nogil
    cdef int _nameless(self, Where *w, int flags, unsigned int mode) noexcept nogil
    cdef int give(self, int root, int user_ns, int mount_ns, int stores) except -1
    cdef int _stay(self, Where *w) noexcept nogil
    cdef object its_path(self)
    cdef int _enter_now(self, Spawn *s) except -1
    cdef int _begin_where_it_stands(self, Spawn *s) except -1
    cdef int _drop_namespace(self) noexcept
    cdef int _end_now(self) noexcept
    cdef int _hand_over(self) noexcept

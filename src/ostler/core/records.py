"""The results that os gives as records: stat_result and its relatives.

All are tuples with names, made as the interpreter makes its own (a *structure sequence*), and
their repr is that of os's. `stat_result` alone is finished by hand, for speed: only its ten items
are made at once. The nine attributes beyond them stay in the record as the kernel's numbers, in
the room where the objects would be, and are made when asked for.

A record made by the system has MADE in the first hidden place and the numbers (`Raw`) in the
rest. A record made by its constructor has there a tuple of the nine attributes.
"""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.numbers import from_id

_VISIBLE = cython.declare(cython.int, 10)  # items of a stat_result
_ALL = cython.declare(cython.int, 19)  # and attributes beyond them
_NANO = cython.declare(cython.longlong, 1_000_000_000)
_FAR = cython.declare(cython.longlong, 9_000_000_000)  # its nanoseconds fit into 64 bits

Raw = cython.struct(
    atime=cython.longlong,
    mtime=cython.longlong,
    ctime=cython.longlong,
    blksize=cython.longlong,
    blocks=cython.longlong,
    rdev=cython.longlong,
    atime_ns=cython.int,
    mtime_ns=cython.int,
    ctime_ns=cython.int,
)

# The types, as C sees them; they live as long as the process.
_stat = cython.declare(cython.pointer(py.PyTypeObject))
_eager_stat = cython.declare(cython.pointer(py.PyTypeObject))
_statvfs = cython.declare(cython.pointer(py.PyTypeObject))
_times = cython.declare(cython.pointer(py.PyTypeObject))
_uname = cython.declare(cython.pointer(py.PyTypeObject))
_terminal_size = cython.declare(cython.pointer(py.PyTypeObject))
_sched_param = cython.declare(cython.pointer(py.PyTypeObject))
_waitid = cython.declare(cython.pointer(py.PyTypeObject))
_getsets = cython.declare(py.PyGetSetDef[9])
_stat_reduce = cython.declare(py.PyMethodDef)
_sched_param_reduce = cython.declare(py.PyMethodDef)

# The numbers of the last file that stat() told of; modes by the kind of file.
_last_modes = cython.declare(py.Last[16])
_last_device = cython.declare(py.Last)
_last_user = cython.declare(py.Last)
_last_group = cython.declare(py.Last)

_KEPT = []  # the texts that the types point at


def _make_type(name, doc, fields, visible):
    # fields: (name, doc), a name of None for a place that only has an index.
    table: py.PyStructSequence_Field[20]
    desc: py.PyStructSequence_Desc
    i: cython.int = 0
    _KEPT.append((name, doc, fields))
    for field, text in fields:
        table[i].name = (
            py.PyStructSequence_UnnamedField if field is None else (py.PyBytes_AS_STRING(field))
        )
        table[i].doc = cython.NULL if text is None else py.PyBytes_AS_STRING(text)
        i += 1
    table[i].name = cython.NULL
    desc.name = name
    desc.doc = doc
    desc.fields = table
    desc.n_in_sequence = visible
    return py.PyStructSequence_NewType(cython.address(desc))


@cython.cfunc
def _filled(kind: cython.pointer(py.PyTypeObject), values: tuple):
    record = py.PyStructSequence_New(kind)
    items = cython.cast(cython.pointer(py.PyTupleObject), record).ob_item
    i: cython.int = 0
    for value in values:
        item = cython.cast(cython.pointer(py.PyObject), value)
        py.Py_INCREF(item)
        items[i] = item
        i += 1
    return record


# --- stat_result ---------------------------------------------------------------------------------


@cython.cfunc
@cython.inline
def _new_stat():
    # A stat_result with nothing in it yet.
    record = py.PyObject_GC_NewVar(py.AS_OBJECT, _stat, _ALL)
    py.Py_SET_SIZE(record, _VISIBLE)
    py.forget_hash(record)
    items = cython.cast(cython.pointer(py.PyTupleObject), record).ob_item
    libc.memset(items, 0, (_VISIBLE + 1) * cython.sizeof(cython.p_void))
    return record


def new_stat(st):
    """A stat_result of what the kernel said."""
    record = _new_stat()
    items = cython.cast(cython.pointer(py.PyTupleObject), record).ob_item
    raw = cython.cast(cython.pointer(Raw), items + _VISIBLE + 1)
    # Most of these are what they were of the file before: such a number is not made again.
    items[0] = py.own_as_last(
        cython.address(_last_modes[st.st_mode >> 12 & 15]), cython.cast(cython.long, st.st_mode)
    )
    items[1] = py.own_unsigned(st.st_ino)
    items[2] = py.own_as_last(cython.address(_last_device), cython.cast(cython.long, st.st_dev))
    items[3] = py.own_long(cython.cast(cython.long, st.st_nlink))
    items[4] = py.own_as_last(cython.address(_last_user), from_id(st.st_uid))
    items[5] = py.own_as_last(cython.address(_last_group), from_id(st.st_gid))
    items[6] = py.own_long_long(st.st_size)
    items[7] = py.own_long_long(st.st_atim.tv_sec)
    if st.st_mtim.tv_sec == st.st_atim.tv_sec:
        items[8] = _once_more(items[7])
    else:
        items[8] = py.own_long_long(st.st_mtim.tv_sec)
    if st.st_ctim.tv_sec == st.st_mtim.tv_sec:
        items[9] = _once_more(items[8])
    else:
        items[9] = py.own_long_long(st.st_ctim.tv_sec)
    raw.atime = st.st_atim.tv_sec
    raw.mtime = st.st_mtim.tv_sec
    raw.ctime = st.st_ctim.tv_sec
    raw.atime_ns = cython.cast(cython.int, st.st_atim.tv_nsec)
    raw.mtime_ns = cython.cast(cython.int, st.st_mtim.tv_nsec)
    raw.ctime_ns = cython.cast(cython.int, st.st_ctim.tv_nsec)
    raw.blksize = st.st_blksize
    raw.blocks = st.st_blocks
    raw.rdev = cython.cast(cython.longlong, st.st_rdev)
    return record


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _once_more(item: cython.pointer(py.PyObject)) -> cython.pointer(py.PyObject):
    py.Py_INCREF(item)
    return item


@cython.cfunc
def _hidden(record, which: cython.Py_ssize_t):
    # The attribute beyond the items: made now, or as the constructor got it.
    items = cython.cast(cython.pointer(py.PyTupleObject), record).ob_item
    if items[_VISIBLE] != cython.NULL:
        return cython.cast(tuple, items[_VISIBLE])[which]
    raw = cython.cast(cython.pointer(Raw), items + _VISIBLE + 1)
    if which == 0:
        return raw.atime + 1e-9 * raw.atime_ns
    if which == 1:
        return raw.mtime + 1e-9 * raw.mtime_ns
    if which == 2:
        return raw.ctime + 1e-9 * raw.ctime_ns
    if which == 3:
        return _nanoseconds(raw.atime, raw.atime_ns)
    if which == 4:
        return _nanoseconds(raw.mtime, raw.mtime_ns)
    if which == 5:
        return _nanoseconds(raw.ctime, raw.ctime_ns)
    if which == 6:
        return raw.blksize
    if which == 7:
        return raw.blocks
    return raw.rdev


@cython.cfunc
def _nanoseconds(seconds: cython.longlong, nanoseconds: cython.longlong):
    if -_FAR < seconds < _FAR:
        return seconds * _NANO + nanoseconds
    whole: object = seconds  # beyond the year 2255: more than 64 bits
    return whole * 1_000_000_000 + nanoseconds


@cython.cfunc
def _get_hidden(record, closure: cython.p_void):
    return _hidden(record, cython.cast(cython.Py_ssize_t, closure))


@cython.cfunc
@cython.exceptval(-1, check=False)
def _refuse(record, value: cython.pointer(py.PyObject), closure: cython.p_void) -> cython.int:
    raise AttributeError("readonly attribute")


@cython.cfunc
def _reduce_stat(record, _: cython.pointer(py.PyObject)):
    hidden = {_HIDDEN[i]: _hidden(record, i) for i in range(9)}
    return type(record), (tuple(record), hidden)


@cython.cfunc
def _construct_stat(
    kind: cython.pointer(py.PyTypeObject),
    args: cython.pointer(py.PyObject),
    kwargs: cython.pointer(py.PyObject),
):
    # The interpreter's own rules for the arguments, by a twin that has all in its places.
    i: cython.int
    twin = _eager_stat.tp_new(_eager_stat, args, kwargs)
    given = cython.cast(cython.pointer(py.PyTupleObject), twin).ob_item
    hidden = [cython.cast(object, given[i]) for i in range(_VISIBLE, _ALL)]
    for i in range(3):
        if hidden[i] is None:  # times as floats default to those in whole seconds
            hidden[i] = cython.cast(object, given[7 + i])
    rest = tuple(hidden)
    record = _new_stat()
    items = cython.cast(cython.pointer(py.PyTupleObject), record).ob_item
    for i in range(_VISIBLE):
        py.Py_INCREF(given[i])
        items[i] = given[i]
    items[_VISIBLE] = cython.cast(cython.pointer(py.PyObject), rest)
    py.Py_INCREF(items[_VISIBLE])
    py.PyObject_GC_Track(cython.cast(cython.pointer(py.PyObject), record))
    return record


@cython.cfunc
@cython.exceptval(check=False)
def _dealloc_stat(record: cython.pointer(py.PyObject)) -> cython.void:
    i: cython.int
    kind = py.Py_TYPE(record)
    items = cython.cast(cython.pointer(py.PyTupleObject), record).ob_item
    py.PyObject_GC_UnTrack(record)
    for i in range(_VISIBLE + 1):
        py.Py_XDECREF(items[i])
    py.PyObject_GC_Del(record)
    py.Py_DECREF(cython.cast(cython.pointer(py.PyObject), kind))


@cython.cfunc
@cython.exceptval(check=False)
def _traverse_stat(
    record: cython.pointer(py.PyObject), visit: py.visitor, arg: cython.p_void
) -> cython.int:
    i: cython.int
    items = cython.cast(cython.pointer(py.PyTupleObject), record).ob_item
    r: cython.int = visit(cython.cast(cython.pointer(py.PyObject), py.Py_TYPE(record)), arg)
    if r:
        return r
    for i in range(_VISIBLE + 1):
        if items[i] != cython.NULL:
            r = visit(items[i], arg)
            if r:
                return r
    return 0


_STAT_FIELDS = (
    (b"st_mode", b"file type and permission bits"),
    (b"st_ino", b"inode number"),
    (b"st_dev", b"device that the file is on"),
    (b"st_nlink", b"how many names the file has"),
    (b"st_uid", b"the owner's user id"),
    (b"st_gid", b"the owning group's id"),
    (b"st_size", b"size in bytes"),
    (None, b"last access, whole seconds"),
    (None, b"last modification, whole seconds"),
    (None, b"last change of the inode, whole seconds"),
    (b"st_atime", b"last access, seconds"),
    (b"st_mtime", b"last modification, seconds"),
    (b"st_ctime", b"last change of the inode, seconds"),
    (b"st_atime_ns", b"last access, nanoseconds"),
    (b"st_mtime_ns", b"last modification, nanoseconds"),
    (b"st_ctime_ns", b"last change of the inode, nanoseconds"),
    (b"st_blksize", b"the file system's preferred block size"),
    (b"st_blocks", b"blocks of 512 bytes in use"),
    (b"st_rdev", b"device that a device file stands for"),
)
_HIDDEN = tuple(name.decode() for name, _ in _STAT_FIELDS[10:])


@cython.cfunc
def _make_stat_type():
    global _stat, _eager_stat
    i: cython.int
    doc = b"What stat(), lstat() and fstat() tell of a file: a tuple of ten, with names for more."
    _stat = _make_type(b"os.stat_result", doc, _STAT_FIELDS, _VISIBLE)
    _eager_stat = _make_type(b"os.stat_result", doc, _STAT_FIELDS, _VISIBLE)
    kind = cython.cast(object, _stat)
    for i in range(9):
        _getsets[i].name = py.PyBytes_AS_STRING(_STAT_FIELDS[10 + i][0])
        _getsets[i].doc = py.PyBytes_AS_STRING(_STAT_FIELDS[10 + i][1])
        _getsets[i].get = _get_hidden
        _getsets[i].set = _refuse
        _getsets[i].closure = cython.cast(cython.p_void, cython.cast(cython.Py_ssize_t, i))
        setattr(kind, _HIDDEN[i], py.PyDescr_NewGetSet(_stat, cython.address(_getsets[i])))
    _stat_reduce.ml_name = b"__reduce__"
    _stat_reduce.ml_meth = cython.cast(cython.p_void, _reduce_stat)
    _stat_reduce.ml_flags = py.METH_NOARGS
    _stat_reduce.ml_doc = cython.NULL
    kind.__reduce__ = py.PyDescr_NewMethod(_stat, cython.address(_stat_reduce))
    _stat.tp_new = _construct_stat
    _stat.tp_dealloc = _dealloc_stat
    _stat.tp_traverse = _traverse_stat
    return kind


# --- the others ----------------------------------------------------------------------------------


def new_statvfs(st):
    """A statvfs_result of what the kernel said."""
    record = py.PyStructSequence_New(_statvfs)
    items = cython.cast(cython.pointer(py.PyTupleObject), record).ob_item
    items[0] = py.own_long(cython.cast(cython.long, st.f_bsize))
    items[1] = py.own_long(cython.cast(cython.long, st.f_frsize))
    items[2] = py.own_long(cython.cast(cython.long, st.f_blocks))
    items[3] = py.own_long(cython.cast(cython.long, st.f_bfree))
    items[4] = py.own_long(cython.cast(cython.long, st.f_bavail))
    items[5] = py.own_long(cython.cast(cython.long, st.f_files))
    items[6] = py.own_long(cython.cast(cython.long, st.f_ffree))
    items[7] = py.own_long(cython.cast(cython.long, st.f_favail))
    items[8] = py.own_long(cython.cast(cython.long, st.f_flag))
    items[9] = py.own_long(cython.cast(cython.long, st.f_namemax))
    items[10] = py.own_unsigned(st.f_fsid)
    return record


def new_times(user, system, children_user, children_system, elapsed):
    """A times_result; all in seconds."""
    record = py.PyStructSequence_New(_times)
    items = cython.cast(cython.pointer(py.PyTupleObject), record).ob_item
    items[0] = py.own_double(user)
    items[1] = py.own_double(system)
    items[2] = py.own_double(children_user)
    items[3] = py.own_double(children_system)
    items[4] = py.own_double(elapsed)
    return record


def new_uname(sysname, nodename, release, version, machine):
    """A uname_result of five texts."""
    return _filled(_uname, (sysname, nodename, release, version, machine))


def new_terminal_size(columns, lines):
    """A terminal_size; in characters."""
    return _filled(_terminal_size, (columns, lines))


def new_sched_param(priority):
    """A sched_param of one priority."""
    return _filled(_sched_param, (priority,))


def new_waitid(pid, uid, signo, status, code):
    """A waitid_result of what waitid(2) put into its siginfo."""
    return _filled(_waitid, (pid, from_id(uid), signo, status, code))


@cython.cfunc
def _construct_sched_param(
    kind: cython.pointer(py.PyTypeObject),
    args: cython.pointer(py.PyObject),
    kwargs: cython.pointer(py.PyObject),
):
    keywords: cython.p_char[2]
    priority: cython.pointer(py.PyObject) = cython.NULL
    keywords[0] = cython.cast(cython.p_char, b"sched_priority")
    keywords[1] = cython.NULL
    py.PyArg_ParseTupleAndKeywords(
        args, kwargs, b"O:sched_param", keywords, cython.address(priority)
    )
    return _filled(kind, (cython.cast(object, priority),))


@cython.cfunc
def _reduce_sched_param(record, _: cython.pointer(py.PyObject)):
    return type(record), tuple(record)


@cython.cfunc
def _make_types() -> dict:
    global _statvfs, _times, _uname, _terminal_size, _sched_param, _waitid
    _statvfs = _make_type(
        b"os.statvfs_result", b"What statvfs() and fstatvfs() tell of a file system.",
        tuple([(b"f_" + name, None) for name in (
            b"bsize", b"frsize", b"blocks", b"bfree", b"bavail", b"files", b"ffree", b"favail",
            b"flag", b"namemax", b"fsid")]), 10)  # fmt: skip
    _times = _make_type(
        b"posix.times_result", b"What times() tells, in seconds.",
        ((b"user", b"this process, in user mode"),
         (b"system", b"this process, in the kernel"),
         (b"children_user", b"children waited for, in user mode"),
         (b"children_system", b"children waited for, in the kernel"),
         (b"elapsed", b"real time since a fixed moment in the past")), 5)  # fmt: skip
    _uname = _make_type(
        b"posix.uname_result", b"What uname() tells of the system.",
        ((b"sysname", b"name of the operating system"),
         (b"nodename", b"name of the machine in its network"),
         (b"release", b"release of the operating system"),
         (b"version", b"version of the operating system"),
         (b"machine", b"kind of hardware")), 5)  # fmt: skip
    _terminal_size = _make_type(
        b"os.terminal_size", b"The size of a terminal: (columns, lines).",
        ((b"columns", b"width in characters"), (b"lines", b"height in characters")), 2,
    )  # fmt: skip
    _sched_param = _make_type(
        b"posix.sched_param",
        b"sched_param(sched_priority)\n--\n\nParameters of the scheduler: a priority.",
        ((b"sched_priority", b"the priority"),), 1,
    )  # fmt: skip
    _sched_param_reduce.ml_name = b"__reduce__"
    _sched_param_reduce.ml_meth = cython.cast(cython.p_void, _reduce_sched_param)
    _sched_param_reduce.ml_flags = py.METH_NOARGS
    _sched_param_reduce.ml_doc = cython.NULL
    sched_param = cython.cast(object, _sched_param)
    sched_param.__reduce__ = py.PyDescr_NewMethod(_sched_param, cython.address(_sched_param_reduce))
    _sched_param.tp_new = _construct_sched_param
    _waitid = _make_type(
        b"posix.waitid_result", b"What waitid() tells of a child.",
        ((b"si_pid", None), (b"si_uid", None), (b"si_signo", None), (b"si_status", None),
         (b"si_code", None)), 5)  # fmt: skip
    return {
        "stat_result": _make_stat_type(),
        "statvfs_result": cython.cast(object, _statvfs),
        "times_result": cython.cast(object, _times),
        "uname_result": cython.cast(object, _uname),
        "terminal_size": cython.cast(object, _terminal_size),
        "sched_param": sched_param,
        "waitid_result": cython.cast(object, _waitid),
    }


# --- statx_result --------------------------------------------------------------------------------

_STATX_ALWAYS = """
stx_mask stx_blksize stx_attributes stx_attributes_mask stx_rdev_major stx_rdev_minor
stx_rdev stx_dev_major stx_dev_minor stx_dev
""".split()
_STATX_ASKED = """
stx_mode stx_nlink stx_uid stx_gid stx_ino stx_size stx_blocks stx_atime stx_atime_ns
stx_btime stx_btime_ns stx_ctime stx_ctime_ns stx_mtime stx_mtime_ns stx_mnt_id
stx_dio_mem_align stx_dio_offset_align stx_subvol stx_atomic_write_unit_min
stx_atomic_write_unit_max stx_atomic_write_segments_max stx_dio_read_offset_align
stx_atomic_write_unit_max_opt
""".split()
# What headers may lack; the kernel's numbers do not change.
_MNT_ID = cython.declare(cython.uint, 0x1000)
_DIOALIGN = cython.declare(cython.uint, 0x2000)
_MNT_ID_UNIQUE = cython.declare(cython.uint, 0x4000)
_SUBVOL = cython.declare(cython.uint, 0x8000)
_WRITE_ATOMIC = cython.declare(cython.uint, 0x10000)
_DIO_READ_ALIGN = cython.declare(cython.uint, 0x20000)


_ATTRIBUTES = {
    0x4: "compressed", 0x10: "immutable", 0x20: "append", 0x40: "no dump", 0x800: "encrypted",
    0x1000: "automount", 0x2000: "mount root", 0x100000: "verity", 0x200000: "dax",
    0x400000: "write atomic",
}  # fmt: skip


@cython.cfunc
def _words_of(bits):
    return frozenset([word for bit, word in _ATTRIBUTES.items() if bits & bit])


@cython.final
@cython.cclass
class statx_result:
    """What statx() tells of a file. An attribute that it does not tell is None.

    Each is made when it is asked for.
    """

    def __repr__(self):
        shown = []
        for name in _STATX_ALWAYS:
            shown.append(f"{name}={getattr(self, name)!r}")
        for name in _STATX_ASKED:
            value = getattr(self, name)
            if value is not None:
                shown.append(f"{name}={value!r}")
        return f"os.statx_result({', '.join(shown)})"

    @property
    def stx_mask(self):
        """Which attributes are told, STATX_ bits."""
        return self.x.mask

    @property
    def stx_blksize(self):
        """The preferred block size."""
        return self.x.blksize

    @property
    def stx_attributes(self):
        """STATX_ATTR_ bits that are set."""
        return self.x.attributes

    @property
    def stx_attributes_mask(self):
        """STATX_ATTR_ bits that the file system knows."""
        return self.x.attributes_mask

    @property
    def stx_rdev_major(self):
        """Major number of the device that a device file stands for."""
        return self.x.rdev_major

    @property
    def stx_rdev_minor(self):
        """Minor number of the device that a device file stands for."""
        return self.x.rdev_minor

    @property
    def stx_rdev(self):
        """The device that a device file stands for."""
        return libc.makedev(self.x.rdev_major, self.x.rdev_minor)

    @property
    def stx_dev_major(self):
        """Major number of the device that the file is on."""
        return self.x.dev_major

    @property
    def stx_dev_minor(self):
        """Minor number of the device that the file is on."""
        return self.x.dev_minor

    @property
    def stx_dev(self):
        """The device that the file is on."""
        return libc.makedev(self.x.dev_major, self.x.dev_minor)

    @property
    def stx_mode(self):
        """File type and permission bits."""
        return self.x.mode if self.x.mask & (libc.STATX_TYPE | libc.STATX_MODE) else None

    @property
    def stx_nlink(self):
        """How many names the file has."""
        return self.x.nlink if self.x.mask & libc.STATX_NLINK else None

    @property
    def stx_uid(self):
        """The owner's user id."""
        return self.x.uid if self.x.mask & libc.STATX_UID else None

    @property
    def stx_gid(self):
        """The owning group's id."""
        return self.x.gid if self.x.mask & libc.STATX_GID else None

    @property
    def stx_ino(self):
        """Inode number."""
        return self.x.ino if self.x.mask & libc.STATX_INO else None

    @property
    def stx_size(self):
        """Size in bytes."""
        return self.x.size if self.x.mask & libc.STATX_SIZE else None

    @property
    def stx_blocks(self):
        """Blocks of 512 bytes in use."""
        return self.x.blocks if self.x.mask & libc.STATX_BLOCKS else None

    @property
    def stx_atime(self):
        """Last access, seconds."""
        return (
            self.x.atime.tv_sec + self.x.atime.tv_nsec * 1e-9
            if self.x.mask & libc.STATX_ATIME
            else None
        )

    @property
    def stx_atime_ns(self):
        """Last access, nanoseconds."""
        return (
            _nanoseconds(self.x.atime.tv_sec, self.x.atime.tv_nsec)
            if self.x.mask & libc.STATX_ATIME
            else None
        )

    @property
    def stx_btime(self):
        """Creation, seconds."""
        return (
            self.x.btime.tv_sec + self.x.btime.tv_nsec * 1e-9
            if self.x.mask & libc.STATX_BTIME
            else None
        )

    @property
    def stx_btime_ns(self):
        """Creation, nanoseconds."""
        return (
            _nanoseconds(self.x.btime.tv_sec, self.x.btime.tv_nsec)
            if self.x.mask & libc.STATX_BTIME
            else None
        )

    @property
    def stx_ctime(self):
        """Last change of the inode, seconds."""
        return (
            self.x.ctime.tv_sec + self.x.ctime.tv_nsec * 1e-9
            if self.x.mask & libc.STATX_CTIME
            else None
        )

    @property
    def stx_ctime_ns(self):
        """Last change of the inode, nanoseconds."""
        return (
            _nanoseconds(self.x.ctime.tv_sec, self.x.ctime.tv_nsec)
            if self.x.mask & libc.STATX_CTIME
            else None
        )

    @property
    def stx_mtime(self):
        """Last modification, seconds."""
        return (
            self.x.mtime.tv_sec + self.x.mtime.tv_nsec * 1e-9
            if self.x.mask & libc.STATX_MTIME
            else None
        )

    @property
    def stx_mtime_ns(self):
        """Last modification, nanoseconds."""
        return (
            _nanoseconds(self.x.mtime.tv_sec, self.x.mtime.tv_nsec)
            if self.x.mask & libc.STATX_MTIME
            else None
        )

    @property
    def stx_mnt_id(self):
        """Number of the mount."""
        # os, which has it since 3.15, does not tell the unique one.
        also: cython.uint = 0 if py.PY_VERSION_HEX >= 0x030F0000 else _MNT_ID_UNIQUE
        return self.x.mnt_id if self.x.mask & (_MNT_ID | also) else None

    @property
    def attributes(self):
        """The attributes that are set, as words: a frozenset of str.

        Of "append", "automount", "compressed", "dax", "encrypted", "immutable", "mount root",
        "no dump", "verity" and "write atomic".
        """
        return _words_of(self.x.attributes & self.x.attributes_mask)

    @property
    def attributes_known(self):
        """The attributes that the file system can tell, as words: the others may be set."""
        return _words_of(self.x.attributes_mask)

    @property
    def stx_dio_mem_align(self):
        """Alignment in memory for direct reading and writing."""
        return self.x.dio_mem_align if self.x.mask & _DIOALIGN else None

    @property
    def stx_dio_offset_align(self):
        """Alignment in the file for direct reading and writing."""
        return self.x.dio_offset_align if self.x.mask & _DIOALIGN else None

    @property
    def stx_subvol(self):
        """Number of the subvolume."""
        return self.x.subvol if self.x.mask & _SUBVOL else None

    @property
    def stx_atomic_write_unit_min(self):
        """Least size of an atomic write."""
        return self.x.atomic_write_unit_min if self.x.mask & _WRITE_ATOMIC else None

    @property
    def stx_atomic_write_unit_max(self):
        """Greatest size of an atomic write."""
        return self.x.atomic_write_unit_max if self.x.mask & _WRITE_ATOMIC else None

    @property
    def stx_atomic_write_segments_max(self):
        """Greatest number of segments of an atomic write."""
        return self.x.atomic_write_segments_max if self.x.mask & _WRITE_ATOMIC else None

    @property
    def stx_dio_read_offset_align(self):
        """Alignment in the file for direct reading."""
        return self.x.dio_read_offset_align if self.x.mask & _DIO_READ_ALIGN else None

    @property
    def stx_atomic_write_unit_max_opt(self):
        """Greatest efficient size of an atomic write."""
        return self.x.atomic_write_unit_max_opt if self.x.mask & _WRITE_ATOMIC else None


@cython.cfunc
def new_statx() -> statx_result:
    """An empty statx_result, for statx(2) to fill."""
    result: statx_result = statx_result.__new__(statx_result)
    return result


TYPES = _make_types()
TYPES["statx_result"] = statx_result
# The modules that the types belong to where ostler stands in the place of os; pickles name them.
MODULES = {name: kind.__module__ for name, kind in TYPES.items() if name != "statx_result"}
for _name in MODULES:
    TYPES[_name].__module__ = "ostler"


py.forbid_making(statx_result)
if py.PY_VERSION_HEX >= 0x030F0000:  # where os has it
    py.show_as(statx_result, b"os.statx_result")

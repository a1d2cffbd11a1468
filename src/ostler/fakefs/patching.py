"""Patching: a FakeFilesystem installed for the whole process, from setUp() to tearDown()."""

import inspect
import sys
from typing import Any, ClassVar

from ostler.core.asking import Stay
from ostler.fakefs import helpers, replaced, spare
from ostler.fakefs.fake_filesystem import FakeFilesystem, PatchMode
from ostler.machine import host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Self

_NOT_ROOT = 1  # the user and group who makes the calls where root shall not


_holding: "list[Stay]" = []  # one, while the functions of os go on asking for a machine


def _go_on_asking():
    # So that they need not be told to for each test: it costs them 0.1 microseconds meanwhile.
    if not _holding:
        stay = Stay(None)
        stay.hold()
        _holding.append(stay)


class Patcher:
    """Installs a new FakeFilesystem, `fs`, for the whole process; a context manager.

    The arguments are pyfakefs's. `allow_root_user=False`: the calls are those of a user without
    rights, also where root runs the tests. Code of the modules in `additional_skip_names` acts on
    the host. `modules_to_reload` are loaded anew on the way in and out, and `modules_to_patch`, of
    classes by the name of a module, put in those modules' places. With `patch_open_code` other than
    OFF modules of the file system, in directories of `sys.path`, can be imported. What the others
    ask for is so in any case: every way in which a program keeps a function of os is caught.

    While one is set up, another one serves the same file system.
    """

    PATCHER: "Patcher | None" = None  # the one that is set up
    REF_COUNT = 0
    # Modules, or their names, whose code acts on the host.
    SKIPMODULES: ClassVar[set[Any]] = set()
    SKIPNAMES: ClassVar[set[Any]] = set()
    ADDITIONAL_SKIP_NAMES: ClassVar[set[Any]] = set()

    def __init__(
        self,
        additional_skip_names: "list[str | ModuleType] | None" = None,
        modules_to_reload: "list[ModuleType] | None" = None,
        modules_to_patch: "dict[str, Any] | None" = None,
        allow_root_user: bool = True,
        use_known_patches: bool = True,
        patch_open_code: PatchMode = PatchMode.OFF,
        patch_default_args: bool = False,
        use_cache: bool = True,
        use_dynamic_patch: bool = True,
        is_doc_test: bool = False,
    ) -> None:
        self.fs: FakeFilesystem | None = None
        self.modules_to_reload = list(modules_to_reload or ())
        self._skipped = list(additional_skip_names or ())
        self._to_patch = dict(modules_to_patch or {})
        self._allow_root = allow_root_user
        self._patch_open_code = patch_open_code
        self.cleanup_handlers: dict[str, Callable[[str], bool]] = {}
        self._block: Any = None
        self._put: Any = None
        self._importing: Any = None
        self._known: list[str] = []
        self._paused = False
        self.strict = False  # whether what would act on the host all the same is refused

    def __enter__(self) -> "Self":
        self.setUp()
        return self

    def __exit__(self, *exception: object) -> None:
        self.tearDown()

    @property
    def is_patching(self) -> bool:
        """Whether the file system is installed, and not paused."""
        return self._block is not None and not self._paused

    def setUp(self, doctester: "Any" = None) -> None:
        """Make the file system and install it; a second one within takes the first one's."""
        cls = Patcher
        if cls.PATCHER is not None:
            cls.REF_COUNT += 1
            self.fs = cls.PATCHER.fs
            return
        self._known = list(sys.modules)
        if not self._allow_root and host.geteuid() == 0:
            helpers.set_uid(_NOT_ROOT)
            helpers.set_gid(_NOT_ROOT)
        self._begin()
        cls.PATCHER, cls.REF_COUNT = self, 1
        try:
            self._load_anew()
        except BaseException:
            self.tearDown()
            raise
        if doctester is not None:
            doctester.globs = self.replace_globs(doctester.globs)

    def _begin(self):
        from ostler.installation.installed import Installed

        self.fs = FakeFilesystem(patcher=self, create_temp_dir=True)
        self.fs.patch_open_code = self._patch_open_code
        try:
            self._block = Installed(self.fs.machine, True, self.strict, everywhere=True)
            self._block.__enter__()
            _go_on_asking()
            self._paused = False
            self._skip(True)
            if self._to_patch:
                self._put = replaced.Replaced(self.fs, self._to_patch)
        except BaseException:
            self._end()
            raise

    def _end(self):
        block, self._block = self._block, None
        put, self._put = self._put, None
        try:
            self._import(False)
            if put is not None:
                put.back()
        finally:
            self._skip(False)
            if block is not None:
                block.__exit__(None, None, None)
            if self.fs is not None:
                self.fs._end()

    def _import(self, wanted):
        if wanted and self._importing is None:
            from ostler.fakefs.imports import Imports

            self._importing = Imports(self)
            self._importing.__enter__()
        elif not wanted and self._importing is not None:
            importing, self._importing = self._importing, None
            importing.__exit__()

    def _skip(self, wanted):
        from ostler.installation import installed

        names = [*self._skipped, *Patcher.SKIPMODULES, *Patcher.SKIPNAMES]
        names += Patcher.ADDITIONAL_SKIP_NAMES
        installed.skip([getattr(name, "__name__", name) for name in names] if wanted else [])

    def tearDown(self, doctester: "Any" = None) -> None:
        """Give the host back, and forget the file system; of several the last one does."""
        cls = Patcher
        if cls.PATCHER is None:
            return
        cls.REF_COUNT -= 1
        if cls.REF_COUNT > 0:
            return
        first, cls.PATCHER = cls.PATCHER, None
        try:
            first._end()
        finally:
            helpers.reset_ids()
            first._load_anew()
            first._clean()

    def _load_anew(self):
        from importlib import reload

        for module in self.modules_to_reload:
            if sys.modules.get(module.__name__) is module:
                reload(module)

    def _clean(self):
        # For modules that came inside, whoever has asked for it.
        for name, handler in self.cleanup_handlers.items():
            if name in sys.modules and name not in self._known and not handler(name):
                del sys.modules[name]

    def register_cleanup_handler(self, name: str, handler: "Callable[[str], bool]") -> None:
        """Call a function at the end if a module of this name came inside.

        Where it returns False, the module is unloaded.
        """
        self.cleanup_handlers[name] = handler

    def pause(self) -> None:
        """Let all code be on the host until resume()."""
        self._pause(True)

    def resume(self) -> None:
        """Let all code be on the machine again."""
        self._pause(False)

    def _pause(self, paused):
        patcher = Patcher.PATCHER or self
        if patcher._block is not None and patcher._paused != paused:
            patcher._paused = paused
            patcher._block.pause(paused)

    def start_patching(self) -> None:
        """As resume()."""
        self.resume()

    def stop_patching(self, temporary: bool = False) -> None:
        """As pause()."""
        self.pause()

    def _move_to(self, machine):
        if self._block is not None:
            self._block.move(machine)

    def replace_globs(self, globs_: "dict[str, Any]") -> "dict[str, Any]":
        """The same names: what they stand for looks for the machine by itself."""
        return globs_.copy()

    def clear_cache(self) -> None:
        """Nothing: there is no cache."""

    @staticmethod
    def clear_fs_cache() -> None:
        """Forget what is kept from one file system for the next, so that it is sooner there."""
        _holding.clear()
        spare.drop()


class Pause:
    """A context manager inside which all code is on the host.

    `caller`: a Patcher, a test case or a FakeFilesystem.
    """

    def __init__(self, caller: "Any") -> None:
        pause = getattr(caller, "pause", None)
        if pause is None:
            raise ValueError(
                "Pause takes a Patcher, a test case or a file system, not a "
                f"{type(caller).__name__}"
            )
        self._caller = caller

    def __enter__(self) -> "Any":
        self._caller.pause()
        return getattr(self._caller, "fs", self._caller)

    def __exit__(self, *exception: object) -> None:
        self._caller.resume()


def patchfs(
    _func: "Callable[..., Any] | None" = None,
    *,
    additional_skip_names: "list[str | ModuleType] | None" = None,
    modules_to_reload: "list[ModuleType] | None" = None,
    modules_to_patch: "dict[str, Any] | None" = None,
    allow_root_user: bool = True,
    use_known_patches: bool = True,
    patch_open_code: PatchMode = PatchMode.OFF,
    patch_default_args: bool = False,
    use_cache: bool = True,
    use_dynamic_patch: bool = True,
) -> "Callable[..., Any]":
    """A decorator: the function gets a new file system, installed, as its next argument.

    With or without arguments, which are those of Patcher. A function that is no plain one, but
    one of `async def`, has it while it is awaited.
    """
    given = locals()
    named = {name: given[name] for name in given if name != "_func"}

    def decorate(function: "Callable[..., Any]") -> "Callable[..., Any]":
        return _with_fs(function, named)

    if _func is None:
        return decorate
    if not callable(_func):
        raise TypeError("patchfs: arguments are given by name")
    return decorate(_func)


def _with_fs(function: "Callable[..., Any]", named: "dict[str, Any]") -> "Callable[..., Any]":
    from functools import wraps

    if inspect.iscoroutinefunction(function):

        @wraps(function)
        async def inside(*args, **kwargs):
            with Patcher(**named) as patcher:
                return await function(*args, patcher.fs, **kwargs)
    else:

        @wraps(function)
        def inside(*args, **kwargs):
            with Patcher(**named) as patcher:
                return function(*args, patcher.fs, **kwargs)

    inside.__signature__ = _without_last(function)
    return inside


def _without_last(function):
    # A test runner must not take the argument for a fixture.
    signature = inspect.signature(function)
    plain = list(signature.parameters.values())
    places = [
        number for number, each in enumerate(plain)
        if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
    ]  # fmt: skip
    bound = hasattr(function, "__wrapped__")
    if places and not bound:
        del plain[places[-1]]
    return signature.replace(parameters=plain)

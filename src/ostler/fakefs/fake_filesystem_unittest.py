"""Fake filesystem unittest: test cases whose code is on a new file system each."""

import unittest

from ostler.fakefs.fake_filesystem import FakeFilesystem, PatchMode
from ostler.fakefs.helpers import reset_ids, set_gid, set_uid
from ostler.fakefs.patching import Patcher, Pause, patchfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

__all__ = [
    "FakeFilesystem", "PatchMode", "Patcher", "Pause", "TestCase", "TestCaseMixin",
    "load_doctests", "patchfs", "reset_ids", "set_gid", "set_uid",
]  # fmt: skip


def load_doctests(
    loader: "Any",
    tests: unittest.TestSuite,
    ignore: "Any",
    module: "ModuleType",
    additional_skip_names: "list[str | ModuleType] | None" = None,
    modules_to_reload: "list[ModuleType] | None" = None,
    modules_to_patch: "dict[str, Any] | None" = None,
    allow_root_user: bool = True,
    use_known_patches: bool = True,
    patch_open_code: PatchMode = PatchMode.OFF,
    patch_default_args: bool = False,
    use_dynamic_patch: bool = True,
) -> unittest.TestSuite:
    """The examples in a module's docstrings as tests, on a file system for each."""
    import doctest

    patcher = Patcher(
        additional_skip_names, modules_to_reload, modules_to_patch, allow_root_user,
        patch_open_code=patch_open_code, is_doc_test=True,
    )  # fmt: skip
    tests.addTests(doctest.DocTestSuite(module, setUp=patcher.setUp, tearDown=patcher.tearDown))
    return tests


class TestCaseMixin:
    """What a test case gets of pyfakefs: setUpPyfakefs() for its setUp(), and `fs`."""

    additional_skip_names: "list[str | ModuleType] | None" = None
    modules_to_reload: "list[ModuleType] | None" = None
    modules_to_patch: "dict[str, Any] | None" = None

    _patcher: "Patcher | None" = None
    _class_patcher: "Patcher | None" = None

    @property
    def patcher(self) -> "Patcher | None":
        """The Patcher of the test, or else of its class."""
        return self._patcher if self._patcher is not None else self._class_patcher

    @property
    def fs(self) -> FakeFilesystem:
        """The file system that is installed."""
        patcher = self.patcher
        if patcher is None or patcher.fs is None:
            raise AttributeError("setUpPyfakefs() was not called")
        return patcher.fs

    @classmethod
    def fake_fs(cls) -> "FakeFilesystem | None":
        """The file system of the class, after setUpClassPyfakefs()."""
        return None if cls._class_patcher is None else cls._class_patcher.fs

    def setUpPyfakefs(
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
    ) -> None:
        """Put this test on a new file system; first in its setUp(). The arguments are Patcher's."""
        if self._class_patcher is not None:
            return
        self._patcher = _patcher_of(
            self, additional_skip_names, modules_to_reload, modules_to_patch, allow_root_user,
            patch_open_code,
        )  # fmt: skip
        self._patcher.setUp()
        self.addCleanup(self.tearDownPyfakefs)  # type: ignore[attr-defined]

    def tearDownPyfakefs(self) -> None:
        """Give the host back; called by itself at the test's end."""
        if self._patcher is not None:
            patcher, self._patcher = self._patcher, None
            patcher.tearDown()

    @classmethod
    def setUpClassPyfakefs(
        cls,
        additional_skip_names: "list[str | ModuleType] | None" = None,
        modules_to_reload: "list[ModuleType] | None" = None,
        modules_to_patch: "dict[str, Any] | None" = None,
        allow_root_user: bool = True,
        use_known_patches: bool = True,
        patch_open_code: PatchMode = PatchMode.OFF,
        patch_default_args: bool = False,
        use_cache: bool = True,
        use_dynamic_patch: bool = True,
    ) -> None:
        """Put all tests of the class on one file system; in its setUpClass()."""
        if cls._class_patcher is not None:
            return
        cls._class_patcher = _patcher_of(
            cls, additional_skip_names, modules_to_reload, modules_to_patch, allow_root_user,
            patch_open_code,
        )  # fmt: skip
        cls._class_patcher.setUp()
        cls.addClassCleanup(cls._tear_class_down)  # type: ignore[attr-defined]

    @classmethod
    def _tear_class_down(cls):
        patcher, cls._class_patcher = cls._class_patcher, None
        if patcher is not None:
            patcher.tearDown()

    def pause(self) -> None:
        """Let all code be on the host until resume()."""
        if self.patcher is not None:
            self.patcher.pause()

    def resume(self) -> None:
        """Let all code be on the machine again."""
        if self.patcher is not None:
            self.patcher.resume()


def _patcher_of(case, skip, reload, patch, allow_root, patch_open_code):
    return Patcher(
        case.additional_skip_names if skip is None else skip,
        case.modules_to_reload if reload is None else reload,
        case.modules_to_patch if patch is None else patch,
        allow_root,
        patch_open_code=patch_open_code,
    )


class TestCase(unittest.TestCase, TestCaseMixin):
    """A unittest.TestCase that has TestCaseMixin's methods; the arguments are pyfakefs's."""

    __test__ = False  # itself is none; a class derived from it is

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if "__test__" not in vars(cls):
            cls.__test__ = True

    def __init__(
        self,
        methodName: str = "runTest",
        additional_skip_names: "list[str | ModuleType] | None" = None,
        modules_to_reload: "list[ModuleType] | None" = None,
        modules_to_patch: "dict[str, Any] | None" = None,
    ) -> None:
        super().__init__(methodName)
        for name, value in (
            ("additional_skip_names", additional_skip_names),
            ("modules_to_reload", modules_to_reload),
            ("modules_to_patch", modules_to_patch),
        ):
            if value is not None:
                setattr(self, name, value)

from posix import register_at_fork as register_at_fork
from posix import sched_param as sched_param
from types import BuiltinFunctionType as BuiltinFunctionType
from types import FunctionType as FunctionType
from types import GenericAlias as GenericAlias
from types import ModuleType as ModuleType

SPLITROOT_TAKES_P: bool
OS_ALL: tuple[str, ...]
PATH_ALL: tuple[str, ...]
OS_NAMES: frozenset[str]
PATH_NAMES: frozenset[str]
SUPPORTS: dict[str, tuple[str, ...]]

from types import ModuleType
from typing import Any

CLASSES: tuple[type[Any], ...]
WITH_TYPES: tuple[ModuleType, ...]

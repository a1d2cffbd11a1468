# For the compiled modules alone.
from typing import final

@final
class Shared: ...

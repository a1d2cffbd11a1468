from typing import final

# For the compiled modules.
@final
class Visit: ...

from typing import final

walk_symlinks_as_files: object

# For the compiled modules.
@final
class Descent: ...

@final
class Listing: ...

class Strictness:
    def __init__(self, name: str) -> None: ...

ALLOW_MISSING: Strictness
ALL_BUT_LAST: Strictness

from typing import AnyStr

def splitext_plain(
    p: AnyStr, sep: AnyStr, altsep: AnyStr | None, extsep: AnyStr
) -> tuple[AnyStr, AnyStr]: ...

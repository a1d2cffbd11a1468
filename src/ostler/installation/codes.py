"""Codes: what is put in the place of the code of a function that is written in Python."""

_MARK = "what is called instead"
_OF_GENERATORS = 0x20 | 0x80 | 0x200


def code_like(code, function):
    """Code with the same arguments, for which a function is called with all of them."""
    names = code.co_varnames
    plain = names[: code.co_argcount]
    last = code.co_argcount + code.co_kwonlyargcount
    wanted, given = list(plain), list(plain)
    if code.co_posonlyargcount:
        wanted.insert(code.co_posonlyargcount, "/")
    if code.co_flags & 0x04:
        wanted.append(f"*{names[last]}")
        given.append(f"*{names[last]}")
        last += 1
    elif code.co_kwonlyargcount:
        wanted.append("*")
    for name in names[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]:
        wanted.append(name)
        given.append(f"{name}={name}")
    if code.co_flags & 0x08:
        wanted.append(f"**{names[last]}")
        given.append(f"**{names[last]}")
    text = f"def made({', '.join(wanted)}): return {_MARK!r}.__call__({', '.join(given)})"
    whole = compile(text, code.co_filename, "exec", dont_inherit=True)
    made = next(value for value in whole.co_consts if hasattr(value, "co_consts"))
    return made.replace(
        co_consts=tuple(function if value == _MARK else value for value in made.co_consts),
        co_name=code.co_name,
        co_qualname=code.co_qualname,
        co_firstlineno=code.co_firstlineno,
        co_freevars=code.co_freevars,
        # Of a generator's: what a function is to others; code itself makes the generator.
        co_flags=made.co_flags | code.co_flags & _OF_GENERATORS,
    )

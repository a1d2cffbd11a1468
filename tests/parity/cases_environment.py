"""Cases of environment.py; each leaves the environment as it found it."""

from tests.parity import attempt, case

BAD_KEYS = [None, 1, 1.5, b"B", "", "=", "a=b", "a\0b", "\ud800", "missing", "é", "\udcff", object]


def of_ours(os):
    return {key: value for key, value in os.environ.items() if key.startswith("OSTLER_")}


def clean(os):
    for key in list(os.environ):
        if key.startswith("OSTLER_"):
            del os.environ[key]


@case
def bad_keys(os):
    out = []
    for key in BAD_KEYS:
        out.append((
            attempt(os.environ.__getitem__, key), attempt(os.environ.get, key, 1),
            attempt(os.environ.__contains__, key), attempt(os.environ.__delitem__, key),
            attempt(os.environ.pop, key, 2), attempt(os.getenv, key), attempt(os.getenvb, key),
            attempt(os.environb.get, key), attempt(os.environb.__delitem__, key),
            attempt(os.putenv, key, "x") if key not in ("missing", "é", "\udcff", b"B") else 0,
            attempt(os.unsetenv, key),
        ))  # fmt: skip
    return out


@case
def bad_values(os):
    out = []
    for value in (None, 1, b"b", "a\0b", "\ud800", []):
        out.append(attempt(os.environ.__setitem__, "OSTLER_A", value))
        out.append(attempt(os.environ.setdefault, "OSTLER_A", value))
        out.append(attempt(os.putenv, "OSTLER_B", value) if value != b"b" else 0)
    for key in ("", "a=b", "a\0b", b"b", 1):
        out.append(attempt(os.environ.__setitem__, key, "v"))
    out.append(of_ours(os))
    clean(os)
    return out


@case
def text_and_bytes_are_one(os):
    os.environ["OSTLER_A"] = "1"
    os.environb[b"OSTLER_\xff"] = b"\xfe"
    os.environ["OSTLER_\udcc3\udca9"] = "decodes"
    out = [of_ours(os), os.environb[b"OSTLER_A"], os.getenvb(b"OSTLER_\xc3\xa9")]
    out += [os.getenv("OSTLER_é"), "OSTLER_é" in os.environ]
    os.environ.pop("OSTLER_é")
    del os.environb[b"OSTLER_A"]
    out += [of_ours(os), "OSTLER_\udcc3\udca9" in os.environ]
    clean(os)
    return out


@case
def as_a_mapping(os):
    before = os.environ.copy()
    out = [type(before).__name__, before == os.environ, os.environ == before]
    os.environ |= {"OSTLER_B": "2", "OSTLER_C": "3"}
    out.append(os.environ.setdefault("OSTLER_B", "x"))
    out.append(os.environ.setdefault("OSTLER_D", "4"))
    out.append(sorted(set(os.environ | {"OSTLER_E": "5"}) - set(before)))
    out.append(({"OSTLER_B": "6"} | os.environ)["OSTLER_B"])
    out.append(attempt(lambda: os.environ | [("OSTLER_F", "7")]))
    out.append(attempt(lambda: [] | os.environ))
    out.append(repr(os.environ).startswith("environ({"))
    out.append(repr(os.environ) == f"environ({os.environ.copy()!r})")
    out.append(repr(os.environ.keys()).startswith("KeysView(environ({"))
    out.append(len(os.environ) - len(before))
    out.append(attempt(hash, os.environ)[1])
    clean(os)
    out.append(os.environ.copy() == before)
    return out


@case
def changed_while_iterating(os):
    os.environ["OSTLER_A"] = "1"
    keys = iter(os.environ)
    next(keys)
    os.environ["OSTLER_B"] = "2"
    rest = list(keys)
    out = ["OSTLER_A" in rest, "OSTLER_B" in rest]
    clean(os)
    return out


@case
def putenv_is_not_seen(os):
    os.putenv("OSTLER_P", "1")
    out = [os.getenv("OSTLER_P"), "OSTLER_P" in os.environ]
    os.unsetenv("OSTLER_P")
    return out


@case
def search_path(os):
    envs = [
        {}, {"PATH": "/a:/b"}, {b"PATH": b"/a:\xff"}, {"PATH": ""}, {"PATH": "/a", b"PATH": b"/b"},
        {"PATH": b"/a"}, 1, [], {"PATH": 3},
    ]  # fmt: skip
    return [attempt(os.get_exec_path, env) for env in envs] + [os.get_exec_path()]

"""Calling a function where it is recorded: in a copy of this process."""

from __future__ import annotations

import pickle
import sys
import traceback
import warnings
from typing import TYPE_CHECKING, Any

from ostler.machine import host

if TYPE_CHECKING:
    from collections.abc import Callable

    from ostler.core.door import Door


def called(door: Door, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a function in a copy of this process that is recorded; its result, or its error.

    What it returns and raises must be such that it can be pickled; what it changes in memory is
    not seen here. RuntimeError where the copy ends before the function does.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    out, into = host.pipe()
    try:
        pid = _copy(door, into, function, args, kwargs)
        host.close(into)
        with open(out, "rb", closefd=False) as stream:
            data = stream.read()
        _, status = host.waitpid(pid, 0)
    finally:
        host.close(out)
    if not data:
        code = host.waitstatus_to_exitcode(status)
        raise RuntimeError(f"the copy of this process ended with {code}, and not the function")
    done, value = pickle.loads(data)
    if not done:
        raise value
    return value


def _copy(
    door: Door, into: int, function: Callable[..., Any], args: Any, kwargs: dict[str, Any]
) -> int:
    with warnings.catch_warnings():
        # That there are other threads: of this copy none of them has a lock that it could want.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = host.fork()
    if pid:
        return pid
    try:
        _work(door, into, function, args, kwargs)
    finally:
        host._exit(1)


def _work(
    door: Door, into: int, function: Callable[..., Any], args: Any, kwargs: dict[str, Any]
) -> None:
    try:
        door.join()
        answer = pickle.dumps((True, function(*args, **kwargs)))
    except BaseException as error:
        error.add_note("".join(traceback.format_exception(error)).rstrip())
        answer = _of_an_error(error)
    sys.stdout.flush()
    sys.stderr.flush()
    while answer:
        answer = answer[host.write(into, answer) :]
    host._exit(0)


def _of_an_error(error: BaseException) -> bytes:
    try:
        answer = pickle.dumps((False, error))
        pickle.loads(answer)
    except Exception:
        return pickle.dumps((False, RuntimeError("".join(traceback.format_exception(error)))))
    return answer

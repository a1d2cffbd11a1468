"""Tasks: whether the one that has installed a machine is gone."""

import sys
import weakref


def task_is_over():
    """None outside of a task; in one, a function that tells whether it is gone."""
    events = sys.modules.get("asyncio.events")
    if events is not None and events._get_running_loop() is not None:
        return _gone(sys.modules["asyncio.tasks"].current_task(), "done")
    trio = sys.modules.get("trio")
    if trio is not None:
        try:
            return _gone(trio.lowlevel.current_task(), None)
        except (AttributeError, RuntimeError):
            pass
    greenlet = sys.modules.get("greenlet")
    if greenlet is not None:
        running = greenlet.getcurrent()
        if running.parent is not None:
            return _gone(running, "dead")
    return None


def _gone(task, attribute):
    if task is None:
        return bool  # False: a callback of a loop, of which nothing can be gone
    held = weakref.ref(task)

    def is_over():
        known = held()
        if known is None or attribute is None:
            return known is None
        over = getattr(known, attribute)
        return over() if callable(over) else over

    return is_over

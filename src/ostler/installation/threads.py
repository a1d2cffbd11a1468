"""Threads: on which machine those are that code inside begins.

A machine is a thread's that `installed(threads=True)` was asked for, and nobody else's thread: this
is so on every Python. Since 3.14 a Thread runs in a context of its own, an empty one or, by
`sys.flags.thread_inherit_context` (free-threaded builds have it set), a copy of its starter's; so
the context is made here. One that a program gave to the Thread is left as it is: code in it is
inside, as in any other copy of the context.
"""

import sys
from contextvars import Context, copy_context

from ostler.core.asking import Stay, is_serving

# Of what serves others, too, and is on no machine itself.
workers = Stay(None)
workers.serve_all()
Context().run(workers.begin)  # it never ends


def start(stay, original, thread, *args, **kwargs):
    """In the place of Thread.start, for code inside."""
    if getattr(thread, "_context", thread) is None:
        context = copy_context() if sys.flags.thread_inherit_context else Context()
        inside = stay.threads and not is_serving()
        context.run((stay if inside else workers).run_thread, bool)
        thread._context = context
    return original(thread, *args, **kwargs)


# By the modules that they belong to, as installed.py takes them.
OF_MODULES: dict[str, dict[str, object]] = {}
if sys.version_info >= (3, 14):
    OF_MODULES["threading"] = {"Thread.start": start}

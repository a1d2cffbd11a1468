"""What every test may rely on."""

import signal

# A shell that starts the tests in the background has them ignore it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

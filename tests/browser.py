"""A browser without a window, in which tests look at pages: Chromium, asked over two pipes."""

import base64
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 60


def found():
    """The path of the browser there is, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One page in a browser; a context manager. What it says on its console is in `said`."""

    def __init__(self, width=1400, height=900, dark=False):
        self._size = width, height
        self._dark = dark
        self._number = 0
        self._waiting = []
        self.said = []
        self.asked = []  # the addresses of all that was fetched

    def __enter__(self):
        self._place = tempfile.TemporaryDirectory(prefix="ostler-browser-")
        self._errors = open(Path(self._place.name) / "errors", "wb")
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        # They are to be its descriptors 3 and 4.
        wiring = f'exec 3<&{theirs_in} 4>&{theirs_out}; exec "$@"'
        self._process = subprocess.Popen(
            [
                "bash", "-c", wiring, "sh", found(), "--headless=new", "--no-sandbox",
                "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                "--disable-background-networking", "--disable-extensions", "--hide-scrollbars",
                "--disable-component-update", "--remote-debugging-pipe",
                f"--user-data-dir={self._place.name}/profile", "about:blank",
            ],
            pass_fds=(theirs_in, theirs_out), stdin=subprocess.DEVNULL, stdout=self._errors,
            stderr=self._errors, env={**os.environ, "HOME": self._place.name},
        )  # fmt: skip
        os.close(theirs_in)
        os.close(theirs_out)
        self._buffer = b""
        targets = self._ask("Target.getTargets", session=None)["targetInfos"]
        page = next(one for one in targets if one["type"] == "page")
        opened = self._ask(
            "Target.attachToTarget", session=None, targetId=page["targetId"], flatten=True
        )
        self._session = opened["sessionId"]
        for what in ("Page.enable", "Runtime.enable", "Network.enable", "Log.enable"):
            self._ask(what)
        self.resize(*self._size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if self._dark else "light"}
        self._ask("Emulation.setEmulatedMedia", features=[scheme])
        return self

    def __exit__(self, *exception):
        with contextlib.suppress(OSError):
            os.write(self._out, b'{"id":0,"method":"Browser.close"}\0')
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._out)
        os.close(self._in)
        self._errors.close()
        with contextlib.suppress(OSError):
            self._place.cleanup()

    def resize(self, width, height):
        """Give the window another size."""
        self._ask(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip

    def open(self, path):
        """Show a file, and wait until it was drawn."""
        self._ask("Page.navigate", url=Path(path).resolve().as_uri())
        self._until("Page.loadEventFired")
        self.settle()

    def settle(self):
        """Wait until what was to be drawn is."""
        self.value("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        self.value("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def value(self, expression):
        """What an expression of JavaScript gives on the page."""
        answer = self._ask(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def press(self, key, text=None):
        """Press a key."""
        codes = {"Enter": 13, "Tab": 9, "Escape": 27, "ArrowDown": 40, "ArrowRight": 39}
        about = {"key": key, "windowsVirtualKeyCode": codes.get(key, ord(key[0].upper()))}
        if text is not None:
            about["text"] = text
        for kind in ("keyDown", "keyUp"):
            self._ask("Input.dispatchKeyEvent", type=kind, **about)
        self.settle()

    def picture(self, path):
        """Make a PNG of what is seen."""
        data = self._ask("Page.captureScreenshot", format="png")["data"]
        Path(path).write_bytes(base64.b64decode(data))

    def _ask(self, method, session="", **params):
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session or self._session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._out, data) :]
        while True:
            found = self._read()
            if found.get("id") == self._number:
                if "error" in found:
                    raise AssertionError((method, found["error"]))
                return found["result"]
            self._note(found)

    def _until(self, method):
        while True:
            for found in self._waiting:
                if found["method"] == method:
                    self._waiting.remove(found)
                    return
            self._note(self._read())

    def _note(self, found):
        method = found.get("method", "")
        if method.startswith("Page."):
            self._waiting.append(found)
        elif method == "Runtime.consoleAPICalled":
            self.said.append(found["params"]["args"])
        elif method in ("Runtime.exceptionThrown", "Log.entryAdded"):
            self.said.append(found["params"])
        elif method == "Network.requestWillBeSent":
            self.asked.append(found["params"]["request"]["url"])

    def _read(self):
        import select

        end = time.monotonic() + PATIENCE
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._in], [], [], max(0, end - time.monotonic()))
            data = os.read(self._in, 1 << 20) if ready else b""
            if not data:
                errors = Path(self._errors.name).read_text(errors="replace")
                raise AssertionError(f"the browser does not answer: {errors[-2000:]}")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(line)

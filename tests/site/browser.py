"""browser: a headless Chromium that a test drives with the DevTools protocol, over two pipes.

Each message is JSON with a NUL after it (https://chromedevtools.github.io/devtools-protocol/,
--remote-debugging-pipe: it reads from descriptor 3 and writes to 4). It runs in the namespace of
this process, as root too (--no-sandbox), with a folder of its own that is removed at the end.
"""

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

PROGRAM = "chromium"
ARGUMENTS = ["--headless=new", "--no-sandbox", "--remote-debugging-pipe", "--disable-gpu",
             "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
             "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
             "--force-color-profile=srgb", "--mute-audio", "--no-proxy-server"]


class Browser:
    """with Browser() as browser: browser.open(url); browser.eval("document.title")"""

    def __init__(self, within=30.0):
        self.within, self.number, self.rest, self.page = within, 0, b"", None
        self.dir = tempfile.mkdtemp(prefix="locum-browser-")

    def __enter__(self):
        to_browser, self.to = os.pipe()
        self.back, from_browser = os.pipe()
        # The shell gives it the pipes as 3 and 4.
        command = f'exec "$@" 3<&{to_browser} 4>&{from_browser}'
        self.log = open(os.path.join(self.dir, "log"), "wb")
        self.process = subprocess.Popen(
            ["bash", "-c", command, "bash", PROGRAM, *ARGUMENTS, f"--user-data-dir={self.dir}/user",
             "about:blank"], pass_fds=(to_browser, from_browser), stdin=subprocess.DEVNULL,
            stdout=self.log, stderr=self.log, env=dict(os.environ, HOME=self.dir))
        os.close(to_browser)
        os.close(from_browser)
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.page = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Page.enable")
        return self

    def __exit__(self, *_):
        try:
            self.page = None
            self.call("Browser.close")
            self.process.wait(10)
        except (OSError, subprocess.TimeoutExpired, RuntimeError):
            self.process.kill()
            self.process.wait()
        for end in (self.to, self.back):
            os.close(end)
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def _message(self, until):
        """The next message of the browser."""
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.back], [], [], max(0.0, until - time.monotonic()))
            data = os.read(self.back, 1 << 20) if ready else b""
            if not data:
                self.log.flush()
                with open(self.log.name, errors="replace") as log:
                    raise OSError("Chromium does not answer: " + log.read()[-1500:])
            self.rest += data
        message, _, self.rest = self.rest.partition(b"\0")
        return json.loads(message)

    def call(self, method, **params):
        """A command of the protocol; returns its result."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.page:
            message["sessionId"] = self.page
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.to, data):]
        until = time.monotonic() + self.within
        while True:
            reply = self._message(until)
            if reply.get("id") == self.number:
                if "error" in reply:
                    raise RuntimeError(f"{method}: {reply['error']}")
                return reply["result"]

    def open(self, url):
        """Load a page and wait until it is there."""
        result = self.call("Page.navigate", url=url)
        if "errorText" in result:
            raise RuntimeError(f"{url}: {result['errorText']}")
        until = time.monotonic() + self.within
        while self.eval("document.readyState + location.href") != "complete" + url:
            if time.monotonic() > until:
                raise RuntimeError(f"{url} is not loaded after {self.within} s")
            time.sleep(0.02)

    def eval(self, expression):
        """The value of an expression in the page; a promise is waited for."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True,
                           awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def show(self, width=1280, dark=False, scripts=True):
        """How the page is seen from now on; scripts: from the next one on."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900,
                  deviceScaleFactor=1, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)

    def screenshot(self, path, section=None, height=None):
        """Write a PNG of the whole page, of its upper part, or of the element with this id."""
        x, y, width, whole = self.eval(
            "(e => { const box = e.getBoundingClientRect(); return [box.x + scrollX, "
            "box.y + scrollY, box.width, box.height]; })"
            f"(document.{f'getElementById({section!r})' if section else 'documentElement'})")
        if section:     # with a margin
            x, y, width, whole = x - 12, y - 12, width + 24, whole + 24
        clip = {"x": x, "y": y, "width": width, "height": height or whole, "scale": 1}
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True,
                         clip=clip)["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))

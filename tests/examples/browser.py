"""A real Chromium without a window, and its pages: driven over a pipe, by its own debugging protocol.

The browser comes with `npm ci`, packed, and needs nothing that is installed: its libraries and a font are
with it. It is for Linux on x64; elsewhere `CHROMIUM` names another one. It finds no host but this one.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = ROOT / "node_modules/@sparticuz/chromium"
UNPACK: Final = (
    "process.stdin.pipe(require('zlib').createBrotliDecompress({chunkSize: 1 << 21})).pipe(process.stdout)"
)
FONTS: Final = (
    '<fontconfig><dir prefix="relative">fonts</dir><cachedir prefix="xdg">fonts</cachedir></fontconfig>'
)
FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
    # Any name is this machine's: foreign sites are here as well.
    "--host-resolver-rules=MAP * 127.0.0.1",
)
# The protocol is spoken on the descriptors 3 and 4, and `subprocess` gives a child those that it has.
BEGIN: Final = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(one), fcntl.F_DUPFD, 10) for one in sys.argv[1:3]]
for goal, end in zip((3, 4), ends): os.dup2(end, goal)
os.execv(sys.argv[3], sys.argv[3:])
"""
ANSWER_S: Final = 20.0
KEYS: Final = {"Enter": (13, "\r"), "Tab": (9, "\t"), "Escape": (27, "")}
SHIFT: Final = 8


class Browser:
    """One process; `Page`s are its tabs."""

    def __init__(self, folder: Path) -> None:
        self._to, self._from, self._process = _begin(folder)
        self._rest, self._last = b"", 0
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str = "", /, **params: Any) -> Any:
        """What the browser answers; what it tells meanwhile is in `events`."""
        self._last += 1
        asked = {"id": self._last, "method": method, "params": params}
        message = asked | {"sessionId": session} if session else asked
        os.write(self._to, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + ANSWER_S
        while True:
            told = self._next(until, method)
            if told.get("id") != self._last:
                self.events.append(told)
            elif "error" in told:
                raise RuntimeError(f"{method}: {told['error']}")
            else:
                return told["result"]

    def _next(self, until: float, method: str) -> dict[str, Any]:
        while b"\0" not in self._rest:
            if not select.select([self._from], [], [], max(0.0, until - time.monotonic()))[0]:
                raise TimeoutError(f"{method}: no answer within {ANSWER_S} s; last told: {self.events[-3:]}")
            got = os.read(self._from, 1 << 20)
            if not got:
                raise RuntimeError(f"{method}: the browser has gone")
            self._rest += got
        one, _, self._rest = self._rest.partition(b"\0")
        return json.loads(one)

    @contextmanager
    def page(self, url: str = "about:blank") -> Iterator[Page]:
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        try:
            page = Page(self, self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])
            page.open(url)
            yield page
        finally:
            self.call("Target.closeTarget", targetId=target)

    def end(self) -> None:
        os.close(self._to)  # which ends it
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._from)


class Page:
    """A tab: looked at by JavaScript, used by mouse and keyboard."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session = browser, session
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setFocusEmulationEnabled", enabled=True)
        self.look()

    def call(self, method: str, /, **params: Any) -> Any:
        return self._browser.call(method, self._session, **params)

    def open(self, url: str) -> None:
        self.call("Page.navigate", url=url)
        self.until(f"document.readyState === 'complete' && location.href.startsWith({json.dumps(url)})")

    def look(self, *, dark: bool = False, width: int = 900, height: int = 900) -> None:
        """In this scheme of colours, and in a window of this size."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)

    def run(self, script: str) -> Any:
        """The value of an expression."""
        done = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in done:
            raise RuntimeError(done["exceptionDetails"].get("exception", {}).get("description", done))
        return done["result"].get("value")

    def until(self, script: str, within: float = 10.0) -> Any:
        """The value of an expression as soon as it is a true one."""
        end = time.monotonic() + within
        while not (value := self.run(script)):
            if time.monotonic() > end:
                raise TimeoutError(f"not within {within} s: {script}; the page says {self.text('body')!r}")
            time.sleep(0.02)
        return value

    def text(self, selector: str) -> str:
        return self.run(f"document.querySelector({json.dumps(selector)}).innerText")

    def texts(self, selector: str) -> list[str]:
        return self.run(f"[...document.querySelectorAll({json.dumps(selector)})].map((one) => one.innerText)")

    def click(self, selector: str) -> None:
        """With the mouse, in the middle of it."""
        middle = (
            "((one) => { one.scrollIntoView({block: 'nearest'}); const box = one.getBoundingClientRect();"
            " return {x: box.x + box.width / 2, y: box.y + box.height / 2} })"
            f"(document.querySelector({json.dumps(selector)}))"
        )
        place = self.run(middle) | {"button": "left", "clickCount": 1}
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, **place)

    def type(self, text: str) -> None:
        """Into what has the focus."""
        self.call("Input.insertText", text=text)

    def press(self, key: str, modifiers: int = 0) -> None:
        code, text = KEYS[key]
        one = {"key": key, "code": key, "windowsVirtualKeyCode": code, "modifiers": modifiers}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **one)
        self.call("Input.dispatchKeyEvent", type="keyUp", **one)

    def complaints(self) -> list[str]:
        """Exceptions, dialogs and refusals that the browser has told of since the last look."""
        self.run("0")
        faults = ("Runtime.exceptionThrown", "Log.entryAdded", "Page.javascriptDialogOpening")
        mine = [one for one in self._browser.events if one.get("sessionId") == self._session]
        self._browser.events.clear()
        return [json.dumps(one["params"]) for one in mine if one["method"] in faults]

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))


def _begin(folder: Path) -> tuple[int, int, subprocess.Popen[bytes]]:
    program = os.environ.get("CHROMIUM") or str(_unpacked() / "chromium")
    home = Path(program).parent
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_CACHE_HOME": str(folder / "cache")}
    if "CHROMIUM" not in os.environ:
        env |= {"LD_LIBRARY_PATH": str(home / "lib"), "FONTCONFIG_FILE": str(home / "fonts.conf")}
    (their_end, our_end), (from_it, to_us) = os.pipe(), os.pipe()
    command = [sys.executable, "-S", "-c", BEGIN, str(their_end), str(to_us), program, *FLAGS]
    with (folder / "chromium.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, f"--user-data-dir={folder / 'profile'}"],
            pass_fds=(their_end, to_us),
            env=env,
            stdout=log,
            stderr=log,
        )
    os.close(their_end)
    os.close(to_us)
    return our_end, from_it, process


def _unpacked() -> Path:
    """Where the browser is, once for each version of its package."""
    version = json.loads((PACKAGE / "package.json").read_text())["version"]
    goal = ROOT / f"node_modules/.cache/chromium-{version}"
    if goal.exists():
        return goal
    goal.parent.mkdir(exist_ok=True)
    half = Path(tempfile.mkdtemp(dir=goal.parent))
    for name in ("chromium", "al2023.tar", "fonts.tar"):
        with (PACKAGE / f"bin/{name}.br").open("rb") as packed, (half / name).open("wb") as unpacked:
            subprocess.run(["node", "-e", UNPACK], stdin=packed, stdout=unpacked, check=True)
    for name in ("al2023.tar", "fonts.tar"):
        subprocess.run(["tar", "-xf", name, "--no-same-owner"], cwd=half, check=True)
        (half / name).unlink()
    (half / "chromium").chmod(0o755)
    (half / "fonts.conf").write_text(FONTS)
    try:
        half.rename(goal)
    except OSError:  # somebody else was faster
        shutil.rmtree(half)
    return goal

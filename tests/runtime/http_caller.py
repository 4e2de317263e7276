"""A client of the loopback server whose waits are counted and not slept."""

from __future__ import annotations

import time

from loopback import Loopback
from memory_ports import Clock

from serverless_ai_runtime.core.ports import Deadline, Refused, ServiceError, Throttled, Unavailable, World
from serverless_ai_runtime.http import HttpClient, Request, Response


class Caller:
    """Sends one request again and again, with what the test changes in it."""

    def __init__(self, server: Loopback, *, jitter: float = 0.5) -> None:
        self.server, self.clock = server, Clock()
        self.idle_clock = Clock(0)
        self.attempts = 0
        world = World(time.time, self.clock.sleep, lambda: jitter, lambda: "")
        self.client = HttpClient(world, self.idle_clock)

    def request(self, **changes: object) -> Request:
        request = Request("Service", "Call", "POST", f"{self.server.url}/p/q?a=b", b"body", self.headers)
        return request._replace(**changes)  # pyright: ignore[reportArgumentType]

    def headers(self) -> dict[str, str]:
        self.attempts += 1
        return {"host": "here", "x-attempt": str(self.attempts)}

    def send(self, seconds: float = 5, **changes: object) -> Response:
        return self.client.send(self.request(**changes), judge, Deadline(seconds))


def judge(response: Response) -> ServiceError | None:
    if response.status < 300:
        return None
    kind = {429: Throttled, 503: Unavailable}.get(response.status, Refused)
    return kind("Service", "Call", response.status, "Code", "message")

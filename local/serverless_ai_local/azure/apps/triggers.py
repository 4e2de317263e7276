"""Queue triggers and timers of running apps: messages fetched, retried, put among the poison; turns."""

from __future__ import annotations

import threading
import time
import traceback
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from serverless_ai_local.azure.access import Access
from serverless_ai_local.azure.apps import routes, settings
from serverless_ai_local.azure.apps.app import RunningApp
from serverless_ai_local.azure.apps.host import FunctionHost
from serverless_ai_local.azure.apps.logs import HOST
from serverless_ai_local.azure.apps.ncrontab import next_after
from serverless_ai_local.azure.apps.process import AppError
from serverless_ai_local.azure.apps.site import trace_parent
from serverless_ai_local.azure.calls import ServiceFault
from serverless_ai_local.azure.estate import Estate, Resource
from serverless_ai_local.azure.queue_client import QueueClient
from serverless_ai_local.azure.queues import GoneError, Message, Queues

POLL_S: Final = 0.2
LEASE_S: Final = 600.0
"""How long a message is hidden while it is worked on; the real host renews a lease of ten minutes."""
POISON: Final = "-poison"
THREADS: Final = 16


class Triggers:
    """One loop for all apps; messages are worked on in threads."""

    def __init__(
        self, host: FunctionHost, estate: Estate, access: Access, queues: Queues, *, retry_s: float
    ) -> None:
        """`retry_s`: most seconds until a failed message is tried again, whatever host.json says."""
        self._host, self._estate, self._access, self._queues = host, estate, access, queues
        self._retry_s = retry_s
        self._pool = ThreadPoolExecutor(THREADS, "azure-triggers")
        self._due: dict[tuple[str, str], datetime] = {}
        self._busy: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._loop, daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def fire(self, app: Resource, function: str) -> None:
        """A timer's turn, now. Raises `LookupError` if there is no such timer, `AppError` if it failed."""
        running = self._host.running(app)
        for one in running.functions:
            if one["name"] == function and routes.trigger(one, "timerTrigger"):
                answer = running.invoke(function, _turn(), trace_parent())
                if not answer["ok"]:
                    raise AppError(str(answer["error"]))
                return
        raise LookupError(f"{app.name} has no timer {function}")

    def _loop(self) -> None:
        while not self._stopped.is_set():
            for app, running in self._host.all():
                for function in running.functions:
                    try:
                        self._look(app, running, function)
                    except Exception:
                        traceback.print_exc()
            self._queues.wait(POLL_S)

    def _look(self, app: Resource, running: RunningApp, function: Mapping[str, Any]) -> None:
        timer, queue = routes.trigger(function, "timerTrigger"), routes.trigger(function, "queueTrigger")
        if timer is not None:
            self._tick(app, running, function["name"], timer)
        if queue is not None:
            self._fetch(app, running, function["name"], queue)

    def _tick(self, app: Resource, running: RunningApp, function: str, timer: Mapping[str, Any]) -> None:
        schedule = settings.resolved(str(timer["schedule"]), running.environment)
        key, now = (app.id, function), datetime.now(UTC)
        due = self._due.setdefault(key, next_after(schedule, now))
        if now >= due:
            self._due[key] = next_after(schedule, now)
            self._pool.submit(self._noted, app, lambda: self.fire(app, function))

    def _fetch(self, app: Resource, running: RunningApp, function: str, queue: Mapping[str, Any]) -> None:
        key = (app.id, function)
        with self._lock:
            room = running.host.batch * running.instances - self._busy.get(key, 0)
        if room <= 0:
            return
        try:
            client = self._client(app, running, queue)
            messages = client.get(min(room, 32), LEASE_S)
        except ServiceFault as fault:
            self._host.log(app, HOST, f"queue trigger {function}: {fault.code}: {fault.message}")
            self._stopped.wait(POLL_S)
            return
        for message in messages:
            with self._lock:
                self._busy[key] = self._busy.get(key, 0) + 1
            self._pool.submit(self._work, key, app, running, client, message)

    def _client(self, app: Resource, running: RunningApp, queue: Mapping[str, Any]) -> QueueClient:
        name = settings.resolved(str(queue["queueName"]), running.environment)
        connection = str(queue.get("connection") or "AzureWebJobsStorage")
        values = running.environment
        account = values[f"{connection}__queueServiceUri"].rstrip("/").rsplit("/", 1)[-1]
        found = self._estate.find("storage:StorageAccount", account)
        who = self._host.principal(app, values.get(f"{connection}__clientId", ""))
        if found is None or who is None:
            raise ServiceFault(
                401, "Unauthorized", f"{connection} names no account, or no identity of the app"
            )
        return QueueClient(
            estate=self._estate, access=self._access, queues=self._queues, account=found, name=name, who=who
        )

    def _work(
        self, key: tuple[str, str], app: Resource, running: RunningApp, client: QueueClient, message: Message
    ) -> None:
        try:
            self._noted(app, lambda: self._deliver(app, running, client, key[1], message))
        finally:
            with self._lock:
                self._busy[key] -= 1

    def _deliver(
        self, app: Resource, running: RunningApp, client: QueueClient, function: str, message: Message
    ) -> None:
        if message.dequeues > running.host.deliveries:
            self._bury(app, running, client, message)
            return
        try:
            answer = running.invoke(function, _delivery(message), trace_parent(), most=running.host.batch)
            if answer["ok"]:
                self._leave(lambda: client.delete(message))
                return
        except AppError as error:
            self._host.log(app, HOST, f"{function}: {error}")
        if message.dequeues < running.host.deliveries:
            wait = min(running.host.visibility_s, self._retry_s)
            self._leave(lambda: client.release(message, wait))
            return
        self._bury(app, running, client, message)

    def _bury(self, app: Resource, running: RunningApp, client: QueueClient, message: Message) -> None:
        poison = client.name + POISON
        most = f"Message has reached MaxDequeueCount of {running.host.deliveries}."
        self._host.log(app, HOST, f"{most} Moving message to queue '{poison}'.")
        self._leave(lambda: client.move(message, poison))

    @staticmethod
    def _leave(finish: Callable[[], None]) -> None:
        """As the real host does: a message that the function itself has changed is left as it is."""
        with suppress(GoneError):
            finish()

    def _noted(self, app: Resource, work: Callable[[], None]) -> None:
        try:
            work()
        except ServiceFault as fault:
            self._host.log(app, HOST, f"{fault.code}: {fault.message}")
        except Exception as error:
            self._host.log(app, HOST, f"{type(error).__name__}: {error}")


def _turn() -> dict[str, Any]:
    return {"IsPastDue": False, "Schedule": {"AdjustForDST": True}, "ScheduleStatus": None}


def _delivery(message: Message) -> dict[str, Any]:
    try:
        body = b64decode(message.text, validate=True)
    except ValueError:
        body = message.text.encode()
    return {
        "body": b64encode(body).decode(),
        "metadata": {
            "Id": message.id,
            "DequeueCount": message.dequeues,
            "InsertionTime": _moment(message.inserted_at),
            "ExpirationTime": _moment(message.expires_at or time.time()),
            "NextVisibleTime": _moment(message.visible_at),
            "PopReceipt": message.receipt,
        },
    }


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")

"""How the local Functions host shares messages out: instances, host.json, what a function has changed."""

from __future__ import annotations

import io
import threading
import time
import zipfile
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from serverless_ai_local.azure.apps.app import MOST_INSTANCES, RunningApp
from serverless_ai_local.azure.apps.settings import HostFile
from serverless_ai_local.azure.apps.triggers import Triggers
from serverless_ai_local.azure.estate import Estate, Resource
from serverless_ai_local.azure.queue_client import QueueClient
from serverless_ai_local.azure.queues import Queues
from serverless_ai_local.functions.guard import Guard

CODE = """
import os, time
import azure.functions as func

app = func.FunctionApp()

@app.queue_trigger(arg_name="message", queue_name="jobs", connection="JOBS")
def job(message: func.QueueMessage) -> None:
    print("pid", os.getpid(), message.get_body().decode(), flush=True)
    if message.get_body() == b"crash":
        os._exit(3)
    time.sleep(0.6)
"""
MESSAGE = {"body": b64encode(b"x").decode(), "metadata": {}}
CRASH = {"body": b64encode(b"crash").decode(), "metadata": {}}


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., tuple[RunningApp, list[str]]]]:
    under = tmp_path / "apps"
    under.mkdir()
    guard, apps = Guard(under), list[RunningApp]()

    def start(instances: int) -> tuple[RunningApp, list[str]]:
        buffer, lines = io.BytesIO(), list[str]()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("function_app.py", CODE)
            archive.writestr("host.json", "{}")
        app = RunningApp(
            "a",
            buffer.getvalue(),
            {},
            under=under,
            log=lambda category, text, operation: lines.append(text),
            guard=guard,
            instances=instances,
        )
        apps.append(app)
        return app, lines

    yield start
    for app in apps:
        app.close()
    guard.close()


def at_once(app: RunningApp, count: int, most: int | None) -> None:
    threads = [
        threading.Thread(target=app.invoke, args=("job", MESSAGE), kwargs={"most": most})
        for _ in range(count)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)


def pids(lines: list[str]) -> set[str]:
    end = time.monotonic() + 5
    while time.monotonic() < end and not any(line.startswith("pid") for line in lines):
        time.sleep(0.02)
    return {line.split()[1] for line in lines if line.startswith("pid")}


def test_what_one_instance_does_not_take_goes_to_another(started: Any) -> None:
    app, lines = started(instances=3)
    at_once(app, 3, most=1)
    assert len(pids(lines)) == 3


def test_there_are_no_more_instances_than_deployed_and_no_more_than_this_machine_takes(started: Any) -> None:
    app, lines = started(instances=2)
    at_once(app, 4, most=1)
    assert len(pids(lines)) == 2
    assert started(instances=1000)[0].instances == MOST_INSTANCES


def test_calls_without_a_bound_share_one_instance(started: Any) -> None:
    app, lines = started(instances=4)
    at_once(app, 4, most=None)
    assert len(pids(lines)) == 1


def test_what_kills_one_instance_has_no_neighbours(started: Any) -> None:
    app, lines = started(instances=2)
    neighbour = threading.Thread(target=app.invoke, args=("job", MESSAGE), kwargs={"most": 1})
    neighbour.start()
    time.sleep(0.2)
    with pytest.raises(Exception, match="ended during the invocation"):
        app.invoke("job", CRASH, most=1)
    neighbour.join(10)
    assert not any("Failed" in line for line in lines)
    assert app.invoke("job", MESSAGE, most=1)["ok"], "another one takes its place"


# -- host.json --------------------------------------------------------------------------------------------
def test_app_settings_take_the_place_of_what_host_json_says() -> None:
    file = (
        b'{"functionTimeout": "00:00:10", "extensions": {"queues": {"batchSize": 1, "maxDequeueCount": 3}}}'
    )
    prefix = "AzureFunctionsJobHost__"
    settings = {
        f"{prefix}functionTimeout": "00:01:45",
        f"{prefix}extensions__queues__maxDequeueCount": "13",
        "ANOTHER__extensions__queues__batchSize": "9",
    }
    assert HostFile.read(file, {}) == HostFile(timeout_s=10, deliveries=3, batch=1)
    assert HostFile.read(file, settings) == HostFile(timeout_s=105, deliveries=13, batch=1)
    assert HostFile.read(b"{}", settings).deliveries == 13


# -- messages ---------------------------------------------------------------------------------------------
class Everybody:
    """Lets everybody do everything."""

    def allows(self, *_: Any, **__: Any) -> bool:
        return True


class Desk:
    """A queue, and one delivery of what is in it to a function of the test's."""

    def __init__(self, tmp_path: Path) -> None:
        self.queues, self.log = Queues(), list[str]()
        estate = Estate()
        for name in ("jobs", "jobs-poison"):
            id_ = f"/account/queues/{name}"
            estate.put(Resource(id=id_, kind="storage:Queue", name=name, inputs={}, outputs={}))
        account = Resource(id="/account", kind="storage:StorageAccount", name="a", inputs={}, outputs={})
        access = cast("Any", Everybody())
        host = SimpleNamespace(log=lambda app, category, text, operation="": self.log.append(text))
        self._triggers = Triggers(cast("Any", host), estate, access, self.queues, retry_s=0.0)
        self._client = QueueClient(
            estate=estate,
            access=access,
            queues=self.queues,
            account=account,
            name="jobs",
            who=cast("Any", None),
        )

    def deliver(self, function: Callable[[], bool]) -> None:
        (message,) = self._client.get(1, 600)
        host = HostFile(deliveries=3)
        running = SimpleNamespace(host=host, invoke=lambda *_, **__: {"ok": function(), "error": "no"})
        self._triggers._deliver(cast("Any", None), cast("Any", running), self._client, "job", message)

    def count(self, name: str = "jobs") -> int:
        return self.queues.count(f"/account/queues/{name}")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path)
    made.queues.put("/account/queues/jobs", "x")
    return made


def test_a_message_that_is_done_is_deleted(desk: Desk) -> None:
    desk.deliver(lambda: True)
    assert (desk.count(), desk.count("jobs-poison")) == (0, 0)


@pytest.mark.parametrize("ok", [True, False])
def test_a_message_that_the_function_gave_back_itself_is_left_alone(desk: Desk, ok: bool) -> None:
    def give_back() -> bool:
        (message,) = desk.queues._live("/account/queues/jobs")
        desk.queues.update("/account/queues/jobs", message.id, message.receipt, 300, None)
        return ok

    desk.deliver(give_back)
    assert desk.count() == 1
    assert desk.queues.peek("/account/queues/jobs", 1) == [], "it stays hidden as long as the function said"


def test_a_message_that_is_gone_meanwhile_is_no_trouble(desk: Desk) -> None:
    desk.deliver(lambda: desk.queues.clear("/account/queues/jobs") is None)
    assert (desk.count(), desk.log) == (0, [])


def test_a_message_that_came_too_often_is_poison_without_another_try(desk: Desk) -> None:
    tried: list[int] = []

    def give_back() -> bool:
        tried.append(1)
        (message,) = desk.queues._live("/account/queues/jobs")
        desk.queues.update("/account/queues/jobs", message.id, message.receipt, 0, None)
        return True

    for _ in range(4):
        desk.deliver(give_back)
    assert len(tried) == 3
    assert (desk.count(), desk.count("jobs-poison")) == (0, 1)
    assert any("MaxDequeueCount of 3" in line for line in desk.log)

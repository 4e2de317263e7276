"""The event pipeline's function on Azure: what it takes, gives back, deletes and leaves to the host."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import azure.functions as func
import pytest
from azure_app import EDGE
from azure_app import PIPELINE as CONFIG

import serverless_ai_runtime
from serverless_ai_runtime import config
from serverless_ai_runtime.adapters.azure.queue import Received, StorageQueue
from serverless_ai_runtime.config import AzureEdgeConfig, ConfigError, azure_settings, to_env
from serverless_ai_runtime.core.event_pipeline.ports import Delivery, Retry
from serverless_ai_runtime.core.ports import Deadline, Unavailable
from serverless_ai_runtime.entrypoints import azure_queue
from serverless_ai_runtime.entrypoints.azure_queue import ComesAgain, Ids, QueueWorker
from serverless_ai_runtime.telemetry import Telemetry
from serverless_ai_runtime.wiring import WORLD
from serverless_ai_runtime.wiring_event_pipeline import PipelineApp

ROOT = Path(serverless_ai_runtime.__file__).parent / "root" / "azure"
IDS = Ids("invocation-1", "00-trace-span-01")
QUEUED = EDGE._replace(events_queue="events", queue_service="http://127.0.0.1:1/account")


class Queue:
    """A queue in memory, of which each operation can fail."""

    def __init__(self, *waiting: Received, broken: Sequence[str] = ()) -> None:
        self.waiting, self.broken = list(waiting), broken
        self.asked: list[tuple[int, float]] = []
        self.deleted: list[str] = []
        self.given_back: dict[str, float] = {}
        self.sent: list[tuple[Any, float]] = []

    def take(self, most: int, hidden_s: float, deadline: Deadline) -> list[Received]:
        self._may("take")
        self.asked.append((most, hidden_s))
        taken, self.waiting = self.waiting[:most], self.waiting[most:]
        return taken

    def delete(self, message: Received, deadline: Deadline) -> None:
        self._may("delete")
        self.deleted.append(message.id)

    def give_back(self, message: Received, after_s: float, deadline: Deadline) -> None:
        self._may("give_back")
        self.given_back[message.id] = after_s

    def send(self, body: Any, delay_s: float, deadline: Deadline) -> None:
        self._may("send")
        self.sent.append((body, delay_s))

    def _may(self, operation: str) -> None:
        if operation in self.broken:
            raise Unavailable("QueueStorage", operation, 503, "ServerBusy", "busy")


class Core:
    """Says which of the deliveries come again, by the text of a message: its seconds."""

    def __init__(self) -> None:
        self.seen: list[list[Delivery]] = []

    def process(self, deliveries: Sequence[Delivery], deadline: Deadline, journal: Any) -> list[Retry]:
        self.seen.append(list(deliveries))
        return [Retry(one.handle, float(one.body)) for one in deliveries if one.body.isdigit()]


def message(name: str, text: str = "done") -> Received:
    return Received(name, f"receipt-{name}", 1, text)


def worker(queue: Queue, *, size: int = 1, wait_s: int = 0) -> tuple[QueueWorker, Core]:
    core = Core()
    settings = CONFIG._replace(batch_size=size, batch_wait_s=wait_s)
    telemetry = Telemetry("app", log_content=False, world=WORLD)
    app = PipelineApp(cast("Any", core), settings, telemetry)
    return QueueWorker(app, QUEUED, cast("StorageQueue", queue)), core


def test_a_message_that_is_done_is_left_to_the_host_to_delete() -> None:
    queue = Queue(message("other"))
    made, core = worker(queue)
    made.message(message("m"), IDS)
    assert [[one.handle for one in batch] for batch in core.seen] == [["m"]]
    assert (queue.deleted, queue.given_back, queue.asked) == ([], {}, [])


def test_a_message_that_comes_again_is_given_back_for_as_long_as_the_core_says() -> None:
    queue = Queue()
    made, _ = worker(queue)
    made.message(message("m", "37"), IDS)
    assert queue.given_back == {"m": 37.0}


def test_what_cannot_be_given_back_is_raised_so_that_the_host_delivers_it_again() -> None:
    made, _ = worker(Queue(broken=["give_back"]))
    with pytest.raises(ComesAgain):
        made.message(message("m", "37"), IDS)
    made.message(message("m"), IDS)  # what is done is not raised


def test_a_batch_is_filled_from_the_same_queue_and_each_message_ends_by_itself() -> None:
    queue = Queue(message("a"), message("b", "5"), message("c"), message("d"))
    made, core = worker(queue, size=4)
    made.message(message("m"), IDS)
    assert [one.handle for one in core.seen[0]] == ["m", "a", "b", "c"]
    assert queue.deleted == ["a", "c"]
    assert queue.given_back == {"b": 5.0}
    assert [one.id for one in queue.waiting] == ["d"]
    assert queue.asked == [(3, QUEUED.timeout_s + azure_queue.HIDDEN_S)]


def test_a_batch_waits_no_longer_than_it_is_told() -> None:
    queue = Queue(message("a"))
    made, core = worker(queue, size=4, wait_s=1)
    made.message(message("m"), IDS)
    assert [one.handle for one in core.seen[0]] == ["m", "a"]
    assert 3 < len(queue.asked) < 20


def test_a_batch_that_cannot_be_filled_is_worked_on_as_it_is() -> None:
    made, core = worker(Queue(message("a"), broken=["take"]), size=4)
    made.message(message("m"), IDS)
    assert [one.handle for one in core.seen[0]] == ["m"]


def test_a_message_that_cannot_be_deleted_is_no_failure_of_the_batch() -> None:
    queue = Queue(message("a"), broken=["delete"])
    made, core = worker(queue, size=2)
    made.message(message("m"), IDS)
    assert len(core.seen[0]) == 2


def test_a_dead_letter_that_was_put_back_is_known_by_its_first_name_and_given_back_by_its_own() -> None:
    letter = {"id": "m-0", "code": "c", "reason": "r", "attempts": 5, "payload": "9"}
    queue = Queue()
    made, core = worker(queue)
    made.message(message("m-1", json.dumps(letter)), IDS)
    assert (core.seen[0][0].handle, core.seen[0][0].redriven) == ("m-0", True)
    assert queue.given_back == {"m-1": 9.0}


def test_a_turn_of_the_timer_only_puts_in_a_message() -> None:
    queue = Queue()
    made, core = worker(queue)
    made.edge = QUEUED._replace(schedule_message="noon")
    made.schedule(IDS)
    assert queue.sent == [({"source": "schedule", "id": "invocation-1", "message": "noon"}, 0.0)]
    assert core.seen == []
    made, _ = worker(Queue(broken=["send"]))
    with pytest.raises(Unavailable):
        made.schedule(IDS)


# -- the function app ---------------------------------------------------------------------------------
class Context(NamedTuple):
    invocation_id: str = "invocation-1"
    trace_context: Any = SimpleNamespace(trace_parent="00-trace-span-01")


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[[AzureEdgeConfig], dict[str, Any]]:
    def load(edge: AzureEdgeConfig) -> dict[str, Any]:
        environment = {
            **to_env(CONFIG),
            **azure_settings(edge, "client-1"),
            "IDENTITY_ENDPOINT": "http://127.0.0.1:1/token",
            "IDENTITY_HEADER": "secret",
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        module = runpy.run_path(str(ROOT / "event_pipeline" / "function_app.py"))
        return {"entry": module["entry"]} | {
            one.get_function_name(): one for one in module["app"].get_functions()
        }

    return load


def bindings(function: Any) -> list[dict[str, Any]]:
    return [json.loads(json.dumps(one.get_dict_repr(), default=str)) for one in function.get_bindings()]


def test_the_app_has_a_queue_trigger_a_timer_where_configured_and_no_route(load: Any) -> None:
    assert load(QUEUED).keys() == {"entry", "event_pipeline"}
    found = load(QUEUED._replace(schedule="0 0 8 * * *"))
    assert found.keys() == {"entry", "event_pipeline", "schedule"}
    (queue,) = bindings(found["event_pipeline"])
    assert queue["type"] == "queueTrigger"
    assert queue["queueName"] == f"%{config.variable('events_queue')}%"
    assert queue["connection"] == config.AZURE_EVENTS_CONNECTION
    (timer,) = bindings(found["schedule"])
    assert (timer["type"], timer["schedule"]) == ("timerTrigger", f"%{config.variable('schedule')}%")


def test_the_app_hands_over_what_the_host_says_of_a_message(load: Any, monkeypatch: Any) -> None:
    found, seen = load(QUEUED), []
    monkeypatch.setattr(QueueWorker, "message", lambda self, one, ids: seen.append((one, ids)))
    given = func.QueueMessage(id="m-1", body="ä".encode(), pop_receipt="r")
    found["event_pipeline"].get_user_function()(given, Context())
    assert seen == [(Received("m-1", "r", 1, "ä"), IDS)]


def test_a_wrong_setting_is_named_when_the_app_starts(load: Any, monkeypatch: Any) -> None:
    monkeypatch.setitem(globals(), "CONFIG", CONFIG._replace(objects="http://example.com"))
    with pytest.raises(ConfigError, match=config.variable("objects")):
        load(QUEUED)


def test_one_message_at_a_time_and_the_handler_gives_up_before_the_host() -> None:
    host = json.loads((ROOT / "event_pipeline" / "host.json").read_text())
    queues = host["extensions"]["queues"]
    assert (queues["batchSize"], queues["newBatchThreshold"]) == (1, 0)
    assert "http" not in host["extensions"]

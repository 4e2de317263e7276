"""The event pipeline on Google Cloud: who is let in, what becomes of a delivery, how batches fill."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

import pytest
from google_calls import id_token, push
from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_local.gcp.services.document_event import event_data
from serverless_ai_runtime.adapters.gcp import events
from serverless_ai_runtime.adapters.gcp.arrivals import delivery
from serverless_ai_runtime.adapters.gcp.looks import NOT_BEFORE, RENEWED
from serverless_ai_runtime.adapters.gcp.requests import Request
from serverless_ai_runtime.adapters.gcp.topics import Waiting
from serverless_ai_runtime.config_event_pipeline import EventPipelineConfig, GcpPipelineEdge
from serverless_ai_runtime.core.event_pipeline.ports import Delivery, Item, JobNews, Retry
from serverless_ai_runtime.core.ports import Deadline, Unavailable
from serverless_ai_runtime.entrypoints.gcp_push import RINGS, PushWorker
from serverless_ai_runtime.telemetry import Telemetry
from serverless_ai_runtime.wiring import WORLD
from serverless_ai_runtime.wiring_event_pipeline import PipelineApp

DELIVERER = "1234567890"
EDGE = GcpPipelineEdge(DELIVERER, "p", "in/", '[".txt", ".pdf"]', 1000, "")
UPLOAD = {"bucket": "uploads", "name": "in/a b.txt", "generation": "1795521600000000", "size": "12"}


def settings(size: int = 1) -> EventPipelineConfig:
    empty: dict[str, Any] = {
        name: 0 if kind in (int, "int") else "" for name, kind in EventPipelineConfig.__annotations__.items()
    }
    filled = {**empty, "inputs": "uploads", "timeout_s": 5, "batch_size": size, "log_content": False}
    return EventPipelineConfig(**filled)


class Core:
    """Remembers what it is given; `again` are the handles that have to come again."""

    def __init__(self, *again: str) -> None:
        self.again, self.seen = again, list[list[Delivery]]()

    def process(self, deliveries: Sequence[Delivery], deadline: Deadline, journal: object) -> list[Retry]:
        self.seen.append(list(deliveries))
        return [Retry(one.handle, 7.0) for one in deliveries if one.handle in self.again]


class Work:
    def __init__(self, failure: Exception | None = None) -> None:
        self.sent: list[Any] = []
        self.attributes: Any = None
        self._failure = failure

    def publish(self, body: Any, deadline: Deadline, attributes: Any = None) -> None:
        if self._failure:
            raise self._failure
        self.sent.append(body)
        self.attributes = attributes


class Pulled:
    """Messages that wait."""

    def __init__(self, *names: str) -> None:
        self.left = [Waiting(events.Delivery(name, f"text {name}", {}, 1), f"ack-{name}") for name in names]
        self.done_with: list[str] = []
        self.held: dict[str, float] = {}

    def take(self, most: int, deadline: Deadline) -> list[Waiting]:
        taken, self.left = self.left[:most], self.left[most:]
        return taken

    def hold(self, messages: Sequence[Waiting], seconds: float, deadline: Deadline) -> None:
        self.held |= {one.pushed.id: seconds for one in messages}

    def done(self, messages: Sequence[Waiting], deadline: Deadline) -> None:
        self.done_with += [one.pushed.id for one in messages]


def worker(
    core: Core | None = None, work: Work | None = None, waiting: Pulled | None = None, size: int = 1
) -> PushWorker:
    app = PipelineApp(
        cast("Any", core or Core()), settings(size), Telemetry("f", log_content=False, world=WORLD)
    )
    return PushWorker(app, EDGE, cast("Any", work or Work()), cast("Any", waiting))


def post(one: PushWorker, path: str, body: bytes, *, subject: str = DELIVERER, **headers: str) -> int:
    own = {"authorization": f"Bearer {id_token(iss='https://accounts.google.com', sub=subject)}", **headers}
    return one.handle(Request("POST", path, own, body)).status


def uploaded(**changes: Any) -> bytes:
    return json.dumps({**UPLOAD, **changes}).encode()


def test_nobody_but_the_deliverer_is_let_in() -> None:
    core = Core()
    assert post(worker(core), "/events", push("x"), subject="99") == 403
    assert worker(core).handle(Request("POST", "/events", {}, push("x"))).status == 401
    assert core.seen == []


def test_an_upload_goes_on_the_topic_and_comes_back_as_an_item() -> None:
    work, core = Work(), Core()
    assert post(worker(core, work), "/ingress/upload", uploaded()) == 200
    (message,) = work.sent
    assert post(worker(core), "/events", push(message)) == 200
    ((one,),) = core.seen
    assert isinstance(one.news, Item)
    assert (one.news.id, one.news.version, one.news.size) == ("uploads/in/a b.txt", UPLOAD["generation"], 12)
    assert one.news.source == "upload"


@pytest.mark.parametrize(
    "changes",
    [{"name": "out/a.txt"}, {"name": "in/a.png"}, {"size": "1001"}, {"bucket": "results"}],
    ids=["prefix", "suffix", "size", "bucket"],
)
def test_an_upload_that_the_filter_leaves_out_is_done_with_at_once(changes: Any) -> None:
    work = Work()
    assert post(worker(work=work), "/ingress/upload", uploaded(**changes)) == 200
    assert work.sent == []


@pytest.mark.parametrize("source", ["topic", "bus", "schedule"])
def test_a_message_of_another_topic_keeps_its_id_and_says_its_source(source: str) -> None:
    work, core = Work(), Core()
    one = worker(core, work)
    body = push({"message": "Seven chairs."}, attributes={"id": "order-7", "kind": "x"}, messageId="m1")
    assert post(one, f"/ingress/{source}", body) == 200
    assert post(one, "/events", push(work.sent[0])) == 200
    ((found,),) = core.seen
    assert isinstance(found.news, Item)
    assert (found.news.source, found.news.id, found.news.text) == (source, "order-7", "Seven chairs.")


def test_what_cannot_be_published_comes_again() -> None:
    down = Unavailable("PubSub", "Publish", 503, "UNAVAILABLE", "down")
    assert post(worker(work=Work(down)), "/ingress/upload", uploaded()) == 503


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/ingress/upload", b"not JSON"),
        ("/ingress/upload", b'{"bucket": "uploads"}'),
        ("/ingress/nobody", b"{}"),
        ("/ingress/topic", b"{}"),
        ("/events", b"[]"),
        ("/", b""),
    ],
)
def test_what_is_not_known_is_refused_and_goes_nowhere(path: str, body: bytes) -> None:
    work, core = Work(), Core()
    assert post(worker(core, work), path, body) == 400
    assert work.sent == core.seen == []


def test_a_message_that_has_to_come_again_is_not_acknowledged() -> None:
    body = push("text", messageId="m1")
    assert post(worker(Core("m1")), "/events", body) == 429
    assert post(worker(Core()), "/events", body) == 200


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ({"upload": {"bucket": "b"}}, Exception),
        ({"upload": 7}, Exception),
        ({"item": []}, Exception),
        ({"item": {"id": "1", "source": "topic"}}, Exception),
        ({"job": "t" * 32, "handle": "h"}, JobNews),
        ({"object": {"key": "claims/a.txt"}}, Item),
        ("plain text", Item),
    ],
)
def test_a_message_is_an_item_news_or_an_error_for_the_dead_letters(data: Any, kind: type) -> None:
    text = data if isinstance(data, str) else json.dumps(data)
    found = delivery(events.Delivery("m1", text, {}, 2), "uploads")
    assert isinstance(found.news, kind)
    assert (found.body, found.attempt, found.redriven) == (text, 2, False)


def test_a_dead_letter_that_was_put_back_is_known_by_its_reason() -> None:
    letter = events.Delivery("m1", "text", {"reason": "it was broken", "code": "x", "attempts": "5"}, 1)
    assert delivery(letter, "").redriven


@given(st.text(), st.dictionaries(st.text(), st.text()))
def test_no_message_of_any_shape_is_more_than_a_delivery(text: str, attributes: dict[str, str]) -> None:
    found = delivery(events.Delivery("m1", text, attributes, 1), "uploads")
    assert found.body == text


class TestBatches:
    def test_a_ring_takes_a_batch_and_ends_each_as_it_ended(self) -> None:
        core, waiting = Core("b"), Pulled("a", "b", "c", "d")
        assert post(worker(core, waiting=waiting, size=3), "/events", push("ring")) == 503, "rings for b"
        assert [[one.handle for one in batch] for batch in core.seen] == [["a", "b", "c"]]
        assert waiting.done_with == ["a", "c"]
        assert waiting.held["b"] == 7.0
        assert [one.pushed.id for one in waiting.left] == ["d"]

    def test_a_ring_that_finds_nothing_rings_a_few_times_more(self) -> None:
        core = Core()
        answers = [
            post(worker(core, waiting=Pulled(), size=3), "/events", push("ring", attempt))
            for attempt in range(1, RINGS + 1)
        ]
        assert answers == [503] * (RINGS - 1) + [200]
        assert core.seen == []


def test_lines_name_the_trace_and_no_content(capsys: pytest.CaptureFixture[str]) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    post(worker(), "/events", push("my password is Rosebud"), traceparent=f"00-{trace}-b7ad6b7169203331-01")
    line = capsys.readouterr().out
    assert f"projects/p/traces/{trace}" in line
    assert "Rosebud" not in line


# -- looks at jobs ----------------------------------------------------------------------------------------
LOOK = {"job": "0" * 32, "handle": "job-1"}


def look(due_in_s: float, attempt: int = 1) -> bytes:
    return push(LOOK, attempt, attributes={NOT_BEFORE: str(round(WORLD.now() + due_in_s))})


def test_a_look_that_comes_too_early_comes_again_and_is_not_an_attempt() -> None:
    work, core = Work(), Core()
    assert post(worker(core, work), "/events", look(60)) == 425
    assert (core.seen, work.sent) == ([], [])


def test_a_look_that_has_come_too_early_too_often_starts_anew_and_keeps_its_time() -> None:
    work, core = Work(), Core()
    assert post(worker(core, work), "/events", look(60, attempt=RENEWED)) == 200
    assert (core.seen, work.sent) == ([], [LOOK])
    assert 55 < int(work.attributes[NOT_BEFORE]) - WORLD.now() < 65


def test_a_look_is_not_lost_if_it_cannot_start_anew() -> None:
    down = Unavailable("PubSub", "Publish", 503, "UNAVAILABLE", "down")
    assert post(worker(Core(), Work(down)), "/events", look(60, attempt=RENEWED)) == 503


def test_a_look_that_is_due_is_news_of_its_job() -> None:
    core = Core()
    assert post(worker(core), "/events", look(-1)) == 200
    assert core.seen[0][0].news == JobNews("0" * 32, "job-1")


@pytest.mark.parametrize("due", ["", "soon", "-5", "9" * 30, "nan", "\u0661", str(2**53)])
def test_nobody_can_put_a_message_off_for_ever(due: str) -> None:
    core = Core()
    assert post(worker(core), "/events", push(LOOK, attributes={NOT_BEFORE: due})) == 200
    assert len(core.seen) == 1


# -- documents --------------------------------------------------------------------------------------------
STAMP = "2026-11-26T20:15:30.000000Z"
NOTE = {
    "name": "projects/p/databases/d/documents/notes/1",
    "fields": {"message": {"stringValue": "The lamp is lit."}},
    "createTime": STAMP,
    "updateTime": STAMP,
}


def test_a_written_document_becomes_an_item_that_its_version_names() -> None:
    work = Work()
    assert post(worker(work=work), "/ingress/firestore", event_data(NOTE, None)) == 200
    item = {"source": "firestore", "id": f"notes/1@{STAMP}", "text": "The lamp is lit."}
    assert work.sent == [{"item": item}]


def test_a_deleted_document_is_done_with() -> None:
    work = Work()
    assert post(worker(work=work), "/ingress/firestore", event_data(None, NOTE)) == 200
    assert work.sent == []


@given(st.binary(min_size=1, max_size=60))
def test_a_document_that_is_none_comes_again_until_it_is_a_dead_letter(body: bytes) -> None:
    work = Work()
    assert post(worker(work=work), "/ingress/firestore", body) in (200, 400)
    assert all(set(message) == {"item"} for message in work.sent)

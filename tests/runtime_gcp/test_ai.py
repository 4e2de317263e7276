"""Google's AI services behind the processors: what they are asked, and what their answers mean."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import pytest
from ai_items import OPTIONS, TOKEN, file, text
from azure_app import PIPELINE
from google_calls import cloud
from loopback import Loopback, reply
from memory_ports import Clock

from serverless_ai_runtime.adapters.gcp.ai import make
from serverless_ai_runtime.adapters.gcp.identity import SCOPE
from serverless_ai_runtime.adapters.gcp.storage import StorageObjects
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.config import ConfigError
from serverless_ai_runtime.core.event_pipeline.ports import Source, Started, Unprocessable
from serverless_ai_runtime.core.ports import Deadline, Refused, Throttled, Unavailable

PROCESSOR = "projects/p/locations/eu/processors/abc"
ENDPOINTS = {"ocr": PROCESSOR, "transcribe": "projects/p/locations/global"}
TOO_MANY = "Document pages in imageless mode exceed the limit: 30 got 31."


def service(server: Loopback, purpose: str, hosts: list[str] | None = None) -> Any:
    settings = PIPELINE._replace(
        processor=purpose, options=json.dumps(OPTIONS[purpose]), ai_endpoint=ENDPOINTS.get(purpose, "")
    )
    google = cloud(Clock().world())

    def of(name: str, host: str) -> Service:
        if hosts is not None:
            hosts.append(host)
        return Service(google, name, server.url, SCOPE)

    return make(settings, of, StorageObjects(Service(google, "CloudStorage", server.url, SCOPE)))


def analyse(server: Loopback, purpose: str, source: Source) -> Any:
    return service(server, purpose).analyse(source, Deadline(5))


def collect(server: Loopback, purpose: str, handle: str = "job-1") -> Any:
    return service(server, purpose).collect(handle, Deadline(5))


def refusal(http: int, status: str, message: str = "no") -> Any:
    return reply(http, {"error": {"code": http, "status": status, "message": message}})


def document(*pages: str) -> dict[str, Any]:
    """As the service states it: places in one text, zeros left out."""
    whole, stated = "".join(pages), list[dict[str, Any]]()
    at = 0
    for number, page in enumerate(pages, 1):
        segment = {"endIndex": str(at + len(page)), **({"startIndex": str(at)} if at else {})}
        stated.append({"pageNumber": number, "layout": {"textAnchor": {"textSegments": [segment]}}})
        at += len(page)
    return {"text": whole, "pages": stated}


# -- where they are ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("purpose", "expected"),
    [
        ("ocr", ["eu-documentai.googleapis.com"]),
        ("transcribe", ["speech.googleapis.com"]),
        ("image_labels", ["vision.googleapis.com"]),
        ("moderate", ["language.googleapis.com", "vision.googleapis.com"]),
        ("entities", ["language.googleapis.com"]),
    ],
)
def test_each_is_asked_at_its_own_host(server: Loopback, purpose: str, expected: list[str]) -> None:
    hosts: list[str] = []
    service(server, purpose, hosts)
    assert hosts == expected


def test_a_processor_that_is_no_processor_is_named() -> None:
    settings = PIPELINE._replace(processor="ocr", options="{}", ai_endpoint="elsewhere")
    with pytest.raises(ConfigError, match="SERVERLESS_AI_AI_ENDPOINT"):
        make(settings, lambda name, host: pytest.fail("asked"), pytest.fail)  # pyright: ignore[reportArgumentType]


# -- documents --------------------------------------------------------------------------------------------
def test_a_scan_is_sent_whole_and_its_text_comes_by_page(server: Loopback) -> None:
    server.answer(reply(body={"document": document("Rechnung ☂\n", "", "Seite 3")}))
    assert analyse(server, "ocr", file("scan.PDF", b"%PDF")) == {
        "text": "Rechnung ☂\n\n\n\nSeite 3",
        "pages": [
            {"page": 1, "text": "Rechnung ☂"},
            {"page": 2, "text": ""},
            {"page": 3, "text": "Seite 3"},
        ],
    }
    (sent,) = server.requests
    assert sent.target == f"/v1/{PROCESSOR}:process"
    raw = sent.json()["rawDocument"]
    assert (b64decode(raw["content"]), raw["mimeType"]) == (b"%PDF", "application/pdf")


def test_more_pages_than_are_read_at_once_start_a_job_at_the_results(server: Loopback) -> None:
    server.answer(
        refusal(400, "INVALID_ARGUMENT", TOO_MANY),
        reply(body={"name": "projects/1/locations/eu/operations/job-1"}),
    )
    started = analyse(server, "ocr", file("long.pdf"))
    assert (started.handle, started.look_after_s > 0) == ("job-1", True)
    asked = server.requests[1].json()
    (source,) = asked["inputDocuments"]["gcsDocuments"]["documents"]
    assert source == {"gcsUri": "gs://uploads/in/long.pdf", "mimeType": "application/pdf"}
    output = asked["documentOutputConfig"]["gcsOutputConfig"]
    assert output["gcsUri"] == f"gs://results/jobs/{TOKEN}/"


def ended(place: str, **status: Any) -> Any:
    one = {"outputGcsDestination": place, "status": status}
    return reply(body={"done": True, "metadata": {"individualProcessStatuses": [one]}})


def test_shards_of_a_job_come_in_the_order_of_their_numbers(server: Loopback) -> None:
    names = [f"jobs/t/1/0/long-{number}.json" for number in (0, 10, 2)]
    server.answer(
        reply(body={"name": "x"}),
        ended("gs://results/jobs/t/1/0"),
        reply(body={"items": [{"name": name} for name in names[:2]], "nextPageToken": "x/y"}),
        reply(body={"items": [{"name": names[2]}]}),
        *[reply(body=document(f"shard {number}")) for number in (0, 2, 10)],
    )
    assert isinstance(collect(server, "ocr"), Started)
    found = collect(server, "ocr")
    assert [page["text"] for page in found["pages"]] == ["shard 0", "shard 2", "shard 10"]
    assert [page["page"] for page in found["pages"]] == [1, 2, 3]
    targets = [request.target for request in server.requests]
    assert targets[0] == "/v1/projects/p/locations/eu/operations/job-1"
    assert targets[3].endswith("&pageToken=x%2Fy")
    assert targets[5].startswith("/storage/v1/b/results/o/jobs%2Ft%2F1%2F0%2Flong-2.json")


@pytest.mark.parametrize(
    "answer",
    [
        ended("gs://results/jobs/t", code=3, message="bad PDF"),
        reply(body={"done": True, "error": {"code": 13, "message": "bad PDF"}}),
    ],
)
def test_a_job_that_failed_is_final_with_the_services_reason(server: Loopback, answer: Any) -> None:
    server.answer(answer)
    with pytest.raises(Unprocessable, match="bad PDF") as error:
        collect(server, "ocr")
    assert error.value.code == "job_failed"


def test_an_output_elsewhere_is_not_read(server: Loopback) -> None:
    server.answer(ended("gs://others/jobs/t"))
    with pytest.raises(Unavailable, match="gs://others"):
        collect(server, "ocr")


def test_a_job_that_wrote_nothing_is_final(server: Loopback) -> None:
    server.answer(ended("gs://results/jobs/t"), reply(body={}))
    with pytest.raises(Unprocessable, match="wrote nothing"):
        collect(server, "ocr")


# -- speech -----------------------------------------------------------------------------------------------
def test_a_recording_is_named_and_its_job_is_looked_at_later(server: Loopback) -> None:
    server.answer(reply(body={"name": "projects/1/locations/global/operations/job-1"}))
    started = analyse(server, "transcribe", file("a b.wav"))
    assert started.handle == "job-1"
    (sent,) = server.requests
    assert sent.target == "/v2/projects/p/locations/global/recognizers/_:batchRecognize"
    assert sent.json()["files"] == [{"uri": "gs://uploads/in/a b.wav"}]
    assert sent.json()["config"]["languageCodes"] == ["en-US"]


def heard(*results: Any) -> Any:
    one = {"inlineResult": {"transcript": {"results": list(results)}}}
    return reply(body={"done": True, "response": {"results": {"gs://x/y": one}}})


def test_what_is_said_is_put_together(server: Loopback) -> None:
    server.answer(
        heard(
            {"alternatives": [{"transcript": " Good day."}], "languageCode": "en-us"},
            {},
            {"alternatives": [{"transcript": "Goodbye."}, {"transcript": "Good buy."}]},
        ),
        heard(),
    )
    assert collect(server, "transcribe") == {"text": "Good day. Goodbye.", "language": "en-us"}
    assert collect(server, "transcribe") == {"text": "", "language": "en-US"}


def test_a_recording_that_cannot_be_decoded_is_final(server: Loopback) -> None:
    results = {"gs://x/y": {"error": {"code": 3, "message": "no audio"}}}
    server.answer(reply(body={"done": True, "response": {"results": results}}))
    with pytest.raises(Unprocessable, match="no audio"):
        collect(server, "transcribe")


# -- images and texts -------------------------------------------------------------------------------------
def test_labels_below_the_threshold_are_left_out(server: Loopback) -> None:
    found = [{"description": "Cat", "score": 0.97123}, {"description": "Dog", "score": 0.2}]
    server.answer(reply(body={"responses": [{"labelAnnotations": found}]}))
    assert analyse(server, "image_labels", file("a.png")) == {
        "labels": [{"name": "Cat", "confidence": 0.9712}]
    }


def test_an_image_that_cannot_be_read_is_final_and_other_failures_are_not(server: Loopback) -> None:
    server.answer(
        reply(body={"responses": [{"error": {"code": 3, "message": "Bad image data."}}]}),
        reply(body={"responses": [{"error": {"code": 14, "message": "later"}}]}),
    )
    with pytest.raises(Unprocessable, match="Bad image data"):
        analyse(server, "image_labels", file("a.png"))
    with pytest.raises(Unavailable):
        analyse(server, "image_labels", file("a.png"))


def test_likelihoods_become_scores(server: Loopback) -> None:
    judged = {"adult": "VERY_LIKELY", "racy": "POSSIBLE", "violence": "UNLIKELY", "spoof": "UNKNOWN"}
    server.answer(reply(body={"responses": [{"safeSearchAnnotation": judged}]}))
    assert analyse(server, "moderate", file("a.JPG")) == {
        "flagged": True,
        "categories": [{"name": "adult", "score": 0.95}, {"name": "racy", "score": 0.5}],
    }


def test_the_worst_piece_of_a_long_text_counts(server: Loopback) -> None:
    def judged(confidence: float) -> Any:
        return reply(
            body={"moderationCategories": [{"name": "Toxic", "confidence": confidence}, {"name": "War"}]}
        )

    server.answer(judged(0.2), judged(0.81))
    assert analyse(server, "moderate", text("word " * 30_000))["categories"] == [
        {"name": "Toxic", "score": 0.81}
    ]


def test_an_entity_has_the_probability_of_its_surest_mention(server: Loopback) -> None:
    mentions = [{"probability": 0.4}, {"probability": 0.91}, {}]
    entities = [{"type": "PERSON", "name": "Ada", "mentions": mentions}, {"type": "OTHER", "name": "x"}]
    server.answer(reply(body={"entities": entities}))
    assert analyse(server, "entities", text("Ada x")) == {
        "entities": [
            {"type": "PERSON", "text": "Ada", "score": 0.91},
            {"type": "OTHER", "text": "x", "score": 0.0},
        ]
    }


# -- what may go wrong ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("purpose", "source"),
    [("ocr", file("a.txt")), ("ocr", text("x")), ("transcribe", file("a.txt")), ("transcribe", text("x"))],
)
def test_what_a_service_does_not_take_is_not_sent(server: Loopback, purpose: str, source: Source) -> None:
    with pytest.raises(Unprocessable) as error:
        analyse(server, purpose, source)
    assert error.value.code == "unsupported_type"
    assert server.requests == []


SOURCES = {
    "ocr": file("a.pdf"),
    "transcribe": file("a.wav"),
    "image_labels": file("a.png"),
    "moderate": text("words"),
    "entities": text("words"),
}


@pytest.mark.parametrize("purpose", sorted(SOURCES))
def test_refusals_of_the_item_are_final_and_all_others_come_again(server: Loopback, purpose: str) -> None:
    server.answer(
        refusal(400, "INVALID_ARGUMENT", "bad content"),
        refusal(403, "PERMISSION_DENIED"),
        *[refusal(429, "RESOURCE_EXHAUSTED")] * 20,
    )
    with pytest.raises(Unprocessable, match="bad content"):
        analyse(server, purpose, SOURCES[purpose])
    with pytest.raises(Refused):
        analyse(server, purpose, SOURCES[purpose])
    with pytest.raises(Throttled):
        service(server, purpose).analyse(SOURCES[purpose], Deadline(1))


@pytest.mark.parametrize("purpose", ["ocr", "transcribe", "image_labels"])
@pytest.mark.parametrize("answer", [b"not JSON", {}, [], {"responses": []}, {"done": True}])
def test_half_an_answer_is_not_taken_for_a_result(server: Loopback, purpose: str, answer: Any) -> None:
    server.answer(reply(body=answer), reply(body=answer))
    with pytest.raises((Unavailable, Unprocessable)):
        analyse(server, purpose, SOURCES[purpose])

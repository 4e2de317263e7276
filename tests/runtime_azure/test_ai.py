"""Azure's AI services behind the processors: what they are asked, and what their answers mean."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable
from typing import Any

import pytest
from ai_items import OPTIONS, TOKEN, file, text
from azure_app import PIPELINE
from azure_fakes import azure
from loopback import Loopback, reply
from memory_ports import Clock

from serverless_ai_runtime.adapters.azure.ai import RESOURCE, make
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.event_pipeline.ports import Source, Started, Unprocessable
from serverless_ai_runtime.core.ports import Deadline, Refused, Throttled, Unavailable


def service(server: Loopback, purpose: str) -> Any:
    settings = PIPELINE._replace(
        processor=purpose, options=json.dumps(OPTIONS[purpose]), objects="https://docs/", ai_endpoint="used"
    )
    return make(settings, Service(azure(Clock().world()), "AiServices", server.url, RESOURCE))


def analyse(server: Loopback, purpose: str, source: Source) -> Any:
    return service(server, purpose).analyse(source, Deadline(5))


def collect(server: Loopback, purpose: str, handle: str = "job-1") -> Any:
    return service(server, purpose).collect(handle, Deadline(5))


# -- documents --------------------------------------------------------------------------------------------
READ = "/documentintelligence/documentModels/prebuilt-read"


def test_a_scan_is_sent_whole_and_its_job_is_looked_at_later(server: Loopback) -> None:
    place = f"https://elsewhere{READ}/analyzeResults/job-1?api-version=2024-11-30"
    server.answer(reply(202, b"", {"operation-location": place}))
    started = analyse(server, "ocr", file("scan.pdf", b"%PDF"))
    assert isinstance(started, Started)
    assert (started.handle, started.look_after_s > 0) == ("job-1", True)
    (sent,) = server.requests
    assert (sent.method, sent.target) == ("POST", f"{READ}:analyze?api-version=2024-11-30")
    assert (sent.body, sent.headers["content-type"]) == (b"%PDF", "application/octet-stream")


def test_the_text_of_a_scan_comes_by_page(server: Loopback) -> None:
    pages = [
        {"pageNumber": 1, "lines": [{"content": "Invoice"}, {"content": "A-17"}]},
        {"pageNumber": 2, "lines": []},
        {"pageNumber": 3},
    ]
    server.answer(
        reply(body={"status": "running"}),
        reply(body={"status": "succeeded", "analyzeResult": {"content": "x", "pages": pages}}),
    )
    assert isinstance(collect(server, "ocr"), Started)
    assert collect(server, "ocr") == {
        "text": "Invoice\nA-17\n\n\n\n",
        "pages": [
            {"page": 1, "text": "Invoice\nA-17"},
            {"page": 2, "text": ""},
            {"page": 3, "text": ""},
        ],
    }
    assert server.requests[0].target == f"{READ}/analyzeResults/job-1?api-version=2024-11-30"


def test_a_scan_that_cannot_be_read_is_final_with_the_services_reason(server: Loopback) -> None:
    failed = {"status": "failed", "error": {"code": "InvalidContent", "message": "The file is corrupted."}}
    server.answer(reply(body=failed))
    with pytest.raises(Unprocessable, match=r"InvalidContent: The file is corrupted\.") as error:
        collect(server, "ocr")
    assert error.value.code == "job_failed"


@pytest.mark.parametrize(
    "answer", [{}, {"status": "succeeded"}, {"status": "succeeded", "analyzeResult": {}}]
)
def test_half_an_answer_is_not_taken_for_a_result(server: Loopback, answer: dict[str, Any]) -> None:
    server.answer(reply(body=answer))
    with pytest.raises((Unavailable, Unprocessable)):
        collect(server, "ocr")


def test_a_job_without_a_name_is_begun_again(server: Loopback) -> None:
    server.answer(reply(202, b""))
    with pytest.raises(Unavailable, match="operation-location"):
        analyse(server, "ocr", file("scan.pdf"))


# -- what all of them refuse ------------------------------------------------------------------------------
@pytest.mark.parametrize("purpose", ["ocr", "image_labels", "transcribe"])
def test_a_message_is_no_file(server: Loopback, purpose: str) -> None:
    with pytest.raises(Unprocessable) as error:
        analyse(server, purpose, text("hello"))
    assert error.value.code == "unsupported_type"
    assert server.requests == []


@pytest.mark.parametrize(
    ("status", "code"), [(400, "unsupported_type"), (413, "too_large"), (415, "unsupported_type")]
)
@pytest.mark.parametrize("purpose", OPTIONS)
def test_what_the_service_cannot_read_is_final(
    server: Loopback, purpose: str, status: int, code: str
) -> None:
    server.answer(reply(status, body={"error": {"code": "InvalidRequest", "message": "not like this"}}))
    source = text("hello") if purpose in ("moderate", "entities") else file("a.wav")
    with pytest.raises(Unprocessable, match="not like this") as error:
        analyse(server, purpose, source)
    assert error.value.code == code


@pytest.mark.parametrize(("status", "kind"), [(429, Throttled), (403, Refused), (404, Refused)])
def test_what_is_not_the_items_fault_is_tried_again(
    server: Loopback, status: int, kind: type[Exception]
) -> None:
    server.answer(reply(status, body={"error": {"code": "x", "message": "y"}}))
    with pytest.raises(kind):
        analyse(server, "image_labels", file("a.png"))


# -- images -----------------------------------------------------------------------------------------------
def test_tags_of_an_image_from_the_confidence_on(server: Loopback) -> None:
    tags = [{"name": "cat", "confidence": 0.912345}, {"name": "dog", "confidence": 0.69}]
    server.answer(reply(body={"tagsResult": {"values": tags}}))
    assert analyse(server, "image_labels", file("a.png", b"png")) == {
        "labels": [{"name": "cat", "confidence": 0.9123}]
    }
    (sent,) = server.requests
    assert sent.target == "/computervision/imageanalysis:analyze?api-version=2024-02-01&features=tags"
    assert sent.body == b"png"


def test_an_image_larger_than_vision_takes_is_not_sent(server: Loopback) -> None:
    with pytest.raises(Unprocessable) as error:
        analyse(server, "image_labels", file("a.png", b"x" * (20 * 1024 * 1024 + 1)))
    assert (error.value.code, server.requests) == ("too_large", [])


# -- moderation -------------------------------------------------------------------------------------------
def severities(**found: int) -> Callable[..., Any]:
    return reply(body={"categoriesAnalysis": [{"category": k, "severity": v} for k, v in found.items()]})


def test_text_is_judged_in_pieces_and_the_worst_counts(server: Loopback) -> None:
    server.answer(severities(Hate=1, Violence=5), severities(Hate=4, Violence=0))
    assert analyse(server, "moderate", text("word. " * 3000)) == {
        "flagged": True,
        "categories": [{"name": "Hate", "score": 0.5714}, {"name": "Violence", "score": 0.7143}],
    }
    sent = [one.json() for one in server.requests]
    assert len(sent) == 2
    assert "".join(one["text"] for one in sent) == "word. " * 3000
    assert {one["outputType"] for one in sent} == {"EightSeverityLevels"}


def test_an_image_is_judged_as_an_image(server: Loopback) -> None:
    server.answer(severities(Hate=2, Sexual=0))
    assert analyse(server, "moderate", file("a.PNG", b"png")) == {"flagged": False, "categories": []}
    (sent,) = server.requests
    assert sent.target == "/contentsafety/image:analyze?api-version=2024-09-01"
    assert b64decode(sent.json()["image"]["content"]) == b"png"


# -- entities ---------------------------------------------------------------------------------------------
def entities(*found: tuple[str, str, float]) -> dict[str, Any]:
    listed = [{"category": k, "text": t, "confidenceScore": s} for k, t, s in found]
    return {"results": {"documents": [{"id": "0", "entities": listed}], "errors": []}}


def test_entities_are_told_once_with_their_best_score(server: Loopback) -> None:
    server.answer(
        reply(body=entities(("Person", "Ada", 0.8), ("Location", "London", 0.9))),
        reply(body=entities(("Person", "Ada", 0.95))),
    )
    found = analyse(server, "entities", text("Ada went to London. " * 1500))
    assert found == {
        "entities": [
            {"type": "Person", "text": "Ada", "score": 0.95},
            {"type": "Location", "text": "London", "score": 0.9},
        ]
    }
    sent = [one.json() for one in server.requests]
    texts = [one["text"] for each in sent for one in each["analysisInput"]["documents"]]
    assert "".join(texts) == "Ada went to London. " * 1500
    assert max(len(one) for one in texts) <= 5120
    assert max(len(each["analysisInput"]["documents"]) for each in sent) == 5


def test_a_language_that_is_not_known_is_final(server: Loopback) -> None:
    errors = [{"id": "0", "error": {"code": "UnsupportedLanguageCode", "message": "no Klingon"}}]
    server.answer(reply(body={"results": {"documents": [], "errors": errors}}))
    with pytest.raises(Unprocessable, match="no Klingon"):
        analyse(server, "entities", text("tlhIngan Hol"))


# -- speech -----------------------------------------------------------------------------------------------
JOBS = "/speechtotext/transcriptions"


def test_audio_is_named_to_the_service_which_reads_it_itself(server: Loopback) -> None:
    server.answer(reply(201, body={}, headers={"location": f"https://x{JOBS}/job-1?api-version=v"}))
    started = analyse(server, "transcribe", file("a talk.wav"))
    assert started.handle == "job-1"
    (sent,) = server.requests
    assert sent.target == f"{JOBS}:submit?api-version=2024-11-15"
    assert sent.json()["contentUrls"] == ["https://docs/uploads/in/a%20talk.wav"]
    assert (sent.json()["locale"], sent.json()["displayName"]) == ("en-US", TOKEN)


def test_what_is_no_audio_is_not_sent(server: Loopback) -> None:
    with pytest.raises(Unprocessable, match="wav"):
        analyse(server, "transcribe", file("notes.txt"))
    assert server.requests == []


def test_what_was_said_is_fetched_without_our_token(server: Loopback) -> None:
    listed = [
        {"kind": "TranscriptionReport", "links": {"contentUrl": server.url + "/report"}},
        {"kind": "Transcription", "links": {"contentUrl": server.url + "/said?sig=secret"}},
    ]
    said = {"combinedRecognizedPhrases": [{"channel": 0, "display": "Hello."}, {"display": "Bye."}]}
    server.answer(
        reply(body={"status": "Running"}),
        reply(body={"status": "Succeeded", "locale": "en-GB"}),
        reply(body={"values": listed}),
        reply(body=said),
    )
    assert isinstance(collect(server, "transcribe"), Started)
    assert collect(server, "transcribe") == {"text": "Hello. Bye.", "language": "en-GB"}
    fetched = server.requests[-1]
    assert fetched.target == "/said?sig=secret"
    assert "authorization" not in fetched.headers


def test_a_transcription_that_failed_or_wrote_nothing_is_final(server: Loopback) -> None:
    failed = {"status": "Failed", "properties": {"error": {"code": "InvalidData", "message": "no audio"}}}
    server.answer(reply(body=failed), reply(body={"status": "Succeeded"}), reply(body={"values": []}))
    for reason in ("no audio", "wrote no transcription"):
        with pytest.raises(Unprocessable, match=reason) as error:
            collect(server, "transcribe")
        assert error.value.code == "job_failed"


@pytest.mark.parametrize("purpose", ["image_labels", "moderate", "entities"])
def test_what_starts_no_jobs_has_none_to_collect(server: Loopback, purpose: str) -> None:
    with pytest.raises(Unprocessable, match="starts no jobs"):
        collect(server, purpose)

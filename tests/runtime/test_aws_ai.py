"""AWS's AI services behind the processors: what they are asked, and what their answers mean."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ai_items import OPTIONS, TOKEN, file, text
from azure_app import PIPELINE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loopback import Loopback, reply
from memory_ports import Clock
from pipeline_ports import MemoryObjects

from serverless_ai_runtime.adapters.aws.ai import make
from serverless_ai_runtime.adapters.aws.service import Aws, Service
from serverless_ai_runtime.config import AwsConfig
from serverless_ai_runtime.core.event_pipeline.ports import Source, Started, Unprocessable
from serverless_ai_runtime.core.objects import ANY, ObjectRef
from serverless_ai_runtime.core.ports import Deadline, Refused, Throttled, Unavailable
from serverless_ai_runtime.http import HttpClient

KEYS = AwsConfig("us-east-1", "AKID", "secret", "token")
TOPIC, ROLE = "arn:aws:sns:us-east-1:123456789012:ends", "arn:aws:iam::123456789012:role/tells"
HOSTILE = "a #1 100% ☂ ../\\\"'\n<b>.png"


def service(server: Loopback, purpose: str, objects: MemoryObjects | None = None) -> Any:
    configured = PIPELINE._replace(
        processor=purpose,
        options=json.dumps(OPTIONS[purpose]),
        results="results-bucket",
        job_topic=TOPIC,
        job_role=ROLE,
    )
    world = Clock().world()
    aws = Aws(HttpClient(world), world, lambda: KEYS)
    return make(
        configured,
        lambda name, endpoint, signing: Service(aws, name, server.url, signing),
        objects or MemoryObjects(),
    )


def analyse(server: Loopback, purpose: str, source: Source) -> Any:
    return service(server, purpose).analyse(source, Deadline(5))


def collect(
    server: Loopback, purpose: str, handle: str = "job-1", objects: MemoryObjects | None = None
) -> Any:
    return service(server, purpose, objects).collect(handle, Deadline(5))


def error(code: str, message: str = "not like this", status: int = 400) -> Any:
    return reply(status, {"__type": f"com.amazonaws.x#{code}", "message": message})


def asked(server: Loopback) -> tuple[str, Any]:
    """Target and body of the only request."""
    (sent,) = server.requests
    assert sent.headers["content-type"] == "application/x-amz-json-1.1"
    return sent.headers["x-amz-target"], sent.json()


# -- documents --------------------------------------------------------------------------------------------
def block(kind: str, page: int = 1, words: str = "") -> dict[str, Any]:
    return {"BlockType": kind, "Page": page, **({"Text": words} if words else {})}


def test_an_image_is_read_at_once_where_it_lies(server: Loopback) -> None:
    blocks = [block("PAGE"), block("LINE", words="RECEIPT"), block("LINE", words="Total 7")]
    server.answer(reply(body={"Blocks": [*blocks, block("WORD", words="RECEIPT")]}))
    assert analyse(server, "ocr", file(HOSTILE)) == {
        "text": "RECEIPT\nTotal 7",
        "pages": [{"page": 1, "text": "RECEIPT\nTotal 7"}],
    }
    where = {"S3Object": {"Bucket": "uploads", "Name": f"in/{HOSTILE}"}}
    assert asked(server) == ("Textract.DetectDocumentText", {"Document": where})


@pytest.mark.parametrize("name", ["scan.pdf", "SCAN.PDF", "fax.tif", "fax.tiff"])
def test_what_may_have_pages_is_a_job_that_tells_the_topic_and_starts_once(
    server: Loopback, name: str
) -> None:
    server.answer(reply(body={"JobId": "job-1"}))
    started = analyse(server, "ocr", file(name))
    assert (started.handle, started.look_after_s > 0) == ("job-1", True)
    assert asked(server) == (
        "Textract.StartDocumentTextDetection",
        {
            "DocumentLocation": {"S3Object": {"Bucket": "uploads", "Name": f"in/{name}"}},
            "ClientRequestToken": TOKEN,
            "JobTag": TOKEN,
            "NotificationChannel": {"SNSTopicArn": TOPIC, "RoleArn": ROLE},
        },
    )


def test_a_jobs_pages_come_in_parts_and_a_blank_one_is_a_page(server: Loopback) -> None:
    first = [block("PAGE"), block("LINE", words="One"), block("PAGE", 2), block("PAGE", 3)]
    rest = [block("LINE", 3, "Three"), block("LINE", 3, "and more")]
    server.answer(
        reply(body={"JobStatus": "IN_PROGRESS"}),
        reply(body={"JobStatus": "SUCCEEDED", "Blocks": first, "NextToken": "n/2"}),
        reply(body={"JobStatus": "SUCCEEDED", "Blocks": rest}),
    )
    assert collect(server, "ocr") == Started("job-1", 900.0)
    assert collect(server, "ocr")["pages"] == [
        {"page": 1, "text": "One"},
        {"page": 2, "text": ""},
        {"page": 3, "text": "Three\nand more"},
    ]
    assert [one.json() for one in server.requests[1:]] == [
        {"JobId": "job-1"},
        {"JobId": "job-1", "NextToken": "n/2"},
    ]


@pytest.mark.parametrize("status", ["FAILED", "PARTIAL_SUCCESS", "SOMETHING_NEW"])
def test_a_job_that_is_not_wholly_done_is_final_and_not_half_a_result(server: Loopback, status: str) -> None:
    server.answer(reply(body={"JobStatus": status, "StatusMessage": "page 2", "Blocks": [block("PAGE")]}))
    with pytest.raises(Unprocessable, match=f"{status}: page 2") as caught:
        collect(server, "ocr")
    assert caught.value.code == "job_failed"


# -- images -----------------------------------------------------------------------------------------------
def test_labels_of_an_image_by_how_sure_they_are(server: Loopback) -> None:
    server.answer(reply(body={"Labels": [{"Name": "Cat", "Confidence": 91.23456}]}))
    assert analyse(server, "image_labels", file("a.png")) == {
        "labels": [{"name": "Cat", "confidence": 0.9123}]
    }
    target, body = asked(server)
    assert (target, body["MinConfidence"]) == ("RekognitionService.DetectLabels", 70)


def test_an_image_is_judged_as_an_image(server: Loopback) -> None:
    server.answer(reply(body={"ModerationLabels": [{"Name": "Violence", "Confidence": 81}]}))
    assert analyse(server, "moderate", file("a.PNG")) == {
        "flagged": True,
        "categories": [{"name": "Violence", "score": 0.81}],
    }
    target, body = asked(server)
    assert (target, body["MinConfidence"]) == ("RekognitionService.DetectModerationLabels", 50)


# -- texts ------------------------------------------------------------------------------------------------
def toxic(*scores: float) -> dict[str, Any]:
    return {"ResultList": [{"Labels": [{"Name": "INSULT", "Score": score}]} for score in scores]}


def test_text_is_judged_in_segments_and_the_worst_counts(server: Loopback) -> None:
    words = "Word by word. " * 1000
    server.answer(reply(body=toxic(*[0.1] * 9, 0.7)), reply(body=toxic(*[0.2] * 5)))
    found = analyse(server, "moderate", text(words[:14_500]))
    assert found == {"flagged": True, "categories": [{"name": "INSULT", "score": 0.7}]}
    sent = [[one["Text"] for one in request.json()["TextSegments"]] for request in server.requests]
    assert [len(batch) for batch in sent] == [10, 5]
    assert "".join(sent[0] + sent[1]) == words[:14_500]


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=3000).filter(str.strip))
def test_no_segment_is_larger_than_the_service_takes(server: Loopback, words: str) -> None:
    server.requests.clear()
    server.scripts.clear()
    server.answer(reply(body={"ResultList": []}))
    with pytest.raises(Unavailable, match="0 results of"):
        analyse(server, "moderate", text(words))
    (sent,) = server.requests
    segments = [one["Text"] for one in sent.json()["TextSegments"]]
    assert 1 <= len(segments) <= 10
    assert all(one.strip() and len(one.encode()) <= 1000 for one in segments)


def test_entities_are_told_once_with_their_best_score(server: Loopback) -> None:
    def entity(kind: str, words: str, score: float) -> dict[str, Any]:
        return {"Type": kind, "Text": words, "Score": score}

    server.answer(
        reply(body={"Entities": [entity("PERSON", "Ada", 0.8), entity("LOCATION", "London", 0.91234)]}),
        reply(body={"Entities": [entity("PERSON", "Ada", 0.95)]}),
    )
    assert analyse(server, "entities", text("Ada went to London. " * 6000)) == {
        "entities": [
            {"type": "PERSON", "text": "Ada", "score": 0.95},
            {"type": "LOCATION", "text": "London", "score": 0.9123},
        ]
    }
    sent = [request.json() for request in server.requests]
    assert {one["LanguageCode"] for one in sent} == {"en"}
    assert max(len(one["Text"].encode()) for one in sent) <= 100_000
    assert "".join(one["Text"] for one in sent) == "Ada went to London. " * 6000


# -- speech -----------------------------------------------------------------------------------------------
JOB = f"results-bucket-{TOKEN}"


def test_a_recording_is_named_to_the_service_which_writes_beside_the_results(server: Loopback) -> None:
    assert analyse_speech(server, reply(body={"TranscriptionJob": {}})).handle == JOB
    assert asked(server) == (
        "Transcribe.StartTranscriptionJob",
        {
            "TranscriptionJobName": JOB,
            "LanguageCode": "en-US",
            "MediaFormat": "wav",
            "Media": {"MediaFileUri": "s3://uploads/in/a talk #7.WAV"},
            "OutputBucketName": "results-bucket",
            "OutputKey": f"jobs/{JOB}.json",
        },
    )


def analyse_speech(server: Loopback, answer: Any) -> Any:
    server.answer(answer)
    return analyse(server, "transcribe", file("a talk #7.WAV"))


def test_a_job_that_was_started_before_is_not_started_again(server: Loopback) -> None:
    assert analyse_speech(server, error("ConflictException", "exists")).handle == JOB


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("The S3 URI that you provided can't be accessed. Make sure ...", "object_missing"),
        ("1 validation error detected: Value 'x' at 'mediaFormat' ...", "unsupported_type"),
    ],
)
def test_a_recording_that_is_refused_is_final(server: Loopback, message: str, code: str) -> None:
    with pytest.raises(Unprocessable, match=message[:20]) as caught:
        analyse_speech(server, error("BadRequestException", message))
    assert caught.value.code == code


def test_a_bucket_that_cannot_be_written_is_not_the_recordings_fault(server: Loopback) -> None:
    with pytest.raises(Refused, match="specified S3 bucket"):
        analyse_speech(server, error("BadRequestException", "The specified S3 bucket can't be accessed."))


@pytest.mark.parametrize("name", ["notes.txt", "wav", "a.wav.zip", ""])
def test_what_is_no_recording_is_not_sent(server: Loopback, name: str) -> None:
    source = file(name)._replace(name=name if name != "wav" else "wav.")
    with pytest.raises(Unprocessable, match="mp3") as caught:
        analyse(server, "transcribe", source)
    assert (caught.value.code, server.requests) == ("unsupported_type", [])


def written(content: object) -> MemoryObjects:
    objects = MemoryObjects()
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    place = ObjectRef("results-bucket", "jobs/job-1.json")
    objects.put(place, body, Deadline(5), content_type="application/json", metadata={}, expect=ANY)
    return objects


COMPLETED = {"TranscriptionJobStatus": "COMPLETED", "LanguageCode": "en-GB"}


def test_what_was_said_is_read_from_the_results(server: Loopback) -> None:
    server.answer(
        reply(body={"TranscriptionJob": {"TranscriptionJobStatus": "QUEUED"}}),
        reply(body={"TranscriptionJob": COMPLETED}),
    )
    said = written({"results": {"transcripts": [{"transcript": "Hello."}, {"transcript": "Bye."}]}})
    assert collect(server, "transcribe", objects=said) == Started("job-1", 900.0)
    assert collect(server, "transcribe", objects=said) == {"text": "Hello. Bye.", "language": "en-GB"}


def test_a_transcription_that_failed_is_final_with_the_reason(server: Loopback) -> None:
    failed = {"TranscriptionJobStatus": "FAILED", "FailureReason": "no audio"}
    server.answer(reply(body={"TranscriptionJob": failed}))
    with pytest.raises(Unprocessable, match="no audio") as caught:
        collect(server, "transcribe")
    assert caught.value.code == "job_failed"


@pytest.mark.parametrize(
    "content", [None, b"", b"[]", b"\xff", {}, {"results": {}}, {"results": {"transcripts": [{"x": 1}]}}]
)
def test_a_transcript_that_is_gone_or_no_transcript_is_final(server: Loopback, content: object) -> None:
    server.answer(reply(body={"TranscriptionJob": COMPLETED}))
    with pytest.raises(Unprocessable, match="what Transcribe wrote") as caught:
        collect(server, "transcribe", objects=MemoryObjects() if content is None else written(content))
    assert caught.value.code == "job_failed"


# -- what all of them refuse ------------------------------------------------------------------------------
ITEMS = {
    "ocr": file("a.png"),
    "image_labels": file("a.png"),
    "transcribe": file("a.wav"),
    "moderate": text("hello"),
    "entities": text("hello"),
}


@pytest.mark.parametrize("purpose", ["ocr", "image_labels", "transcribe"])
def test_a_message_is_no_file(server: Loopback, purpose: str) -> None:
    with pytest.raises(Unprocessable) as caught:
        analyse(server, purpose, text("hello"))
    assert (caught.value.code, server.requests) == ("unsupported_type", [])


@pytest.mark.parametrize(
    ("purpose", "code", "ours"),
    [
        ("ocr", "UnsupportedDocumentException", "unsupported_type"),
        ("ocr", "BadDocumentException", "damaged_document"),
        ("ocr", "DocumentTooLargeException", "too_large"),
        ("ocr", "InvalidS3ObjectException", "object_missing"),
        ("image_labels", "InvalidImageFormatException", "unsupported_type"),
        ("image_labels", "ImageTooLargeException", "too_large"),
        ("moderate", "TextSizeLimitExceededException", "too_large"),
        ("entities", "UnsupportedLanguageException", "unsupported_language"),
    ],
)
def test_what_the_service_cannot_read_is_final(server: Loopback, purpose: str, code: str, ours: str) -> None:
    server.answer(error(code))
    with pytest.raises(Unprocessable, match="not like this") as caught:
        analyse(server, purpose, ITEMS[purpose])
    assert (caught.value.code, len(server.requests)) == (ours, 1)


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("ThrottlingException", 400, Throttled),
        ("ProvisionedThroughputExceededException", 400, Throttled),
        ("LimitExceededException", 400, Throttled),
        ("InternalServerError", 500, Unavailable),
        ("AccessDeniedException", 400, Refused),
        ("InvalidParameterException", 400, Refused),
    ],
)
@pytest.mark.parametrize("purpose", OPTIONS)
def test_what_is_not_the_items_fault_is_tried_again(
    server: Loopback, purpose: str, code: str, status: int, kind: type[Exception]
) -> None:
    server.answer(error(code, status=status))
    with pytest.raises(kind, match=code):
        analyse(server, purpose, ITEMS[purpose])
    assert (len(server.requests) > 1) == (kind is not Refused)


@pytest.mark.parametrize(("purpose", "code"), [("ocr", "InvalidJobId"), ("transcribe", "NotFound")])
def test_a_job_that_is_forgotten_is_final(server: Loopback, purpose: str, code: str) -> None:
    server.answer(error(f"{code}Exception"))
    with pytest.raises(Unprocessable) as caught:
        collect(server, purpose)
    assert caught.value.code == "unknown_job"


HALVES: list[Any] = [
    {}, [], b"not json", {"Labels": None}, {"Labels": [{"Name": "x"}]}, {"Blocks": {"BlockType": 1}},
    {"Labels": [{"Name": "x", "Confidence": "sure"}]}, {"Blocks": ["LINE"]}, {"ResultList": []},
    {"Blocks": [{"BlockType": "LINE"}]}, {"ResultList": [{}]}, {"Entities": [{"Type": "PERSON"}]},
    {"Entities": [{"Type": "PERSON", "Text": "Ada", "Score": "x"}]}, {"Entities": 7},
]  # fmt: skip


@pytest.mark.parametrize("answer", HALVES, ids=lambda value: repr(value)[:40])
@pytest.mark.parametrize("purpose", ["ocr", "image_labels", "moderate", "entities"])
def test_half_an_answer_is_not_taken_for_a_result(server: Loopback, purpose: str, answer: Any) -> None:
    server.answer(reply(body=answer if isinstance(answer, bytes) else json.dumps(answer).encode()))
    with pytest.raises(Unavailable, match="MalformedResponse"):
        analyse(server, purpose, ITEMS[purpose])


def test_an_image_about_which_nothing_is_said_is_not_fit(server: Loopback) -> None:
    server.answer(reply(body={"ModerationModelVersion": "7.0"}))
    with pytest.raises(Unavailable, match="ModerationLabels"):
        analyse(server, "moderate", file("a.png"))


@pytest.mark.parametrize(
    ("purpose", "answer"),
    [
        ("ocr", {}),
        ("ocr", {"JobStatus": "SUCCEEDED"}),
        ("ocr", {"JobStatus": "SUCCEEDED", "Blocks": [{"BlockType": "LINE", "Page": "one", "Text": "x"}]}),
        ("transcribe", {}),
        ("transcribe", {"TranscriptionJob": None}),
        ("transcribe", {"TranscriptionJob": {}}),
    ],
)
def test_half_a_job_is_not_taken_for_a_result(server: Loopback, purpose: str, answer: Any) -> None:
    server.answer(reply(body=answer))
    with pytest.raises(Unavailable, match="MalformedResponse"):
        collect(server, purpose)


def test_a_job_without_a_name_is_begun_again(server: Loopback) -> None:
    server.answer(reply(body={}))
    with pytest.raises(Unavailable, match="JobId"):
        analyse(server, "ocr", file("scan.pdf"))


@pytest.mark.parametrize("purpose", ["image_labels", "moderate", "entities"])
def test_what_starts_no_jobs_has_none_to_collect(server: Loopback, purpose: str) -> None:
    with pytest.raises(Unprocessable, match="starts no jobs"):
        collect(server, purpose)

"""What documents through the event pipeline cost, meter by meter."""

from __future__ import annotations

import re
from dataclasses import fields, replace

import pytest

from serverless_ai_patterns.aws.prices import idle
from serverless_ai_patterns.cost_event_pipeline import Documents, per_thousand_documents
from serverless_ai_patterns.event_pipeline import (
    Batching,
    Entities,
    EventPipelineSettings,
    ImageLabels,
    Moderate,
    Ocr,
    Transcribe,
)
from serverless_ai_patterns.models import resolve_aws

SMALL = resolve_aws("small")


def priced(settings: EventPipelineSettings, documents: Documents | None = None) -> dict[str, float]:
    return {line.meter: line.usd for line in per_thousand_documents(settings, SMALL, documents)}


def test_a_thousand_documents_are_priced_meter_by_meter() -> None:
    lines = priced(EventPipelineSettings(), Documents(input_tokens=1000, output_tokens=100, duration_ms=1000))
    assert lines["Queue"] == pytest.approx(3 * 0.4e-3)
    assert lines["Objects, writes"] == pytest.approx(0.005)
    assert lines["Function, duration"] == pytest.approx(1000 * 0.0000133334)
    assert lines["Tokens in"] == pytest.approx(0.035)
    assert lines["Tokens out"] == pytest.approx(0.014)


@pytest.mark.parametrize(
    ("processor", "usd"),
    [
        (Ocr(), 3 * 1.5),
        (ImageLabels(), 1.0),
        (Moderate(), 1.0),
        (Entities(), 60 * 0.1),
        (Transcribe(), 5 * 24.0),
    ],
)
def test_a_service_is_paid_in_the_place_of_tokens(processor: object, usd: float) -> None:
    lines = priced(EventPipelineSettings(processor=processor))  # pyright: ignore[reportArgumentType]
    assert lines["AI service"] == pytest.approx(usd)
    assert not {"Tokens in", "Tokens out"} & lines.keys()


def test_batching_shares_calls_and_time_and_nothing_else() -> None:
    alone = priced(EventPipelineSettings())
    together = priced(EventPipelineSettings(batching=Batching(size=10)))
    assert together["Function, requests"] == pytest.approx(alone["Function, requests"] / 10)
    assert {meter for meter in alone if together[meter] != alone[meter]} == {
        "Function, requests",
        "Function, duration",
    }


def test_every_assumption_moves_the_price_of_some_processor_and_is_printed() -> None:
    chosen = (None, Ocr(), Entities(), Transcribe())
    settings = [EventPipelineSettings(processor=one) if one else EventPipelineSettings() for one in chosen]
    before = [sum(priced(one).values()) for one in settings]
    for field in fields(Documents):
        dearer = replace(Documents(), **{field.name: 2 * getattr(Documents(), field.name)})
        assert [sum(priced(one, dearer).values()) for one in settings] != before, field.name
    for line in per_thousand_documents(settings[0], SMALL):
        assert re.search(r"^\d.* each; .* USD a ", line.why) or "batch" in line.why


def test_a_model_of_unknown_price_and_impossible_documents_are_refused() -> None:
    with pytest.raises(ValueError, match="no price is known for model meta"):
        per_thousand_documents(EventPipelineSettings(), resolve_aws("meta.llama9-v1:0"))
    with pytest.raises(ValueError, match=r"Documents.pages must be 0 to 3000, got -1"):
        Documents(pages=-1)


def test_an_idle_queue_that_lambda_reads_is_not_quite_free() -> None:
    mapping = {"EventSourceArn": "arn:aws:sqs:us-east-1:123456789012:queue"}
    found = idle("AWS::Lambda::EventSourceMapping", mapping, {})
    assert 0.2 < found.usd < 0.3
    assert "first million requests are free" in found.why
    with pytest.raises(ValueError, match="priced for SQS queues only"):
        idle("AWS::Lambda::EventSourceMapping", {"EventSourceArn": "arn:aws:kinesis:x:y:stream/z"}, {})

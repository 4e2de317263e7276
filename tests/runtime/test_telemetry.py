"""Log lines and metrics: structured, complete, and without what does not belong there."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from memory_ports import Clock

from serverless_ai_runtime.core.ports import Refused
from serverless_ai_runtime.telemetry import Telemetry


class Log:
    def __init__(self, *, log_content: bool = False) -> None:
        self.text: list[str] = []
        self.clock = Clock()
        self.telemetry = Telemetry(
            "chat",
            log_content=log_content,
            world=self.clock.world(),
            write=self.text.append,
            clock=self.clock,
        )

    def lines(self) -> list[dict[str, Any]]:
        assert all("\n" not in text for text in self.text)
        return [json.loads(text) for text in self.text]


def test_one_line_closes_an_invocation_with_ids_duration_and_notes() -> None:
    log = Log()
    invocation = log.telemetry.begin(request_id="r1", trace_id="Root=1", correlation_id="")
    invocation.note(status=200, input_tokens=12, output_tokens=3)
    log.clock.now += 1.25
    invocation.end("request")
    (line,) = log.lines()
    assert (
        line.items()
        >= {
            "timestamp": "2026-11-24T12:00:01.250Z",
            "level": "INFO",
            "message": "request",
            "request_id": "r1",
            "trace_id": "Root=1",
            "duration_ms": 1250,
            "cold_start": True,
            "status": 200,
        }.items()
    )
    assert "correlation_id" not in line


def test_metrics_are_embedded_in_the_closing_line() -> None:
    log = Log()
    invocation = log.telemetry.begin()
    invocation.note(input_tokens=12, output_tokens=0)
    invocation.end("request")
    (line,) = log.lines()
    assert line["_aws"] == {
        "Timestamp": 1_795_521_600_000,
        "CloudWatchMetrics": [
            {
                "Namespace": "ServerlessAI",
                "Dimensions": [["FunctionName"]],
                "Metrics": [
                    {"Name": "InputTokens", "Unit": "Count"},
                    {"Name": "ColdStarts", "Unit": "Count"},
                    {"Name": "Tokens", "Unit": "Count"},
                ],
            }
        ],
    }
    assert (line["FunctionName"], line["InputTokens"], line["ColdStarts"]) == ("chat", 12, 1)


def test_only_the_first_invocation_of_a_process_is_cold() -> None:
    log = Log()
    for _ in range(2):
        log.telemetry.begin().end("request")
    first, second = log.lines()
    assert (first["cold_start"], second["cold_start"]) == (True, False)
    assert "_aws" not in second


def test_a_refusal_by_the_budget_is_a_metric() -> None:
    log = Log()
    invocation = log.telemetry.begin()
    invocation.note(budget_refusals=1)
    invocation.end("request")
    assert log.lines()[0]["BudgetRefusals"] == 1


def test_content_is_written_only_where_it_is_allowed() -> None:
    for allowed in (False, True):
        log = Log(log_content=allowed)
        invocation = log.telemetry.begin()
        invocation.content(message="the question", answer="the answer")
        invocation.end("request")
        assert ("the question" in "".join(log.text)) is allowed


def test_a_warning_is_written_at_once_with_its_cause() -> None:
    log = Log()
    invocation = log.telemetry.begin(request_id="r1")
    invocation.warn("request failed", cause=Refused("Bedrock", "Converse", 403, "AccessDenied", "no"))
    (line,) = log.lines()
    assert (line["level"], line["request_id"]) == ("WARN", "r1")
    assert line["cause"] == "Bedrock Converse: AccessDenied (403): no"


def test_an_unexpected_cause_is_written_with_the_way_to_it() -> None:
    log = Log()
    try:
        {}["missing"]
    except KeyError as error:
        log.telemetry.begin().warn("request failed", cause=error)
    assert "test_telemetry.py" in log.lines()[0]["cause"]
    assert "KeyError: 'missing'" in log.lines()[0]["cause"]


def test_a_failed_invocation_is_an_error() -> None:
    log = Log()
    log.telemetry.begin().end("event", failed=True)
    assert log.lines()[0]["level"] == "ERROR"


@given(st.text(), st.dictionaries(st.text(), st.text() | st.floats() | st.binary()))
def test_any_values_make_one_line_of_json(message: str, fields: dict[str, object]) -> None:
    log = Log()
    invocation = log.telemetry.begin(correlation_id=message)
    invocation.warn(message, **{f"x{name}": value for name, value in fields.items()})
    invocation.end(message)
    assert len(log.lines()) == 2

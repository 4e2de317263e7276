"""The trace of a request: the caller's own, or a new one, the same in both headers."""

from __future__ import annotations

import re

import pytest

from serverless_ai_local.gcp.run.log import Logs
from serverless_ai_local.gcp.trace import GOOGLES, W3CS, hop

TRACE, OTHER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b700f067aa0ba902b7"


@pytest.mark.parametrize(
    "headers",
    [
        {W3CS: f"00-{TRACE}-00f067aa0ba902b7-01"},
        {GOOGLES: TRACE},
        {GOOGLES: f"{TRACE.upper()}/12"},
        {GOOGLES: f"{TRACE}/12;o=1"},
        {GOOGLES: f"{TRACE}/12;o=1", W3CS: f"00-{OTHER}-00f067aa0ba902b7-01"},
        {GOOGLES: "no trace", W3CS: f"00-{TRACE}-00f067aa0ba902b7-01"},
    ],
)
def test_the_callers_trace_is_kept(headers: dict[str, str]) -> None:
    assert hop(headers).trace == TRACE


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {W3CS: f"00-{'0' * 32}-00f067aa0ba902b7-01"},
        {W3CS: f"00-{TRACE}"},
        {GOOGLES: TRACE[1:]},
        {GOOGLES: f"{TRACE}; DROP"},
    ],
)
def test_what_is_no_trace_gives_way_to_a_new_one(headers: dict[str, str]) -> None:
    first, second = hop(headers), hop(headers)
    assert re.fullmatch(r"[0-9a-f]{32}", first.trace)
    assert TRACE != first.trace != second.trace


def test_both_headers_name_the_same_span_and_each_hop_has_its_own() -> None:
    first = hop({})
    trace, span, options = re.split(r"[/;]", first.headers[GOOGLES])
    assert first.headers[W3CS] == f"00-{trace}-{int(span):016x}-01"
    assert options == "o=1"
    second = hop(first.headers)
    assert second.trace == first.trace == trace
    assert second.headers[W3CS] != first.headers[W3CS]


def test_the_trace_of_a_line_is_the_entrys_and_no_longer_in_its_payload() -> None:
    logs, name = Logs(), f"projects/p/traces/{TRACE}"
    logs.add("fn", f'{{"logging.googleapis.com/trace": "{name}", "a": 1}}')
    logs.add("fn", f"plain {TRACE}")
    logs.add_request("cloud_run_revision", name, {"status": 200}, service_name="fn")
    logs.add_request("cloud_run_revision", f"projects/p/traces/{OTHER}", {"status": 201}, service_name="fn")
    line, plain = logs.read("fn")
    assert (line["jsonPayload"], line["trace"]) == ({"a": 1}, name)
    assert "trace" not in plain
    assert [one.get("jsonPayload") or one["httpRequest"] for one in logs.all(TRACE)] == [
        {"a": 1},
        {"status": 200},
    ]
    assert logs.all(name) == logs.all(TRACE)
    assert len(logs.all()) == 4

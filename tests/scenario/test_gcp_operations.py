"""What an operator sees on Google Cloud: a trace through every hop, and its lines in the log."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from click.testing import CliRunner
from gcp_world import GcpWorld, post
from world import eventually

from serverless_ai_local.commands.logs import logs
from serverless_ai_local.gcp.project import PROJECT
from serverless_ai_patterns.gcp.events import DELIVERIES

pytestmark = [
    pytest.mark.parametrize("target", ["pulumi-gcp"], indirect=True),
    pytest.mark.row("monitoring-07"),
]
GATEWAY, SERVICE = "apigateway.googleapis.com/Gateway", "cloud_run_revision"
HEADERS = {
    "traceparent": "00-{}-00f067aa0ba902b7-01",
    "x-cloud-trace-context": "{}/1234567890;o=1",
}
"""How a caller may name its trace: W3C's way, and Google's."""


@pytest.fixture
def gcp(world: GcpWorld) -> GcpWorld:
    return world


def entries(world: GcpWorld, trace: str) -> list[dict[str, Any]]:
    return world.cloud.admin("GET", f"gcp/logs?trace={trace}")["entries"]


def lines(world: GcpWorld, trace: str) -> list[dict[str, Any]]:
    """What the function wrote of a trace."""
    return [one["jsonPayload"] for one in entries(world, trace) if "jsonPayload" in one]


def hops(world: GcpWorld, trace: str) -> list[tuple[str, str, int]]:
    """The requests of a trace: what answered, the path, the status."""
    found = [(one["resource"]["type"], one.get("httpRequest")) for one in entries(world, trace)]
    return [(kind, one["requestUrl"], one["status"]) for kind, one in found if one]


def ask(world: GcpWorld, variant: str, headers: dict[str, str]) -> str:
    """Ask a question; the id of the request."""
    token = world.token("ada") if variant == "jwt" else world.id_token("ada@example.com", variant)
    url = f"{world.outputs[f'{variant}_endpoint']}/chat"
    reply = post(url, {"message": "hello"}, {**headers, "authorization": f"Bearer {token}"})
    assert reply.status == 200, reply
    return reply.headers["x-request-id"]


@pytest.mark.parametrize("header", HEADERS)
def test_a_callers_trace_goes_through_the_gateway_and_the_function_into_the_log(
    gcp: GcpWorld, header: str
) -> None:
    trace = secrets.token_hex(16)
    request = ask(gcp, "jwt", {header: HEADERS[header].format(trace)})
    eventually(lambda: lines(gcp, trace), what="the line")
    assert sorted(hops(gcp, trace)) == [(GATEWAY, "/chat", 200), (SERVICE, "/chat", 200)]
    assert {line["request_id"] for line in lines(gcp, trace)} == {request}
    assert {one["trace"] for one in entries(gcp, trace)} == {f"projects/{PROJECT}/traces/{trace}"}


@pytest.mark.parametrize(
    ("variant", "path"),
    [("jwt", [(GATEWAY, "/chat", 200), (SERVICE, "/chat", 200)]), ("main", [(SERVICE, "/chat", 200)])],
)
def test_without_one_the_first_hop_begins_a_trace_that_all_share(
    gcp: GcpWorld, variant: str, path: list[tuple[str, str, int]]
) -> None:
    traces = []
    for _ in range(2):
        request = ask(gcp, variant, {"traceparent": "00-not-a-trace-01"})
        traces.append(eventually(lambda: trace_of(gcp, request_id=request), what="the line"))  # noqa: B023
    assert traces[0] != traces[1]
    for trace in traces:
        assert sorted(hops(gcp, trace)) == path


def test_each_delivery_of_an_event_is_a_trace_with_its_lines(gcp: GcpWorld) -> None:
    gcp.model_fault("refuse", times=1000)
    gcp.emit({"message": "fail, please"})
    eventually(gcp.dead_letters, within=30, what="the dead letter")
    written = [one for one in everything(gcp) if one["jsonPayload"].get("correlation_id")]
    event = written[-1]["jsonPayload"]["correlation_id"]
    deliveries = [one for one in written if one["jsonPayload"]["correlation_id"] == event]
    traces = [one["trace"] for one in deliveries]
    assert len(set(traces)) == len(traces) == DELIVERIES
    for trace, one in zip(traces, deliveries, strict=True):
        assert one["jsonPayload"] in lines(gcp, trace)
        ((kind, path, status),) = hops(gcp, trace)
        assert (kind, path) == (SERVICE, "/events")
        assert status == one["jsonPayload"]["status"]


def test_the_command_finds_a_trace_and_no_other_line(gcp: GcpWorld) -> None:
    mine, other = secrets.token_hex(16), secrets.token_hex(16)
    for trace in (mine, other):
        ask(gcp, "jwt", {"traceparent": HEADERS["traceparent"].format(trace)})
    eventually(lambda: lines(gcp, mine) and lines(gcp, other), what="the lines")
    requests = {trace: lines(gcp, trace)[0]["request_id"] for trace in (mine, other)}
    options = ["--trace", mine, "--state-dir", str(gcp.cloud.state_dir)]
    said = CliRunner().invoke(logs, options, catch_exceptions=False).output
    assert requests[mine] in said
    assert requests[other] not in said
    assert said.count("POST /chat 200") == 2, "the gateway's request and the function's"


def test_the_function_needs_no_right_for_its_traces(gcp: GcpWorld) -> None:
    ask(gcp, "main", {})
    account = gcp.outputs["main_identity_name"]
    checks = gcp.cloud.admin("GET", f"iam/checks?role={account}")["checks"]
    assert checks
    assert [one for one in checks if one["action"].startswith("cloudtrace.")] == []


def everything(world: GcpWorld) -> list[dict[str, Any]]:
    """All lines of functions that are in a trace."""
    found = world.cloud.admin("GET", "gcp/logs")["entries"]
    return [one for one in found if "jsonPayload" in one and "trace" in one]


def trace_of(world: GcpWorld, request_id: str) -> str:
    return next(
        (one["trace"] for one in everything(world) if one["jsonPayload"].get("request_id") == request_id), ""
    )

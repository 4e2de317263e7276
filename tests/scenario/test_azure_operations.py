"""What an operator sees on Azure: a trace through gateway, app and log, as Application Insights has it."""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest
from azure_world import KEY, AzureWorld, bearer, send
from click.testing import CliRunner
from world import eventually

from serverless_ai_local.azure.apps.logs import FUNCTION, REQUEST
from serverless_ai_local.commands.logs import logs

pytestmark = [
    pytest.mark.parametrize("target", ["pulumi-azure"], indirect=True),
    pytest.mark.row("monitoring-06"),
]


@pytest.fixture
def azure(world: AzureWorld) -> AzureWorld:
    return world


def lines(world: AzureWorld, category: str, variant: str = "main") -> list[dict[str, Any]]:
    workspace = world.outputs[f"{variant}_log_group_name"]
    found = world.cloud.admin("GET", f"azure/workspaces/{workspace}/lines")["lines"]
    return [line for line in found if line["category"] == category]


def written(world: AzureWorld, trace: str, variant: str = "main") -> list[dict[str, Any]]:
    """What functions wrote that names this trace."""
    return [
        json.loads(line["message"]) for line in lines(world, FUNCTION, variant) if trace in line["message"]
    ]


def invocations(world: AzureWorld, trace: str, variant: str = "main") -> list[dict[str, Any]]:
    """Rows of `requests` of this operation."""
    found = [line for line in lines(world, REQUEST, variant) if line["operation"] == trace]
    return [json.loads(line["message"]) for line in found]


def ask(world: AzureWorld, variant: str, trace: str) -> str:
    """Ask a question as part of a trace; the id of the request."""
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    if variant == "jwt":  # through API Management
        headers |= {KEY: world._subscription_key, **bearer(world.token("ada"))}
    else:
        headers |= bearer(world.entra_token("ada"))
    reply = send("POST", f"{world.outputs[f'{variant}_endpoint']}/chat", {"message": "hello"}, headers)
    assert reply.status == 200, reply
    return reply.headers["x-request-id"]


@pytest.mark.parametrize("variant", ["main", "jwt"])
def test_a_callers_trace_goes_through_the_gateway_and_the_app_into_the_log(
    azure: AzureWorld, variant: str
) -> None:
    trace = secrets.token_hex(16)
    request = ask(azure, variant, trace)
    (line,) = eventually(lambda: written(azure, trace, variant), what="the line")
    assert line["request_id"] == request
    (row,) = eventually(lambda: invocations(azure, trace, variant), what="the row of requests")
    assert (row["name"], row["resultCode"], row["success"]) == ("chat", "200", True)
    assert row["duration"] > 0


def test_without_one_each_request_is_a_trace_of_its_own(azure: AzureWorld) -> None:
    before = len(lines(azure, REQUEST))
    for _ in range(2):
        assert azure.chat({"message": "hello"}).status == 200
    rows = eventually(
        lambda: lines(azure, REQUEST)[before:] if len(lines(azure, REQUEST)) >= before + 2 else None,
        what="two rows",
    )
    traces = [row["operation"] for row in rows]
    assert len(set(traces)) == len(traces) == 2
    for trace in traces:
        assert len(eventually(lambda: written(azure, trace), what="the line")) == 1  # noqa: B023


def test_each_delivery_of_an_event_is_a_trace_with_its_lines(azure: AzureWorld) -> None:
    azure.model_fault("refuse", times=1000)
    before = len(lines(azure, REQUEST))
    azure.emit({"message": "fail, please"})
    eventually(azure.dead_letters, within=30, what="the dead letter")
    rows = [row for row in lines(azure, REQUEST)[before:] if json.loads(row["message"])["name"] == "event"]
    assert len({row["operation"] for row in rows}) == len(rows) == 3
    ids = {line["correlation_id"] for row in rows for line in written(azure, row["operation"])}
    assert len(ids) == 1


def test_the_command_finds_a_trace_and_no_other_line(azure: AzureWorld) -> None:
    mine, other = secrets.token_hex(16), secrets.token_hex(16)
    requests = {trace: ask(azure, "main", trace) for trace in (mine, other)}
    eventually(lambda: invocations(azure, mine) and invocations(azure, other), what="the rows")
    eventually(lambda: written(azure, mine) and written(azure, other), what="the lines")
    options = ["--trace", mine, "--state-dir", str(azure.cloud.state_dir)]
    said = CliRunner().invoke(logs, options, catch_exceptions=False).output
    assert requests[mine] in said
    assert requests[other] not in said
    assert len(said.splitlines()) == 2, "the function's line and the host's row"


def test_prompts_are_in_no_row_and_no_line(azure: AzureWorld) -> None:
    azure.chat({"message": "my password is Rosebud"})
    eventually(lambda: lines(azure, REQUEST), what="a row")
    assert "Rosebud" not in str(lines(azure, REQUEST)) + str(lines(azure, FUNCTION))

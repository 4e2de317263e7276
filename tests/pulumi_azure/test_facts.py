"""What is said of Azure without a tool: schedules, filters, limits, the gateway's policy, roles."""

from __future__ import annotations

import re
import uuid
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_patterns.azure import flex, function_llm, gateway, roles
from serverless_ai_patterns.azure.events import Condition, EventFilter, event_filter
from serverless_ai_patterns.azure.schedule import ncrontab
from serverless_ai_patterns.function_llm import (
    Events,
    FunctionLlmSettings,
    FunctionSettings,
    Throttle,
)
from serverless_ai_runtime.config import AzureEdgeConfig, FunctionLlmConfig, from_env


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("rate(1 minute)", "0 */1 * * * *"),
        ("rate(5 minutes)", "0 */5 * * * *"),
        ("rate(60 minutes)", "0 0 * * * *"),
        ("rate(1 hour)", "0 0 * * * *"),
        ("rate(6 hours)", "0 0 */6 * * *"),
        ("rate(24 hours)", "0 0 0 * * *"),
        ("rate(1 day)", "0 0 0 * * *"),
        ("rate(7 days)", "0 0 0 * * 0"),
        ("cron(30 8 ? * MON-FRI *)", "0 30 8 * * 1-5"),
        ("cron(0 0 1 1,JUL ? *)", "0 0 0 1 1,7 *"),
        ("cron(0/15 * * * ? *)", "0 0-59/15 * * * *"),
        ("cron(0 12 ? * 1 *)", "0 0 12 * * 0"),
        ("cron(0 12 ? * SAT *)", "0 0 12 * * 6"),
    ],
)
def test_a_schedule_is_said_in_ncrontab(expression: str, said: str) -> None:
    assert ncrontab(expression) == said


@pytest.mark.parametrize(
    "expression",
    [
        "at(2027-01-01T00:00:00)",
        "rate(7 minutes)",
        "rate(5 hours)",
        "rate(2 days)",
        "rate(0 minutes)",
        "rate(-1 minutes)",
        "rate(1 week)",
        "rate()",
        "cron(0 12 * * ? 2027)",
        "cron(0 12 L * ? *)",
        "cron(0 12 ? * 2#1 *)",
        "cron(0 12 * * *)",
        "cron(61 12 * * ? *)",
        "cron(0 24 * * ? *)",
        "cron(5-1 12 * * ? *)",
        "cron(0 12 * * FOO *)",
        "cron(0 12 1 * MON *)",
        "cron(0 0/0 * * ? *)",
    ],
)
def test_a_schedule_that_a_timer_cannot_keep_is_refused_with_its_reason(expression: str) -> None:
    with pytest.raises(
        ValueError, match=r"events\.schedule .* cannot run on Azure: .+; allowed: "
    ) as refused:
        ncrontab(expression)
    assert repr(expression) in str(refused.value)


@given(st.text(alphabet="cronate()0123456789 */-,?LW#MONdayshur", max_size=40))
def test_no_text_becomes_a_schedule_with_another_number_of_fields(text: str) -> None:
    try:
        said = ncrontab(text)
    except ValueError:
        return
    assert re.fullmatch(r"0( [0-9*/,-]+){5}", said)


def test_a_bus_filter_becomes_types_and_conditions() -> None:
    pattern = {
        "source": ["shop", "bank"],
        "detail-type": ["OrderPlaced"],
        "detail": {"status": ["open"], "item": {"n": [1, 2.5], "gift": [True]}, "sku": [{"prefix": "A-"}]},
    }
    assert event_filter(pattern) == EventFilter(
        ("OrderPlaced",),
        (
            Condition("source", "StringIn", ("shop", "bank")),
            Condition("data.status", "StringIn", ("open",)),
            Condition("data.item.n", "NumberIn", (1, 2.5)),
            Condition("data.item.gift", "BoolEquals", (True,)),
            Condition("data.sku", "StringBeginsWith", ("A-",)),
        ),
    )


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        ({"account": ["1"]}, "events.bus_filter has account, which Azure cannot match"),
        ({"source": "shop"}, "events.bus_filter has source, which must be a list"),
        ({"source": []}, "events.bus_filter has source, which must be a list"),
        ({"source": [None]}, "source, in which None cannot be matched"),
        ({"source": [{"anything-but": ["x"]}]}, "source, in which {'anything-but': ['x']} cannot be matched"),
        ({"source": [{}]}, "source, in which {} cannot be matched"),
        ({"source": [{"prefix": 1}]}, "cannot be matched"),
        ({"source": ["a", {"prefix": "b"}]}, "source, which mixes StringBeginsWith, StringIn"),
        ({"source": ["a", 1]}, "source, which mixes NumberIn, StringIn"),
        ({"detail": {"gift": [True, False]}}, "detail.gift, which lets through true and false alike"),
        ({"detail": {"a": {"b": "c"}}}, "detail.a.b, which must be a list"),
        ({"detail-type": [{"prefix": "Order"}]}, "detail-type, which on Azure must be a list of whole"),
        ({"source": [f"s{n}" for n in range(26)]}, "events.bus_filter has 26 values"),
    ],
)
def test_a_filter_that_event_grid_cannot_express_is_refused_by_key(pattern, complaint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(complaint)):
        event_filter(pattern)


@pytest.mark.parametrize(("asked", "got"), [(128, 2048), (2048, 2048), (2049, 4096), (4096, 4096)])
def test_memory_is_rounded_up_to_what_flex_has_everywhere(asked: int, got: int) -> None:
    assert flex.instance_memory_mb(FunctionSettings(memory_mb=asked)) == got


def test_more_memory_than_flex_has_is_refused() -> None:
    with pytest.raises(ValueError, match=r"function\.memory_mb on Azure must be at most 4096, got 4097"):
        flex.instance_memory_mb(FunctionSettings(memory_mb=4097))


@pytest.mark.parametrize(("asked", "got"), [(1, 30), (30, 30), (60, 60), (545, 545)])
def test_logs_are_kept_at_least_as_long_as_a_workspace_keeps_them(asked: int, got: int) -> None:
    assert flex.retention_days(FunctionSettings(log_retention_days=asked)) == got


def test_longer_retention_than_a_workspace_has_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"function\.log_retention_days on Azure must be at most 730, got 731"
    ):
        flex.retention_days(FunctionSettings(log_retention_days=731))


def test_instances_are_bounded_by_what_the_rate_limit_lets_through() -> None:
    def most(rate: int, burst: int, **function) -> int:
        throttle = Throttle(requests_per_second=rate, burst=burst)
        return function_llm.instances(
            FunctionLlmSettings(throttle=throttle, function=FunctionSettings(**function))
        )

    assert most(1, 1) == 40, "the least that every region takes"
    assert most(100, 100, timeout_s=29) == 188, "(100 + 100 * 29) requests in flight, 16 an instance"
    assert most(10_000, 5_000) == 1000
    assert most(100, 100, max_concurrency=3) == 3


def test_the_handler_is_told_what_the_settings_say() -> None:
    settings = FunctionLlmSettings(events=Events(schedule="rate(1 day)", schedule_message="Ünïcode 'n' all"))
    told = function_llm.environment(
        settings,
        client_id="c",
        deployment="chat",
        model_endpoint="https://m.services.ai.azure.com/openai/v1",
        queue_service="https://q.queue.core.windows.net",
        store_url="https://s.documents.azure.com/dbs/state/colls/records",
    )
    assert from_env(FunctionLlmConfig, told).model_endpoint == "https://m.services.ai.azure.com/openai/v1"
    edge = from_env(AzureEdgeConfig, told)
    assert (edge.events_queue, edge.queue_service) == ("events", "https://q.queue.core.windows.net")
    assert (edge.schedule, edge.schedule_message) == ("0 0 0 * * *", "Ünïcode 'n' all")
    assert (edge.timeout_s, edge.requests_per_second, edge.burst) == (29, 10, 20)
    assert told["PYTHON_THREADPOOL_THREAD_COUNT"] == str(function_llm.CONCURRENCY), "a thread a request"
    assert told["AZURE_CLIENT_ID"] == told["SERVERLESS_AI_EVENTS__clientId"] == "c"


def test_without_events_the_handler_has_no_queue_and_no_connection_to_one() -> None:
    told = function_llm.environment(
        FunctionLlmSettings(),
        client_id="c",
        deployment="d",
        model_endpoint="https://m",
        queue_service="https://q",
    )
    edge = from_env(AzureEdgeConfig, told)
    assert (edge.events_queue, edge.queue_service, edge.schedule, edge.schedule_message) == ("", "", "", "")
    assert not [name for name in told if "EVENTS__" in name]


@given(st.text(max_size=30), st.lists(st.text(max_size=30), min_size=1, max_size=3), st.integers(1, 5000))
def test_the_policy_is_well_formed_and_says_just_what_it_was_given(
    issuer: str, audiences: list[str], burst: int
) -> None:
    texts = [issuer, *audiences]
    trust = gateway.Trust(issuer, (issuer,), audiences)
    throttle = Throttle(requests_per_second=2, burst=burst)
    if any(not text.isprintable() or "@(" in text or "@{" in text or "{{" in text for text in texts):
        with pytest.raises(ValueError, match="cannot be an issuer or audience in API Management"):
            gateway.policy(trust, throttle)
        return
    root = ElementTree.fromstring(gateway.policy(trust, throttle))
    token = root.find("inbound/validate-jwt")
    assert token is not None
    assert [one.text or "" for one in token.findall("audiences/audience")] == audiences
    assert [one.text or "" for one in token.findall("issuers/issuer")] == [issuer]
    assert token.get("failed-validation-httpcode") == "401"
    assert {token.get("require-signed-tokens"), token.get("require-expiration-time")} == {"true"}


@pytest.mark.parametrize(
    "code", ["@(context.Request)", "@{ return 1; }", "{{named-value}}", "a\x00b", "a\nb"]
)
def test_what_api_management_would_run_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match="cannot be an issuer or audience in API Management"):
        gateway.policy(gateway.Trust("https://i", ("https://i",), ("chat", code)), Throttle())


@pytest.mark.parametrize(
    ("rate", "burst", "calls", "period"),
    [(10, 20, 20, 2), (10, 5, 5, 1), (1, 1, 1, 1), (2, 3, 3, 2), (1, 5000, 300, 300)],
)
def test_the_gateways_window_lets_the_burst_through_at_the_average_rate(
    rate: int, burst: int, calls: int, period: int
) -> None:
    assert gateway.window(Throttle(requests_per_second=rate, burst=burst)) == (calls, period)
    assert calls <= rate * period


def test_the_ids_of_roles_are_guids_and_no_two_are_the_same() -> None:
    every = [value for value in vars(roles).values() if isinstance(value, roles.Role)]
    assert len(every) >= 9
    assert len({str(uuid.UUID(role.id)) for role in every}) == len(every)
    assert all(role.use and role.name for role in every)


SCOPE = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/g/providers/A.B/c/d"


def test_an_assignment_is_named_by_what_it_says() -> None:
    name = roles.assignment_name(SCOPE, "p", roles.HOST_BLOBS.id)
    assert str(uuid.UUID(name)) == name
    assert name == roles.assignment_name(SCOPE.upper(), "P", roles.HOST_BLOBS.id), "Azure's ids have no case"
    others = {
        roles.assignment_name(SCOPE + "e", "p", roles.HOST_BLOBS.id),
        roles.assignment_name(SCOPE, "q", roles.HOST_BLOBS.id),
        roles.assignment_name(SCOPE, "p", roles.USE_QUEUE.id),
    }
    assert len(others | {name}) == 4


def test_a_role_is_defined_in_the_subscription_of_its_scope() -> None:
    assert roles.definition_id(SCOPE, roles.HOST_BLOBS) == (
        "/subscriptions/11111111-1111-1111-1111-111111111111/providers/Microsoft.Authorization"
        f"/roleDefinitions/{roles.HOST_BLOBS.id}"
    )
    with pytest.raises(ValueError, match="a resource id begins with /subscriptions/ID/; got 'x'"):
        roles.definition_id("x", roles.HOST_BLOBS)

"""What a deployment costs: every resource has a price or is refused; the default costs only its watching."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import fields, replace
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Template

from serverless_ai_cdk import FunctionLlm
from serverless_ai_patterns.aws import prices
from serverless_ai_patterns.aws.prices import UnpricedError
from serverless_ai_patterns.cost import CostLine, Traffic, idle_monthly, per_thousand_requests
from serverless_ai_patterns.function_llm import Events, FunctionLlmSettings, Llm, Sessions, TokenBudget
from serverless_ai_patterns.models import resolve_aws


def deployed(settings: FunctionLlmSettings) -> list[tuple[str, str, dict[str, Any]]]:
    stack = Stack(App(), "Costs")
    FunctionLlm(stack, "Chat", settings)
    resources = Template.from_stack(stack).to_json()["Resources"]
    return [(name, r["Type"], r.get("Properties", {})) for name, r in resources.items()]


def price_of(kind: str, properties: dict[str, Any] | None = None) -> CostLine:
    return idle_monthly([("It", kind, properties or {})])[0]


def test_the_default_deployment_costs_its_alarms_and_its_dashboard_and_nothing_else() -> None:
    lines = idle_monthly(deployed(FunctionLlmSettings()))
    charged = [line for line in lines if line.usd]
    assert Counter(line.type for line in charged) == {
        "AWS::CloudWatch::Alarm": 5,
        "AWS::CloudWatch::Dashboard": 1,
    }
    assert sum(line.usd for line in charged) == pytest.approx(5 * 0.10 + 3.00)


def test_every_option_has_a_price_and_adds_no_idle_cost() -> None:
    everything = FunctionLlmSettings(
        llm=Llm(guardrail=True),
        events=Events(schedule="rate(1 day)", bus_filter={"source": ["shop"]}, destination=True),
    )
    lines = idle_monthly(deployed(everything))
    assert {line.type for line in lines if line.usd} == {
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::Dashboard",
    }


def test_every_line_names_its_resource_and_where_the_price_is_from() -> None:
    resources = deployed(FunctionLlmSettings())
    lines = idle_monthly(resources)
    assert [(line.name, line.type) for line in lines] == [(name, kind) for name, kind, _ in resources]
    assert all(line.why and re.search(r"\d{4}-\d{2}-\d{2}", line.source) for line in lines)


@pytest.mark.parametrize("kind", ["AWS::OpenSearchService::Domain", "AWS::lambda::function", "", "Lambda"])
def test_a_resource_without_a_known_price_is_refused_by_name(kind: str) -> None:
    with pytest.raises(UnpricedError, match=re.escape(f"no price is known for resource type {kind}")):
        price_of(kind)


@pytest.mark.parametrize(
    ("kind", "properties", "usd"),
    [
        ("AWS::CloudWatch::Alarm", {"Period": 300}, 0.10),
        ("AWS::CloudWatch::Alarm", {"Period": "60"}, 0.10),
        ("AWS::CloudWatch::Alarm", {"Period": 10}, 0.30),
        ("AWS::CloudWatch::Alarm", {}, 0.10),
        (
            "AWS::CloudWatch::Alarm",
            {"Metrics": [{"MetricStat": {"Period": 300}}] * 2 + [{"Expression": "a+b"}]},
            0.20,
        ),
        (
            "AWS::CloudWatch::Alarm",
            {"Metrics": [{"MetricStat": {"Period": 60}}], "ThresholdMetricId": "band"},
            0.30,
        ),
        ("AWS::CloudWatch::CompositeAlarm", {}, 0.50),
        ("AWS::KMS::Key", {}, 1.00),
        ("AWS::SecretsManager::Secret", {}, 0.40),
        ("AWS::EC2::NatGateway", {}, 32.85),
        ("AWS::EC2::EIP", {}, 3.65),
        ("AWS::EC2::VPCEndpoint", {"VpcEndpointType": "Interface", "SubnetIds": ["a", "b"]}, 14.60),
        ("AWS::EC2::VPCEndpoint", {"VpcEndpointType": "Gateway"}, 0.0),
        ("AWS::EC2::VPCEndpoint", {}, 0.0),
        ("AWS::DynamoDB::Table", {"BillingMode": "PAY_PER_REQUEST"}, 0.0),
        (
            "AWS::DynamoDB::Table",
            {"ProvisionedThroughput": {"ReadCapacityUnits": "5", "WriteCapacityUnits": 5}},
            730 * 5 * (0.00065 + 0.00013),
        ),
        ("AWS::Lambda::Alias", {}, 0.0),
    ],
)
def test_idle_prices_follow_the_properties(kind: str, properties: dict[str, Any], usd: float) -> None:
    assert price_of(kind, properties).usd == pytest.approx(usd)


def test_a_table_with_unknown_capacity_is_refused() -> None:
    with pytest.raises(UnpricedError, match="needs ProvisionedThroughput"):
        price_of("AWS::DynamoDB::Table", {"BillingMode": "PROVISIONED"})


@pytest.mark.parametrize(
    ("architectures", "reference", "usd"), [([], "chat", 10.95), (["arm64"], {"Ref": "Fn"}, 8.76)]
)
def test_provisioned_concurrency_is_priced_by_its_functions_memory(
    architectures: list[str], reference: Any, usd: float
) -> None:
    function = {"FunctionName": "chat", "MemorySize": 1024, "Architectures": architectures}
    alias = {
        "FunctionName": reference,
        "ProvisionedConcurrencyConfig": {"ProvisionedConcurrentExecutions": 1},
    }
    lines = idle_monthly([("Fn", "AWS::Lambda::Function", function), ("Live", "AWS::Lambda::Alias", alias)])
    assert lines[1].usd == pytest.approx(usd, abs=0.01)


def test_provisioned_concurrency_of_a_function_elsewhere_is_refused() -> None:
    alias = {"FunctionName": "chat", "ProvisionedConcurrencyConfig": {"ProvisionedConcurrentExecutions": 1}}
    with pytest.raises(UnpricedError, match="'chat' has no price: its function is not in the deployment"):
        price_of("AWS::Lambda::Alias", alias)


def test_no_type_is_both_free_and_charged() -> None:
    assert not prices.FREE.keys() & prices._RULES.keys()


def usage(settings: FunctionLlmSettings, traffic: Traffic | None = None) -> dict[str, float]:
    return {line.meter: line.usd for line in per_thousand_requests(settings, resolve_aws("small"), traffic)}


def test_a_thousand_requests_are_priced_meter_by_meter() -> None:
    priced = usage(FunctionLlmSettings(), Traffic(input_tokens=1000, output_tokens=500, duration_ms=1000))
    assert priced["Endpoint"] == pytest.approx(0.001)
    assert priced["Function, requests"] == pytest.approx(0.0002)
    assert priced["Function, duration"] == pytest.approx(1000 * 0.5 * 0.0000133334)
    assert priced["Tokens in"] == pytest.approx(0.035)
    assert priced["Tokens out"] == pytest.approx(0.07)
    assert priced["Table, writes"] == pytest.approx(1000 * 8 * 0.625e-6)
    assert priced["Table, reads"] == pytest.approx(1000 * 0.125e-6)


def test_what_is_switched_off_costs_nothing() -> None:
    stateless = FunctionLlmSettings(
        sessions=Sessions(history_turns=0),
        budget=TokenBudget(caller_tokens_per_day=0, total_tokens_per_day=0),
    )
    assert not {"Table, writes", "Table, reads", "Guardrail"} & set(usage(stateless))
    assert usage(FunctionLlmSettings(llm=Llm(guardrail=True)))["Guardrail"] == pytest.approx(0.75)


def test_every_assumption_moves_the_price_and_is_printed_with_it() -> None:
    settings, model = FunctionLlmSettings(), resolve_aws("small")
    before = sum(line.usd for line in per_thousand_requests(settings, model))
    for field in fields(Traffic):
        dearer = replace(Traffic(), **{field.name: 2 * getattr(Traffic(), field.name)})
        lines = per_thousand_requests(settings, model, dearer)
        assert sum(line.usd for line in lines) > before, field.name
    assert all(
        re.search(r"^\d.* each; .* USD a ", line.why) for line in per_thousand_requests(settings, model)
    )


def test_a_model_of_unknown_price_is_refused_until_its_price_is_given() -> None:
    model = resolve_aws("meta.llama9-v1:0")
    with pytest.raises(ValueError, match="no price is known for model meta"):
        per_thousand_requests(FunctionLlmSettings(), model)
    assert per_thousand_requests(FunctionLlmSettings(), replace(model, input_usd=1.0, output_usd=2.0))


def test_impossible_traffic_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Traffic.duration_ms must be 0 to 900000, got -1"):
        Traffic(duration_ms=-1)

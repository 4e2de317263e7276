"""What an operator sees, and what it all costs while nobody calls."""

from __future__ import annotations

import json
import uuid

import pytest

from serverless_ai_patterns.azure import observability, prices


def test_alarms_are_the_shared_specifications(whole):
    logs = observability.log_alerts(timeout_s=29, events=True)
    made = {each.name: each.inputs for each in whole.all("ScheduledQueryRule")}
    assert made.keys() == {f"chat-alarm-{spec.name.lower()}" for spec in logs}
    for spec in logs:
        alert = made[f"chat-alarm-{spec.name.lower()}"]
        (condition,) = alert["criteria"]["allOf"]
        assert (condition["query"], condition["operator"], condition["threshold"]) == (
            spec.query,
            "GreaterThan",
            0,
        )
        assert (alert["severity"], alert["description"]) == (spec.severity, spec.description)
        assert (alert["evaluationFrequency"], alert["windowSize"]) == ("PT15M", "PT15M")
        assert [scope.split("/")[-2] for scope in alert["scopes"]] == ["components"]
    metrics = observability.metric_alerts(tokens_per_hour=500_000, topic=True)
    made = {each.name: each.inputs for each in whole.all("MetricAlert")}
    assert made.keys() == {f"chat-alarm-{spec.name.lower()}" for spec in metrics}
    for spec in metrics:
        alert = made[f"chat-alarm-{spec.name.lower()}"]
        (condition,) = alert["criteria"]["allOf"]
        assert (condition["metricName"], condition["metricNamespace"]) == (spec.metric, spec.namespace)
        assert (condition["threshold"], condition["timeAggregation"]) == (spec.threshold, "Total")
        assert [(one["name"], *one["values"]) for one in condition.get("dimensions", [])] == [
            *spec.dimensions
        ]
        assert alert["location"] == "global"
        kind = {"model": "accounts", "topic": "topics"}[spec.of]
        assert [scope.split("/")[-2] for scope in alert["scopes"]] == [kind]


def test_alarms_of_events_are_made_only_where_there_are_events(usual):
    assert {each.name for each in (*usual.all("ScheduledQueryRule"), *usual.all("MetricAlert"))} == {
        f"chat-alarm-{word}" for word in ("errors", "duration", "throttles", "tokens")
    }


def test_the_dashboard_is_the_shared_one(usual):
    made = usual.one("Workbook").inputs
    component = made["sourceId"]
    assert component.lower() == component
    shown = json.loads(made["serializedData"])
    assert shown == observability.workbook(shown["fallbackResourceIds"][0])
    assert shown["fallbackResourceIds"][0].lower() == component
    uuid.UUID(made["resourceName"])


def test_the_usual_deployment_costs_nothing_idle_but_its_alerts(usual, whole):
    for recording, alerts_usd in ((usual, 2 * 0.50 + 2 * 0.10), (whole, 3 * 0.50 + 3 * 0.10)):
        lines = {
            (each.type, each.name): prices.idle(each.type, each.inputs)
            for each in recording.resources
            if not each.type.startswith("serverless-ai:")
        }
        paid = {name for (_, name), line in lines.items() if line.usd}
        assert all(name.startswith("chat-alarm-") for name in paid)
        assert sum(line.usd for line in lines.values()) == pytest.approx(alerts_usd)


@pytest.mark.parametrize(
    ("kind", "inputs"),
    [
        ("azure-native:search:Service", {"sku": {"name": "standard3"}}),
        ("azure-native:web:AppServicePlan", {"sku": {"name": "EP1"}}),
        ("azure-native:cosmosdb:DatabaseAccount", {"capabilities": []}),
        ("azure-native:cognitiveservices:Deployment", {"sku": {"name": "ProvisionedManaged"}}),
        ("azure-native:apimanagement:ApiManagementService", {"sku": {"name": "BasicV2"}}),
        ("azure-native:monitor:ScheduledQueryRule", {"evaluationFrequency": "PT1M"}),
    ],
)
def test_what_has_no_known_price_is_never_taken_as_free(kind, inputs):
    with pytest.raises(prices.UnpricedError, match=kind if "monitor" not in kind else "PT1M"):
        prices.idle(kind, inputs)


def test_an_instance_kept_ready_has_its_price():
    scale = {"instanceMemoryMB": 2048, "alwaysReady": [{"name": "http", "instanceCount": 1}]}
    line = prices.idle("azure-native:web:WebApp", {"functionAppConfig": {"scaleAndConcurrency": scale}})
    assert line.usd == pytest.approx(2 * 730 * 3600 * 0.000004)

"""What a deployment costs while nobody calls: nothing but what is listed."""

from __future__ import annotations

import re

import pytest

from serverless_ai_patterns.aws.prices import UnpricedError
from serverless_ai_patterns.gcp.prices import FREE, idle

ALLOYDB = {
    "gcp:alloydb/cluster:Cluster",
    "gcp:alloydb/user:User",
    "gcp:compute/globalAddress:GlobalAddress",
    "gcp:compute/network:Network",
    "gcp:compute/subnetwork:Subnetwork",
    "gcp:servicenetworking/connection:Connection",
}
"""Made by the vector store's block, whose own test has their prices."""


def bill(recording):
    """Type -> USD a month, of every resource that Google Cloud holds."""
    prices = {}
    for each in recording.resources:
        if each.type.startswith("gcp:"):
            prices[each.type] = prices.get(each.type, 0) + idle(each.type, each.inputs).usd
    return {kind: usd for kind, usd in prices.items() if usd}


def test_the_usual_deployment_costs_its_alerts_and_nothing_else(usual):
    assert bill(usual) == {"gcp:monitoring/alertPolicy:AlertPolicy": pytest.approx(0.4)}


def test_every_part_together_costs_one_alert_one_schedule_and_one_secret_more(whole):
    assert bill(whole) == {
        "gcp:monitoring/alertPolicy:AlertPolicy": pytest.approx(0.5),
        "gcp:cloudscheduler/job:Job": pytest.approx(0.1),
        "gcp:secretmanager/secretVersion:SecretVersion": pytest.approx(0.06),
    }


def test_an_idle_pipeline_costs_its_alerts_and_a_schedule(usual_pipeline, whole_pipeline, reading_pipeline):
    alerts = {"gcp:monitoring/alertPolicy:AlertPolicy": pytest.approx(0.2)}
    assert bill(usual_pipeline) == alerts
    assert bill(reading_pipeline) == alerts
    assert bill(whole_pipeline) == {**alerts, "gcp:cloudscheduler/job:Job": pytest.approx(0.1)}


def test_every_free_type_is_made_by_someone(usual, whole, whole_pipeline, reading_pipeline, usual_rag):
    programs = (usual, whole, whole_pipeline, reading_pipeline, usual_rag)
    made = {each.type for program in programs for each in program.resources}
    assert set(FREE) - ALLOYDB <= made


def test_every_price_says_why_and_where_it_is_from(whole):
    for each in whole.resources:
        if each.type.startswith("gcp:"):
            price = idle(each.type, each.inputs)
            assert price.why
            assert re.search(r"\d{4}-\d{2}-\d{2}", price.source)


def test_what_has_no_price_is_never_taken_as_free():
    with pytest.raises(UnpricedError, match="gcp:sql/databaseInstance:DatabaseInstance"):
        idle("gcp:sql/databaseInstance:DatabaseInstance", {})
    with pytest.raises(UnpricedError, match="2 instances kept warm"):
        idle("gcp:cloudfunctionsv2/function:Function", {"serviceConfig": {"minInstanceCount": 2}})

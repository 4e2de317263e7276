"""What each part is made of: function, model, records, storage, logs, events."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from serverless_ai_patterns import bundle
from serverless_ai_patterns.azure import guardrail
from serverless_ai_patterns.function_llm import Events, FunctionLlmSettings
from serverless_ai_patterns.models_azure import resolve_azure
from serverless_ai_pulumi.azure import FunctionLlm
from serverless_ai_runtime.config import AzureEdgeConfig, FunctionLlmConfig, from_env

CLIENT = "11111111-2222-3333-4444-555555555555"
RUNTIME = Path(bundle.RUNTIME)


def test_the_function_runs_on_flex_consumption_without_keys(usual):
    plan = usual.one("AppServicePlan").inputs
    assert plan["sku"] == {"name": "FC1", "tier": "FlexConsumption"}
    assert (plan["reserved"], plan["kind"]) == (True, "functionapp")
    app = usual.one("WebApp").inputs
    assert (app["kind"], app["httpsOnly"]) == ("functionapp,linux", True)
    assert app["identity"]["type"] == "UserAssigned"
    config = app["functionAppConfig"]
    assert config["runtime"] == {"name": "python", "version": "3.12"}
    assert config["scaleAndConcurrency"] == {
        "instanceMemoryMB": 2048,
        "maximumInstanceCount": 40,
        "triggers": {"http": {"perInstanceConcurrency": 16}},
    }
    storage = config["deployment"]["storage"]
    assert storage["value"] == "https://chat00000a33.blob.core.windows.net/package"
    assert storage["authentication"]["type"] == "UserAssignedIdentity"
    assert usual.one("BlobContainer").physical == "package"
    assert usual.one("WebAppScmAllowed").inputs["allow"] is False


def test_flex_is_told_nothing_that_it_refuses(usual, whole):
    for recording in (usual, whole):
        site = recording.one("WebApp").inputs["siteConfig"]
        assert site.keys() == {"minTlsVersion", "scmMinTlsVersion", "appSettings"}
        assert {site["minTlsVersion"], site["scmMinTlsVersion"]} == {"1.2"}
        refused = {"FUNCTIONS_WORKER_RUNTIME", "FUNCTIONS_EXTENSION_VERSION", "WEBSITE_RUN_FROM_PACKAGE"}
        assert not refused & {one["name"] for one in site["appSettings"]}


def test_the_host_reaches_its_storage_and_its_logs_as_the_apps_identity(usual, settings_of):
    told = settings_of(usual)
    client = told["AZURE_CLIENT_ID"]
    assert told["AzureWebJobsStorage__blobServiceUri"] == "https://chat00000a33.blob.core.windows.net"
    assert told["AzureWebJobsStorage__queueServiceUri"] == "https://chat00000a33.queue.core.windows.net"
    assert told["AzureWebJobsStorage__credential"] == "managedidentity"
    assert told["AzureWebJobsStorage__clientId"] == client
    assert told["APPLICATIONINSIGHTS_AUTHENTICATION_STRING"] == f"ClientId={client};Authorization=AAD"
    assert "AzureWebJobsStorage" not in told, "a connection string would hold a key"


def test_the_handler_is_told_what_was_made(usual, whole, settings_of):
    told = from_env(FunctionLlmConfig, settings_of(usual))
    assert told.model == usual.one("Deployment").physical == "chat"
    assert told.model_endpoint == "https://chat-00000a33.services.ai.azure.com/openai/v1"
    assert told.store == "https://chat-00000a33.documents.azure.com/dbs/state/colls/records"
    assert told.destination == ""
    told = from_env(FunctionLlmConfig, settings_of(whole))
    assert told.destination == "https://chat00000a33.queue.core.windows.net/results"
    edge = from_env(AzureEdgeConfig, settings_of(whole))
    assert (edge.events_queue, edge.schedule) == ("events", "0 0 0 * * *")


def test_the_functions_names_are_those_of_the_app_that_is_published(whole):
    code = (RUNTIME / "root/azure/function_llm/function_app.py").read_text()
    exported = next(out for urn, out in whole.outputs.items() if "FunctionLlm::chat" in urn)
    assert f"def {exported['schedule_name']}(" in code
    host = json.loads((RUNTIME / "root/azure/host.json").read_text())
    assert host["extensions"]["http"]["routePrefix"] == "", "the endpoint is the host and /chat"


def test_one_model_in_one_version_is_served_without_keys_and_with_a_capacity(usual):
    account = usual.one("Account").inputs
    assert (account["kind"], account["sku"]) == ("AIServices", {"name": "S0"})
    assert account["properties"] == {
        "customSubDomainName": account["accountName"],
        "allowProjectManagement": True,
        "disableLocalAuth": True,
    }
    model = resolve_azure("small")
    made = usual.one("Deployment").inputs
    assert made["sku"] == {"name": "GlobalStandard", "capacity": model.capacity}
    assert made["properties"] == {
        "model": {"format": "OpenAI", "name": model.base_id, "version": model.version},
        "versionUpgradeOption": "NoAutoUpgrade",
    }
    project = usual.one("Project")
    assert project.inputs["identity"] == {"type": "SystemAssigned"}
    assert usual.one("Deployment").urn in project.dependencies, "an account makes one thing at a time"


def test_more_capacity_can_be_asked_for(deploy):
    recording = deploy(lambda: FunctionLlm("chat", entra_client_id=CLIENT, model_capacity=7))
    assert recording.one("Deployment").inputs["sku"]["capacity"] == 7


def test_the_guardrail_is_made_from_the_shared_content_and_serves_the_deployment(usual, whole):
    policy = whole.one("RaiPolicy")
    properties = policy.inputs["properties"]
    assert (properties["basePolicyName"], properties["mode"]) == ("Microsoft.DefaultV2", "Blocking")
    assert [
        (one["name"], one["source"], one.get("severityThreshold"), one["enabled"], one["blocking"])
        for one in properties["contentFilters"]
    ] == [(one.name, one.source, one.threshold, True, True) for one in guardrail.FILTERS]
    assert whole.one("Deployment").inputs["properties"]["raiPolicyName"] == policy.physical
    assert usual.all("RaiPolicy") == []


def test_records_expire_are_read_consistently_and_can_be_restored(usual):
    account = usual.one("DatabaseAccount").inputs
    assert account["capabilities"] == [{"name": "EnableServerless"}]
    assert account["consistencyPolicy"] == {"defaultConsistencyLevel": "Strong"}
    assert account["backupPolicy"]["continuousModeProperties"] == {"tier": "Continuous7Days"}
    assert (account["disableLocalAuth"], account["minimalTlsVersion"]) == (True, "Tls12")
    assert account["locations"] == [{"locationName": "swedencentral", "failoverPriority": 0}]
    container = usual.one("SqlResourceSqlContainer").inputs["resource"]
    assert container["partitionKey"] == {"kind": "Hash", "paths": ["/pk"]}
    assert container["defaultTtl"] == -1
    assert container["indexingPolicy"]["excludedPaths"] == [{"path": "/*"}]


def test_storage_takes_tokens_only_and_shows_nothing_to_the_public(whole):
    account = whole.one("StorageAccount").inputs
    expected = {
        "allowSharedKeyAccess": False,
        "allowBlobPublicAccess": False,
        "allowCrossTenantReplication": False,
        "isLocalUserEnabled": False,
        "enableHttpsTrafficOnly": True,
        "minimumTlsVersion": "TLS1_2",
    }
    assert {key: account[key] for key in expected} == expected
    assert {each.inputs["publicAccess"] for each in whole.all("BlobContainer")} == {"None"}


def test_logs_take_tokens_only_and_are_kept_for_the_days_of_the_settings(usual):
    workspace = usual.one("Workspace").inputs
    assert workspace["retentionInDays"] == 30
    assert workspace["features"] == {"disableLocalAuth": True}
    component = usual.one("Component").inputs
    assert component["workspaceResourceId"].endswith(f"/workspaces/{usual.one('Workspace').physical}")
    assert component["disableLocalAuth"] is True


def test_events_that_pass_the_filter_go_into_the_queue_and_the_others_nowhere(whole):
    topic = whole.one("Topic").inputs
    assert topic["inputSchema"] == "CloudEventSchemaV1_0"
    assert (topic["disableLocalAuth"], topic["minimumTlsVersionAllowed"]) == (True, "1.2")
    assert topic["identity"] == {"type": "SystemAssigned"}
    rule = whole.one("TopicEventSubscription").inputs
    assert rule["eventDeliverySchema"] == "CloudEventSchemaV1_0"
    delivery = rule["deliveryWithResourceIdentity"]
    assert delivery["identity"] == {"type": "SystemAssigned"}
    assert delivery["destination"]["endpointType"] == "StorageQueue"
    assert delivery["destination"]["queueName"] == "events"
    burial = rule["deadLetterWithResourceIdentity"]["deadLetterDestination"]
    assert (burial["endpointType"], burial["blobContainerName"]) == ("StorageBlob", "undelivered")
    assert rule["filter"]["includedEventTypes"] == ["OrderPlaced"]
    assert [
        (one["operatorType"], one["key"], one["values"]) for one in rule["filter"]["advancedFilters"]
    ] == [
        ("StringIn", "source", ["shop"]),
        ("NumberIn", "data.n", [1]),
    ]
    assert "destination" not in rule, "delivery as the topic's identity, not with a key"


def test_an_alternative_of_true_or_false_is_said_in_event_grids_own_way(deploy):
    settings = FunctionLlmSettings(events=Events(bus_filter={"detail": {"gift": [False]}}))
    rule = deploy(lambda: FunctionLlm("chat", settings, entra_client_id=CLIENT)).one("TopicEventSubscription")
    (only,) = rule.inputs["filter"]["advancedFilters"]
    assert (only["operatorType"], only["key"], only["value"]) == ("BoolEquals", "data.gift", False)
    assert "includedEventTypes" not in rule.inputs["filter"]


@pytest.mark.parametrize("events", [Events(schedule="rate(1 day)"), Events(bus_filter={"source": ["shop"]})])
def test_one_way_in_makes_nothing_of_the_other(deploy, settings_of, events):
    settings = FunctionLlmSettings(events=events)
    recording = deploy(lambda: FunctionLlm("chat", settings, entra_client_id=CLIENT))
    assert len(recording.all("Topic")) == (events.bus_filter is not None)
    assert bool(from_env(AzureEdgeConfig, settings_of(recording)).schedule) == (events.schedule is not None)
    assert {each.physical for each in recording.all("Queue")} == {"events", "events-poison"}


def test_without_events_there_is_no_queue_that_the_platform_would_look_into_all_day(usual):
    assert usual.all("Queue") == []

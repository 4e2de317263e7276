"""What EventPipeline promises as a component for Azure, by itself and with every source."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pulumi_azure_native as azure
import pytest

from serverless_ai_local.doors.pulumi import checks
from serverless_ai_patterns import bundle
from serverless_ai_patterns.azure import event_pipeline as shared
from serverless_ai_patterns.azure import prices, roles
from serverless_ai_patterns.event_pipeline import (
    AuditLog,
    Batching,
    Custom,
    Entities,
    EventPipelineSettings,
    Ocr,
    Results,
    Sources,
    Transcribe,
    Uploads,
    WorkerSettings,
)
from serverless_ai_pulumi.azure import EventPipeline
from serverless_ai_runtime.config import AzureEdgeConfig, from_env
from serverless_ai_runtime.config_event_pipeline import EventPipelineConfig

QUEUE_ONLY = Sources(uploads=None)
EVERYTHING = EventPipelineSettings(
    sources=Sources(
        uploads=Uploads(prefix="in/", suffixes=(".pdf", ".txt"), max_mb=20),
        topic={"kind": ["invoice", "receipt"]},
        schedule="rate(1 day)",
        schedule_message="Water the plants.",
        bus_filter={"source": ["shop"], "detail-type": ["OrderPlaced"]},
        devices=True,
    ),
    results=Results(keep_days=90),
)


@pytest.fixture(scope="module")
def usual(deploy):
    """`EventPipeline("papers")` and nothing else."""
    return deploy(lambda: EventPipeline("papers"))


@pytest.fixture(scope="module")
def whole(deploy):
    return deploy(lambda: EventPipeline("papers", EVERYTHING))


def of(deploy, **settings: Any):
    return deploy(lambda: EventPipeline("papers", EventPipelineSettings(**settings)))


def grants(recording) -> Counter[tuple[str, str]]:
    """Role and last two parts of the scope of every assignment."""
    names = {role.id: role.name for role in vars(roles).values() if isinstance(role, roles.Role)}
    return Counter(
        (names[one.inputs["roleDefinitionId"].split("/")[-1]], "/".join(one.inputs["scope"].split("/")[-2:]))
        for one in recording.all("RoleAssignment")
    )


def test_the_default_is_made_of_these_resources_and_no_other(usual):
    made = Counter(each.type for each in usual.resources if each.type.startswith("azure-native:"))
    assert {kind.rpartition(":")[2]: count for kind, count in made.items()} == {
        "Account": 1,
        "AppServicePlan": 1,
        "BlobContainer": 4,
        "BlobServiceProperties": 1,
        "Component": 1,
        "DatabaseAccount": 1,
        "Deployment": 1,
        "MetricAlert": 2,
        "Project": 1,
        "Queue": 2,
        "ResourceGroup": 1,
        "RoleAssignment": 10,
        "ScheduledQueryRule": 2,
        "SqlResourceSqlContainer": 1,
        "SqlResourceSqlDatabase": 1,
        "SqlResourceSqlRoleAssignment": 1,
        "StorageAccount": 2,
        "SystemTopic": 1,
        "SystemTopicEventSubscription": 1,
        "Topic": 1,
        "UserAssignedIdentity": 1,
        "WebApp": 1,
        "WebAppAuthSettingsV2": 1,
        "WebAppScmAllowed": 1,
        "Workbook": 1,
        "Workspace": 1,
    }


@pytest.mark.parametrize("run", ["usual", "whole"])
def test_everything_has_properties_that_the_sdk_knows_and_a_parent(request, run):
    recording = request.getfixturevalue(run)
    component = recording.one("EventPipeline")
    for each in recording.resources:
        if each.type.startswith("azure-native:"):
            assert list(checks.resource(each.type, whole_numbers(each.inputs))) == [], each.name
            assert each.parent == component.urn
            assert each.name.startswith("papers-")


def whole_numbers(value):
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: whole_numbers(one) for key, one in value.items()}
    return [whole_numbers(one) for one in value] if isinstance(value, list) else value


def test_the_default_costs_nothing_but_its_alerts(usual, whole):
    def idle(recording) -> float:
        made = [
            one for one in recording.resources if one.type.startswith(("azure-native:", "pulumi-python:"))
        ]
        return sum(prices.idle(one.type, one.inputs).usd for one in made)

    assert idle(usual) == pytest.approx(2 * 0.50 + 2 * 0.10)
    assert idle(whole) == pytest.approx(2 * 0.50 + 2 * 0.10 + 25)


# -- rights -----------------------------------------------------------------------------------------------
ALWAYS = {
    ("Monitoring Metrics Publisher", "components/papers-insights0a1b2c3d"),
    ("Storage Queue Data Contributor", "queues/events"),
    ("Storage Queue Data Message Sender", "queues/events-poison"),
    ("Storage Blob Data Contributor", "containers/results"),
}


def test_the_identity_reads_uploads_writes_results_and_uses_two_queues(usual, deploy):
    found = grants(usual)
    assert found.keys() >= ALWAYS
    assert found["Storage Blob Data Reader", "containers/uploads"] == 1
    assert {role for role, scope in found if scope.startswith("storageAccounts/")} == {
        "Storage Blob Data Owner"
    }, "the host's own account only"
    assert ("Cognitive Services OpenAI User", f"accounts/{usual.one('Account').physical}") in found
    assert ("EventGrid Data Sender", f"topics/{usual.one('Topic').physical}") in found
    without = grants(of(deploy, sources=QUEUE_ONLY))
    assert without.keys() >= ALWAYS
    assert not [role for role, scope in without if scope == "containers/uploads"]


def test_documents_are_in_another_account_than_what_the_host_may_change(usual):
    owner = next(
        one.inputs["scope"]
        for one in usual.all("RoleAssignment")
        if one.inputs["roleDefinitionId"].endswith(roles.HOST_BLOBS.id)
    )
    homes = {one.inputs["containerName"]: one.inputs["accountName"] for one in usual.all("BlobContainer")}
    assert len(set(homes.values())) == 2
    assert homes["uploads"] == homes["results"] == homes["undelivered"] != homes["package"]
    assert owner.endswith(f"/storageAccounts/{homes['package']}")


def test_each_topic_may_send_into_the_queue_and_keep_what_does_not_get_there(whole):
    found = grants(whole)
    assert found["Storage Queue Data Message Sender", "queues/events"] == 4
    assert found["Storage Blob Data Contributor", "containers/undelivered"] == 4
    rules = [*whole.all("SystemTopicEventSubscription"), *whole.all("TopicEventSubscription")]
    assert len(rules) == 4
    for rule in rules:
        delivery = rule.inputs["deliveryWithResourceIdentity"]["destination"]
        assert delivery["queueName"] == "events"
        burial = rule.inputs["deadLetterWithResourceIdentity"]["deadLetterDestination"]
        assert burial["blobContainerName"] == "undelivered"
        assert rule.inputs["retryPolicy"] == {
            "maxDeliveryAttempts": 30,
            "eventTimeToLiveInMinutes": 1440,
        }
        ours = {one.urn for one in whole.all("RoleAssignment") if one.name.startswith(rule.name[:-5])}
        assert len(ours) == 2
        assert ours <= set(rule.dependencies)


@pytest.mark.parametrize(
    "processor", [Ocr(), Entities(), Transcribe()], ids=["ocr", "entities", "transcribe"]
)
def test_a_processor_of_a_service_has_its_account_and_no_model(deploy, settings_of, processor):
    recording = of(deploy, processor=processor)
    account = recording.one("Account")
    found = grants(recording)
    assert ("Cognitive Services User", f"accounts/{account.physical}") in found
    assert not [role for role, _ in found if "OpenAI" in role]
    assert recording.all("Deployment") == []
    told = from_env(EventPipelineConfig, settings_of(recording))
    assert (told.model, told.model_endpoint) == ("", "")
    assert told.ai_endpoint == f"https://{account.physical}.cognitiveservices.azure.com"
    # Audio is fetched by the service itself; everything else the function sends to it.
    assert found["Storage Blob Data Reader", "containers/uploads"] == 1 + isinstance(processor, Transcribe)


def test_a_processor_of_ones_own_needs_no_account_and_is_in_the_package(deploy, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("def process(item):\n    return {}\n")
    recording = of(deploy, processor=Custom(file=str(file)))
    assert recording.all("Account") == []
    package = recording.one("Package").inputs
    assert package["extra"] == {"serverless_ai_custom.py": str(file)}
    assert package["digest"] == bundle.digest(
        "event_pipeline", "azure", extra={"serverless_ai_custom.py": file}
    )


# -- the function -----------------------------------------------------------------------------------------
def test_the_function_is_told_everything(whole, settings_of):
    settings = settings_of(whole)
    told, edge = from_env(EventPipelineConfig, settings), from_env(AzureEdgeConfig, settings)
    documents, host = (
        next(one.physical for one in whole.all("StorageAccount") if one.name == f"papers-{use}")
        for use in ("documents", "storage")
    )
    assert documents != host
    assert told.objects == f"https://{documents}.blob.core.windows.net"
    assert (told.inputs, told.results) == ("uploads", "results")
    assert told.queue == f"https://{host}.queue.core.windows.net/events"
    assert told.dead_letters == f"https://{host}.queue.core.windows.net/events-poison"
    assert told.announcements.endswith(".eventgrid.azure.net/api/events")
    assert told.model == "chat"
    assert told.model_endpoint.endswith(".services.ai.azure.com/openai/v1")
    assert told.input_microusd > 0
    assert edge.events_queue == "events"
    assert edge.queue_service == f"https://{host}.queue.core.windows.net"
    assert (edge.schedule, edge.schedule_message) == ("0 0 0 * * *", "Water the plants.")


def test_the_host_gives_up_later_than_the_function(deploy, settings_of):
    function = WorkerSettings(timeout_s=90, max_attempts=8)
    recording = of(deploy, function=function, batching=Batching(size=20, wait_s=15))
    settings = settings_of(recording)
    assert settings["AzureFunctionsJobHost__functionTimeout"] == "00:01:45"
    assert int(settings["AzureFunctionsJobHost__extensions__queues__maxDequeueCount"]) >= 8 + 2 * 3 + 1


def test_no_more_items_are_in_hand_than_the_settings_say(deploy):
    def most(**settings: Any) -> int:
        app = of(deploy, **settings).one("WebApp").inputs
        return app["functionAppConfig"]["scaleAndConcurrency"]["maximumInstanceCount"]

    assert most(function=WorkerSettings(max_concurrency=25)) == 25
    assert most(function=WorkerSettings(max_concurrency=25), batching=Batching(size=10)) == 3


def test_the_function_has_no_way_in_from_outside(usual):
    app = usual.one("WebApp").inputs
    assert "triggers" not in app["functionAppConfig"]["scaleAndConcurrency"]
    told = usual.one("WebAppAuthSettingsV2").inputs
    assert told["globalValidation"] == {
        "requireAuthentication": True,
        "unauthenticatedClientAction": "Return401",
    }
    client = next(
        one["value"] for one in app["siteConfig"]["appSettings"] if one["name"] == "AZURE_CLIENT_ID"
    )
    registration = told["identityProviders"]["azureActiveDirectory"]
    assert registration["registration"]["clientId"] == client, "its own identity: no app registration"
    assert registration["validation"]["allowedAudiences"] == [client]
    assert usual.one("WebAppAuthSettingsV2").urn in usual.one("Package").dependencies


def test_the_function_waits_for_everything_that_its_identity_was_granted(usual):
    granted = {one.urn for one in usual.resources if "-may-" in one.name}
    assert len(granted) == 9
    assert granted <= set(usual.one("WebApp").dependencies)


# -- documents --------------------------------------------------------------------------------------------
def test_deleted_documents_can_be_had_back_and_results_expire_when_they_are_told_to(usual, whole):
    kept = usual.one("BlobServiceProperties").inputs
    assert kept["deleteRetentionPolicy"] == {"enabled": True, "days": 14}
    assert kept["containerDeleteRetentionPolicy"] == {"enabled": True, "days": 14}
    assert usual.all("ManagementPolicy") == []
    (rule,) = whole.one("ManagementPolicy").inputs["policy"]["rules"]
    assert rule["definition"]["filters"]["prefixMatch"] == ["results/results/"]
    assert rule["definition"]["actions"]["baseBlob"]["delete"] == {"daysAfterModificationGreaterThan": 90}


def test_documents_may_be_lost_only_if_one_says_so(deploy, usual):
    lost = deploy(lambda: EventPipeline("papers", force_destroy=True))
    for recording, kept in ((usual, {"papers-documents"}), (lost, set())):
        assert {one.name for one in recording.resources if one.protect} == kept


# -- the ways in ------------------------------------------------------------------------------------------
def test_rules_let_in_what_the_filters_say(whole):
    passes = {
        one.name.removeprefix("papers-take-").removesuffix("-rule"): one.inputs["filter"]
        for one in whole.resources
        if one.name.endswith("-rule")
    }
    assert passes["uploads"] == {
        "includedEventTypes": ["Microsoft.Storage.BlobCreated"],
        "subjectBeginsWith": "/blobServices/default/containers/uploads/blobs/in/",
        "isSubjectCaseSensitive": True,
        "advancedFilters": [
            {"operatorType": "StringEndsWith", "key": "subject", "values": [".pdf", ".txt"]},
            {
                "operatorType": "NumberLessThanOrEquals",
                "key": "data.contentLength",
                "value": 20 * 1024 * 1024,
            },
        ],
    }
    assert passes["topic"]["advancedFilters"] == [
        {"operatorType": "StringIn", "key": "data.attributes.kind", "values": ["invoice", "receipt"]}
    ]
    assert passes["bus"]["includedEventTypes"] == ["OrderPlaced"]
    assert passes["devices"]["includedEventTypes"] == ["Microsoft.Devices.DeviceTelemetry"]


def test_one_suffix_is_compared_as_it_is_spelled(deploy):
    recording = of(deploy, sources=Sources(uploads=Uploads(suffixes=(".PDF",))))
    passes = recording.one("SystemTopicEventSubscription").inputs["filter"]
    assert (passes["subjectEndsWith"], passes["isSubjectCaseSensitive"]) == (".PDF", True)
    assert "advancedFilters" not in passes


def test_no_filter_can_let_a_result_in(deploy):
    for uploads in (Uploads(), Uploads(prefix="results/"), Uploads(suffixes=(".json",))):
        recording = of(deploy, sources=Sources(uploads=uploads))
        passes = recording.one("SystemTopicEventSubscription").inputs["filter"]
        assert passes["subjectBeginsWith"].startswith("/blobServices/default/containers/uploads/blobs/")


def test_two_pipelines_share_one_topic_each_with_its_filter(deploy):
    def wants(kind: str) -> EventPipelineSettings:
        return EventPipelineSettings(sources=Sources(uploads=None, topic={"kind": [kind]}))

    def program():
        first = EventPipeline("invoices", wants("invoice"))
        EventPipeline("receipts", wants("receipt"), topic=first.topic)

    recording = deploy(program)
    topic = recording.one("Topic", "invoices-topic").physical
    rules = recording.all("TopicEventSubscription")
    assert {one.inputs["topicName"] for one in rules} == {topic}
    assert {one.inputs["resourceGroupName"] for one in rules} == {
        recording.one("ResourceGroup", "invoices-group").physical
    }, "a subscription is where its topic is"
    assert len({json.dumps(one.inputs["deliveryWithResourceIdentity"]) for one in rules}) == 2


def test_an_iot_hub_sends_what_devices_say_to_event_grid(whole, usual):
    hub = whole.one("IotHubResource").inputs
    (route,) = hub["properties"]["routing"]["routes"]
    assert route["endpointNames"] == ["eventgrid"]
    assert hub["properties"]["disableLocalAuth"] is True
    telling = whole.one("SystemTopic", "papers-devices").inputs
    assert telling["topicType"] == "Microsoft.Devices.IoTHubs"
    assert telling["source"].endswith(f"/IotHubs/{whole.one('IotHubResource').physical}")
    assert usual.all("IotHubResource") == []


# -- what is refused --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("sources", "text"),
    [
        (Sources(firestore="orders"), "Sources.firestore must be left out on Azure"),
        (
            Sources(audit_log=AuditLog(service="bigquery.googleapis.com", method="a.b")),
            "Sources.audit_log must be left out on Azure",
        ),
        (Sources(bus_filter={"detail": {"a": [{"exists": True}]}}), "Sources.bus_filter has detail.a"),
        (Sources(topic={"kind": [str(n) for n in range(26)]}), "Sources.topic has 26 values"),
    ],
)
@pytest.mark.parametrize("preview", [True, False])
def test_what_azure_does_not_have_is_refused_by_name(deploy, sources, text, preview):
    with pytest.raises(ValueError, match=text):
        deploy(lambda: EventPipeline("papers", EventPipelineSettings(sources=sources)), preview=preview)


def test_a_topic_that_nothing_is_taken_from_is_refused(deploy):
    def program():
        mine = azure.eventgrid.Topic("mine", resource_group_name="elsewhere")
        EventPipeline("papers", topic=mine)

    with pytest.raises(ValueError, match="a topic was given, but these settings take nothing from it"):
        deploy(program)


def test_what_is_brought_is_used_and_not_made(deploy):
    def program():
        group = azure.resources.ResourceGroup("mine", resource_group_name="my-group")
        workspace = azure.operationalinsights.Workspace("mine", resource_group_name="elsewhere")
        EventPipeline("papers", resource_group=group, workspace=workspace, subnet_id="/subnets/f")

    recording = deploy(program)
    assert [one.name for one in recording.all("ResourceGroup")] == ["mine"]
    assert [one.name for one in recording.all("Workspace")] == ["mine"]
    assert recording.one("WebApp").inputs["virtualNetworkSubnetId"] == "/subnets/f"


def test_spans_of_the_host_are_written_as_it_reads_them() -> None:
    assert [shared._span(seconds) for seconds in (6, 61, 540, 3661)] == [
        "00:00:06",
        "00:01:01",
        "00:09:00",
        "01:01:01",
    ]

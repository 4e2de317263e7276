"""What the Pulumi component promises without being told anything, and with every part switched on."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path
from xml.etree import ElementTree

import pulumi
import pytest

from serverless_ai_patterns import bundle
from serverless_ai_patterns.azure import guardrail, observability, prices, roles
from serverless_ai_patterns.function_llm import Events, FunctionLlmSettings, Iam, Jwt, Llm
from serverless_ai_patterns.models_azure import resolve_azure
from serverless_ai_pulumi.azure import FunctionLlm
from serverless_ai_runtime.config import AzureEdgeConfig, FunctionLlmConfig, from_env

CLIENT = "11111111-2222-3333-4444-555555555555"
TENANT = "72f988bf-86f1-41af-91ab-444455556666"
RUNTIME = Path(bundle.RUNTIME)


def granted(recording) -> set[tuple[str, str, str]]:
    """Role, scope without its beginning, and whose it is, of every assignment of Azure RBAC."""
    names = {role.id: role.name for role in vars(roles).values() if isinstance(role, roles.Role)}
    principals = {
        "chat-identity0a1b2c3d-principal": "function",
        "chat-topic0a1b2c3d": "topic",
    }
    found: set[tuple[str, str, str]] = set()
    for each in recording.all("RoleAssignment"):
        whose = next(
            word
            for name, word in principals.items()
            if each.inputs["principalId"].startswith(f"{sum(name.encode()):08x}")
        )
        scope = each.inputs["scope"].split("/providers/Microsoft.")[1]
        found.add((names[each.inputs["roleDefinitionId"].split("/")[-1]], scope, whose))
    return found


USUAL_GRANTS = {
    ("Monitoring Metrics Publisher", "Insights/components/chat-insights0a1b2c3d", "function"),
    ("Storage Blob Data Owner", "Storage/storageAccounts/chat00000a33", "function"),
    ("Cognitive Services OpenAI User", "CognitiveServices/accounts/chat-00000a33", "function"),
}
QUEUES = "Storage/storageAccounts/chat00000a33/queueServices/default/queues"
CONTAINERS = "Storage/storageAccounts/chat00000a33/blobServices/default/containers"
WHOLE_GRANTS = USUAL_GRANTS | {
    ("Storage Queue Data Contributor", f"{QUEUES}/events", "function"),
    ("Storage Queue Data Message Sender", f"{QUEUES}/events-poison", "function"),
    ("Storage Queue Data Message Sender", f"{QUEUES}/results", "function"),
    ("Storage Queue Data Message Sender", f"{QUEUES}/events", "topic"),
    ("Storage Blob Data Contributor", f"{CONTAINERS}/undelivered", "topic"),
    ("Key Vault Secrets User", "KeyVault/vaults/chat00000a33/secrets/weather-api-key", "function"),
}


def test_the_identity_may_do_what_the_parts_need_each_on_one_resource_and_nothing_else(usual, whole):
    assert granted(usual) == USUAL_GRANTS
    assert granted(whole) == WHOLE_GRANTS
    for recording in (usual, whole):
        for each in recording.all("RoleAssignment"):
            assert each.inputs["principalType"] == "ServicePrincipal"
            assert str(uuid.UUID(each.inputs["roleAssignmentName"])) == each.inputs["roleAssignmentName"]
            assert "/providers/Microsoft." in each.inputs["scope"], "never a group or a subscription"


def test_records_are_read_and_written_in_one_container_of_one_account(usual):
    made = usual.one("SqlResourceSqlRoleAssignment").inputs
    account = usual.one("DatabaseAccount")
    assert made["scope"].endswith(f"/databaseAccounts/{account.physical}/dbs/state/colls/records")
    assert made["roleDefinitionId"].endswith(
        f"/databaseAccounts/{account.physical}/sqlRoleDefinitions/{roles.USE_RECORDS.id}"
    )
    assert made["resourceGroupName"] == usual.one("ResourceGroup").physical
    uuid.UUID(made["roleAssignmentId"])


def test_nobody_calls_without_a_token_of_the_tenant_for_the_app_registration(usual):
    made = usual.one("WebAppAuthSettingsV2").inputs
    assert made["name"] == usual.one("WebApp").physical
    assert made["platform"]["enabled"] is True
    assert made["globalValidation"] == {
        "requireAuthentication": True,
        "unauthenticatedClientAction": "Return401",
    }
    assert made["httpSettings"] == {"requireHttps": True}
    assert made["identityProviders"] == {
        "azureActiveDirectory": {
            "enabled": True,
            "registration": {
                "clientId": CLIENT,
                "openIdIssuer": f"https://login.microsoftonline.com/{TENANT}/v2.0",
            },
            "validation": {"allowedAudiences": [CLIENT, f"api://{CLIENT}"]},
        }
    }


def test_tokens_of_another_issuer_are_checked_for_every_audience(whole):
    providers = whole.one("WebAppAuthSettingsV2").inputs["identityProviders"]
    assert providers.keys() == {"customOpenIdConnectProviders"}
    made = providers["customOpenIdConnectProviders"]
    assert [made[name]["registration"]["clientId"] for name in ("jwt1", "jwt2")] == ["chat", "admin"]
    assert len(made) == 2
    for provider in made.values():
        assert provider["enabled"] is True
        assert provider["registration"]["openIdConnectConfiguration"] == {
            "issuer": "https://login.example.com/",
            "wellKnownOpenIdConfiguration": "https://login.example.com/.well-known/openid-configuration",
        }
        assert "clientCredential" not in provider["registration"], "no secret is needed to check a token"


def test_tokens_of_an_entra_issuer_go_to_the_entra_provider(deploy):
    issuer = f"https://login.microsoftonline.com/{TENANT}/v2.0"
    settings = FunctionLlmSettings(auth=Jwt(issuer=issuer, audience=("a", "b")))
    made = deploy(lambda: FunctionLlm("chat", settings)).one("WebAppAuthSettingsV2").inputs
    provider = made["identityProviders"]["azureActiveDirectory"]
    assert provider["registration"] == {"clientId": "a", "openIdIssuer": issuer}
    assert provider["validation"] == {"allowedAudiences": ["a", "b"]}


def test_another_tenant_can_be_named(deploy):
    program = lambda: FunctionLlm("chat", entra_client_id=CLIENT, entra_tenant_id="other")  # noqa: E731
    made = deploy(program).one("WebAppAuthSettingsV2").inputs["identityProviders"]["azureActiveDirectory"]
    assert made["registration"]["openIdIssuer"] == "https://login.microsoftonline.com/other/v2.0"


@pytest.mark.parametrize("preview", [True, False])
def test_without_an_app_registration_the_program_fails_and_says_how_to_make_one(deploy, preview):
    with pytest.raises(ValueError, match=r"chat: .*az ad app create --display-name chat .*entra_client_id"):
        deploy(lambda: FunctionLlm("chat"), preview=preview)


def test_no_code_is_there_before_callers_are_checked_and_the_check_goes_with_the_app(usual):
    auth = usual.one("WebAppAuthSettingsV2")
    assert auth.urn in usual.one("Package").dependencies
    assert auth.deleted_with == usual.one("WebApp").urn


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
    code = (RUNTIME / "root/azure/function_app.py").read_text()
    exported = next(out for urn, out in whole.outputs.items() if "FunctionLlm::chat" in urn)
    assert f"def {exported['schedule_name']}(" in code
    host = json.loads((RUNTIME / "root/azure/host.json").read_text())
    assert host["extensions"]["http"]["routePrefix"] == "", "the endpoint is the host and /chat"


def test_the_function_waits_for_everything_that_its_identity_was_granted(whole):
    app = whole.one("WebApp")
    needed = [
        each.urn
        for each in whole.resources
        if each.type.endswith("RoleAssignment") and not each.name.startswith("chat-topic")
    ]
    assert len(needed) >= 7
    assert set(needed) <= set(app.dependencies)
    rule = whole.one("TopicEventSubscription")
    ours = {each.urn for each in whole.all("RoleAssignment") if each.name.startswith("chat-topic")}
    assert len(ours) == 2
    assert ours <= set(rule.dependencies)


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


def test_secrets_are_kept_in_a_vault_and_nowhere_in_plain_text(usual, whole, settings_of):
    assert usual.all("Vault") == usual.all("Secret") == []
    assert "keyVaultReferenceIdentity" not in usual.one("WebApp").inputs
    vault = whole.one("Vault").inputs["properties"]
    assert (vault["enableRbacAuthorization"], vault["enablePurgeProtection"]) == (True, True)
    assert vault["tenantId"] == TENANT
    told = settings_of(whole)["WEATHER_API_KEY"]
    assert told == "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/weather-api-key)"
    assert whole.one("WebApp").inputs["keyVaultReferenceIdentity"].endswith("/chat-identity0a1b2c3d")
    assert "hunter2" not in plain(whole)


def test_no_token_and_no_key_is_in_plain_text(usual, whole):
    for recording in (usual, whole):
        text = plain(recording)
        assert "a-token-of-whoever-deploys" not in text
        assert not re.search(r"AccountKey=|SharedAccess|listKeys", text, re.IGNORECASE)
    assert "a-token-of-whoever-deploys" in json.dumps([each.inputs for each in usual.resources])


def test_a_gateway_lets_the_same_tokens_through_counts_calls_and_has_one_route(whole):
    service = whole.one("ApiManagementService").inputs
    assert service["sku"] == {"name": "Consumption", "capacity": 0}
    api = whole.one("Api").inputs
    assert (api["path"], api["protocols"], api["subscriptionRequired"]) == ("", ["https"], True)
    assert api["serviceUrl"] == ("https://chat-function0a1b2c3d-d4e5f6.swedencentral-01.azurewebsites.net")
    route = whole.one("ApiOperation").inputs
    assert (route["method"], route["urlTemplate"]) == ("POST", "/chat")
    policy = whole.one("ApiPolicy").inputs
    assert policy["format"] == "rawxml"
    root = ElementTree.fromstring(policy["value"])
    token = root.find("inbound/validate-jwt")
    assert token is not None
    assert [one.text for one in token.findall("audiences/audience")] == ["chat", "admin"]
    assert [one.text for one in token.findall("issuers/issuer")] == ["https://login.example.com/"]
    limit = root.find("inbound/rate-limit")
    assert limit is not None
    assert limit.attrib == {"calls": "20", "renewal-period": "2"}
    assert whole.one("Subscription").inputs["scope"].endswith("/chat-gateway-api")


def test_without_a_gateway_none_is_made_and_callers_reach_the_app(usual, whole):
    assert not [each for each in usual.resources if ":apimanagement:" in each.type]
    endpoint = next(out for urn, out in usual.outputs.items() if "FunctionLlm::chat" in urn)["endpoint"]
    assert endpoint == "https://chat-function0a1b2c3d-d4e5f6.swedencentral-01.azurewebsites.net"
    endpoint = next(out for urn, out in whole.outputs.items() if "FunctionLlm::chat" in urn)["endpoint"]
    assert endpoint == "https://chat-gateway0a1b2c3d.azure-api.net"


def test_a_gateway_checks_entras_tokens_too(deploy):
    from serverless_ai_pulumi.azure import Gateway

    publisher = Gateway(publisher_email="ops@example.com", publisher_name="Ops")
    recording = deploy(lambda: FunctionLlm("chat", entra_client_id=CLIENT, gateway=publisher))
    root = ElementTree.fromstring(recording.one("ApiPolicy").inputs["value"])
    assert [one.text for one in root.iter("audience")] == [CLIENT, f"api://{CLIENT}"]
    assert f"https://login.microsoftonline.com/{TENANT}/v2.0" in [one.text for one in root.iter("issuer")]


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
        ("azure-native:search:Service", {}),
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


def test_everything_is_a_child_of_the_component_and_the_component_of_the_stack(whole):
    component = whole.one("FunctionLlm")
    assert component.type == "serverless-ai:azure:FunctionLlm"
    assert component.parent.split("::")[2] == "pulumi:pulumi:Stack"
    children = [each for each in whole.resources if each is not component]
    assert {each.parent for each in children} == {component.urn}
    assert all(each.name.startswith("chat-") for each in children)


def test_the_same_program_twice_says_the_same(usual, deploy):
    assert deploy(lambda: FunctionLlm("chat", entra_client_id=CLIENT)).picture == usual.picture


def test_a_preview_knows_every_resource_that_an_update_makes(usual, deploy, everything, whole):
    preview = deploy(lambda: FunctionLlm("chat", entra_client_id=CLIENT), preview=True)
    assert preview.picture.keys() == usual.picture.keys()
    settings = FunctionLlmSettings(llm=everything.llm, auth=everything.auth, events=everything.events)
    preview = deploy(lambda: FunctionLlm("chat", settings), preview=True)
    missing = {each.name for each in whole.resources} - {each.name for each in preview.resources}
    assert all(name.startswith(("chat-gateway", "chat-vault")) for name in missing)


def test_one_call_asks_for_a_token_and_no_other_call_is_made(whole):
    assert whole.invokes == [("azure-native:authorization:getClientToken", "")]


def test_an_explicit_provider_reaches_every_child_and_the_call(deploy):
    import pulumi_azure_native as azure

    def program():
        elsewhere = azure.Provider("elsewhere", location="westeurope")
        FunctionLlm("chat", entra_client_id=CLIENT, opts=pulumi.ResourceOptions(provider=elsewhere))

    recording = deploy(program)
    children = [
        each for each in recording.resources if each.name.startswith("chat-") and "dynamic" not in each.type
    ]
    assert len(children) > 20
    (provider,) = {each.provider for each in children}
    assert "::elsewhere::" in provider
    assert recording.invokes == [("azure-native:authorization:getClientToken", provider)]


def test_two_components_share_nothing(deploy):
    def program():
        FunctionLlm("one", entra_client_id=CLIENT)
        FunctionLlm("two", entra_client_id=CLIENT)

    recording = deploy(program)
    for kind in ("StorageAccount", "DatabaseAccount", "Account"):
        assert len({each.physical for each in recording.all(kind)}) == 2, "a name in the whole world"
    one, two = (
        [each for each in recording.resources if each.name.startswith(name)] for name in ("one", "two")
    )
    assert len(one) == len(two) == len(recording.resources) / 2
    for mine, other in ((one, "two"), (two, "one")):
        assert not any(f"{other}-" in json.dumps(each.inputs) for each in mine)


@pytest.mark.parametrize("name", ["a", "my-long-name-of-24-chars"])
def test_names_of_resources_are_such_as_azure_takes(deploy, name):
    recording = deploy(lambda: FunctionLlm(name, entra_client_id=CLIENT))
    assert re.fullmatch(r"[a-z0-9]{3,24}", recording.one("StorageAccount").physical)
    assert re.fullmatch(r"[a-z][a-z0-9-]{2,43}", recording.one("DatabaseAccount").physical)
    assert re.fullmatch(r"[a-z][a-z0-9-]{1,63}", recording.one("Account").physical)


@pytest.mark.parametrize("name", ["", "Chat", "my_chat", "1chat", "-chat", "chat-", "a--b", "x" * 25, "chät"])
def test_a_name_that_azure_would_refuse_is_refused_at_once(deploy, name):
    with pytest.raises(ValueError, match="the name of a component on Azure must be 1 to 24 small letters"):
        deploy(lambda: FunctionLlm(name, entra_client_id=CLIENT))


@pytest.mark.parametrize("model", ["smal", "no model at all", "gpt-9", "claude-opus-5@1"])
@pytest.mark.parametrize("preview", [True, False])
def test_an_impossible_model_fails_the_program_already_in_a_preview(deploy, model, preview):
    settings = FunctionLlmSettings(llm=Llm(model=model), auth=Iam())
    with pytest.raises(ValueError, match=r"model (must be|.* cannot be used)"):
        deploy(lambda: FunctionLlm("chat", settings, entra_client_id=CLIENT), preview=preview)


@pytest.mark.parametrize("events", [Events(schedule="rate(1 day)"), Events(bus_filter={"source": ["shop"]})])
def test_one_way_in_makes_nothing_of_the_other(deploy, settings_of, events):
    settings = FunctionLlmSettings(events=events)
    recording = deploy(lambda: FunctionLlm("chat", settings, entra_client_id=CLIENT))
    assert len(recording.all("Topic")) == (events.bus_filter is not None)
    assert bool(from_env(AzureEdgeConfig, settings_of(recording)).schedule) == (events.schedule is not None)
    assert {each.physical for each in recording.all("Queue")} == {"events", "events-poison"}


def test_without_events_there_is_no_queue_that_the_platform_would_look_into_all_day(usual):
    assert usual.all("Queue") == []


def plain(recording) -> str:
    """Every input of every resource as text, without what is marked as a secret."""

    def shown(value):
        if isinstance(value, dict):
            secret = "4dabf18193072939515e22adb298388d" in value
            return "[secret]" if secret else {key: shown(one) for key, one in value.items()}
        return [shown(one) for one in value] if isinstance(value, list) else value

    return json.dumps([shown(each.inputs) for each in recording.resources])

"""What the Azure provider would answer, and the deployments that the tests look at."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from recorder import Cloud, Deploy, Recording, deployer

from serverless_ai_patterns.function_llm import Events, FunctionLlmSettings, Jwt, Llm
from serverless_ai_pulumi.azure import FunctionLlm, Gateway

SUBSCRIPTION = "0b1f6471-1bf0-4dda-aec3-111122223333"
TENANT = "72f988bf-86f1-41af-91ab-444455556666"
CLIENT = "11111111-2222-3333-4444-555555555555"
"""The app registration that callers get tokens for."""
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups"

# Input that names a resource, by type; the others are named by the provider after their logical name.
NAMED_BY = {
    "apimanagement:Api": "apiId",
    "applicationinsights:Workbook": "resourceName",
    "authorization:RoleAssignment": "roleAssignmentName",
    "cognitiveservices:Account": "accountName",
    "cognitiveservices:Deployment": "deploymentName",
    "cognitiveservices:RaiPolicy": "raiPolicyName",
    "cosmosdb:DatabaseAccount": "accountName",
    "cosmosdb:SqlResourceSqlContainer": "containerName",
    "cosmosdb:SqlResourceSqlDatabase": "databaseName",
    "iothub:IotHubResource": "resourceName",
    "keyvault:Secret": "secretName",
    "keyvault:Vault": "vaultName",
    "search:Service": "searchServiceName",
    "storage:BlobContainer": "containerName",
    "storage:Queue": "queueName",
    "storage:StorageAccount": "accountName",
}
# The rest of a resource's id: its own path, made of its name and of its inputs.
PATHS = {
    "applicationinsights:Component": "Microsoft.Insights/components/{name}",
    "cognitiveservices:Account": "Microsoft.CognitiveServices/accounts/{name}",
    "cosmosdb:DatabaseAccount": "Microsoft.DocumentDB/databaseAccounts/{name}",
    "cosmosdb:SqlResourceSqlContainer": "Microsoft.DocumentDB/databaseAccounts/{accountName}"
    "/sqlDatabases/{databaseName}/containers/{name}",
    "eventgrid:SystemTopic": "Microsoft.EventGrid/systemTopics/{name}",
    "eventgrid:Topic": "Microsoft.EventGrid/topics/{name}",
    "iothub:IotHubResource": "Microsoft.Devices/IotHubs/{name}",
    "keyvault:Key": "Microsoft.KeyVault/vaults/{vaultName}/keys/{name}",
    "keyvault:Secret": "Microsoft.KeyVault/vaults/{vaultName}/secrets/{name}",
    "operationalinsights:Workspace": "Microsoft.OperationalInsights/workspaces/{name}",
    "managedidentity:UserAssignedIdentity": "Microsoft.ManagedIdentity/userAssignedIdentities/{name}",
    "search:Service": "Microsoft.Search/searchServices/{name}",
    "storage:BlobContainer": "Microsoft.Storage/storageAccounts/{accountName}"
    "/blobServices/default/containers/{name}",
    "storage:Queue": "Microsoft.Storage/storageAccounts/{accountName}/queueServices/default/queues/{name}",
    "storage:StorageAccount": "Microsoft.Storage/storageAccounts/{name}",
    "web:WebApp": "Microsoft.Web/sites/{name}",
}


def _guid(of: str) -> str:
    """A GUID that shows whose it is by its first letter's code: the same for the same name."""
    return f"{sum(of.encode()):08x}-0000-4000-8000-000000000000"


# What the provider computes and the component or its users read, by resource type.
COMPUTED: Mapping[str, Mapping[str, Callable[[str], Any]]] = {
    "apimanagement:ApiManagementService": {"gatewayUrl": lambda name: f"https://{name}.azure-api.net"},
    "applicationinsights:Component": {
        "connectionString": lambda name: f"InstrumentationKey={_guid(name)};IngestionEndpoint=https://i/"
    },
    "cognitiveservices:Account": {
        "properties": lambda name: {"endpoint": f"https://{name}.cognitiveservices.azure.com/"},
        "identity": lambda name: {"type": "SystemAssigned", "principalId": _guid(name)},
    },
    "cosmosdb:DatabaseAccount": {"documentEndpoint": lambda name: f"https://{name}.documents.azure.com:443/"},
    "eventgrid:SystemTopic": {
        "identity": lambda name: {"type": "SystemAssigned", "principalId": _guid(name)}
    },
    "eventgrid:Topic": {
        "endpoint": lambda name: f"https://{name}.swedencentral-1.eventgrid.azure.net/api/events",
        "identity": lambda name: {"type": "SystemAssigned", "principalId": _guid(name)},
    },
    "keyvault:Key": {
        "keyUri": lambda name: f"https://mine.vault.azure.net/keys/{name}",
        "keyUriWithVersion": lambda name: f"https://mine.vault.azure.net/keys/{name}/v1",
    },
    "keyvault:Secret": {
        "properties": lambda name: {"secretUri": f"https://v.vault.azure.net/secrets/{name}"}
    },
    "managedidentity:UserAssignedIdentity": {
        "clientId": lambda name: _guid(f"{name}-client"),
        "principalId": lambda name: _guid(f"{name}-principal"),
        "tenantId": lambda _: TENANT,
    },
    "resources:ResourceGroup": {"location": lambda _: "swedencentral"},
    "search:Service": {"endpoint": lambda name: f"https://{name}.search.windows.net"},
    "storage:StorageAccount": {
        "primaryEndpoints": lambda name: {
            "blob": f"https://{name}.blob.core.windows.net/",
            "queue": f"https://{name}.queue.core.windows.net/",
        }
    },
    "web:WebApp": {
        "defaultHostName": lambda name: f"{name}-d4e5f6.swedencentral-01.azurewebsites.net",
        "hostNameSslStates": lambda name: [
            {"hostType": "Standard", "name": f"{name}-d4e5f6.swedencentral-01.azurewebsites.net"},
            {"hostType": "Repository", "name": f"{name}-d4e5f6.scm.swedencentral-01.azurewebsites.net"},
        ],
    },
}
TOKEN = "eyJ.a-token-of-whoever-deploys"
INVOKES: Mapping[str, Mapping[str, Any]] = {
    "azure-native:authorization:getClientToken": {"token": TOKEN},
}


def _kind(type_: str) -> str:
    return type_.removeprefix("azure-native:")


def name_of(type_: str, name: str, inputs: Mapping[str, Any]) -> str:
    return inputs.get(NAMED_BY.get(_kind(type_), ""), f"{name}0a1b2c3d")


def id_of(type_: str, name: str, physical: str, inputs: Mapping[str, Any]) -> str:
    if _kind(type_) == "resources:ResourceGroup":
        return f"{GROUP}/{physical}"
    path = PATHS.get(_kind(type_), f"Microsoft.Other/things/{name}").format_map({**inputs, "name": physical})
    return f"{GROUP}/{inputs.get('resourceGroupName', 'none')}/providers/{path}"


def echo(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Identities go in as a list of ids and come out as a mapping."""
    repeated = dict(inputs)
    identity = repeated.get("identity", {})
    if "userAssignedIdentities" in identity:
        repeated["identity"] = identity | {
            "userAssignedIdentities": {id_: {} for id_ in identity["userAssignedIdentities"]}
        }
    return repeated


CLOUD = Cloud(
    project="serverless-ai-azure",
    computed={f"azure-native:{kind}": of for kind, of in COMPUTED.items()},
    invokes=INVOKES,
    name_of=name_of,
    id_of=id_of,
    echo=echo,
)


@pytest.fixture(scope="session")
def deploy() -> Deploy:
    """Run a program against a recorder of its own: `deploy(program, preview=False, config={})`."""
    return deployer(CLOUD)


@pytest.fixture(scope="session")
def everything() -> FunctionLlmSettings:
    """Every part that settings can ask for."""
    return FunctionLlmSettings(
        llm=Llm(guardrail=True),
        auth=Jwt(issuer="https://login.example.com/", audience=("chat", "admin")),
        events=Events(
            schedule="rate(1 day)",
            bus_filter={"source": ["shop"], "detail-type": ["OrderPlaced"], "detail": {"n": [1]}},
            destination=True,
        ),
    )


@pytest.fixture(scope="session")
def usual(deploy: Deploy) -> Recording:
    """`FunctionLlm("chat", entra_client_id=...)` and nothing else."""
    return deploy(lambda: FunctionLlm("chat", entra_client_id=CLIENT))


@pytest.fixture(scope="session")
def whole(deploy: Deploy, everything: FunctionLlmSettings) -> Recording:
    """`FunctionLlm` with every part, those of the component's own arguments too."""
    return deploy(lambda: made_whole(everything))


def made_whole(settings: FunctionLlmSettings) -> FunctionLlm:
    return FunctionLlm(
        "chat",
        settings,
        gateway=Gateway(publisher_email="ops@example.com", publisher_name="Ops"),
        secrets={"WEATHER_API_KEY": "hunter2"},
    )


@pytest.fixture(scope="session")
def settings_of() -> Callable[[Recording], dict[str, str]]:
    """The app settings of the one function app."""

    def read(recording: Recording) -> dict[str, str]:
        listed = recording.one("WebApp").inputs["siteConfig"]["appSettings"]
        assert len({one["name"] for one in listed}) == len(listed), json.dumps(listed)
        return {one["name"]: one["value"] for one in listed}

    return read

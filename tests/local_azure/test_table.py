"""The table of types and of roles, held against the SDK, the component's roles and the runtime's calls."""

from __future__ import annotations

import re

import pytest

from serverless_ai_local.azure.access import _may
from serverless_ai_local.azure.from_pulumi.azure_cloud import INVOKES, AzureCloud
from serverless_ai_local.azure.place import SUBSCRIPTION
from serverless_ai_local.azure.roles import COSMOS_ROLES, ROLES
from serverless_ai_local.azure.types import TABLE
from serverless_ai_local.doors.pulumi import reflection
from serverless_ai_local.doors.pulumi.clouds import CloudError
from serverless_ai_patterns.azure import prices, roles
from serverless_ai_runtime.adapters.azure import cosmos, foundry, queue

OURS = [one for one in vars(roles).values() if isinstance(one, roles.Role)]


@pytest.mark.parametrize("kind", TABLE)
def test_every_row_says_what_the_sdk_says(kind: str) -> None:
    row = TABLE[kind]
    known = reflection.resource(f"azure-native:{kind}").properties
    named = {row.named_by, *re.findall(r"\{(\w+)\}", row.path), *row.fixed} - {""}
    tops = {path.split(".")[0] for path in (*row.inputs, *row.defaults)}
    assert named | tops <= set(known), (named | tops) - set(known)
    assert not row.located or "location" in known
    assert "name" in reflection.outputs(f"azure-native:{kind}") or kind.startswith("resources")


@pytest.mark.parametrize("kind", TABLE)
def test_every_type_has_a_price(kind: str) -> None:
    token = f"azure-native:{kind}"
    assert token in prices.FREE or token in prices._RULES or kind == "keyvault:Key", token


def test_what_is_not_in_the_table_is_refused_by_name() -> None:
    cloud = AzureCloud()
    with pytest.raises(CloudError, match="azure-native:storage:Table is not on the local cloud"):
        cloud.kind("azure-native:storage:Table")
    kind = cloud.kind("azure-native:storage:Queue")
    with pytest.raises(CloudError, match="signed_identifiers is not supported"):
        kind.check({"queueName": "q", "accountName": "a", "resourceGroupName": "g", "signedIdentifiers": []})
    with pytest.raises(CloudError, match=r"site_config\.linux_fx_version is not supported"):
        cloud.kind("azure-native:web:WebApp").check({"siteConfig": {"linuxFxVersion": "PYTHON|3.12"}})
    with pytest.raises(CloudError, match="hyper_v is not supported"):
        cloud.kind("azure-native:web:WebApp").check({"hyperV": True})
    cloud.kind("azure-native:web:WebApp").check({"hyperV": False})


def test_settings_of_the_provider_are_those_of_the_one_subscription() -> None:
    cloud = AzureCloud()
    assert cloud.settings({"location": "westeurope", "subscriptionId": SUBSCRIPTION}) == {
        "location": "westeurope"
    }
    with pytest.raises(CloudError, match="subscriptionId"):
        cloud.settings({"subscriptionId": "another"})
    with pytest.raises(CloudError, match="metadataHost"):
        cloud.settings({"metadataHost": "x"})
    where = [{"location": "a"}, {"location": "b"}]
    assert cloud.consequence("azure-native:storage:StorageAccount", *where) == "replace"
    assert cloud.consequence("azure-native:storage:Queue", *where) == "none"


def test_invokes_are_those_of_the_sdk() -> None:
    for token in INVOKES:
        assert reflection.invoke(token) is not None, token


@pytest.mark.parametrize("role", OURS, ids=lambda role: role.name)
def test_a_role_that_is_assigned_is_known_by_its_own_name(role: roles.Role) -> None:
    assert (ROLES | COSMOS_ROLES)[role.id].name == role.name


@pytest.mark.parametrize(
    ("role", "actions"),
    [
        (roles.CALL_MODEL, foundry.DATA_ACTIONS),
        (roles.SEND_MESSAGES, queue.SEND_ACTIONS),
        (roles.USE_RECORDS, cosmos.DATA_ACTIONS),
    ],
    ids=lambda one: getattr(one, "name", "actions"),
)
def test_roles_allow_what_the_runtime_says_that_its_calls_need(
    role: roles.Role, actions: tuple[str, ...]
) -> None:
    for action in actions:
        assert _may((ROLES | COSMOS_ROLES)[role.id], action), action


def test_a_role_allows_nothing_beside_it() -> None:
    sender = ROLES[roles.SEND_MESSAGES.id]
    assert not _may(sender, queue.SEND_ACTIONS[0] + "/x")
    assert not _may(sender, "Microsoft.Storage/storageAccounts/queueServices/queues/messages/read")
    assert not _may(ROLES[roles.CALL_MODEL.id], cosmos.DATA_ACTIONS[0])

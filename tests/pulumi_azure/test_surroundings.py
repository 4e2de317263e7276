"""What a user brings is used, and none is made in its place."""

from __future__ import annotations

import pulumi
import pulumi_azure_native as azure
import pytest

from serverless_ai_patterns.azure import roles
from serverless_ai_patterns.function_llm import FunctionLlmSettings, Sessions, TokenBudget
from serverless_ai_pulumi.azure import FunctionLlm, StateContainer
from serverless_ai_runtime.config import FunctionLlmConfig, from_env

CLIENT = "11111111-2222-3333-4444-555555555555"
STATELESS = FunctionLlmSettings(
    sessions=Sessions(history_turns=0), budget=TokenBudget(caller_tokens_per_day=0, total_tokens_per_day=0)
)


def my_container() -> StateContainer:
    account = azure.cosmosdb.DatabaseAccount(
        "mine",
        resource_group_name="elsewhere",
        account_name="my-records",
        database_account_offer_type=azure.cosmosdb.DatabaseAccountOfferType.STANDARD,
        locations=[azure.cosmosdb.LocationArgs(location_name="westeurope")],
    )
    container = azure.cosmosdb.SqlResourceSqlContainer(
        "mine",
        resource_group_name="elsewhere",
        account_name=account.name,
        database_name="main",
        container_name="chats",
        resource=azure.cosmosdb.SqlContainerResourceArgs(id="chats"),
    )
    return StateContainer(account=account, container=container)


def test_nothing_is_remembered_when_the_settings_say_so(deploy, settings_of):
    recording = deploy(lambda: FunctionLlm("chat", STATELESS, entra_client_id=CLIENT))
    assert not [each for each in recording.resources if ":cosmosdb:" in each.type]
    assert from_env(FunctionLlmConfig, settings_of(recording)).store == ""


def test_a_container_of_yours_is_used_and_none_is_made(deploy, settings_of):
    def program():
        mine = my_container()
        made = FunctionLlm("chat", entra_client_id=CLIENT, container=mine)
        assert made.container is mine.container

    recording = deploy(program)
    assert [each.name for each in recording.all("DatabaseAccount")] == ["mine"]
    assert recording.all("SqlResourceSqlDatabase") == []
    told = from_env(FunctionLlmConfig, settings_of(recording))
    assert told.store == "https://my-records.documents.azure.com/dbs/main/colls/chats"
    right = recording.one("SqlResourceSqlRoleAssignment").inputs
    assert (right["accountName"], right["resourceGroupName"]) == ("my-records", "elsewhere")
    assert right["scope"].endswith(
        "/resourceGroups/elsewhere/providers/Microsoft.DocumentDB/databaseAccounts/my-records/dbs/main/colls/chats"
    )


def test_a_container_that_nothing_would_be_stored_in_is_refused(deploy):
    with pytest.raises(ValueError, match="chat: a container was given, but these settings remember nothing"):
        deploy(lambda: FunctionLlm("chat", STATELESS, entra_client_id=CLIENT, container=my_container()))


def test_a_workspace_of_yours_gets_the_logs_and_none_is_made(deploy):
    def program():
        mine = azure.operationalinsights.Workspace("mine", resource_group_name="elsewhere")
        made = FunctionLlm("chat", entra_client_id=CLIENT, workspace=mine)
        assert made.workspace is mine

    recording = deploy(program)
    assert [each.name for each in recording.all("Workspace")] == ["mine"]
    assert recording.one("Component").inputs["workspaceResourceId"].endswith("/workspaces/mine0a1b2c3d")


def test_everything_goes_into_a_resource_group_of_yours_and_none_is_made(deploy):
    def program():
        mine = azure.resources.ResourceGroup("mine", resource_group_name="my-group")
        FunctionLlm("chat", entra_client_id=CLIENT, resource_group=mine)

    recording = deploy(program)
    assert [each.name for each in recording.all("ResourceGroup")] == ["mine"]
    groups = {
        each.inputs["resourceGroupName"]
        for each in recording.resources
        if "resourceGroupName" in each.inputs and each.name.startswith("chat")
    }
    assert groups == {recording.one("ResourceGroup").physical}


def test_calls_leave_by_a_subnet_of_yours_and_no_network_is_made(deploy, usual):
    subnet = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/f"
    recording = deploy(
        lambda: FunctionLlm("chat", entra_client_id=CLIENT, subnet_id=pulumi.Output.from_input(subnet))
    )
    assert recording.one("WebApp").inputs["virtualNetworkSubnetId"] == subnet
    assert not [each for each in recording.resources if ":network:" in each.type]
    assert "virtualNetworkSubnetId" not in usual.one("WebApp").inputs


@pytest.fixture(scope="module")
def with_a_key(deploy):
    def program():
        mine = azure.keyvault.Key(
            "mine",
            resource_group_name="elsewhere",
            vault_name="mine",
            properties=azure.keyvault.KeyPropertiesArgs(),
        )
        FunctionLlm("chat", entra_client_id=CLIENT, key=mine)

    return deploy(program)


def test_a_key_of_yours_encrypts_all_that_is_kept(with_a_key):
    (identity,) = (
        each for each in with_a_key.all("UserAssignedIdentity") if each.name == "chat-key-identity"
    )
    storage = with_a_key.one("StorageAccount").inputs
    assert storage["identity"]["userAssignedIdentities"][0].endswith(f"/{identity.physical}")
    assert storage["encryption"]["keySource"] == "Microsoft.Keyvault"
    assert storage["encryption"]["keyVaultProperties"] == {
        "keyName": "mine0a1b2c3d",
        "keyVaultUri": "https://mine.vault.azure.net",
    }
    records = with_a_key.one("DatabaseAccount").inputs
    assert records["keyVaultKeyUri"] == "https://mine.vault.azure.net/keys/mine0a1b2c3d"
    assert records["defaultIdentity"].startswith("UserAssignedIdentity=/subscriptions/")
    model = with_a_key.one("Account").inputs
    assert model["identity"]["type"] == "SystemAssigned, UserAssigned"
    assert model["properties"]["encryption"]["keyVaultProperties"]["keyVersion"] == "v1"


def test_an_identity_of_its_own_uses_the_key_before_anything_is_encrypted_with_it(with_a_key):
    right = with_a_key.one("RoleAssignment", "chat-key-use")
    assert right.inputs["roleDefinitionId"].endswith(roles.USE_KEY.id)
    assert right.inputs["scope"].endswith("/vaults/mine/keys/mine0a1b2c3d")
    for kind in ("StorageAccount", "DatabaseAccount", "Account"):
        assert right.urn in with_a_key.one(kind).dependencies, kind
    others = [each for each in with_a_key.all("RoleAssignment") if each is not right]
    assert right.inputs["principalId"] not in {each.inputs["principalId"] for each in others}


def test_without_a_key_nobody_may_use_one(usual, whole):
    for recording in (usual, whole):
        assert not [each for each in recording.all("RoleAssignment") if "chat-key" in each.name]
        assert "encryption" not in recording.one("StorageAccount").inputs

"""What the function's identity may do, and what is secret."""

from __future__ import annotations

import json
import re
import uuid

from serverless_ai_patterns.azure import roles

TENANT = "72f988bf-86f1-41af-91ab-444455556666"


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


def plain(recording) -> str:
    """Every input of every resource as text, without what is marked as a secret."""

    def shown(value):
        if isinstance(value, dict):
            secret = "4dabf18193072939515e22adb298388d" in value
            return "[secret]" if secret else {key: shown(one) for key, one in value.items()}
        return [shown(one) for one in value] if isinstance(value, list) else value

    return json.dumps([shown(each.inputs) for each in recording.resources])

"""Secrets in Secret Manager: kept there alone, read by the function's account alone, one by one."""

from __future__ import annotations

import json

import pulumi
import pulumi_gcp as gcp
import pytest
from gcp_provider import PROJECT, REGION, account

from serverless_ai_pulumi.gcp import FunctionLlm

MARK = "4dabf18193072939515e22adb298388d"
"""The wire's mark of a secret."""
KEY = f"projects/{PROJECT}/locations/{REGION}/keyRings/mine/cryptoKeys/mine"


def variables(recording):
    return recording.one("Function").inputs["serviceConfig"].get("secretEnvironmentVariables", [])


def shown(value):
    """An input without what is marked as a secret."""
    if isinstance(value, dict):
        return "[secret]" if MARK in value else {key: shown(one) for key, one in value.items()}
    return [shown(one) for one in value] if isinstance(value, list) else value


def test_without_secrets_nothing_of_secret_manager_is_made_or_enabled(usual):
    assert [each for each in usual.resources if each.type.startswith("gcp:secretmanager/")] == []
    assert variables(usual) == []
    assert "secretmanager.googleapis.com" not in {each.inputs["service"] for each in usual.all("Service")}


@pytest.mark.row("security-09")
def test_a_variable_refers_to_one_version_and_only_the_functions_account_may_read_it(usual, whole):
    secret, version = whole.one("Secret"), whole.one("SecretVersion")
    assert variables(whole) == [
        {"key": "WEATHER_API_KEY", "projectId": PROJECT, "secret": secret.physical, "version": "1"}
    ]
    assert version.inputs["secret"] == f"projects/{PROJECT}/secrets/{secret.physical}"
    grant = whole.one("SecretIamMember").inputs
    assert grant == {
        "project": PROJECT,
        "secretId": secret.physical,
        "role": "roles/secretmanager.secretAccessor",
        "member": f"serviceAccount:{account(usual, 'function')}",
    }
    plain = whole.one("Function").inputs["serviceConfig"]["environmentVariables"]
    assert "WEATHER_API_KEY" not in plain


@pytest.mark.row("security-09")
def test_the_value_is_a_secret_of_the_state_and_stands_nowhere_else(whole):
    holding = [each for each in whole.resources if "hunter2" in json.dumps(each.inputs)]
    assert [each.type for each in holding] == ["gcp:secretmanager/secretVersion:SecretVersion"]
    assert "hunter2" not in json.dumps(shown(holding[0].inputs))


def test_a_secret_is_kept_in_the_region_alone_with_your_key_if_there_is_one(whole, deploy):
    def replicas(recording):
        return recording.one("Secret").inputs["replication"]["userManaged"]["replicas"]

    assert replicas(whole) == [{"location": REGION}]
    own = deploy(lambda: FunctionLlm("chat", key=KEY, secrets={"A": "hunter2"}))
    assert replicas(own) == [{"location": REGION, "customerManagedEncryption": {"kmsKeyName": KEY}}]


def test_a_secret_of_yours_is_granted_and_read_in_its_latest_version(deploy):
    def program():
        mine = gcp.secretmanager.Secret(
            "mine",
            project="vault-project",
            secret_id="mine",
            replication=gcp.secretmanager.SecretReplicationArgs(
                auto=gcp.secretmanager.SecretReplicationAutoArgs()
            ),
        )
        made = FunctionLlm("chat", secrets={"TOKEN_OF_MINE": mine, "OWN": pulumi.Output.secret("hunter2")})
        assert made.secrets["TOKEN_OF_MINE"] is mine
        assert list(made.secrets) == ["TOKEN_OF_MINE", "OWN"]

    recording = deploy(program)
    mine, own = variables(recording)
    assert mine == {
        "key": "TOKEN_OF_MINE",
        "projectId": "vault-project",
        "secret": "mine",
        "version": "latest",
    }
    assert (own["key"], own["projectId"], own["version"]) == ("OWN", PROJECT, "1")
    assert len(recording.all("SecretVersion")) == 1, "what you bring stays yours"
    granted = recording.one("SecretIamMember", "chat-secret-token-of-mine-read").inputs
    assert (granted["project"], granted["secretId"]) == ("vault-project", "mine")


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (["API-KEY"], "'API-KEY' is not the name of a variable: letters, digits and _"),
        (["1ST"], "'1ST' is not the name"),
        ([""], "'' is not the name"),
        (["PORT"], "PORT is not yours to set; taken are .*K_SERVICE"),
        (["THREADS"], "THREADS is not yours"),
        (["SERVERLESS_AI_MODEL"], "what begins with SERVERLESS_AI_ or X_GOOGLE_"),
        (["KEY", "key"], "KEY and key differ by upper and lower case only"),
    ],
)
def test_a_variable_that_is_not_yours_to_set_is_refused_before_anything_is_made(deploy, names, complaint):
    def program():
        with pytest.raises(ValueError, match=f"^secrets: .*{complaint}"):
            FunctionLlm("chat", secrets=dict.fromkeys(names, "hunter2"))

    assert deploy(program).resources == []

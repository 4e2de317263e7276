"""Who may call the function, and what every account may do."""

from __future__ import annotations

import json
import re

import pulumi
import pytest
from gcp_provider import PROJECT, REGION, account

from serverless_ai_patterns.gcp import policy
from serverless_ai_pulumi.gcp import FunctionLlm

GRANTS = ("IAMMember", "TopicIAMMember", "SubscriptionIAMMember", "RepositoryIamMember", "SecretIamMember")
RESOURCES = ("topic", "subscription", "repository", "secretId", "project")


def grants(recording, member):
    """What `member` may do: role, resource, condition."""
    found = [each.inputs for kind in GRANTS for each in recording.all(kind)]
    return {
        (one["role"], next(one[kind] for kind in RESOURCES if kind in one))
        for one in found
        if one["member"] == member
    }


def test_nobody_may_call_it_unless_somebody_is_named(usual, whole, deploy):
    assert usual.all("ServiceIamBinding") == usual.all("ServiceIamMember") == []

    def program():
        other = pulumi.Output.from_input("serviceAccount:a@b.iam.gserviceaccount.com")
        FunctionLlm("chat", invokers=["group:chat@example.com", other])

    named = deploy(program).one("ServiceIamBinding").inputs
    assert (named["role"], named["name"], named["location"]) == (
        "roles/run.invoker",
        usual.one("Function").physical,
        REGION,
    )
    assert named["members"] == ["group:chat@example.com", "serviceAccount:a@b.iam.gserviceaccount.com"]
    own = [f"serviceAccount:{account(whole, use)}" for use in ("gateway", "deliverer")]
    assert whole.one("ServiceIamBinding").inputs["members"] == ["group:chat@example.com", *own]


@pytest.mark.parametrize("anyone", ["allUsers", "allAuthenticatedUsers", "", "ada@example.com", "user:"])
def test_anyone_is_never_an_invoker(deploy, anyone):
    with pytest.raises(ValueError, match=r"invokers must be members .* never allUsers"):
        deploy(lambda: FunctionLlm("chat", invokers=[anyone]))


def test_no_resource_names_anyone(usual, whole):
    for recording in (usual, whole):
        text = json.dumps([each.inputs for each in recording.resources])
        assert not any(anyone in text for anyone in policy.NEVER)


def test_roles_are_custom_ones_or_on_the_written_list(usual, whole):
    for recording in (usual, whole):
        roles = {each.inputs["role"] for each in recording.resources if "role" in each.inputs}
        custom = {f"projects/{PROJECT}/roles/{each.physical}" for each in recording.all("IAMCustomRole")}
        assert roles <= custom | policy.ROLES.keys()
        assert custom <= roles, "no role is made that nobody has"
    assert not any(re.search(r"(editor|owner|admin|\.user$)", role) for role in policy.ROLES)
    granted = {each.inputs["role"] for each in whole.resources if "role" in each.inputs}
    assert {role for role in granted if role.startswith("roles/")} == policy.ROLES.keys()


def test_the_functions_account_may_do_what_its_calls_need_and_nothing_else(usual, whole):
    permissions = {each.name: each.inputs["permissions"] for each in whole.all("IAMCustomRole")}
    assert permissions == {
        "chat-model": ["aiplatform.endpoints.predict"],
        "chat-records": ["datastore.entities.get", "datastore.entities.create", "datastore.entities.update"],
    }
    model, records = (
        f"projects/{PROJECT}/roles/{whole.one('IAMCustomRole', f'chat-{use}').physical}"
        for use in ("model", "records")
    )
    member = f"serviceAccount:{account(usual, 'function')}"
    always = {(model, PROJECT), (records, PROJECT)}
    assert grants(usual, member) == always
    topics = {
        ("roles/pubsub.publisher", whole.one("Topic", f"chat-{use}").physical)
        for use in ("results", "dead-letters")
    }
    secret = ("roles/secretmanager.secretAccessor", whole.one("Secret").physical)
    assert grants(whole, member) == always | topics | {secret}


def test_records_of_another_database_are_out_of_reach(usual):
    condition = usual.one("IAMMember", "chat-function-records").inputs["condition"]
    database = usual.one("Database").physical
    assert condition["expression"] == f'resource.name == "projects/{PROJECT}/databases/{database}"'


def test_the_build_has_an_account_of_its_own_that_reads_sources_and_writes_one_repository(usual):
    build = usual.one("Function").inputs["buildConfig"]
    builder = account(usual, "build")
    assert build["serviceAccount"] == f"projects/{PROJECT}/serviceAccounts/{builder}"
    repository = usual.one("Repository").physical
    assert build["dockerRepository"] == f"projects/{PROJECT}/locations/{REGION}/repositories/{repository}"
    assert grants(usual, f"serviceAccount:{builder}") == {
        ("roles/logging.logWriter", PROJECT),
        ("roles/storage.objectViewer", PROJECT),
        ("roles/artifactregistry.writer", repository),
    }
    condition = usual.one("IAMMember", "chat-build-source").inputs["condition"]["expression"]
    assert re.findall(r'"projects/_/buckets/(.*?)"', condition) == [
        usual.one("Bucket").physical,
        "gcf-v2-sources-",
    ]


def test_the_function_waits_for_its_permissions_and_every_part_for_the_apis(whole):
    waited = set(whole.one("Function").dependencies)
    for name in ("chat-function-model", "chat-function-records", "chat-build-logs", "chat-build-source"):
        assert whole.one("IAMMember", name).urn in waited, name
    assert whole.one("TopicIAMMember", "chat-function-results").urn in waited
    assert whole.one("SecretIamMember").urn in waited
    services = {each.urn for each in whole.all("Service")}
    made = [each for each in whole.resources if each.type.startswith("gcp:") and each.urn not in services]
    assert all(services <= set(each.dependencies) for each in made)


def test_the_apis_that_are_used_are_enabled_and_stay_enabled(usual, whole):
    assert {each.inputs["disableOnDestroy"] for each in whole.all("Service")} == {False}
    enabled = {each.inputs["service"].split(".")[0] for each in whole.all("Service")}
    basic = {each.inputs["service"].split(".")[0] for each in usual.all("Service")}
    assert enabled - basic == {
        "apigateway",
        "cloudscheduler",
        "pubsub",
        "secretmanager",
        "servicecontrol",
        "servicemanagement",
    }
    used = {"cloudfunctions", "run", "cloudbuild", "artifactregistry", "aiplatform", "firestore", "iam"}
    assert used <= basic


@pytest.mark.row("monitoring-07")
def test_traces_need_their_api_and_no_right_of_the_function(usual, whole):
    """Cloud Run makes the spans itself; the function only names their trace in its lines."""
    for recording in (usual, whole):
        assert "cloudtrace.googleapis.com" in {each.inputs["service"] for each in recording.all("Service")}
        roles = [each.inputs["role"] for each in recording.resources if "role" in each.inputs]
        permissions = [one for each in recording.all("IAMCustomRole") for one in each.inputs["permissions"]]
        assert not [one for one in (*roles, *permissions) if "trace" in one]

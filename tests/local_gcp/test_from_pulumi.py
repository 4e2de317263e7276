"""Pulumi's Google types on the local cloud: strict inputs, what is replaced, what cannot be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from google_local import Local

from serverless_ai_local.doors.pulumi import Deployment, ProgramError, Result, reflection
from serverless_ai_local.doors.pulumi.clouds import CloudError
from serverless_ai_local.doors.pulumi.reflection import Many, Shape
from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.from_pulumi import environment
from serverless_ai_local.gcp.from_pulumi.gcp_cloud import INVOKES, GcpCloud
from serverless_ai_local.gcp.resources import ROWS
from serverless_ai_local.gcp.resources.row import COMMON
from serverless_ai_patterns.cost import idle_monthly
from serverless_ai_patterns.gcp import prices

CHAT = """
    from serverless_ai_patterns.function_llm import FunctionLlmSettings, FunctionSettings, Jwt
    from serverless_ai_pulumi.gcp import FunctionLlm
    settings = FunctionLlmSettings(
        auth=Jwt(issuer="https://login.example.com/", audience=("chat",)),
        function=FunctionSettings(timeout_s={timeout}))
    FunctionLlm("chat", settings, deletion_protection=False)
"""


@pytest.fixture
def up(local: Local, tmp_path: Path) -> Iterator[Any]:
    """Deploys the text of a program, in the same stack each time."""
    (tmp_path / "Pulumi.yaml").write_text("name: p\nruntime: python\n")

    def deploy(program: str, config: Mapping[str, str] | None = None) -> Result:
        (tmp_path / "__main__.py").write_text(dedent(program))
        state = tmp_path / "state"
        return Deployment(tmp_path, "s", endpoint=local.url, state_dir=state, config=config).up()

    return deploy


def steps(result: Result) -> set[tuple[str, str]]:
    return {(step.op, step.type.rsplit(":", 1)[-1]) for step in result.steps if step.op != "same"}


def strangers(known: Mapping[str, Any], shape: Shape, place: str = "") -> Iterator[str]:
    """Paths of a row that the SDK does not have."""
    for name, inner in known.items():
        if name not in shape.properties:
            yield f"{place}{name}"
        elif inner is not None:
            (nested,) = set(blocks(shape.properties[name].alternatives))
            yield from strangers(inner, reflection.shape(nested), f"{place}{name}.")


def blocks(alternatives: tuple[Any, ...]) -> Iterator[type]:
    """The Args class of a block, or of a list of them."""
    for one in alternatives:
        if isinstance(one, Many):
            yield from blocks(one.alternatives)
        elif isinstance(one, type) and one.__name__.endswith("Args"):
            yield one


@pytest.mark.parametrize("token", sorted(ROWS))
def test_every_row_names_inputs_of_the_sdk_and_has_a_price(token: str) -> None:
    shape = reflection.resource(token)
    row = ROWS[token]
    assert not list(strangers(row.inputs, shape)), "an input that Pulumi does not have"
    assert set(row.defaults) | set(row.fixed or ()) <= set(shape.properties) | set(reflection.outputs(token))
    if token != types.SERVICE_MEMBER:  # no pattern makes one: they bind all invokers at once
        assert prices.idle(token, {"conditions": [], "serviceConfig": {}}).usd >= 0


@pytest.mark.parametrize("token", sorted(ROWS))
def test_an_input_without_a_meaning_here_is_refused_by_its_python_name(token: str) -> None:
    shape = reflection.resource(token)
    row = ROWS[token]
    for name in set(shape.properties) - set(row.inputs) - set(COMMON):
        problem = row.unknown({name: "x"})
        assert problem.startswith(f"{shape.properties[name].python} is not supported"), problem


def test_a_nested_input_is_refused_with_its_place(up: Any) -> None:
    with pytest.raises(ProgramError, match=r"push_config\.no_wrapper is not supported on the local cloud"):
        up("""
            import pulumi_gcp as gcp
            topic = gcp.pubsub.Topic("t", name="t")
            gcp.pubsub.Subscription("s", topic=topic.id, push_config=gcp.pubsub.SubscriptionPushConfigArgs(
                push_endpoint="https://x", no_wrapper=gcp.pubsub.SubscriptionPushConfigNoWrapperArgs(
                    write_metadata=True)))
        """)


def test_an_unknown_type_invoke_or_setting_is_refused_by_name() -> None:
    cloud = GcpCloud()
    with pytest.raises(
        CloudError, match=r"gcp:pubsub/schema:Schema is not on the local cloud; .*topic:Topic"
    ):
        cloud.kind("gcp:pubsub/schema:Schema")
    with pytest.raises(CloudError, match="getNothing"):
        cloud.invoke(None, "gcp:x/getNothing:getNothing", {})  # type: ignore[arg-type] - it is not looked at
    with pytest.raises(CloudError, match="gcp:universeDomain is not supported"):
        cloud.settings({"universeDomain": "x"})
    assert cloud.settings({"project": "mine"})["project"] == "mine"
    assert len(INVOKES) == 3


def test_outputs_are_those_that_programs_use(up: Any) -> None:
    result = up(
        """
        import pulumi, pulumi_gcp as gcp
        config = gcp.organizations.get_client_config()
        project = gcp.organizations.get_project()
        agent = gcp.storage.get_project_service_account()
        account = gcp.serviceaccount.Account("a", account_id="worker")
        topic = gcp.pubsub.Topic("t")
        for name, value in {"project": config.project, "number": project.number, "agent": agent.email_address,
                            "email": account.email, "member": account.member, "account": account.name,
                            "topic": topic.id, "name": topic.name}.items():
            pulumi.export(name, value)
    """,
        {"gcp:project": "mine", "gcp:region": "europe-west1"},
    )
    outputs = dict(result.outputs)
    name = outputs.pop("name")
    assert name.startswith("t-")
    assert outputs == {
        "project": "mine",
        "number": "123456789012",
        "agent": "service-123456789012@gs-project-accounts.iam.gserviceaccount.com",
        "email": "worker@mine.iam.gserviceaccount.com",
        "member": "serviceAccount:worker@mine.iam.gserviceaccount.com",
        "account": "projects/mine/serviceAccounts/worker@mine.iam.gserviceaccount.com",
        "topic": f"projects/mine/topics/{name}",
    }
    (line, other) = idle_monthly((one.name, one.type, one.properties) for one in result.graph)
    assert line.usd + other.usd == 0


def test_another_api_document_is_another_configuration_made_before_the_old_one_goes(
    up: Any, local: Local
) -> None:
    up(CHAT.format(timeout=15))
    changed = up(CHAT.format(timeout=20))
    ops = [(step.op, step.type.rsplit(":", 1)[-1]) for step in changed.steps if step.op != "same"]
    assert ("update", "Gateway") in ops
    assert ("update", "Function") in ops
    order = [op for op, kind in ops if kind == "ApiConfig"]
    assert order in (
        ["create-replacement", "delete-replaced"],
        ["replace"],
        ["create-replacement", "replace", "delete-replaced"],
    ), order
    everything = local.admin("GET", "gcp/resources")["resources"]
    configs = [one["id"] for one in everything if one["token"].endswith(":ApiConfig")]
    (gateway,) = [one for one in everything if one["token"].endswith(":Gateway")]
    assert configs == [gateway["inputs"]["apiConfig"]]


def test_a_name_is_taken_once_and_a_grant_may_be_made_twice(up: Any) -> None:
    with pytest.raises(ProgramError, match="already exists"):
        up("""
            import pulumi_gcp as gcp
            for name in "ab":
                gcp.pubsub.Topic(name, name="same")
        """)
    assert steps(
        up("""
        import pulumi_gcp as gcp
        for name in "ab":
            gcp.projects.IAMMember(name, project="p", role="roles/run.invoker", member="user:ada@example.com")
            gcp.projects.Service(name, service="run.googleapis.com")
    """)
    ) >= {("create", "IAMMember"), ("create", "Service")}


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ('gcp.pubsub.Subscription("s", topic="nowhere")', "nowhere was not found"),
        ('gcp.storage.BucketObject("o", bucket="nowhere", content="x")', "nowhere was not found"),
        ('gcp.projects.ServiceIdentity("i", service="maps.googleapis.com")', "maps.googleapis.com"),
        ('gcp.cloudscheduler.Job("j", schedule="* * * * *")', "exactly one of"),
        ('gcp.apigateway.Gateway("g", gateway_id="g", api_config="none")', "none was not found"),
    ],
)
def test_what_refers_to_nothing_is_refused_with_file_and_line(up: Any, program: str, words: str) -> None:
    with pytest.raises(ProgramError) as caught:
        up(f"import pulumi_gcp as gcp\n{program}\n")
    assert words in str(caught.value)
    assert "__main__.py:2" in str(caught.value)


def test_the_programs_environment_leads_to_no_real_project() -> None:
    real = {
        "GOOGLE_APPLICATION_CREDENTIALS": "/k.json",
        "CLOUDSDK_CONFIG": "/c",
        "GCLOUD_PROJECT": "p",
        "HOME": "/h",
    }
    found = environment(real, "http://127.0.0.1:4566")
    assert not {"GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG", "GCLOUD_PROJECT"} & set(found)
    assert found["HOME"] == "/h"
    assert found["PUBSUB_EMULATOR_HOST"] == "127.0.0.1:4566"


def test_a_deletion_policy_is_followed(local: Local) -> None:
    kept = local.make(types.TOPIC, name="kept", deletionPolicy="ABANDON")
    local.drop(kept)
    assert "already exists" in local.refused(types.TOPIC, name="kept")
    held = local.make(types.TOPIC, name="held", deletionPolicy="PREVENT")
    answer = local.send("POST", "/_local/gcp/resources/delete", {"uid": held["uid"]})
    assert (answer.status, "PREVENT" in str(answer.body)) == (400, True)
    assert "deletion_policy" in local.refused(types.TOPIC, name="odd", deletionPolicy="MAYBE")


def test_a_bucket_with_objects_goes_only_by_force(local: Local) -> None:
    bucket = local.make(types.BUCKET, name="b", location="US")
    local.make(types.OBJECT, b"x", bucket="b", name="o", source={})
    answer = local.send("POST", "/_local/gcp/resources/delete", {"uid": bucket["uid"]})
    assert (answer.status, "force_destroy" in str(answer.body)) == (400, True)
    local.remake(bucket, name="b", location="US", forceDestroy=True)
    local.drop(bucket)

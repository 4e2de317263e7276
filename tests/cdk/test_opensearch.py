"""The block of OpenSearch Serverless: what is in the template, what it costs, and that it deploys here."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import CfnOutput, RemovalPolicy, Stack, aws_iam, aws_kms
from opensearch_caller import store_of_role

from serverless_ai_cdk._opensearch import OpenSearchParts, opensearch
from serverless_ai_local import launch
from serverless_ai_patterns.aws import prices
from serverless_ai_patterns.rag.stores import OpenSearch
from serverless_ai_runtime.adapters.aws import opensearch as runtime
from serverless_ai_runtime.core.ports import Deadline, Refused
from serverless_ai_runtime.core.rag.ports import Access, Entry

TYPE = "AWS::OpenSearchServerless::"
INDEXES = {"i1": 3, "i2": 4}


def block(
    stack: Stack,
    store: OpenSearch,
    *,
    key: bool = False,
    removal_policy: RemovalPolicy = RemovalPolicy.DESTROY,
) -> tuple[OpenSearchParts, dict[str, aws_iam.Role]]:
    principal = aws_iam.ServicePrincipal("lambda.amazonaws.com")
    roles = {name: aws_iam.Role(stack, name, assumed_by=principal) for name in ("Reader", "Writer")}
    parts = opensearch(
        stack,
        "Vectors",
        INDEXES,
        store,
        key=aws_kms.Key(stack, "Key") if key else None,
        removal_policy=removal_policy,
    )
    parts.let_in(readers=[roles["Reader"].role_arn], writers=[roles["Writer"].role_arn])
    for role, statements in ((roles["Reader"], parts.read), (roles["Writer"], parts.write)):
        for one in statements:
            role.add_to_policy(aws_iam.PolicyStatement.from_json(one.to_json()))
    return parts, roles


@pytest.fixture(scope="module")
def made(new_stack: Callable[..., Stack]) -> Callable[..., dict[str, Any]]:
    def make(store: OpenSearch, **given: Any) -> dict[str, Any]:
        stack = new_stack()
        block(stack, store, **given)
        return stack.node.root.synth().get_stack_by_name(stack.stack_name).template["Resources"]  # pyright: ignore

    return make


def of(resources: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [one["Properties"] for one in resources.values() if one["Type"] == f"{TYPE}{kind}"]


def costs(resources: dict[str, Any]) -> float:
    peers = {name: (one["Type"], one.get("Properties", {})) for name, one in resources.items()}
    return sum(prices.idle(kind, properties, peers).usd for kind, properties in peers.values())


def test_by_default_a_group_of_the_generation_that_scales_to_zero_has_the_collection(made: Any) -> None:
    resources = made(OpenSearch(max_ocu=4))
    [group], [collection] = of(resources, "CollectionGroup"), of(resources, "Collection")
    assert (group["Generation"], group["StandbyReplicas"]) == ("NEXTGEN", "ENABLED")
    assert group["CapacityLimits"] == {
        "MaxIndexingCapacityInOcu": 4,
        "MaxSearchCapacityInOcu": 4,
        "MinIndexingCapacityInOcu": 0,
        "MinSearchCapacityInOcu": 0,
    }
    assert collection["CollectionGroupName"] == group["Name"] == collection["Name"]
    assert collection["Type"] == "VECTORSEARCH"
    assert costs(resources) == 0


def test_a_classic_collection_has_no_group_and_never_costs_nothing(made: Any) -> None:
    resources = made(OpenSearch(classic=True))
    assert of(resources, "CollectionGroup") == []
    [collection] = of(resources, "Collection")
    assert "CollectionGroupName" not in collection
    assert costs(resources) == pytest.approx(350.40)


def test_the_collection_waits_for_what_it_needs(made: Any) -> None:
    resources = made(OpenSearch())
    [collection] = [one for one in resources.values() if one["Type"] == f"{TYPE}Collection"]
    kinds = {resources[name]["Type"] for name in collection["DependsOn"]}
    assert kinds == {f"{TYPE}SecurityPolicy", f"{TYPE}CollectionGroup"}


def test_each_role_has_what_its_calls_need_on_the_indexes_and_no_more(made: Any) -> None:
    for classic in (False, True):
        [access] = of(made(OpenSearch(classic=classic)), "AccessPolicy")
        pieces = access["Policy"]["Fn::Join"][1]
        text = "".join(one if isinstance(one, str) else "ROLE" for one in pieces)
        read, write = json.loads(text)
        name = access["Name"]
        assert read["Rules"][0]["Resource"] == [f"index/{name}/i1", f"index/{name}/i2"]
        assert read["Rules"][0]["Permission"] == list(runtime.READ_PERMISSIONS)
        wanted = runtime.CLASSIC_WRITE_PERMISSIONS if classic else runtime.WRITE_PERMISSIONS
        assert write["Rules"][0]["Permission"] == list(wanted)
        assert [len(one["Principal"]) for one in (read, write)] == [1, 1]


def test_the_key_is_the_customers_where_there_is_one(made: Any) -> None:
    for key in (False, True):
        resources = made(OpenSearch(), key=key)
        [encryption] = [one for one in of(resources, "SecurityPolicy") if one["Type"] == "encryption"]
        text = json.dumps(encryption["Policy"])
        assert ("KmsARN" in text, "AWSOwnedKey" in text) == (key, not key)


def test_what_holds_data_stays_where_that_is_asked_for(made: Any) -> None:
    resources = made(OpenSearch(), removal_policy=RemovalPolicy.RETAIN)
    kept = {one["Type"] for one in resources.values() if one.get("DeletionPolicy") == "Retain"}
    assert kept == {f"{TYPE}Collection", f"{TYPE}CollectionGroup"}


def test_another_generation_has_another_name(made: Any) -> None:
    names = [of(made(OpenSearch(classic=one)), "Collection")[0]["Name"] for one in (False, True)]
    assert len(set(names)) == 2
    assert all(3 <= len(name) <= 32 and name[0].isalpha() and name == name.lower() for name in names)


@pytest.mark.parametrize("classic", [False, True])
def test_the_template_deploys_here_and_its_roles_do_what_they_are_for(
    new_stack: Callable[..., Stack], tmp_path_factory: pytest.TempPathFactory, classic: bool
) -> None:
    stack = new_stack()
    parts, roles = block(stack, OpenSearch(classic=classic), key=True)
    for name, value in {"Place": parts.places["i1"], **{n: r.role_arn for n, r in roles.items()}}.items():
        CfnOutput(stack, f"{name}Output", value=value)
    template = stack.node.root.synth().get_stack_by_name(stack.stack_name).template  # pyright: ignore
    for rule in ("Rules", "Parameters"):
        template.pop(rule, None)
    cloud = launch.start(tmp_path_factory.mktemp("cloud"))
    try:
        cloudformation, aoss = cloud.client("cloudformation"), cloud.client("opensearchserverless")
        cloudformation.create_stack(
            StackName="Test", TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"]
        )
        cloudformation.get_waiter("stack_create_complete").wait(StackName="Test", WaiterConfig={"Delay": 1})
        outputs = {
            one["OutputKey"].removesuffix("Output"): one["OutputValue"]
            for one in cloudformation.describe_stacks(StackName="Test")["Stacks"][0]["Outputs"]
        }
        reader, writer = (
            store_of_role(cloud, outputs["Place"], outputs[name]) for name in ("Reader", "Writer")
        )
        entry = Entry("1", "b/a", Access("t"), "words", "", (1, 0, 0))
        for _ in range(2):
            writer.upsert([entry], Deadline(10))
        assert [hit.id for hit in reader.search((1, 0, 0), 5, Access("t"), Deadline(10))] == ["1"]
        with pytest.raises(Refused, match="security_exception"):
            reader.upsert([entry], Deadline(10))
        cloudformation.delete_stack(StackName="Test")
        cloudformation.get_waiter("stack_delete_complete").wait(StackName="Test", WaiterConfig={"Delay": 1})
        assert aoss.list_collections()["collectionSummaries"] == []
        assert aoss.list_collection_groups()["collectionGroupSummaries"] == []
        assert aoss.list_access_policies(type="data")["accessPolicySummaries"] == []
        assert aoss.list_security_policies(type="network")["securityPolicySummaries"] == []
    finally:
        cloud.stop()

"""What holds for every resource type of the registry."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_local.aws.provider import ResourceError
from serverless_ai_local.aws.resources import registry
from serverless_ai_local.aws.resources.kind import Kind
from serverless_ai_local.aws.resources.naming import Name, physical_name

REGISTRY = registry()
KINDS = {name: provider for name, provider in REGISTRY.items() if isinstance(provider, Kind)}
# Properties without which a type's own check comes before that of unknown ones.
NEEDED: dict[str, dict[str, Any]] = {
    "AWS::DynamoDB::GlobalTable": {"Replicas": [{"Region": "us-east-1"}]},
    "AWS::IAM::Policy": {"PolicyName": "P", "PolicyDocument": {}, "Roles": ["r"]},
    "AWS::Lambda::Function": {"Code": {"S3Bucket": "b", "S3Key": "k"}},
    "AWS::SNS::TopicPolicy": {"PolicyDocument": {}, "Topics": ["t"]},
    "AWS::SQS::QueuePolicy": {"PolicyDocument": {}, "Queues": ["q"]},
}


@pytest.mark.parametrize("kind", sorted(REGISTRY.keys() - {"AWS::CDK::Metadata"}))
def test_an_unknown_property_is_refused_by_name_and_nothing_is_made(types: Any, kind: str) -> None:
    properties = {**NEEDED.get(kind, {}), "NoSuchProperty": "x"}
    with pytest.raises(ResourceError, match=f"unsupported property {kind}.NoSuchProperty; supported"):
        types.provider(kind).create(types.context(), "R", properties)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_operations_and_their_parameters_exist(types: Any, kind: str) -> None:
    spec = KINDS[kind]
    model = types.client(spec.service).meta.service_model
    for call in (spec.create_call, spec.read_call, spec.update_call, spec.delete_call):
        if call is not None:
            members = model.operation_model(call.operation).input_shape.members
            assert call.about.keys() <= members.keys()


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_a_type_says_about_its_properties_is_about_properties(types: Any, kind: str) -> None:
    spec = KINDS[kind]
    model = types.client(spec.service).meta.service_model
    create = set(model.operation_model(spec.create_call.operation).input_shape.members)
    words = {parameter: name for name, parameter in spec.renames.items()}
    named = {words.get(name, name[0].upper() + name[1:]) for name in create} - spec.built
    named = {name.lower() for name in named}
    facets = {name.lower() for facet in spec.facets for name in facet.properties}
    assert lowered(spec.immutable) <= named | facets | lowered(spec.defaults)
    assert lowered(spec.resets) <= named - facets - lowered(spec.immutable)
    for facet in spec.facets:
        assert facet.in_create or not facet.properties & spec.immutable


def lowered(names: Iterable[str]) -> set[str]:
    """The API and CloudFormation differ in the case of names."""
    return {name.lower() for name in names}


def test_a_change_that_the_service_cannot_make_is_refused(types: Any, role: str) -> None:
    kind = types.provider("AWS::Lambda::Function")
    old = {"Role": role, "Runtime": "python3.13", "Handler": "index.h", "Code": {"ZipFile": "x = 1"}}
    made = kind.create(types.context(), "R", old)
    new = {**old, "CodeSigningConfigArn": "arn:aws:lambda:us-east-1:123456789012:code-signing-config:csc-1"}
    with pytest.raises(ResourceError, match="CodeSigningConfigArn cannot be changed in place"):
        kind.update(types.context(), made.physical_id, old, new)
    without_handler = {key: value for key, value in old.items() if key != "Handler"}
    with pytest.raises(ResourceError, match="Handler cannot be taken away in place"):
        kind.update(types.context(), made.physical_id, old, without_handler)
    kind.delete(types.context(), made.physical_id, old)


@pytest.mark.parametrize(
    ("kind", "properties", "complaint"),
    [
        ("AWS::SQS::Queue", {"Tags": [{"Key": "a"}]}, "Tags must be a list of Key and Value"),
        ("AWS::SQS::Queue", {"Tags": [{"Key": "a", "Value": "1"}] * 2}, "has the key 'a' twice"),
        ("AWS::SQS::Queue", {"Tags": [{"Key": "aws:x", "Value": "1"}]}, "aws: prefixed tag key"),
        ("AWS::SQS::Queue", {"Attributes": {}}, "unsupported property AWS::SQS::Queue.Attributes"),
        ("AWS::SQS::Queue", {"VisibilityTimeout": "soon"}, "VisibilityTimeout must be a whole number"),
        ("AWS::Logs::LogGroup", {"RetentionInDays": "many"}, "RetentionInDays must be one of .*got 'many'"),
        ("AWS::Logs::LogGroup", {"RetentionInDays": 31}, "must be one of 1, 3, .*got 31"),
        ("AWS::ApiGatewayV2::Api", {"Name": "x", "ProtocolType": "FTP"}, "must be one of .*HTTP.*got 'FTP'"),
        (
            "AWS::ApiGatewayV2::Api",
            {"Name": "x", "ProtocolType": "HTTP", "CorsConfiguration": []},
            "must be an object",
        ),
        (
            "AWS::ApiGatewayV2::Api",
            {"Name": "x", "ProtocolType": "HTTP", "CorsConfiguration": {"Colour": 1}},
            "AWS::ApiGatewayV2::Api.CorsConfiguration.Colour",
        ),
        (
            "AWS::ApiGatewayV2::Stage",
            {"ApiId": "nope", "StageName": "x"},
            "Invalid API identifier specified|NotFoundException",
        ),
        ("AWS::DynamoDB::Table", {"KeySchema": "pk"}, "KeySchema must be a list"),
        ("AWS::Lambda::Function", {"Code": {}}, "Code must be some of"),
        ("AWS::Lambda::Function", {"Code": {"Colour": 1}}, "Code must be some of"),
        (
            "AWS::Lambda::Function",
            {"Code": {"ZipFile": "x"}, "Runtime": "java21"},
            "only for Python and Node.js",
        ),
        (
            "AWS::SNS::Subscription",
            {"TopicArn": "arn:x", "Protocol": "sqs", "Colour": 1},
            "Subscription.Colour",
        ),
        ("AWS::KMS::Alias", {"AliasName": "no-prefix", "TargetKeyId": "x"}, "Invalid identifier"),
        (
            "AWS::S3::Bucket",
            {"NotificationConfiguration": {"TopicConfigurations": []}},
            "TopicConfigurations",
        ),
        ("AWS::S3::Bucket", {"BucketName": "Not_Valid!"}, "bucket"),
        ("AWS::EC2::VPC", {"CidrBlock": "nonsense"}, "nonsense"),
    ],
)
def test_a_wrong_value_is_refused_with_its_place(
    types: Any, kind: str, properties: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ResourceError, match=complaint):
        types.provider(kind).create(types.context(), "R", properties)


def test_tags_of_the_stack_reach_what_takes_tags(types: Any) -> None:
    stack = {"aws:cloudformation:stack-name": "Shop", "team": "x", "own": "no"}
    lambda_tags = {"team": "y"}
    provider = types.provider("AWS::SQS::Queue")
    properties = {"Tags": [{"Key": "own", "Value": "yes"}]}
    made = provider.create(types.context(tags=stack), "R", properties)
    sqs = types.client("sqs")
    assert sqs.list_queue_tags(QueueUrl=made.physical_id)["Tags"] == {**stack, "own": "yes"}
    provider.update(types.context(old_tags=stack, tags=lambda_tags), made.physical_id, properties, properties)
    assert sqs.list_queue_tags(QueueUrl=made.physical_id)["Tags"] == {"team": "y", "own": "yes"}
    provider.delete(types.context(), made.physical_id, properties)


def test_metadata_is_nothing(types: Any) -> None:
    provider = types.provider("AWS::CDK::Metadata")
    made = provider.create(types.context(), "CDKMetadata", {"Analytics": "v2:deflate64:x"})
    assert not provider.replaces({"Analytics": "x"}, {"Analytics": "y"})
    assert provider.update(types.context(), made.physical_id, {}, {"Analytics": "y"}) == made
    provider.delete(types.context(), made.physical_id, {})


@given(st.text(max_size=200), st.text(max_size=300), st.integers(32, 300), st.booleans())
def test_generated_names_fit_and_differ(stack: str, logical_id: str, limit: int, lower: bool) -> None:
    name = Name(property="Name", limit=limit, lower=lower)
    one, two = (physical_name(name, stack, logical_id, {}) for _ in range(2))
    assert len(one) <= limit
    assert one != two
    assert one.replace("-", "").isascii()
    assert one.replace("-", "").isalnum()
    assert not lower or one == one.lower()

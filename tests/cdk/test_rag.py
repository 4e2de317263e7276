"""What RAG promises as a CDK construct: its resources, two roles that may do no more, usual checkers."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import cfnlint.api
import pytest
from aws_cdk import RemovalPolicy, aws_ec2, aws_kms, aws_s3
from cdk_nag import AwsSolutionsChecks, ServerlessChecks

from serverless_ai_patterns import bundle
from serverless_ai_patterns.aws import policy, prices
from serverless_ai_patterns.function_llm import Jwt
from serverless_ai_patterns.rag import Answers, Cosmos, Embedding, Endpoint, RagSettings
from serverless_ai_runtime.config import from_env
from serverless_ai_runtime.config_rag import RagIngestConfig, RagQueryConfig, indexes_of

SMALL = {
    "AWS::ApiGatewayV2::Api": 1,
    "AWS::ApiGatewayV2::Integration": 1,
    "AWS::ApiGatewayV2::Route": 2,
    "AWS::ApiGatewayV2::Stage": 1,
    "AWS::CloudWatch::Alarm": 8,
    "AWS::CloudWatch::Dashboard": 1,
    "AWS::DynamoDB::Table": 1,
    "AWS::Events::Rule": 1,
    "AWS::IAM::Role": 2,
    "AWS::Lambda::EventSourceMapping": 1,
    "AWS::Lambda::Function": 2,
    "AWS::Lambda::Permission": 2,
    "AWS::Logs::LogGroup": 1,
    "AWS::S3::Bucket": 1,
    "AWS::S3::BucketPolicy": 1,
    "AWS::S3Vectors::Index": 1,
    "AWS::S3Vectors::VectorBucket": 1,
    "AWS::SQS::Queue": 2,
    "AWS::SQS::QueuePolicy": 2,
}
CHANGING = RagSettings(previous_embedding=Embedding(model="cohere.embed-english-v3"))
TENANTS = RagSettings(
    endpoint=Endpoint(
        auth=Jwt(issuer="https://login.example.com/", audience=("rag",)),
        tenant_claim="org",
        tags_claim="groups",
    )
)


@pytest.fixture(
    scope="module", params=["default", "changing", "tenants", "explicit region", "own vpc and key"]
)
def made(request, make_rag, new_stack):
    match request.param:
        case "changing":
            return make_rag(CHANGING)
        case "tenants":
            return make_rag(TENANTS)
        case "explicit region":
            return make_rag(region="eu-west-1")
        case "own vpc and key":
            stack = new_stack()
            vpc, key = aws_ec2.Vpc(stack, "Vpc", max_azs=2), aws_kms.Key(stack, "Key")
            return make_rag(stack=stack, vpc=vpc, key=key)
    return make_rag()


@pytest.fixture(scope="module")
def template(made):
    return made.synth()


@pytest.fixture(scope="module")
def small(make_rag):
    return make_rag().synth()


def function(template, part: str) -> dict[str, Any]:
    """Properties of the function of `ingest` or `query`."""
    handlers = {"ingest": "rag_ingest", "query": "rag_query"}
    return next(
        one
        for one in template.all("AWS::Lambda::Function")
        if one["Handler"] == bundle.handler(handlers[part], "aws")
    )


def granted(template, part: str) -> dict[str, dict[str, Any]]:
    """Statements of a function's role, by Sid."""
    role = template.resources("AWS::IAM::Role")[function(template, part)["Role"]["Fn::GetAtt"][0]]
    (inline,) = role["Properties"]["Policies"]
    return {one["Sid"]: one for one in inline["PolicyDocument"]["Statement"]}


def actions(statement: dict[str, Any]) -> set[str]:
    found = statement["Action"]
    return {found} if isinstance(found, str) else set(found)


def told(template, part: str, kind: Any) -> Any:
    """The handler's configuration, references in it written as JSON."""
    variables = function(template, part)["Environment"]["Variables"]
    plain = {name: one if isinstance(one, str) else json.dumps(one) for name, one in variables.items()}
    return from_env(kind, plain)


def test_the_default_is_made_of_these_resources_and_no_other(small):
    assert Counter(r["Type"] for r in small.resources().values()) == SMALL


def test_the_default_costs_nothing_idle_but_alarms_and_a_dashboard(small):
    peers = {name: (r["Type"], r.get("Properties", {})) for name, r in small.resources().items()}
    idle = Counter()
    for kind, properties in peers.values():
        if kind == "AWS::Lambda::EventSourceMapping":
            continue  # its queue is a reference here; the local deployment prices it
        idle[kind] += prices.idle(kind, properties, peers).usd
    paid = {kind for kind, usd in idle.items() if usd}
    assert paid == {"AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard"}


def test_ingestion_may_write_vectors_and_the_endpoint_may_only_search(small):
    ingest, query = granted(small, "ingest"), granted(small, "query")
    assert actions(ingest["WriteVectors"]) == {"s3vectors:PutVectors", "s3vectors:DeleteVectors"}
    assert actions(query["SearchVectors"]) == {"s3vectors:QueryVectors", "s3vectors:GetVectors"}
    assert "SearchVectors" not in ingest
    assert "WriteVectors" not in query


def test_the_endpoint_cannot_read_documents_and_ingestion_cannot_ask_the_model_that_answers(small):
    ingest, query = granted(small, "ingest"), granted(small, "query")
    assert not any("s3:" in action for one in query.values() for action in actions(one))
    assert set(ingest) == {
        "WriteLogs",
        "WriteTraces",
        "ConsumeQueue",
        "GoOn",
        "SendDeadLetters",
        "UseTable",
        "ReadTableAtOnce",
        "ScanTable",
        "ReadUploads",
        "TellMissingObjects",
        "EmbedInvokeModel",
        "WriteVectors",
    }
    (model,) = {json.dumps(ingest["EmbedInvokeModel"]["Resource"])}
    assert "titan-embed" in model
    assert "dynamodb:Scan" not in {action for one in query.values() for action in actions(one)}


def test_no_star_outside_the_written_list(template):
    for role in template.all("AWS::IAM::Role"):
        for inline in role.get("Policies", ()):
            for one in inline["PolicyDocument"]["Statement"]:
                assert not any("*" in action for action in actions(one))
                if "*" in json.dumps(one["Resource"]):
                    assert one["Sid"] in policy.STAR_RESOURCES


def test_both_functions_know_the_same_indexes_and_the_configured_one_comes_first(make_rag):
    template = make_rag(CHANGING).synth()
    ingest = indexes_of(json.dumps(_indexes(told(template, "ingest", RagIngestConfig).indexes)))
    query = indexes_of(json.dumps(_indexes(told(template, "query", RagQueryConfig).indexes)))
    assert ingest == query
    assert [one.model for one in query] == ["amazon.titan-embed-text-v2:0", "cohere.embed-english-v3"]
    assert {one["IndexName"] for one in template.all("AWS::S3Vectors::Index")} == {one.name for one in query}
    assert "Embed1InvokeModel" in granted(template, "query")


def _indexes(text: str) -> Any:
    """The list in a variable that may be a join of texts and references."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if isinstance(value, dict):
        parts = value["Fn::Join"][1]
        text = "".join(part if isinstance(part, str) else "REFERENCE" for part in parts)
    return json.loads(text)


def test_documents_and_vectors_stay_when_the_stack_goes_unless_told_otherwise(make_rag, small):
    kinds = ("AWS::S3::Bucket", "AWS::S3Vectors::VectorBucket", "AWS::S3Vectors::Index")
    gone = make_rag(removal_policy=RemovalPolicy.DESTROY).synth()
    for kind in kinds:
        assert {one["DeletionPolicy"] for one in small.resources(kind).values()} == {"Retain"}
        assert {one["DeletionPolicy"] for one in gone.resources(kind).values()} == {"Delete"}


def test_tenants_are_told_to_both_functions_and_need_tokens(make_rag):
    template = make_rag(TENANTS).synth()
    assert told(template, "ingest", RagIngestConfig).tenants is True
    query = told(template, "query", RagQueryConfig)
    assert (query.tenant_claim, query.tags_claim) == ("org", "groups")
    with pytest.raises(ValueError, match=r"tenant_claim must be left out unless callers have tokens"):
        Endpoint(tenant_claim="org")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (RagSettings(store=Cosmos()), "RagSettings.store must be one of S3Vectors"),
        (RagSettings(answers=Answers(search="hybrid")), "has no full-text search"),
        (RagSettings(embedding=Embedding(model="acme.embed-v9")), "Embedding.dimension must be given"),
    ],
)
def test_what_aws_cannot_have_is_refused_at_synthesis(make_rag, settings, says):
    with pytest.raises(ValueError, match=says):
        make_rag(settings)


def test_a_bucket_of_your_own_is_used_and_not_made(make_rag, new_stack):
    stack = new_stack()
    own = aws_s3.Bucket.from_bucket_name(stack, "Own", "papers")
    template = make_rag(stack=stack, documents=own).synth()
    assert not template.resources("AWS::S3::Bucket")
    assert told(template, "ingest", RagIngestConfig).inputs == "papers"


def test_both_packs_of_cdk_nag_find_nothing(made, template):
    assert template
    for pack in (AwsSolutionsChecks(), ServerlessChecks()):
        report = pack.validate_scope(made.pattern)
        assert [(v.rule_name, v.violating_resources[0].construct_path) for v in report.violations] == []


def test_cfn_lint_finds_nothing(template):
    # W3005: the CDK itself writes a DependsOn beside the reference to the role.
    found = cfnlint.api.lint(template.text, config={"regions": ["us-east-1"], "ignore_checks": ["W3005"]})
    assert [(match.rule.id, match.message, match.path) for match in found] == []

"""The pack as Pulumi's engine runs it: a process that answers the analyzer's calls."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from google.protobuf import empty_pb2, struct_pb2
from graphs import Graph
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from serverless_ai_policy import RULES, Rule
from serverless_ai_policy.pack import policies
from serverless_ai_policy.rule import Each

ROOT = Path(__file__).parents[2]
PACK = ROOT / "pulumi" / "policy"
START_S = 60
CLOUDS = ("aws", "azure", "gcp")
LEVELS = {"mandatory": analyzer_pb2.MANDATORY, "advisory": analyzer_pb2.ADVISORY}


@pytest.fixture(scope="module")
def analyzer() -> Iterator[Any]:
    """The pack, started as `pulumi preview --policy-pack pulumi/policy` starts it."""
    command = [sys.executable, "-u", "-m", "pulumi.policy", "127.0.0.1:1", str(PACK / "__main__.py")]
    with subprocess.Popen(
        command, cwd=PACK, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as pack:
        assert pack.stdout is not None
        try:
            port = pack.stdout.readline().strip()
            assert port.isdigit(), pack.stderr.read() if pack.stderr else ""
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                grpc.channel_ready_future(channel).result(timeout=START_S)
                yield analyzer_pb2_grpc.AnalyzerStub(channel)
        finally:
            pack.kill()


def struct(values: Any) -> struct_pb2.Struct:
    made = struct_pb2.Struct()
    made.update(values)
    return made


def each_resource(analyzer: Any, graph: Graph) -> Iterator[Any]:
    """The analyzer's answer on every resource by itself."""
    for one in graph.resources:
        request = analyzer_pb2.AnalyzeRequest(
            type=one.type, urn=one.urn, name=one.name, properties=struct(one.inputs)
        )
        yield analyzer.Analyze(request)


def whole_stack(analyzer: Any, graph: Graph) -> Any:
    """The analyzer's answer on all of them."""
    resources = [
        analyzer_pb2.AnalyzerResource(
            type=one.type,
            urn=one.urn,
            name=one.name,
            parent=one.parent,
            properties=struct(one.inputs),
            dependencies=one.dependencies,
            propertyDependencies={
                prop: analyzer_pb2.AnalyzerPropertyDependencies(urns=urns)
                for prop, urns in one.references.items()
            },
        )
        for one in graph.resources
    ]
    return analyzer.AnalyzeStack(analyzer_pb2.AnalyzeStackRequest(resources=resources))


def diagnoses(analyzer: Any, graph: Graph) -> list[Any]:
    answers = [*each_resource(analyzer, graph), whole_stack(analyzer, graph)]
    return [diagnosis for answer in answers for diagnosis in answer.diagnostics]


def test_it_tells_of_each_rule_with_its_reason_its_mend_and_its_level(analyzer):
    info = analyzer.GetAnalyzerInfo(empty_pb2.Empty())
    assert info.name == "serverless-ai"
    told = [(one.name, one.description, one.remediation_steps, one.enforcementLevel) for one in info.policies]
    assert told == [(rule.id, rule.reason, rule.mend, LEVELS[rule.level]) for rule in RULES]
    kinds = {one.name: one.policy_type for one in info.policies}
    of_each = {rule.id for rule in RULES if isinstance(rule.looks, Each)}
    assert {name for name, kind in kinds.items() if kind == analyzer_pb2.POLICY_TYPE_RESOURCE} == of_each


@pytest.mark.parametrize("run", ["everything", "everything-preview"])
@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_program_passes(analyzer, recorded, cloud, run):
    assert diagnoses(analyzer, Graph.of(recorded(cloud, run))) == []


def test_what_a_preview_cannot_tell_is_said_with_its_reason(analyzer, recorded):
    graph = Graph.of(recorded("aws", "everything-preview"))
    said = {
        (one.policy_name, one.reason)
        for answer in each_resource(analyzer, graph)
        for one in answer.not_applicable
    }
    assert ("aws-role-no-star-resource", "policy is known once it is deployed") in said
    assert ("secret-in-variable", "environment.variables is known once it is deployed") in said


def test_a_violation_is_told_with_what_is_wrong_where_and_how_to_mend_it(analyzer, graph):
    changed = graph("gcp").set("ServiceIamBinding", "members", ["allUsers"])
    (told,) = diagnoses(analyzer, changed)
    assert (told.policyName, told.policyPackName) == ("gcp-member-named", "serverless-ai")
    assert told.enforcementLevel == analyzer_pb2.MANDATORY
    assert told.urn == changed.find("ServiceIamBinding").urn
    reason, what = told.message.split("\n")
    assert reason.startswith("Each call of a model costs money")
    assert what == "allUsers is anyone. Name groups, users or service accounts"


def test_what_is_missing_in_a_stack_is_told_of_the_resource_that_lacks_it(analyzer, graph):
    changed = graph("azure").drop("Queue", "dead-letters")
    (told,) = diagnoses(analyzer, changed)
    assert told.policyName == "azure-queue-dead-letters"
    assert told.urn == changed.find("Queue", "events").urn


def test_a_rule_can_be_switched_off(analyzer, graph):
    """As `pulumi preview --policy-pack-config FILE` does."""
    changed = graph("gcp").set("ServiceIamBinding", "members", ["allUsers"])
    off = analyzer_pb2.PolicyConfig(enforcementLevel=analyzer_pb2.DISABLED)
    analyzer.Configure(analyzer_pb2.ConfigureAnalyzerRequest(policyConfig={"gcp-member-named": off}))
    assert diagnoses(analyzer, changed) == []
    analyzer.Configure(analyzer_pb2.ConfigureAnalyzerRequest())
    assert [one.policyName for one in diagnoses(analyzer, changed)] == ["gcp-member-named"]


def test_a_pack_of_rules_of_your_own_choice():
    chosen: list[Rule] = [rule for rule in RULES if rule.id.startswith("gcp-")]
    assert [one.name for one in policies(chosen)] == [rule.id for rule in chosen]


def test_the_file_that_pulumi_reads_says_how_the_pack_runs():
    told = yaml.safe_load((PACK / "PulumiPolicy.yaml").read_text())
    assert told.keys() == {"description", "version", "runtime"}
    assert told["runtime"] == "python"

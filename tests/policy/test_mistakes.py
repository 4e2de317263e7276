"""Mistakes in programs for Azure and Google Cloud: each is told with its place before anything is made.

What the SDK would not take is told by the local cloud's door; what it takes and should not be is told by the
rules of the pack, which the door asks here as it asks a cloud.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from graphs import on_wire

from serverless_ai_local import graph
from serverless_ai_local.doors.pulumi import Deployment, ProgramError
from serverless_ai_local.doors.pulumi.clouds import CloudError, Consequence, Live, Placed, Target
from serverless_ai_local.doors.pulumi.values import encode
from serverless_ai_policy import RULES, Resource, judge, kind_of

PACKAGES = {"azure": "azure_native", "gcp": "gcp"}
ENDPOINT = "http://127.0.0.1:9"  # nothing listens there

# The mistake is on line 3; a rule's id or the door's words.
MISTAKES: Mapping[str, tuple[str, str]] = {
    "azure: a wrong key": (
        'azure.web.WebApp("f", resource_group_name="g", site_config={"min_tls_verson": "1.2"})',
        r"unknown property site_config\.min_tls_verson of azure_native\.web\.SiteConfigArgs; did you",
    ),
    "azure: a missing key": (
        'azure.cognitiveservices.Deployment("d", resource_group_name="g", account_name="a", sku={})',
        r"missing required property sku\.name of azure_native\.cognitiveservices\.SkuArgs",
    ),
    "azure: a misspelled value": (
        'azure.storage.BlobContainer("c", resource_group_name="g", account_name="a", public_access="Nine")',
        r"public_access: 'Nine' is not one of PublicAccess; allowed: ",
    ),
    "azure: a secret in a plain field": (
        'azure.web.WebApp("f", resource_group_name="g", '
        'site_config={"app_settings": [{"name": "DB_PASSWORD", "value": "hunter2"}]})',
        r"secret-in-variable: the variable DB_PASSWORD holds its secret itself",
    ),
    "azure: missing dead letters": (
        'azure.eventgrid.TopicEventSubscription("e", resource_group_name="g", topic_name="t")',
        r"azure-subscription-dead-letters: an event that cannot be delivered is dropped",
    ),
    "azure: the trap of Flex Consumption": (
        'azure.web.WebApp("f", resource_group_name="g", site_config=azure.web.SiteConfigArgs(), '
        'function_app_config={"runtime": {"name": "python", "version": "3.13"}})',
        r"azure-function-flex: siteConfig\.netFrameworkVersion stands beside functionAppConfig",
    ),
    "azure: a role on everything": (
        'azure.authorization.RoleAssignment("r", scope="/subscriptions/s", principal_id="p", '
        'role_definition_id="d")',
        r"azure-role-scope: the role holds on /subscriptions/s",
    ),
    "gcp: a wrong type": (
        'gcp.pubsub.Subscription("s", topic="t", ack_deadline_seconds="30s")',
        r"ack_deadline_seconds: an integer wanted, got a string",
    ),
    "gcp: a missing argument": (
        'gcp.cloudrunv2.ServiceIamBinding("i", members=["allUsers"])',
        r"TypeError: Missing required property 'role'",
    ),
    "gcp: public access": (
        'gcp.cloudrunv2.ServiceIamBinding("i", name="s", role="roles/run.invoker", members=["allUsers"])',
        r"gcp-member-named: allUsers is anyone",
    ),
    "gcp: a role that is too broad": (
        'gcp.projects.IAMMember("m", project="p", role="roles/aiplatform.user", member="user:a@example.com")',
        r"gcp-role-narrow: roles/aiplatform\.user also makes and deletes endpoints",
    ),
    "gcp: a secret in a plain field": (
        'gcp.pubsub.Topic("t", labels={"key": "AIza" + "b" * 35})',
        r"secret-in-value: labels\.key holds an API key of Google",
    ),
    "gcp: missing dead letters": (
        'gcp.cloudscheduler.Job("j", schedule="0 0 * * *", http_target={"uri": "https://f.example.com"})',
        r"gcp-schedule-dead-letters: a run that fails is gone",
    ),
}


@dataclass(frozen=True)
class Policed:
    """A cloud that makes nothing: a resource is refused for what the pack finds wrong with it."""

    def settings(self, config: Mapping[str, Any]) -> Mapping[str, Any]:
        return config

    def consequence(self, token: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Consequence:
        return "none"

    def kind(self, token: str) -> PolicedKind:
        return PolicedKind(token)

    def invoke(self, target: Target, token: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        raise CloudError(f"function {token} is not supported")

    def graph(self, resources: Sequence[Placed]) -> list[graph.Resource]:
        return []


@dataclass(frozen=True)
class PolicedKind:
    token: str

    def defaults(
        self, name: str, inputs: Mapping[str, Any], random: Callable[[int], str]
    ) -> Mapping[str, Any]:
        return {}

    def check(self, inputs: Mapping[str, Any]) -> None:
        resource = Resource(kind_of(self.token), "", "", on_wire(encode(dict(inputs))))
        found = [f"{one.rule.id}: {one.text}" for one in judge([resource], RULES)]
        if found:
            raise CloudError("; ".join(found))

    def replaces(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
        return False

    def collides(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
        return False

    def create(self, target: Target, name: str, inputs: Mapping[str, Any]) -> Live:
        raise AssertionError("a preview makes nothing")

    update = delete = read = create


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory) -> dict[str, str]:
    """What a preview says to each mistake; side by side, because programs start slowly."""

    base = tmp_path_factory.mktemp("mistakes")  # here, for the factory is not made for threads

    def outcome(mistake: str) -> str:
        folder = Path(mkdtemp(dir=base))
        (folder / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
        cloud = mistake.partition(":")[0]
        head = f"import pulumi_{PACKAGES[cloud]} as {cloud}\n# the mistake is below\n"
        (folder / "__main__.py").write_text(f"{head}{MISTAKES[mistake][0]}\n")
        clouds = {package.replace("_", "-"): Policed() for package in PACKAGES.values()}
        deployment = Deployment(folder, "dev", endpoint=ENDPOINT, state_dir=folder / "state", clouds=clouds)
        try:
            deployment.preview()
        except ProgramError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(4) as pool:
        return dict(zip(MISTAKES, pool.map(outcome, MISTAKES), strict=True))


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_with_its_file_and_line(outcomes, mistake):
    told = outcomes[mistake]
    assert re.search(MISTAKES[mistake][1], told), told
    assert told.startswith("__main__.py:3: "), told
    assert "hunter2" not in told

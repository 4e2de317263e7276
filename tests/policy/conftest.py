"""The programs that the rules are tried on."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import programs
import pytest
from recorder import Recording, deployer

from serverless_ai_patterns.event_pipeline import EventPipelineSettings, Ocr, Sources
from serverless_ai_patterns.function_llm import FunctionLlmSettings
from serverless_ai_patterns.settings import from_mapping

# The pack's own __main__.py finds its rules the same way.
sys.path.insert(0, str(Path(__file__).parents[2] / "pulumi"))
sys.path.insert(0, str(Path(__file__).parent))

from graphs import Graph

from serverless_ai_policy import Violation


def _brought(cloud: str) -> Callable[[], object]:
    """A component with every part, and with things of the user's own: keys, secrets, a network."""
    settings = from_mapping(FunctionLlmSettings, programs.EVERYTHING)
    return {"aws": _on_aws, "azure": _on_azure, "gcp": _on_gcp}[cloud](settings)


def _on_aws(settings: FunctionLlmSettings) -> Callable[[], object]:
    from serverless_ai_pulumi.aws import EventPipeline, FunctionLlm, VpcPlacement

    vpc = VpcPlacement(subnet_ids=["subnet-1"], security_group_ids=["sg-1"])
    key = "arn:aws:kms:eu-west-1:111122223333:key/k"

    def program() -> object:
        chat = FunctionLlm("chat", settings, vpc=vpc, key_arn=key)
        sources = Sources(topic={"kind": ["a"]}, schedule="rate(1 day)", bus_filter={"source": ["shop"]})
        pipeline = EventPipelineSettings(processor=Ocr(), sources=sources)
        return chat, EventPipeline("papers", pipeline, vpc=vpc, key_arn=key)

    return program


def _on_azure(settings: FunctionLlmSettings) -> Callable[[], object]:
    import pulumi_azure_native as azure

    from serverless_ai_pulumi.azure import FunctionLlm, Gateway

    def program() -> object:
        return FunctionLlm(
            "chat",
            settings,
            gateway=Gateway(publisher_email="ops@example.com", publisher_name="Ops"),
            secrets={"WEATHER_API_KEY": "hunter2"},
            subnet_id="/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/a",
            key=azure.keyvault.Key(
                "mine",
                resource_group_name="elsewhere",
                vault_name="mine",
                properties=azure.keyvault.KeyPropertiesArgs(),
            ),
        )

    return program


def _on_gcp(settings: FunctionLlmSettings) -> Callable[[], object]:
    from serverless_ai_pulumi.gcp import FunctionLlm, VpcPlacement

    vpc = VpcPlacement(network="n", subnetwork="s")
    key = "projects/shop-123/locations/europe-west1/keyRings/r/cryptoKeys/k"
    return lambda: FunctionLlm(
        "chat",
        settings,
        vpc=vpc,
        key=key,
        invokers=["group:chat@example.com"],
        secrets={"WEATHER_API_KEY": "hunter2"},
    )


RUNS: Mapping[str, Callable[[str], Recording]] = {
    "shipped": lambda cloud: programs.run(cloud, programs.shipped(cloud)),
    "everything": lambda cloud: programs.run(cloud, programs.everything(cloud)),
    "everything-preview": lambda cloud: programs.run(cloud, programs.everything(cloud), preview=True),
    "brought": lambda cloud: deployer(programs.provider(cloud))(_brought(cloud)),
}
"""Every program in every state that rules are tried on."""


@pytest.fixture(scope="session")
def recorded() -> Callable[[str, str], Recording]:
    """What the program of a cloud registers in one of `RUNS`; each is run once."""
    return functools.cache(lambda cloud, run: RUNS[run](cloud))


@pytest.fixture(scope="session")
def graph(recorded) -> Callable[[str], Graph]:
    """Everything that a cloud's component makes, to be changed."""
    return lambda cloud: Graph.of(recorded(cloud, "brought"))


@pytest.fixture(scope="session")
def ids() -> Callable[[Iterable[Violation]], set[str]]:
    """The rules that do not hold."""
    return lambda violations: {each.rule.id for each in violations}

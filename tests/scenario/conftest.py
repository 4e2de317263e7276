"""One deployment a target, shared by the whole scenario. A target is never left out in silence."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from aws_world import AwsWorld
from azure_world import AzureWorld
from gcp_world import GcpWorld
from pipeline_world import PipelineWorld
from rag_variants import stores_of
from rag_world import RagWorld
from world import World

from serverless_ai_local import launch
from serverless_ai_local.launch import RunningCloud
from serverless_ai_local.targets.cdk import Cdk
from serverless_ai_local.targets.pulumi_program import PulumiProgram
from serverless_ai_patterns.catalogue import find

PROGRAMS = Path(__file__).parent / "programs"
PATTERN_OF = {"pipeline": "event_pipeline", "rag": "rag"}
"""Fixture of a scenario -> its pattern."""
TARGETS = ("cdk", "pulumi-aws", "pulumi-azure", "pulumi-gcp")
WORLDS = {"pulumi-azure": AzureWorld, "pulumi-gcp": GcpWorld}
RAG_WORLDS = {
    "cdk": "RagAwsWorld",
    "pulumi-aws": "RagAwsWorld",
    "pulumi-azure": "RagAzureWorld",
    "pulumi-gcp": "RagGcpWorld",
}
PIPELINE_WORLDS = {
    "cdk": "PipelineAwsWorld",
    "pulumi-aws": "PipelineAwsWorld",
    "pulumi-azure": "PipelineAzureWorld",
    "pulumi-gcp": "PipelineGcpWorld",
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A pattern's scenario is for the targets that the catalogue offers it on; the others are counted."""
    left = [item for item in items if _foreign(item)]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]


def _foreign(item: pytest.Item) -> bool:
    fixtures = getattr(item, "fixturenames", ())
    pattern = next((name for fixture, name in PATTERN_OF.items() if fixture in fixtures), "")
    if not pattern:
        return False
    target: str = item.callspec.params["target"]  # pyright: ignore[reportAttributeAccessIssue]
    return target.removeprefix("pulumi-") not in {"cdk", *find(pattern).clouds}


@pytest.fixture(scope="session", params=TARGETS)
def target(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="session")
def cloud(target: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    """A local cloud of this target's own; retries of asynchronous invocations come quickly."""
    state = tmp_path_factory.mktemp(f"cloud-{target}")
    running = launch.start(state, env={"LOCAL_ASYNC_RETRY_SECONDS": "0.2"})
    yield running
    running.stop()


@pytest.fixture(scope="session")
def issuer(cloud: RunningCloud) -> str:
    return f"{cloud.url}/_local/issuer"


@pytest.fixture(scope="session")
def deployment(target: str, cloud: RunningCloud, issuer: str) -> Cdk | PulumiProgram:
    """The target's own way to deploy the scenario's program; not deployed yet."""
    if target == "cdk":
        cdk = Cdk(cloud=cloud, app_dir=PROGRAMS / "cdk", context={"issuer": issuer})
        cdk.bootstrap()
        return cdk
    return PulumiProgram(
        cloud=cloud, program_dir=PROGRAMS / target.replace("-", "_"), stack="test", config={"issuer": issuer}
    )


@pytest.fixture(scope="session")
def deployed_world(target: str, cloud: RunningCloud, deployment: Cdk | PulumiProgram) -> World:
    deployed = deployment.deploy("Scenario") if isinstance(deployment, Cdk) else deployment.deploy()
    kind = WORLDS.get(target, AwsWorld)
    return kind(target=target, cloud=cloud, outputs=deployed.outputs)


@pytest.fixture
def world(deployed_world: World) -> World:
    """The deployed world, with no faults, no counted calls and empty queues."""
    deployed_world.reset()
    return deployed_world


def deploy_pipelines(target: str, cloud: RunningCloud, variants: str = "") -> PipelineWorld:
    """The event pipelines of `programs`; `variants` chooses among them."""
    chosen = {"variants": variants} if variants else {}
    if target == "cdk":
        cdk = Cdk(cloud=cloud, app_dir=PROGRAMS / "cdk_pipeline", context=chosen)
        cdk.bootstrap()
        deployed = cdk.deploy("Pipelines")
    else:
        folder = PROGRAMS / f"{target.replace('-', '_')}_pipeline"
        deployed = PulumiProgram(cloud=cloud, program_dir=folder, stack="test", config=chosen).deploy()
    name = PIPELINE_WORLDS[target]
    module = f"pipeline_{name.removeprefix('Pipeline').removesuffix('World').lower()}_world"
    kind = getattr(import_module(module), name)
    return kind(target=target, cloud=cloud, outputs=deployed.outputs)


@pytest.fixture(scope="session")
def deployed_pipelines(target: str, cloud: RunningCloud) -> PipelineWorld:
    """The event pipelines, on the same cloud."""
    return deploy_pipelines(target, cloud)


@pytest.fixture(scope="module")
def services(target: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PipelineWorld]:
    """The pipelines that ask an AI service, on a cloud of their own that ends with their tests."""
    running = launch.start(
        tmp_path_factory.mktemp(f"services-{target}"), env={"LOCAL_ASYNC_RETRY_SECONDS": "0.2"}
    )
    yield deploy_pipelines(target, running, "services")
    running.stop()


@pytest.fixture
def pipeline(deployed_pipelines: PipelineWorld) -> PipelineWorld:
    """The deployed pipelines, with no faults, no counted calls, empty queues and buckets."""
    deployed_pipelines.reset()
    return deployed_pipelines


def deploy_rags(target: str, cloud: RunningCloud, issuer: str, variants: str = "") -> RagWorld:
    """The RAG deployments of `programs`; `variants` chooses among them, apart by commas."""
    chosen = {"issuer": issuer} | ({"variants": variants} if variants else {})
    if target == "cdk":
        cdk = Cdk(cloud=cloud, app_dir=PROGRAMS / "cdk_rag", context=chosen)
        cdk.bootstrap()
        deployed = cdk.deploy("Rags")
    else:
        folder = PROGRAMS / f"{target.replace('-', '_')}_rag"
        deployed = PulumiProgram(cloud=cloud, program_dir=folder, stack="test", config=chosen).deploy()
    name = RAG_WORLDS[target]
    module = f"rag_{name.removeprefix('Rag').removesuffix('World').lower()}_world"
    kind = getattr(import_module(module), name)
    stores = stores_of({"cdk": "aws"}.get(target, target.removeprefix("pulumi-")))
    made = tuple(store for store in stores if f"{store}_endpoint" in deployed.outputs)
    return kind(target=target, cloud=cloud, outputs=deployed.outputs, stores=made)


@pytest.fixture(scope="session")
def deployed_rags(target: str, cloud: RunningCloud, issuer: str) -> RagWorld:
    """The RAG deployments, on the same cloud."""
    return deploy_rags(target, cloud, issuer)


@pytest.fixture
def rag(deployed_rags: RagWorld) -> RagWorld:
    """The deployed RAGs, with no faults, no counted calls, empty queues, buckets and indexes."""
    deployed_rags.reset()
    return deployed_rags

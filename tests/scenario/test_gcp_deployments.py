"""An unmodified Pulumi program on Google Cloud: preview, up, nothing to do, one change, new code, destroy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from gcp_world import GcpWorld

from serverless_ai_local import launch
from serverless_ai_local.launch import RunningCloud
from serverless_ai_local.targets import DeployError
from serverless_ai_local.targets.pulumi_program import PulumiProgram
from serverless_ai_patterns.cost import idle_monthly

PROGRAM = Path(__file__).parent / "programs" / "pulumi_gcp"
FUNCTION = "gcp:cloudfunctionsv2/function:Function"


@pytest.fixture(scope="module")
def own_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    running = launch.start(tmp_path_factory.mktemp("gcp-life"))
    yield running
    running.stop()


def inventory(cloud: RunningCloud) -> list[dict[str, Any]]:
    return cloud.admin("GET", "gcp/resources")["resources"]


def revisions(cloud: RunningCloud, function: str) -> set[str]:
    running = cloud.admin("GET", "gcp/functions/instances")["instances"]
    return {one["revision"] for one in running if one["function"] == function}


def test_the_life_of_a_pulumi_stack(own_cloud: RunningCloud) -> None:
    config = {"issuer": f"{own_cloud.url}/_local/issuer"}
    program = PulumiProgram(cloud=own_cloud, program_dir=PROGRAM, stack="life", config=config)

    planned = Counter(step.op for step in program.preview().steps)
    assert set(planned) == {"create"}
    assert inventory(own_cloud) == [], "a preview must make nothing"

    first = program.up()
    assert Counter(step.op for step in first.steps) == planned
    assert sum(line.usd for line in idle_monthly((r.name, r.type, r.properties) for r in first.graph)) < 2
    world = GcpWorld(
        target="pulumi-gcp",
        cloud=own_cloud,
        outputs={name: str(value) for name, value in first.outputs.items()},
    )
    assert world.chat({"message": "hello"}).status == 200
    before = revisions(own_cloud, world.outputs["main_function_name"])

    second = program.up()
    assert {step.op for step in second.steps} == {"same"}, [s for s in second.steps if s.op != "same"]
    assert world.chat({"message": "hello"}).status == 200
    assert revisions(own_cloud, world.outputs["main_function_name"]) == before, "nothing may start anew"

    changed = replace(program, config={**config, "memory_main": "512"})
    steps = [step for step in changed.up().steps if step.op != "same"]
    assert [(step.op, step.type) for step in steps] == [("update", FUNCTION)]
    assert steps[0].diff == ("serviceConfig.availableMemory",)
    assert world.chat({"message": "hello"}).status == 200
    assert not revisions(own_cloud, world.outputs["main_function_name"]) & before, "a new revision serves"

    gone = changed.destroy()
    assert {step.op for step in gone.steps} == {"delete"}
    assert inventory(own_cloud) == []
    assert own_cloud.admin("GET", "gcp/functions/instances")["instances"] == []


def test_a_protected_database_is_kept_and_says_why(own_cloud: RunningCloud, tmp_path: Path) -> None:
    """The component's own default: nobody loses a database by a destroy."""
    (tmp_path / "Pulumi.yaml").write_text("name: kept\nruntime: python\n")
    (tmp_path / "__main__.py").write_text(
        "from serverless_ai_pulumi.gcp import FunctionLlm\nFunctionLlm('kept')\n"
    )
    program = PulumiProgram(cloud=own_cloud, program_dir=tmp_path, stack="test")
    program.up()
    with pytest.raises(DeployError, match="it has delete protection"):
        program.destroy()
    text = (
        "from serverless_ai_pulumi.gcp import FunctionLlm\nFunctionLlm('kept', deletion_protection=False)\n"
    )
    (tmp_path / "__main__.py").write_text(text)
    program.up()
    program.destroy()
    assert inventory(own_cloud) == []

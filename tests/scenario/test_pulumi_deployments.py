"""An unmodified Pulumi program: preview, up, nothing to do, one change, destroy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from test_cdk_deployments import inventory

from serverless_ai_local import launch
from serverless_ai_local.ask import ask
from serverless_ai_local.launch import RunningCloud
from serverless_ai_local.targets.pulumi_program import PulumiProgram

PROGRAM = Path(__file__).parent / "programs" / "pulumi_aws"


@pytest.fixture(scope="module")
def own_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    running = launch.start(tmp_path_factory.mktemp("pulumi-life"))
    yield running
    running.stop()


def test_the_life_of_a_pulumi_stack(own_cloud: RunningCloud) -> None:
    config = {"issuer": f"{own_cloud.url}/_local/issuer"}
    program = PulumiProgram(cloud=own_cloud, program_dir=PROGRAM, stack="life", config=config)

    preview = program.preview()
    planned = Counter(step.op for step in preview.steps)
    assert set(planned) == {"create"}
    assert not any(inventory(own_cloud).values()), "a preview must make nothing"

    first = program.up()
    assert Counter(step.op for step in first.steps) == planned
    assert "answer" in str(ask(str(first.outputs["main_endpoint"]), "hello"))

    second = program.up()
    assert {step.op for step in second.steps} == {"same"}, [s for s in second.steps if s.op != "same"]

    changed = replace(program, config={**config, "memory_main": "512"})
    steps = [step for step in changed.up().steps if step.op != "same"]
    assert [(step.op, step.type) for step in steps] == [("update", "aws:lambda/function:Function")]
    assert steps[0].diff == ("memorySize",)
    function = own_cloud.client("lambda").get_function_configuration(
        FunctionName=str(first.outputs["main_function_name"])
    )
    assert function["MemorySize"] == 512

    gone = changed.destroy()
    assert {step.op for step in gone.steps} == {"delete"}
    assert not any(inventory(own_cloud).values()), inventory(own_cloud)

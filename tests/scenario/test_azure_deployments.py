"""The shipped Azure program on the local cloud: preview, up, nothing to do, one change, destroy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from serverless_ai_local import launch
from serverless_ai_local.ask import ask_with_token
from serverless_ai_local.azure import caller
from serverless_ai_local.launch import RunningCloud
from serverless_ai_local.targets.pulumi_program import PulumiProgram

PROGRAM = Path(__file__).parents[2] / "pulumi" / "stacks" / "azure"


@pytest.fixture(scope="module")
def own_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    running = launch.start(tmp_path_factory.mktemp("azure-life"))
    yield running
    running.stop()


def made(cloud: RunningCloud) -> list[str]:
    return [one["id"] for one in cloud.admin("GET", "azure/resources")["resources"]]


def test_the_life_of_an_azure_stack(own_cloud: RunningCloud) -> None:
    program = PulumiProgram(cloud=own_cloud, program_dir=PROGRAM, stack="function-llm", config=caller.CONFIG)

    planned = Counter(step.op for step in program.preview().steps)
    assert set(planned) == {"create"}
    assert made(own_cloud) == [], "a preview must make nothing"

    first = program.up()
    assert Counter(step.op for step in first.steps) == planned
    endpoint = str(first.outputs["endpoint"])
    assert "key" in ask_with_token(endpoint, "The key is blue. What is blue?", caller.token(own_cloud)).answer

    second = program.up()
    assert {step.op for step in second.steps} == {"same"}, [s for s in second.steps if s.op != "same"]

    changed = replace(program, config={**caller.CONFIG, "settings": '{"function": {"memory_mb": 4096}}'})
    steps = [step for step in changed.up().steps if step.op != "same"]
    assert [(step.op, step.type) for step in steps] == [("update", "azure-native:web:WebApp")]
    assert steps[0].diff == ("functionAppConfig.scaleAndConcurrency.instanceMemoryMB",)
    assert ask_with_token(endpoint, "hello", caller.token(own_cloud)).answer

    gone = changed.destroy()
    assert {step.op for step in gone.steps} == {"delete"}
    assert made(own_cloud) == []

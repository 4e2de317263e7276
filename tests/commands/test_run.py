"""`serverless-ai run` and `make run`, interrupted and misused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from commands_by_hand import Commands, eventually

from serverless_ai_local.launch import CloudError, RunningCloud

ROOT = Path(__file__).parents[2]


def deploying(folder: Path) -> bool:
    """Whether the cloud of a run has begun to make the stack."""
    for note in folder.glob("*/cloud.json"):
        try:
            cloud = RunningCloud(state_dir=note.parent, **json.loads(note.read_text()))
            return "FunctionLlm" in cloud.admin("GET", "stacks")["stacks"]
        except (OSError, ValueError, CloudError):
            return False
    return False


MOMENTS = {
    "before the cloud answers": lambda commands: any("local.server" in line for line in commands.processes()),
    "in the middle of the deployment": lambda commands: deploying(commands.folder),
}


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("before the cloud answers", signal.SIGINT),
        ("before the cloud answers", signal.SIGHUP),
        ("in the middle of the deployment", signal.SIGINT),
        ("in the middle of the deployment", signal.SIGTERM),
    ],
)
def test_a_run_that_is_stopped_leaves_neither_processes_nor_files(
    serverless_ai: Commands, moment: str, number: signal.Signals
) -> None:
    running = serverless_ai.begun("run", folder=ROOT)
    eventually(lambda: MOMENTS[moment](serverless_ai))
    # A terminal tells everyone; kill and supervisors tell the one that they know.
    (os.killpg if number == signal.SIGINT else os.kill)(running.pid, number)
    said, _ = running.communicate(timeout=60)
    assert running.returncode == 1, said
    assert said.rstrip().endswith("Aborted!")
    assert "Traceback" not in said
    eventually(lambda: serverless_ai.processes() == [], within=10)
    assert list(serverless_ai.folder.iterdir()) == []


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "--dry-run", "--no-print-directory", "run", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "question", ['it\'s "quoted"', "$HOME $(id) `id` ${x}", "a; b & c | d > e", "\\n é ☃ %"]
)
def test_a_question_reaches_the_command_as_it_was_asked(question: str) -> None:
    line = make(f"ASK={question}").stdout.splitlines()[-1]
    command, _, rest = line.partition(" run ")
    assert command.endswith("serverless-ai")
    shown = subprocess.run(
        ["sh", "-c", f"printf '%s\\n' {rest}"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert shown[-1] == question


def test_a_pattern_or_target_that_does_not_exist_is_told_with_those_that_do(serverless_ai: Commands) -> None:
    done = make("TARGET=nonsense")
    assert done.returncode != 0
    assert "TARGET must be one of cdk" in done.stderr
    assert '"nonsense"' in done.stderr
    for arguments, said in (
        (("nonsense",), "pattern must be one of function_llm"),
        (("--target", "nonsense"), "'nonsense' is not one of 'cdk'"),
        ((), "run this in a checkout"),
    ):
        done = serverless_ai("run", *arguments)
        assert done.returncode != 0
        assert said in done.stderr
        assert "Traceback" not in done.stderr

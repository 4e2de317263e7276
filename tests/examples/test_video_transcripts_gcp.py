"""The example of video transcripts on Google Cloud, deployed and used on the local cloud."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from made_files import wav
from world import eventually

from serverless_ai_local.gcp import caller
from serverless_ai_local.launch import RunningCloud
from serverless_ai_local.targets.pulumi_program import PulumiProgram

EXAMPLE = Path(__file__).parents[2] / "examples/video_transcripts_gcp"
FILES = {
    "videos/harbour.mp4": (EXAMPLE / "harbour.mp4").read_bytes(),
    "videos/call.wav": wav("Please call back."),
    "elsewhere/x.wav": wav("Never heard."),
}


@pytest.fixture(scope="module")
def program(cloud: RunningCloud) -> PulumiProgram:
    return PulumiProgram(cloud=cloud, program_dir=EXAMPLE, stack="dev")


def test_videos_become_transcripts(program: PulumiProgram) -> None:
    outputs = {name: str(value) for name, value in program.up().outputs.items()}
    for key, body in FILES.items():
        assert caller.upload(program.cloud, outputs["uploads"], key, body)[0] == 200

    def transcripts() -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key in FILES:
            status, body = caller.download(program.cloud, outputs["results"], f"transcripts/{key}.json")
            if status == 200:
                found[key] = json.loads(body)["output"]["text"]
        return found

    eventually(lambda: len(transcripts()) == 2, within=90, what="two transcripts")
    assert transcripts() == {
        "videos/harbour.mp4": "The harbour at dawn. A boat comes in.",
        "videos/call.wav": "Please call back.",
    }
    assert program.destroy().steps

"""`make bench` keeps the promises about cold start and size, and says so when one is missed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from clouds import CLOUDS, Cloud
from cold_start import COMPILED, DEPLOYED, FLOOR, SECURE, STATEFUL, peer_name
from run import main

Run = Callable[..., tuple[int, dict[str, Any]]]
AWS = CLOUDS[0]


@pytest.fixture
def bench(tmp_path: Path) -> Run:
    """Runs the benchmark without synth; returns its exit code and what it wrote."""
    output = tmp_path / "bench.json"

    def run(*arguments: str, clouds: tuple[Cloud, ...] = CLOUDS) -> tuple[int, dict[str, Any]]:
        code = main(
            [
                *arguments,
                *("--synth-rounds", "0", "--pipeline-rounds", "0", "--rag-rounds", "0"),
                *("--output", str(output)),
            ],
            clouds,
        )
        return code, json.loads(output.read_text()) if output.exists() else {}

    return run


def test_every_promise_is_measured_and_the_packages_keep_theirs(bench: Run) -> None:
    # How long something takes is for `make bench` on an idle machine: no test fails over it.
    _, written = bench("--by", "cpu", "--rounds", "3")
    assert {name: promise["at_most"] for name, promise in written["promises"].items()} == {
        "AWS: cold start / floor": 2.0,
        "AWS: cold start / boto3": 0.35,
        "AWS: bytes of the zip": 200_000,
        "Azure: cold start / floor": 2.0,
        "Azure: cold start / openai": 0.25,
        "Azure: bytes of the zip": 200_000,
        "Google Cloud: cold start / floor": 2.0,
        "Google Cloud: cold start / google-genai": 0.25,
        "Google Cloud: bytes of the zip": 200_000,
    }
    sizes = {name: promise["kept"] for name, promise in written["promises"].items() if "bytes" in name}
    assert set(sizes.values()) == {True}
    for cloud in CLOUDS:
        results = written["results"][cloud.name]
        assert set(results) == {FLOOR, DEPLOYED, STATEFUL, COMPILED, SECURE, peer_name(cloud)}
        assert {len(result["wall_ms"]["all"]) for result in results.values()} == {3}


def test_a_missed_promise_fails_the_gate_and_only_the_gate(
    bench: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    strict = (replace(AWS, peer=replace(AWS.peer, most=0.001)),)
    code, written = bench("--gate", "--rounds", "1", clouds=strict)
    assert code == 1
    assert "missed" in capsys.readouterr().out
    assert written["promises"]["AWS: cold start / boto3"]["kept"] is False
    assert bench("--rounds", "1", clouds=strict)[0] == 0


@pytest.mark.parametrize("cloud", CLOUDS, ids=lambda cloud: cloud.name)
def test_a_handler_that_does_not_answer_is_no_measurement(
    cloud: Cloud, bench: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = replace(
        cloud, environment=lambda *given: {**cloud.environment(*given), "SERVERLESS_AI_MODEL": ""}
    )
    code, written = bench("--rounds", "1", clouds=(broken,))
    assert (code, written) == (2, {})
    said = " ".join(capsys.readouterr().out.split())
    assert f"{cloud.title}: {DEPLOYED} ended with 1 and not with an answer" in said
    assert "SERVERLESS_AI_MODEL is empty" in said

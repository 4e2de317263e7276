"""`make bench` keeps the promises about cold start and size, and says so when one is missed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def bench(*arguments: str, change: str = "pass") -> subprocess.CompletedProcess[str]:
    """Run the benchmark; `change` is Python that is run between its import and its start."""
    script = (
        f"import sys; sys.path.insert(0, 'benchmarks'); import measure, run; {change}; sys.exit(run.main())"
    )
    return subprocess.run(
        [sys.executable, "-c", script, "--synth-rounds", "0", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_promises_about_cold_start_and_size_are_kept() -> None:
    done = bench("--gate", "--rounds", "9")
    assert done.returncode == 0, done.stdout + done.stderr
    written = json.loads((ROOT / "build" / "bench.json").read_text())
    assert {name: promise["at_most"] for name, promise in written["promises"].items()} == {
        "cold start / floor": 2.0,
        "cold start / boto3": 0.35,
        "bytes of the zip": 200_000,
    }
    assert all(promise["kept"] for promise in written["promises"].values())
    assert all(len(result["times_ms"]) == 9 for result in written["results"].values())


def test_a_missed_promise_fails_the_gate_and_only_the_gate(tmp_path: Path) -> None:
    elsewhere = (
        f"from pathlib import Path; run.OUTPUT = Path({str(tmp_path)!r}) / 'bench.json'; run.MOST_BYTES = 10"
    )
    missed = bench("--gate", "--rounds", "1", change=elsewhere)
    assert missed.returncode == 1
    assert "missed" in missed.stdout
    assert bench("--rounds", "1", change=elsewhere).returncode == 0
    assert json.loads((tmp_path / "bench.json").read_text())["promises"]["bytes of the zip"]["kept"] is False


def test_a_handler_that_does_not_answer_is_no_measurement() -> None:
    done = bench("--rounds", "1", change="run.STATELESS = run.STATELESS._replace(model='')")
    assert done.returncode == 2
    assert "handler as deployed ended with 1 and not with an answer" in done.stdout
    assert "SERVERLESS_AI_MODEL is empty" in " ".join(done.stdout.split())

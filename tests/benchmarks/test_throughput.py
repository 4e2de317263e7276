"""The pipeline and the loop that it is compared with do the same for a document."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import closure
import pytest
import stub
from measure import By, Result, Time
from throughput import PROGRAMS, environment, peer_environment, throughput

from serverless_ai_patterns import bundle

DOCUMENTS = 4


def test_both_make_the_same_calls_for_a_document(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls: list[tuple[str, str]] = []
    answer = stub.reply_to

    def seen(method: str, path: str, operation: str = "") -> stub.Reply:
        calls.append((method, operation or path.split("/")[1]))
        return answer(method, path, operation)

    monkeypatch.setattr(stub, "reply_to", seen)
    with zipfile.ZipFile(io.BytesIO(bundle.zip_bytes("event_pipeline", "aws"))) as content:
        content.extractall(tmp_path / "zip")
    site = closure.link("boto3", tmp_path / "peer")
    made: list[Counter[tuple[str, str]]] = []
    with stub.serve() as at:
        for program, folder, env in (
            ("pipeline.py", tmp_path / "zip", environment(at)),
            ("boto3_loop.py", site, peer_environment(at)),
        ):
            calls.clear()
            command = [sys.executable, "-I", "-S", str(PROGRAMS / program), str(folder), str(DOCUMENTS)]
            done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
            made.append(Counter(calls))
    assert made[0] == made[1]
    assert sum(made[0].values()) == 9 * DOCUMENTS


def test_the_start_of_a_process_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(subjects: list[object], rounds: int) -> dict[str, Result]:
        names = [str(subject.name) for subject in subjects]  # pyright: ignore[reportAttributeAccessIssue]
        return {
            name: Result((Time(1000 + 3 * int(name.split()[-1]), 500 + int(name.split()[-1])),))
            for name in names
        }

    monkeypatch.setattr("throughput.interleaved", measured)
    found = throughput(bundle.zip_bytes("event_pipeline", "aws"), 1)
    assert all(result.min_ms(By.WALL) == pytest.approx(3) for result in found.values())
    assert all(result.min_ms(By.CPU) == pytest.approx(1) for result in found.values())

"""The pipeline's own work per document beside a plain loop over boto3 that makes the same calls."""

from __future__ import annotations

import io
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Final

import closure
from clouds import lambda_variables
from measure import By, Result, Subject, Time, interleaved
from stub import Endpoints, serve

from serverless_ai_patterns import bundle
from serverless_ai_patterns.aws import event_pipeline as shared
from serverless_ai_patterns.event_pipeline import EventPipelineSettings
from serverless_ai_patterns.event_pipeline.handler import Places
from serverless_ai_patterns.models import resolve_aws

PATTERN: Final = "event_pipeline"
MODEL: Final = "summaries"
"""To which the stub answers with a summary."""
PROGRAMS: Final = Path(__file__).parent / "programs"
FEW, MANY = 20, 220
"""Documents of a short and of a long run: their difference has no start in it."""
PIPELINE: Final = "event pipeline"
LOOP: Final = "plain loop over boto3"
_SETTINGS: Final = EventPipelineSettings()
_PYTHON: Final = (sys.executable, "-I", "-S")


def throughput(archive: bytes, rounds: int) -> dict[str, Result]:
    """Subject -> time of one document. `archive` is the zip of the pipeline's handler for AWS.

    Raises `FailedError` when a subject does not end well.
    """
    with tempfile.TemporaryDirectory() as folder, serve() as at:
        unpacked = Path(folder, "zip")
        with zipfile.ZipFile(io.BytesIO(archive)) as content:
            content.extractall(unpacked)
        site = closure.link("boto3", Path(folder, "peer"))
        started = {
            PIPELINE: ("pipeline.py", unpacked, environment(at)),
            LOOP: ("boto3_loop.py", site, peer_environment(at)),
        }
        measured = interleaved(
            [
                Subject(
                    name=f"{name} {count}",
                    command=(*_PYTHON, str(PROGRAMS / program), str(place), str(count)),
                    env={"LANG": "C.UTF-8", **env},
                    timeout_s=300,
                )
                for name, (program, place, env) in started.items()
                for count in (FEW, MANY)
            ],
            rounds,
        )
    return {name: _each(measured[f"{name} {FEW}"], measured[f"{name} {MANY}"]) for name in started}


def _each(few: Result, many: Result) -> Result:
    """Time of one document, from the best runs of both lengths."""
    walls, cpus = (many.min_ms(by) - few.min_ms(by) for by in (By.WALL, By.CPU))
    count = MANY - FEW
    return Result((Time(walls / count, cpus / count),))


def environment(at: Endpoints) -> dict[str, str]:
    """What the deployed function finds, with the stub for the services."""
    places = Places(
        results="results",
        store="records",
        announcements="default",
        queue=f"{at.store}/123456789012/queue",
        dead_letters=f"{at.store}/123456789012/dead",
        inputs="uploads",
    )
    own = shared.environment(_SETTINGS, places, resolve_aws(_SETTINGS.model.model))
    own["SERVERLESS_AI_MODEL"] = MODEL
    return {**own, **lambda_variables(at), "_HANDLER": bundle.handler(PATTERN, "aws")}


def peer_environment(at: Endpoints) -> dict[str, str]:
    """What boto3 reads."""
    return {**lambda_variables(at), "MODEL": MODEL}

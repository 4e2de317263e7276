"""What the pipelines' identities do is what they were granted: no call of a whole run is refused."""

from __future__ import annotations

import json

from made_files import pdf, png, wav
from pipeline_world import PipelineWorld
from world import eventually

RUNS = {
    "main": {"in/a.txt": b"The bell rings at noon. It is loud.", "in/blank.txt": b" "},
    "ocr": {
        "in/a.pdf": pdf("A page", "Another page"),
        "in/a.png": png(description="A sign"),
        "in/b.png": b"x",
    },
    "labels": {"in/a.png": png(keywords="cat")},
    "speech": {"in/a.wav": wav("Good day."), "in/b.wav": b"no recording at all"},
    "moderate": {"in/a.txt": b"A calm day.", "in/a.png": png()},
    "entities": {"in/a.txt": b"Dr. Ada Lovelace came to London."},
}
"""Variant -> what is uploaded: every processor, results and dead letters."""


def test_no_call_of_any_pipeline_is_refused(pipeline: PipelineWorld) -> None:
    pipeline.cloud.admin("DELETE", "iam/checks")
    for variant, files in RUNS.items():
        for key, body in files.items():
            pipeline.upload(key, body, variant=variant)
    pipeline.send(json.dumps({"id": "order-9", "message": "Nine chairs were ordered. They are of oak."}))
    for variant, files in RUNS.items():
        count = len(files) + (variant == "main")

        def ended(variant: str = variant, count: int = count) -> bool:
            return len(pipeline.results(variant)) + len(pipeline.dead_letters(variant)) >= count

        eventually(ended, within=90, what=f"the end of all files of {variant}")
    checks = pipeline.cloud.admin("GET", "iam/checks")["checks"]
    assert [check for check in checks if not check["allowed"]] == []
    identities = {check["role"] for check in checks}
    assert len(identities) >= len(RUNS), "each function has an identity of its own"

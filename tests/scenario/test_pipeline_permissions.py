"""What a pipeline's identities do is what they were granted: no call of a whole run is refused."""

from __future__ import annotations

import json

from pipeline_world import PipelineWorld
from world import eventually


def test_no_call_of_a_pipeline_is_refused(pipeline: PipelineWorld) -> None:
    pipeline.cloud.admin("DELETE", "iam/checks")
    pipeline.upload("in/a.txt", b"The bell rings at noon. It is loud.")
    pipeline.upload("in/blank.txt", b" ")
    pipeline.send(json.dumps({"id": "order-9", "message": "Nine chairs were ordered. They are of oak."}))
    pipeline.send("Hello. It is a fine day.", variant="translate")

    def ended() -> bool:
        return (
            len(pipeline.results()) == 2
            and len(pipeline.dead_letters()) == 1
            and len(pipeline.results("translate")) == 1
        )

    eventually(ended, within=60, what="the end of every item")
    checks = pipeline.cloud.admin("GET", "iam/checks")["checks"]
    assert [check for check in checks if not check["allowed"]] == []
    assert len({check["role"] for check in checks}) >= 2, "each function has an identity of its own"

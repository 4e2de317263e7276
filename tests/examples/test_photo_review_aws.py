"""The example of a photo review on AWS, deployed by the CDK and used on the local cloud."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from made_files import png
from world import eventually

from serverless_ai_local.launch import RunningCloud
from serverless_ai_local.targets.cdk import Cdk

EXAMPLE = Path(__file__).parents[2] / "examples/photo_review_aws"


@pytest.fixture(scope="module")
def app(cloud: RunningCloud) -> Cdk:
    cdk = Cdk(cloud=cloud, app_dir=EXAMPLE)
    cdk.bootstrap()
    return cdk


@pytest.mark.row("aws-24")
def test_photos_are_labelled_and_reviewed_by_two_pipelines_on_one_bucket(app: Cdk) -> None:
    outputs = app.deploy("PhotoReview").outputs
    s3 = app.cloud.client("s3")
    files = {
        "photos/lighthouse.png": (EXAMPLE / "lighthouse.png").read_bytes(),
        "photos/fight.png": png(64, 64, keywords="murder"),
        "notes/a.png": png(),
    }
    for key, body in files.items():
        s3.put_object(Bucket=outputs["photos"], Key=key, Body=body)

    def found(bucket: str) -> dict[str, Any]:
        listed = s3.list_objects_v2(Bucket=bucket).get("Contents") or []
        bodies = {one["Key"]: s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read() for one in listed}
        return {Path(key).stem: json.loads(body)["output"] for key, body in bodies.items()}

    def both() -> tuple[dict[str, Any], dict[str, Any]] | None:
        labels, reviews = found(outputs["labels_of"]), found(outputs["reviews_of"])
        return (labels, reviews) if len(labels) == len(reviews) == 2 else None

    seen = eventually(both, within=60, what="two labelled and reviewed photos")
    assert seen is not None
    labels, reviews = seen
    assert {"lighthouse", "sea"} <= {one["name"] for one in labels["lighthouse.png"]["labels"]}
    assert {key: one["flagged"] for key, one in reviews.items()} == {
        "lighthouse.png": False,
        "fight.png": True,
    }

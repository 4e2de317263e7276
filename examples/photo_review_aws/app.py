"""Uploaded photos are labelled and reviewed: S3 -> EventBridge -> two pipelines -> Rekognition."""

import aws_cdk as cdk

from serverless_ai_cdk import EventPipeline
from serverless_ai_patterns.event_pipeline import (
    EventPipelineSettings,
    ImageLabels,
    Moderate,
    Sources,
    Uploads,
)

PHOTOS = Sources(uploads=Uploads(prefix="photos/", suffixes=(".jpg", ".jpeg", ".png"), max_mb=15))

app = cdk.App(analytics_reporting=False)
stack = cdk.Stack(app, "PhotoReview")
labels = EventPipeline(
    stack, "Labels", EventPipelineSettings(processor=ImageLabels(min_confidence=80), sources=PHOTOS)
)
review = EventPipeline(
    stack,
    "Review",
    EventPipelineSettings(processor=Moderate(threshold=60), sources=PHOTOS),
    uploads=labels.uploads,
)
assert labels.uploads is not None
cdk.CfnOutput(stack, "Photos", value=labels.uploads.bucket_name)
cdk.CfnOutput(stack, "LabelsOf", value=labels.results.bucket_name)
cdk.CfnOutput(stack, "ReviewsOf", value=review.results.bucket_name)
app.synth()

"""Uploaded videos become transcripts: Cloud Storage -> Eventarc -> Pub/Sub -> function -> Speech-to-Text."""

import pulumi

from serverless_ai_patterns.event_pipeline import (
    EventPipelineSettings,
    Results,
    Sources,
    Transcribe,
    Uploads,
)
from serverless_ai_pulumi.gcp import EventPipeline

pipeline = EventPipeline(
    "videos",
    EventPipelineSettings(
        processor=Transcribe(language="en-US"),
        sources=Sources(uploads=Uploads(prefix="videos/", suffixes=(".mp4", ".webm", ".wav", ".mp3"))),
        results=Results(prefix="transcripts/"),
    ),
    force_destroy=True,  # this is an example: its documents may be lost
    deletion_protection=False,
)

pulumi.export("uploads", pipeline.uploads.name if pipeline.uploads else "")
pulumi.export("results", pipeline.results.name)
pulumi.export("dead_letters", pipeline.dead_letters.id)
pulumi.export("queue", pipeline.queue.id)

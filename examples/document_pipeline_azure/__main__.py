"""Uploaded invoices become forms: Blob Storage -> Event Grid -> queue -> Azure Functions -> model."""

import pulumi

from serverless_ai_patterns.event_pipeline import (
    EventPipelineSettings,
    Extract,
    PipelineModel,
    Results,
    Sources,
    Uploads,
)
from serverless_ai_pulumi.azure import EventPipeline

INVOICE = {
    "type": "object",
    "properties": {
        "invoice_number": {"type": "string", "description": "Invoice number"},
        "total": {"type": "number", "description": "Total", "minimum": 0},
        "currency": {"type": "string", "enum": ["EUR", "USD", "GBP"]},
    },
    "required": ["invoice_number", "total"],
    "additionalProperties": False,
}

pipeline = EventPipeline(
    "invoices",
    EventPipelineSettings(
        processor=Extract(json_schema=INVOICE),
        sources=Sources(uploads=Uploads(prefix="invoices/", suffixes=(".pdf", ".docx", ".txt"), max_mb=10)),
        model=PipelineModel(model="small", max_output_tokens=300),
        results=Results(prefix="forms/"),
    ),
    force_destroy=True,  # this is an example: its documents may be lost
)

pulumi.export("uploads", pipeline.uploads_url)
pulumi.export("results", pipeline.results_url)
pulumi.export("dead_letters", pipeline.dead_letters_url)
pulumi.export("announcements", pipeline.announcements.endpoint)

"""Answers from documents: Storage -> Eventarc -> Pub/Sub -> function -> Firestore; Gemini answers."""

import pulumi

from serverless_ai_patterns.function_llm import TokenBudget
from serverless_ai_patterns.function_settings import WorkerSettings
from serverless_ai_patterns.rag import Answers, Ingestion, RagSettings
from serverless_ai_pulumi.gcp import Rag

config = pulumi.Config()

harbour = Rag(
    "harbour",
    RagSettings(
        # The documents are short and have many headings: small chunks say best where something stands.
        ingestion=Ingestion(chunk_chars=600, overlap_chars=100, function=WorkerSettings(max_mb=20)),
        answers=Answers(top_k=4, max_output_tokens=400),
        budget=TokenBudget(caller_tokens_per_day=50_000, total_tokens_per_day=500_000),
    ),
    invokers=config.get_object("invokers") or (),  # nobody may ask until somebody is named
    force_destroy=True,  # this is an example: its documents may be lost
    deletion_protection=False,
)

pulumi.export("endpoint", harbour.endpoint)
pulumi.export("documents", harbour.documents.name)
pulumi.export("dead_letters", harbour.dead_letters.id)
pulumi.export("queue", harbour.queue.id)

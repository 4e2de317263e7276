"""The Google Cloud deployments that the tests look at."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from gcp_provider import cloud
from recorder import Deploy, Recording, deployer

from serverless_ai_patterns.event_pipeline import (
    AuditLog,
    Batching,
    EventPipelineSettings,
    Ocr,
    Results,
    Sources,
    Uploads,
)
from serverless_ai_patterns.function_llm import Events, FunctionLlmSettings, Jwt, Llm
from serverless_ai_patterns.rag import Embedding, Endpoint, RagSettings
from serverless_ai_pulumi.gcp import EventPipeline, FunctionLlm, Rag


@pytest.fixture(scope="session")
def deploy() -> Deploy:
    """Run a program against a recorder of its own: `deploy(program, preview=False, config={})`."""
    return deployer(cloud())


@pytest.fixture(scope="session")
def everything() -> FunctionLlmSettings:
    """Every part that settings can ask for."""
    return FunctionLlmSettings(
        llm=Llm(guardrail=True),
        auth=Jwt(issuer="https://login.example.com/", audience=("chat", "admin")),
        events=Events(
            schedule="rate(1 day)",
            bus_filter={"source": ["shop"], "detail-type": ["OrderPlaced", "OrderPaid"]},
            destination=True,
        ),
    )


@pytest.fixture(scope="session")
def usual(deploy: Deploy) -> Recording:
    """`FunctionLlm("chat")` and nothing else."""
    return deploy(lambda: FunctionLlm("chat"))


@pytest.fixture(scope="session")
def make_whole() -> Callable[[FunctionLlmSettings], FunctionLlm]:
    """`FunctionLlm` with these settings, and the parts of the component's own arguments."""
    return lambda settings: FunctionLlm(
        "chat",
        settings,
        invokers=["group:chat@example.com"],
        secrets={"WEATHER_API_KEY": "hunter2"},
    )


@pytest.fixture(scope="session")
def whole(
    deploy: Deploy,
    everything: FunctionLlmSettings,
    make_whole: Callable[[FunctionLlmSettings], FunctionLlm],
) -> Recording:
    """`FunctionLlm` with every part."""
    return deploy(lambda: make_whole(everything))


@pytest.fixture(scope="session")
def usual_pipeline(deploy: Deploy) -> Recording:
    """`EventPipeline("docs")` and nothing else."""
    return deploy(lambda: EventPipeline("docs"))


@pytest.fixture(scope="session")
def reading_pipeline(deploy: Deploy) -> Recording:
    """`EventPipeline` that reads scans."""
    return deploy(lambda: EventPipeline("docs", EventPipelineSettings(processor=Ocr())))


@pytest.fixture(scope="session")
def every_source() -> EventPipelineSettings:
    """Every source that settings can ask for, and batches."""
    return EventPipelineSettings(
        sources=Sources(
            uploads=Uploads(prefix="in/", suffixes=(".txt", ".pdf"), max_mb=5),
            topic={"kind": ["invoice", "receipt"]},
            schedule="rate(1 day)",
            bus_filter={"source": ["shop"]},
            firestore="orders",
            audit_log=AuditLog(service="bigquery.googleapis.com", method="jobs.InsertJob"),
        ),
        batching=Batching(size=10, wait_s=2),
        results=Results(keep_days=30),
    )


@pytest.fixture(scope="session")
def whole_pipeline(deploy: Deploy, every_source: EventPipelineSettings) -> Recording:
    """`EventPipeline` with every source."""
    return deploy(lambda: EventPipeline("docs", every_source, force_destroy=True))


@pytest.fixture(scope="session")
def usual_rag(deploy: Deploy) -> Recording:
    """`Rag("docs")` and nothing else."""
    return deploy(lambda: Rag("docs"))


@pytest.fixture(scope="session")
def whole_rag(deploy: Deploy) -> Recording:
    """`Rag` with tenants, behind a gateway, while its embedding model changes."""
    auth = Jwt(issuer="https://login.example.com/", audience=("rag",))
    settings = RagSettings(
        previous_embedding=Embedding(model="text-embedding-005"),
        endpoint=Endpoint(auth=auth, tenant_claim="org"),
    )
    return deploy(lambda: Rag("docs", settings, force_destroy=True))

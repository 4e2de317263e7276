"""RAG's two function apps: their bindings, and what they hand over to the cores and back."""

from __future__ import annotations

import json
import runpy
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import azure.functions as func
import pytest
from azure_app import EDGE, principal

import serverless_ai_runtime
from serverless_ai_runtime import config
from serverless_ai_runtime.adapters.azure.cosmos_scan import ScannableCosmos
from serverless_ai_runtime.adapters.azure.cosmos_vectors import CosmosVectors
from serverless_ai_runtime.adapters.azure.embeddings import FoundryEmbedder
from serverless_ai_runtime.adapters.azure.principal import HEADER
from serverless_ai_runtime.adapters.azure.rag import AzureRag
from serverless_ai_runtime.config import ConfigError, azure_settings, to_env
from serverless_ai_runtime.config_rag import IndexConfig, RagIngestConfig, RagQueryConfig, indexes_text
from serverless_ai_runtime.core.replies import Reply
from serverless_ai_runtime.core.requests import Caller
from serverless_ai_runtime.entrypoints import azure_functions, azure_queue
from serverless_ai_runtime.entrypoints.azure_functions import Ids, QueryFunctionApp
from serverless_ai_runtime.entrypoints.azure_queue import QueueWorker
from serverless_ai_runtime.telemetry import Telemetry
from serverless_ai_runtime.wiring import WORLD

ROOT = Path(serverless_ai_runtime.__file__).parent / "root" / "azure"
IDS = Ids("invocation-1", "00-trace-span-01")
URL = "http://127.0.0.1:1"
INDEX = IndexConfig("i1", "embedding-1", 256, "cosmos", f"{URL}/dbs/vectors/colls/i1", f"{URL}/openai/v1")
QUERY = RagQueryConfig(
    indexes=indexes_text([INDEX]),
    model="chat",
    model_endpoint=f"{URL}/openai/v1",
    guardrail_id="",
    guardrail_version="",
    max_output_tokens=64,
    top_k=3,
    search="vector",
    cached_s=60,
    context_cache=False,
    history_turns=3,
    session_ttl_s=60,
    caller_tokens_per_day=0,
    total_tokens_per_day=0,
    tenant_claim="",
    tags_claim="",
    store=f"{URL}/dbs/state/colls/records",
    log_content=False,
)
INGEST = RagIngestConfig(
    indexes=indexes_text([INDEX]),
    inputs="documents",
    objects=f"{URL}/account",
    store=QUERY.store,
    queue=f"{URL}/queues/events",
    dead_letters=f"{URL}/queues/events-poison",
    tenants=False,
    chunk_chars=400,
    overlap_chars=0,
    max_attempts=5,
    max_bytes=1000,
    timeout_s=20,
    batch_size=1,
    batch_wait_s=0,
    log_content=False,
)
QUEUED = EDGE._replace(events_queue="events", queue_service=f"{URL}/queues")
IDENTITY = {"IDENTITY_ENDPOINT": f"{URL}/MSI/token", "IDENTITY_HEADER": "secret"}


def environment(settings: Any, edge: Any = EDGE) -> dict[str, str]:
    return {**to_env(settings), **azure_settings(edge, "client-1"), **IDENTITY}


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Any:
    def load(function: str, settings: Any, edge: Any) -> dict[str, Any]:
        for name, value in environment(settings, edge).items():
            monkeypatch.setenv(name, value)
        module = runpy.run_path(str(ROOT / function / "function_app.py"))
        return {one.get_function_name(): one for one in module["app"].get_functions()}

    return load


def bindings(function: Any) -> list[dict[str, Any]]:
    return [json.loads(json.dumps(one.get_dict_repr(), default=str)) for one in function.get_bindings()]


class Endpoint:
    """A core that answers with what it was asked, by whom, at which path."""

    def routes(self) -> Mapping[str, Any]:
        def route(path: str) -> Any:
            def answer(body: bytes, caller: Caller, deadline: Any, journal: Any) -> Reply:
                return Reply(200, {"path": path, "body": body.decode(), "claims": dict(caller.claims)}, {})

            return answer

        return {path: route(path) for path in ("/ask", "/search")}


def app(edge: Any = EDGE) -> QueryFunctionApp:
    telemetry = Telemetry("app", log_content=False, world=WORLD)
    return QueryFunctionApp(cast("Any", SimpleNamespace(core=Endpoint(), telemetry=telemetry)), edge)


def test_the_app_that_answers_has_two_routes_for_posts_and_no_key(load: Any) -> None:
    found = load("rag_query", QUERY, EDGE)
    assert found.keys() == {"ask", "search"}
    for name, function in found.items():
        trigger = next(one for one in bindings(function) if one["type"] == "httpTrigger")
        assert trigger["route"] == name
        assert [str(one).rpartition(".")[2] for one in trigger["methods"]] == ["POST"]
        assert "ANONYMOUS" in str(trigger["authLevel"]).upper()


def test_each_route_is_answered_by_its_own_path(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Any, ...]] = []

    def answer(self: Any, *given: Any) -> Any:
        seen.append(given)
        return azure_functions.Response(201, {"x-request-id": "1"}, "{}")

    monkeypatch.setattr(QueryFunctionApp, "answer", answer)
    context = SimpleNamespace(invocation_id="i", trace_context=SimpleNamespace(trace_parent=None))
    for name, function in load("rag_query", QUERY, EDGE).items():
        request = func.HttpRequest("POST", f"https://app/{name}", headers={HEADER: "who"}, body=b"{}")
        response = function.get_user_function()(request, context)
        assert (response.status_code, response.headers["x-request-id"]) == (201, "1")
    assert seen == [
        ("/ask", b"{}", "who", Ids("i", "")),
        ("/search", b"{}", "who", Ids("i", "")),
    ]


def test_a_request_reaches_the_core_with_the_claims_of_its_caller() -> None:
    response = app().answer("/search", b'{"question": "?"}', principal("ada"), IDS)
    said = json.loads(response.body)
    assert (response.status, response.headers["x-request-id"]) == (200, "invocation-1")
    assert (said["path"], said["body"], said["claims"]["sub"]) == ("/search", '{"question": "?"}', "ada")


@pytest.mark.parametrize("header", ["", "e30=", "not base64"])
def test_a_request_without_a_principal_is_401(header: str) -> None:
    response = app().answer("/ask", b"{}", header, IDS)
    assert (response.status, json.loads(response.body)["error"]["code"]) == (401, "unauthenticated")


def test_over_the_rate_limit_the_answer_is_429_and_nobody_without_a_principal_uses_it_up() -> None:
    limited = app(EDGE._replace(requests_per_second=1, burst=2))
    assert limited.answer("/ask", b"{}", "", IDS).status == 401
    assert [limited.answer("/ask", b"{}", principal(), IDS).status for _ in range(3)] == [200, 200, 429]


def test_the_app_that_takes_documents_in_has_a_queue_trigger_and_no_route(
    load: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = load("rag_ingest", INGEST, QUEUED)
    assert found.keys() == {"rag_ingest"}
    (trigger,) = bindings(found["rag_ingest"])
    assert trigger["type"] == "queueTrigger"
    assert trigger["queueName"] == f"%{config.variable('events_queue')}%"
    assert trigger["connection"] == config.AZURE_EVENTS_CONNECTION
    seen: list[Any] = []
    monkeypatch.setattr(QueueWorker, "message", lambda self, one, ids: seen.append((one, ids)))
    message = SimpleNamespace(id="m", pop_receipt="r", dequeue_count=2, get_body=lambda: b'{"resync": {}}')
    context = SimpleNamespace(invocation_id="i", trace_context=SimpleNamespace(trace_parent="t"))
    found["rag_ingest"].get_user_function()(message, context)
    ((received, ids),) = seen
    assert (received.id, received.receipt, received.deliveries, received.text) == (
        "m",
        "r",
        2,
        '{"resync": {}}',
    )
    assert ids == azure_queue.Ids("i", "t")


def test_the_host_takes_one_message_at_a_time() -> None:
    host = json.loads((ROOT / "rag_ingest" / "host.json").read_text())
    queues = host["extensions"]["queues"]
    assert (queues["batchSize"], queues["newBatchThreshold"]) == (1, 0)


def test_adapters_are_made_of_what_an_index_says_of_itself() -> None:
    made = AzureRag(WORLD, environment(QUERY))
    embedder = made.embedder(INDEX, questions=True)
    assert isinstance(embedder, FoundryEmbedder)
    assert (embedder.model, embedder.dimension) == ("embedding-1", 256)
    assert isinstance(made.vectors(INDEX), CosmosVectors)
    assert isinstance(made.store(QUERY.store), ScannableCosmos)
    with pytest.raises(ConfigError, match="Azure has no vector store 's3_vectors'"):
        made.vectors(INDEX._replace(store="s3_vectors"))


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"indexes": indexes_text([INDEX._replace(place="nowhere")])}, "INDEXES"),
        ({"indexes": indexes_text([INDEX._replace(model_endpoint="")])}, "INDEXES"),
        ({"indexes": "[]"}, "INDEXES"),
        ({"store": ""}, "STORE"),
        ({"model": ""}, "MODEL"),
        ({"model_endpoint": "http"}, "MODEL_ENDPOINT"),
    ],
)
def test_what_is_configured_wrong_is_named_at_the_start(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        azure_functions.rag_query(environment(QUERY._replace(**wrong)))
    if named in ("INDEXES", "STORE"):
        with pytest.raises(ConfigError, match=named):
            azure_queue.rag_ingest(environment(INGEST._replace(**wrong), QUEUED))


def test_an_invocation_must_be_given_time() -> None:
    with pytest.raises(ConfigError, match="TIMEOUT_S"):
        azure_functions.rag_query(environment(QUERY, EDGE._replace(timeout_s=0)))

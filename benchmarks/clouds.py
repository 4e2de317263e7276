"""What is measured on each cloud: the handler in the environment of its stack, its floor and its peer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from stub import Endpoints

from serverless_ai_patterns import bundle
from serverless_ai_patterns.aws import function_llm as aws
from serverless_ai_patterns.azure import function_llm as azure
from serverless_ai_patterns.function_llm import FunctionLlmSettings, Sessions, TokenBudget
from serverless_ai_patterns.gcp import function_llm as gcp
from serverless_ai_patterns.models import resolve_aws
from serverless_ai_patterns.models_gcp import resolve_gcp

PATTERN: Final = "function_llm"
QUESTION: Final = "What is a dead-letter queue for?"
DEFAULT: Final = FunctionLlmSettings()
STATELESS: Final = FunctionLlmSettings(
    sessions=Sessions(history_turns=0), budget=TokenBudget(caller_tokens_per_day=0, total_tokens_per_day=0)
)
_PROMPT: Final = DEFAULT.llm.system_prompt
_PROJECT: Final = "bench"

Env = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Call:
    """The bare call of the model: path, body, and the keys that lead to the answer's text."""

    path: str
    payload: Mapping[str, object]
    keys: tuple[str, ...]

    @property
    def body(self) -> str:
        return json.dumps(self.payload)


@dataclass(frozen=True, kw_only=True)
class Peer:
    """The SDK that most people would call the same model with."""

    distribution: str
    program: str
    most: float
    """The handler may take this share of the peer's time."""
    environment: Callable[[Endpoints], Env]


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """`environment` is what the deployed function finds, with the stub for the services."""

    name: str
    title: str
    calls: int
    """HTTP calls of the stateless handler; beside that of the model one for a token, which AWS hands over."""
    floor: Call
    peer: Peer
    environment: Callable[[FunctionLlmSettings, Endpoints], Env]


def _aws(settings: FunctionLlmSettings, at: Endpoints) -> Env:
    table = "chat" if settings.needs_store else ""
    return {
        **aws.environment(settings, resolve_aws(settings.llm.model), table_name=table),
        **lambda_variables(at),
        "_HANDLER": bundle.handler(PATTERN, "aws"),
    }


def lambda_variables(at: Endpoints) -> Env:
    """What Lambda itself sets."""
    services = ("DYNAMODB", "EVENTBRIDGE", "S3", "SQS")
    return {
        "AWS_LAMBDA_FUNCTION_NAME": "bench",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "ASIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "example",
        "AWS_SESSION_TOKEN": "example",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": at.model,
        **{f"AWS_ENDPOINT_URL_{service}": at.store for service in services},
    }


def _azure(settings: FunctionLlmSettings, at: Endpoints) -> Env:
    app = azure.environment(
        settings,
        client_id="bench",
        deployment="chat",
        model_endpoint=f"{at.model}/openai/v1",
        queue_service="",
        store_url=f"{at.store}/dbs/chat/colls/records" if settings.needs_store else "",
    )
    identity = {"IDENTITY_ENDPOINT": f"{at.identity}/MSI/token", "IDENTITY_HEADER": "bench"}
    return {**app, **identity, "WEBSITE_SITE_NAME": "bench"}


def _gcp(settings: FunctionLlmSettings, at: Endpoints) -> Env:
    store = gcp.store(_PROJECT, "chat") if settings.needs_store else ""
    return {
        **gcp.environment(settings, resolve_gcp(settings.llm.model), project=_PROJECT, store=store),
        "GCE_METADATA_HOST": at.identity.removeprefix("http://"),
        "FIRESTORE_EMULATOR_HOST": at.store.removeprefix("http://"),
        "SERVERLESS_AI_VERTEX_ENDPOINT": at.model,
        "K_SERVICE": "bench",
    }


def _boto3(at: Endpoints) -> Env:
    return {**lambda_variables(at), "MODEL": resolve_aws(DEFAULT.llm.model).id, "SYSTEM_PROMPT": _PROMPT}


def _openai(at: Endpoints) -> Env:
    return {"MODEL": "chat", "MODEL_ENDPOINT": f"{at.model}/openai/v1/", "SYSTEM_PROMPT": _PROMPT}


def _genai(at: Endpoints) -> Env:
    model = resolve_gcp(DEFAULT.llm.model)
    place = {"PROJECT": _PROJECT, "LOCATION": model.regions[0], "MODEL_ENDPOINT": at.model}
    return {"MODEL": model.id, **place, "SYSTEM_PROMPT": _PROMPT}


CLOUDS: Final = (
    Cloud(
        name="aws",
        title="AWS",
        calls=1,
        floor=Call(
            path="/model/bench/converse",
            payload={"messages": [{"role": "user", "content": [{"text": QUESTION}]}]},
            keys=("output", "message", "content", "0", "text"),
        ),
        peer=Peer(distribution="boto3", program="boto3_peer", most=0.35, environment=_boto3),
        environment=_aws,
    ),
    Cloud(
        name="azure",
        title="Azure",
        calls=2,
        floor=Call(
            path="/openai/v1/chat/completions",
            payload={"model": "chat", "messages": [{"role": "user", "content": QUESTION}]},
            keys=("choices", "0", "message", "content"),
        ),
        peer=Peer(distribution="openai", program="openai_peer", most=0.25, environment=_openai),
        environment=_azure,
    ),
    Cloud(
        name="gcp",
        title="Google Cloud",
        calls=2,
        floor=Call(
            path="/v1/projects/bench/locations/global/publishers/google/models/bench:generateContent",
            payload={"contents": [{"role": "user", "parts": [{"text": QUESTION}]}]},
            keys=("candidates", "0", "content", "parts", "0", "text"),
        ),
        peer=Peer(distribution="google-genai", program="genai_peer", most=0.25, environment=_genai),
        environment=_gcp,
    ),
)

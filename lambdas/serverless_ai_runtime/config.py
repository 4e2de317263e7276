"""Typed configuration <-> environment: the only module that knows a variable's name or reads the environment.

Infrastructure writes a configuration with `to_env`; the function reads it with `from_env`. Values are named
tuples and not dataclasses because importing `dataclasses` costs a cold start about as much as one HTTP call.
"""

import os
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, TypeVar
from urllib.parse import urlsplit

PREFIX = "SERVERLESS_AI_"

# Names of the custom metrics; the handler writes them, dashboards and alarms read them (dimension:
# FunctionName).
METRIC_NAMESPACE = "ServerlessAI"
METRIC_INPUT_TOKENS = "InputTokens"
METRIC_OUTPUT_TOKENS = "OutputTokens"
METRIC_TOKENS = "Tokens"  # in + out: an alarm on one metric costs half of one on a sum
METRIC_COLD_STARTS = "ColdStarts"
METRIC_BUDGET_REFUSALS = "BudgetRefusals"


class ConfigError(ValueError):
    """A variable of the environment is missing or malformed; the message names it."""


class FunctionLlmConfig(NamedTuple):
    """What the Function + LLM handler must know. Empty strings and zeros mean "not used"."""

    model: str
    """Model id as the cloud's API takes it (Bedrock: model id, inference profile id or ARN; Foundry: name of
    the deployment; Vertex: id of a model of Google's)."""
    system_prompt: str
    max_output_tokens: int
    context_tokens: int
    """Most tokens of system prompt + history + message sent to the model; oldest turns are dropped first."""
    history_turns: int
    """Turns (question + answer) kept per session; 0 = stateless."""
    session_ttl_s: int
    caller_tokens_per_day: int
    total_tokens_per_day: int
    store: str
    """Where sessions, budgets and event records are (AWS: name of the table; Azure: URL of the container;
    Google: projects/P/databases/D/documents/COLLECTION)."""
    destination: str
    """Where results of events go (AWS and Azure: queue URL; Google: projects/P/topics/T)."""
    guardrail_id: str
    """Id of the guardrail (AWS), or threshold of the safety settings, e.g. BLOCK_LOW_AND_ABOVE (Google)."""
    guardrail_version: str
    log_content: bool
    """Write prompts and answers into the log. Off by default."""
    model_endpoint: str = ""
    """Where the model is served, on clouds where its id does not say it (Azure: the account's v1 URL; Google:
    projects/P/locations/L)."""


class ModelSettings(Protocol):
    """What an adapter of a chat model must know; part of more than one pattern's configuration."""

    @property
    def model(self) -> str: ...

    @property
    def model_endpoint(self) -> str: ...

    @property
    def guardrail_id(self) -> str: ...

    @property
    def guardrail_version(self) -> str: ...


class WorkPlaces(Protocol):
    """What adapters of a function that works on a queue must know; part of more than one configuration."""

    @property
    def objects(self) -> str: ...

    @property
    def queue(self) -> str: ...

    @property
    def dead_letters(self) -> str: ...


class GcpEdgeConfig(NamedTuple):
    """What a function on Google Cloud must know beside its pattern.

    Cloud Run says that a caller may call, not as what; and no service of Google limits the rate of one
    endpoint without an idle cost: the function's edge does both.
    """

    gateway: str
    """Unique id (`sub` of its tokens) of the account that the API gateway calls as; its word alone counts on
    who is behind it (X-Apigateway-Api-Userinfo). "" = there is no gateway, callers come themselves."""
    deliverer: str
    """Unique id (`sub`) of the account that Pub/Sub pushes events as; "" = there are no events."""
    requests_per_second: int
    """Requests that one instance lets through in the long run; over it the answer is 429."""
    burst: int
    """Requests that one instance lets through at once."""
    timeout_s: int
    """Most seconds a request may take: Cloud Run tells none how long it has left."""
    dead_letters: str
    """Topic (projects/P/topics/T) of events that failed too often: Pub/Sub moves them there without a reason,
    so that the function does it itself on the last delivery. "" = there is none."""
    max_deliveries: int
    """Of one event; as in the subscription's dead-letter policy."""


class AzureEdgeConfig(NamedTuple):
    """What a function app on Azure must know beside its pattern: its ways in, and how long it may take."""

    timeout_s: int
    """Most seconds an invocation may take: the host tells no invocation how long it has left."""
    queue_service: str
    """URL of the queue service of the account that holds the events' queue; "" = there are no events."""
    events_queue: str
    """Name of the queue that events and schedules arrive in; its dead letters are in `NAME-poison`."""
    schedule: str
    """NCRONTAB expression in UTC; "" = there is no schedule."""
    schedule_message: str
    requests_per_second: int = 0
    """Requests that one instance lets through in the long run; over it the answer is 429; 0 = no limit. The
    edge counts: no service of Azure does without an idle cost or a key beside the caller's token."""
    burst: int = 0
    """Requests that one instance lets through at once."""


class AzureConfig(NamedTuple):
    """What App Service puts in the environment of an app with an identity, and which identity it is."""

    identity_endpoint: str
    identity_header: str
    client_id: str


class GcpConfig(NamedTuple):
    """URLs of Google's services, moved by the variables that its own libraries know."""

    metadata: str
    firestore: str
    pubsub: str
    storage: str
    vertex: str
    """"" = the URL depends on the model's location."""
    ai: str
    """One URL for Document AI, Vision, Natural Language and Speech; "" = each has its own."""
    vector_search: str = "https://vectorsearch.googleapis.com"


class AwsConfig(NamedTuple):
    """What Lambda itself puts in the environment. Session credentials are re-read on every call."""

    region: str
    access_key_id: str
    secret_access_key: str
    session_token: str


Config = TypeVar("Config", bound=tuple[Any, ...])


def to_env(config: tuple[Any, ...]) -> dict[str, str]:
    """Variables that `from_env` turns back into an equal configuration."""
    fields = type(config).__annotations__
    return {variable(name): _write(value) for name, value in zip(fields, config, strict=True)}


def variable(field: str) -> str:
    """Name of the variable that holds this field of a configuration."""
    return PREFIX + field.upper()


def from_env(cls: type[Config], env: Mapping[str, str] | None = None) -> Config:
    """Read a configuration; raises `ConfigError` naming the first missing or malformed variable."""
    source = os.environ if env is None else env
    values: list[Any] = []
    for name, kind in cls.__annotations__.items():
        if variable(name) not in source:
            raise ConfigError(f"{variable(name)} is not set; {cls.__name__} needs it")
        values.append(_read(variable(name), source[variable(name)], kind))
    return cls(*values)


def service_url(field: str, url: str) -> str:
    """A service's URL without trailing slashes; raises `ConfigError` naming the field's variable.

    It must be https, so that no token travels in clear, but for services on this machine.
    """
    return _secure_url(variable(field), url)


def gcp_name(field: str, name: str, *kinds: str) -> str:
    """A resource's name, such as projects/P/topics/T for the kinds `projects` and `topics`.

    Raises `ConfigError` naming the field's variable for anything else, which so never gets into a URL.
    """
    parts = name.split("/")
    ids = "".join(parts[1::2])
    plain = ids.isascii() and all(c.isalnum() or c in "-._~:()" for c in ids)
    if parts[::2] != list(kinds) or len(parts) != 2 * len(kinds) or not plain or {"", ".", ".."} & set(parts):
        allowed = "/".join(f"{kind}/{kind[0].upper()}" for kind in kinds)
        raise ConfigError(f"{variable(field)} must be like {allowed}, got {name!r}")
    return name


def aws(env: Mapping[str, str] | None = None) -> AwsConfig:
    """Region and session credentials of this function."""
    source = os.environ if env is None else env
    return AwsConfig(
        region=_required(source, "AWS_REGION"),
        access_key_id=_required(source, "AWS_ACCESS_KEY_ID"),
        secret_access_key=_required(source, "AWS_SECRET_ACCESS_KEY"),
        session_token=source.get("AWS_SESSION_TOKEN", ""),
    )


_SDK_NAMES = {"events": "EVENTBRIDGE"}
"""Services that the SDKs name otherwise than their hosts."""


def aws_endpoint(service: str, host: str, env: Mapping[str, str] | None = None) -> str:
    """Base URL of a service: AWS_ENDPOINT_URL_<SERVICE>, else AWS_ENDPOINT_URL, else https://`host`."""
    source = os.environ if env is None else env
    own = source.get("AWS_ENDPOINT_URL_" + _SDK_NAMES.get(service, service.upper().replace("-", "_")))
    return (own or source.get("AWS_ENDPOINT_URL") or "https://" + host).rstrip("/")


AZURE_EVENTS_CONNECTION = PREFIX + "EVENTS"
"""Prefix of the app settings by which Azure's host reads the events' queue."""
AZURE_DEAD_LETTERS = "-poison"
"""What the host appends to a queue's name for the queue of messages that failed too often."""


def azure_settings(edge: AzureEdgeConfig, client_id: str) -> dict[str, str]:
    """App settings of an app with the user-assigned identity `client_id`, beside those of its pattern."""
    settings = {**to_env(edge), "AZURE_CLIENT_ID": client_id}
    if edge.queue_service:
        settings |= {
            AZURE_EVENTS_CONNECTION + "__queueServiceUri": edge.queue_service,
            AZURE_EVENTS_CONNECTION + "__credential": "managedidentity",
            AZURE_EVENTS_CONNECTION + "__clientId": client_id,
        }
    return settings


def azure(env: Mapping[str, str] | None = None) -> AzureConfig:
    """Where this app gets tokens of its managed identity."""
    source = os.environ if env is None else env
    return AzureConfig(
        identity_endpoint=_required(source, "IDENTITY_ENDPOINT"),
        identity_header=_required(source, "IDENTITY_HEADER"),
        client_id=_required(source, "AZURE_CLIENT_ID"),
    )


_STORAGE = "https://storage.googleapis.com"


def gcp(env: Mapping[str, str] | None = None) -> GcpConfig:
    """Where this function finds Google's services."""
    source = os.environ if env is None else env
    vertex, ai = (source.get(variable(name), "") for name in ("vertex_endpoint", "google_ai_endpoint"))
    vectors = source.get(variable("vector_search_endpoint")) or GcpConfig._field_defaults["vector_search"]
    return GcpConfig(
        metadata="http://" + (source.get("GCE_METADATA_HOST") or "metadata.google.internal"),
        firestore=_emulated(source, "FIRESTORE_EMULATOR_HOST", "firestore.googleapis.com"),
        pubsub=_emulated(source, "PUBSUB_EMULATOR_HOST", "pubsub.googleapis.com"),
        # Cloud Storage's own libraries want a scheme before host and port.
        storage=_secure_url("STORAGE_EMULATOR_HOST", source.get("STORAGE_EMULATOR_HOST", _STORAGE)),
        vertex=service_url("vertex_endpoint", vertex) if vertex else "",
        ai=service_url("google_ai_endpoint", ai) if ai else "",
        vector_search=service_url("vector_search_endpoint", vectors),
    )


def trace_id(env: Mapping[str, str] | None = None) -> str:
    """Trace header of the running invocation (X-Ray form), or an empty string."""
    source = os.environ if env is None else env
    return source.get("_X_AMZN_TRACE_ID", "")


_FUNCTION_NAMES = ("AWS_LAMBDA_FUNCTION_NAME", "WEBSITE_SITE_NAME", "K_SERVICE")


def function_name(env: Mapping[str, str] | None = None) -> str:
    """Name of the running function, for metrics; `local` outside a function."""
    source = os.environ if env is None else env
    named = (source[name] for name in _FUNCTION_NAMES if name in source)
    return next(named, "local")


def handler_name(env: Mapping[str, str] | None = None) -> str:
    """Handler that Lambda is starting in this process (module.function), or an empty string."""
    source = os.environ if env is None else env
    return source.get("_HANDLER", "")


def _emulated(source: Mapping[str, str], name: str, host: str) -> str:
    """URL of a service at `host`, or of its emulator at the host and port that the variable `name` holds."""
    emulator = source.get(name, "")
    return _secure_url(name, "http://" + emulator) if emulator else "https://" + host


def _secure_url(name: str, url: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    local = host in ("127.0.0.1", "localhost") or host.endswith(".localhost")
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and local)):
        allowed = "an https:// URL (http:// only on this machine)"
        raise ConfigError(f"{name} must be {allowed}, got {url!r}")
    return url.rstrip("/")


def _required(source: Mapping[str, str], variable: str) -> str:
    value = source.get(variable, "")
    if not value:
        raise ConfigError(f"{variable} is not set")
    return value


def _write(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _read(variable: str, text: str, kind: type) -> str | int | bool:
    if kind is int:
        try:
            return int(text)
        except ValueError:
            raise ConfigError(f"{variable} must be a whole number, got {text!r}") from None
    if kind is bool:
        if text not in ("true", "false"):
            raise ConfigError(f"{variable} must be true or false, got {text!r}")
        return text == "true"
    if kind is not str:
        raise TypeError(f"{variable}: a field must be a str, an int or a bool, not {kind!r}")
    return text

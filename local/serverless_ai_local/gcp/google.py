"""The Google half of the local cloud, put together: which path means which service."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from werkzeug.wrappers import Response

from serverless_ai_local.admin import AdminCall, AdminRoutes
from serverless_ai_local.ai.content import ContentReader
from serverless_ai_local.aws.iam.ledger import Ledger
from serverless_ai_local.aws.signatures import Sent
from serverless_ai_local.functions.asynchronous import retry_seconds
from serverless_ai_local.gcp.deployments import Deployments
from serverless_ai_local.gcp.errors import RpcError, invalid, not_offered, reply
from serverless_ai_local.gcp.gateway.front import PATH as GATEWAY
from serverless_ai_local.gcp.gateway.front import GatewayFront
from serverless_ai_local.gcp.iam.authority import Authority
from serverless_ai_local.gcp.registry import Deployed, Registry
from serverless_ai_local.gcp.run.fleet import Fleet
from serverless_ai_local.gcp.run.front import PATH as RUN
from serverless_ai_local.gcp.run.front import RunFront
from serverless_ai_local.gcp.services.ai import PATH as AI
from serverless_ai_local.gcp.services.ai import AiServices
from serverless_ai_local.gcp.services.alloydb import AlloyDb
from serverless_ai_local.gcp.services.delivery import Deliveries
from serverless_ai_local.gcp.services.eventarc import Eventarc
from serverless_ai_local.gcp.services.firestore import MAX_REQUEST_BYTES, Firestore
from serverless_ai_local.gcp.services.firestore import PATH as FIRESTORE
from serverless_ai_local.gcp.services.happenings import call_recorded
from serverless_ai_local.gcp.services.pubsub import PATH as PUBSUB
from serverless_ai_local.gcp.services.pubsub import PubSub
from serverless_ai_local.gcp.services.scheduler import Scheduler
from serverless_ai_local.gcp.services.secret_manager import PATH as SECRETS
from serverless_ai_local.gcp.services.secret_manager import SecretManager
from serverless_ai_local.gcp.services.storage import PATH as STORAGE
from serverless_ai_local.gcp.services.storage import Storage
from serverless_ai_local.gcp.services.vector_index import PATH as VECTOR_INDEX
from serverless_ai_local.gcp.services.vector_index import VectorIndex
from serverless_ai_local.gcp.services.vector_search import PATH as VECTOR_SEARCH
from serverless_ai_local.gcp.services.vector_search import VectorSearch
from serverless_ai_local.gcp.services.vertex import PATH as VERTEX
from serverless_ai_local.gcp.services.vertex import Vertex
from serverless_ai_local.gcp.tokens import LIFETIME_S, GoogleTokens
from serverless_ai_local.models.chat import Down
from serverless_ai_local.models.service import ModelService
from serverless_ai_local.plain import is_mapping
from serverless_ai_local.postgres import Postgres

_PREFIXES: Final = (
    "/_gcp/",
    "/v1/projects/",
    "/v1/images:",
    "/v1beta1/projects/",
    "/v2/projects/",
    "/v2/documents:",
    "/storage/v1/",
    "/download/storage/v1/",
    "/upload/storage/v1/",
)
"""Paths that no service of AWS has."""
TICK_S: Final = 5.0


class Google:
    """Everything under Google's paths, and its part of the admin API."""

    def __init__(
        self, url: str, models: ModelService, ledger: Ledger, postgres: Postgres | None = None
    ) -> None:
        """`postgres` is behind clusters of AlloyDB; without it there is one of its own."""
        self._registry = Registry()
        self._tokens = GoogleTokens(self._registry)
        authority = Authority(self._registry, ledger)
        self._deliveries = Deliveries(self._registry, self._tokens, retry_s=retry_seconds())
        self._pubsub = PubSub(self._registry, authority, self._deliveries)
        self._firestore = Firestore(self._registry, authority)
        self._vertex = Vertex(models, authority)
        self._vector_search = VectorSearch(self._registry, authority)
        self._vector_index = VectorIndex(self._registry, authority)
        self._scheduler = Scheduler(self._registry, self._pubsub, self._tokens)
        self._secrets = SecretManager(self._registry, authority)
        self._fleet = Fleet(self._registry, self._tokens, self._secrets, services(url))
        self._run = RunFront(self._registry, self._tokens, authority, self._fleet, url)
        self._storage = Storage(self._registry, authority)
        self._ai = AiServices(self._registry, authority, self._storage, ContentReader())
        self._eventarc = Eventarc(
            self._registry,
            authority,
            self._tokens,
            self._storage,
            self._firestore,
            url=url,
            retry_s=retry_seconds(),
        )
        self._alloydb = AlloyDb(self._registry, self._tokens, authority, postgres or Postgres())
        self._gateway = GatewayFront(self._registry, self._tokens, self._fleet.logs)
        self._deployments = Deployments(self._registry, authority, self._secrets, url, self._recorded)
        self._stopped = threading.Event()

    @staticmethod
    def addressed(path: str) -> bool:
        """Whether a path (still encoded) is one of Google's."""
        return path.startswith(_PREFIXES)

    def __call__(self, sent: Sent) -> Response:
        """Answer a request. Raises ConnectionAbortedError where nothing should answer."""
        path = unquote(sent.path)
        for pattern, front in ((RUN, self._run), (GATEWAY, self._gateway)):
            found = pattern.fullmatch(sent.path)
            if found is not None:
                return front(sent, found)
        objects = STORAGE.fullmatch(sent.path)
        try:
            return self._objects(objects, sent) if objects else self._service(path, sent)
        except RpcError as error:
            return error.response()
        except Down:
            raise ConnectionAbortedError("a fault script says that nothing answers") from None

    def start(self) -> None:
        """Let the clock tick: schedules, expiry, idle instances."""
        threading.Thread(target=self._tick, daemon=True).start()

    def stop(self) -> None:
        """Stop ticking and delivering, and end every function process."""
        self._stopped.set()
        self._deliveries.stop()
        self._eventarc.stop()
        self._alloydb.stop()
        self._fleet.stop()

    def processes(self) -> dict[int, str]:
        """Of functions: process -> name."""
        return {one["pid"]: one["function"] for one in self._fleet.running()}

    def routes(self) -> AdminRoutes:
        """What can be asked of this half under /_local/."""
        return {
            **self._deployments.routes(),
            **self._eventarc.routes(),
            ("DELETE", "gcp/subscriptions/{name}/messages"): lambda call: self._pubsub.purge(
                call.path["name"]
            ),
            ("POST", "gcp/id-token"): self._id_token,
            ("POST", "gcp/access-token"): self._access_token,
            ("POST", "gcp/pubsub/duplicate"): self._duplicate,
            ("POST", "schedules/{group}/{name}/fire"): self._fire,
            ("GET", "gcp/functions/{name}/logs"): lambda call: {
                "entries": self._fleet.logs.read(call.path["name"])
            },
            ("GET", "gcp/logs"): lambda call: {"entries": self._fleet.logs.all(call.query.get("trace", ""))},
            ("GET", "gcp/functions/instances"): lambda call: {"instances": self._fleet.running()},
            ("GET", "gcp/jwks"): lambda call: self._tokens.jwks(),
        }

    def _service(self, path: str, sent: Sent) -> Response:
        headers = {name.lower(): value for name, value in sent.headers}
        authorization = headers.get("authorization", "")
        vertex = VERTEX.fullmatch(path)
        if vertex is not None:
            query = dict(parse_qsl(sent.query))
            return self._vertex(self._tokens.caller(authorization), vertex, query, sent.body)
        for pattern, service in (
            (FIRESTORE, self._firestore),
            (PUBSUB, self._pubsub),
            (SECRETS, self._secrets),
            (AI, self._ai),
            (VECTOR_SEARCH, self._vector_search),
            (VECTOR_INDEX, self._vector_index),
        ):
            found = pattern.fullmatch(path)
            if found is not None:
                if service is self._firestore and len(sent.body) > MAX_REQUEST_BYTES:
                    raise invalid(f"Request payload size exceeds the limit: {MAX_REQUEST_BYTES} bytes.")
                who = self._tokens.caller(authorization)
                asked = service is self._firestore and sent.method == "GET"
                given = dict(parse_qsl(sent.query)) if asked else _body(sent.body)
                return reply(service(who, sent.method, found, given))
        raise not_offered(f"{sent.method} {path}")

    def _objects(self, found: re.Match[str], sent: Sent) -> Response:
        headers = {name.lower(): value for name, value in sent.headers}
        return self._storage(self._tokens.caller(headers.get("authorization", "")), sent, found)

    def _recorded(self, made: Deployed) -> None:
        """Cloud Audit Logs tell of what the administrator makes."""
        happening = call_recorded(made)
        if happening is not None:
            self._eventarc.tell(happening)

    def _id_token(self, call: AdminCall) -> dict[str, str]:
        """An ID token of any person or account, as `gcloud auth print-identity-token` gives one."""
        wish: Mapping[str, Any] = call.body if is_mapping(call.body) else {}
        email, audience, lifetime = (
            wish.get("email"),
            wish.get("audience"),
            wish.get("lifetime_s", LIFETIME_S),
        )
        if not isinstance(email, str) or not isinstance(audience, str) or not isinstance(lifetime, int):
            raise ValueError('the body must be {"email": ..., "audience": ..., "lifetime_s"?: seconds}')
        return {"token": self._tokens.id_token(email, audience, lifetime)}

    def _access_token(self, call: AdminCall) -> dict[str, str]:
        """An access token of a deployed account, as its instances get one: bound by its grants."""
        email = call.body.get("email") if is_mapping(call.body) else None
        if not isinstance(email, str) or not self._tokens.exists(email):
            raise ValueError('the body must be {"email": "ACCOUNT@PROJECT.iam.gserviceaccount.com"}')
        return {"token": self._tokens.access_token(email)}

    def _fire(self, call: AdminCall) -> dict[str, Any]:
        """Run a job now; `group` is its region."""
        return self._scheduler.fire(call.path["group"], call.path["name"])

    def _duplicate(self, call: AdminCall) -> dict[str, int]:
        times: object = call.body.get("times") if is_mapping(call.body) else None
        if not isinstance(times, int) or isinstance(times, bool) or not 1 <= times <= 100:
            raise ValueError(f'the body must be {{"times": N}} with N from 1 to 100, got {call.body!r}')
        self._pubsub.duplicate(times)
        return {"times": times}

    def _tick(self) -> None:
        last = datetime.now(UTC).replace(second=0, microsecond=0)
        while not self._stopped.wait(TICK_S):
            minute = datetime.now(UTC).replace(second=0, microsecond=0)
            if minute != last:
                last = minute
                self._scheduler.tick(minute)
            self._firestore.sweep()
            self._fleet.reap()


def services(url: str) -> dict[str, str]:
    """Variables that point Google's libraries, and our runtime, at the local cloud."""
    host = urlsplit(url).netloc
    return {
        "FIRESTORE_EMULATOR_HOST": host,
        "PUBSUB_EMULATOR_HOST": host,
        "STORAGE_EMULATOR_HOST": url,
        "SERVERLESS_AI_VERTEX_ENDPOINT": url,
        "SERVERLESS_AI_GOOGLE_AI_ENDPOINT": url,
        "SERVERLESS_AI_VECTOR_SEARCH_ENDPOINT": url,
    }


def _body(text: bytes) -> Mapping[str, Any]:
    try:
        content: Any = json.loads(text or b"{}")
    except ValueError:
        content = None
    if not is_mapping(content):
        raise invalid("Invalid JSON payload received. It must be an object.")
    return content

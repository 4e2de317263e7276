"""Azure, put together: its services behind one path, and what the admin API can ask of them."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from typing import Any

from werkzeug.wrappers import Response

from serverless_ai_local.admin import AdminCall, AdminError, AdminRoutes
from serverless_ai_local.ai.content import ContentReader
from serverless_ai_local.aws.iam.ledger import Ledger
from serverless_ai_local.aws.signatures import Sent
from serverless_ai_local.azure import place
from serverless_ai_local.azure.access import Access
from serverless_ai_local.azure.ai_services import AiServices
from serverless_ai_local.azure.apps.easy_auth import EasyAuth
from serverless_ai_local.azure.apps.host import APP, FunctionHost
from serverless_ai_local.azure.apps.logs import Logs
from serverless_ai_local.azure.apps.process import AppError
from serverless_ai_local.azure.apps.publishing import Publishing
from serverless_ai_local.azure.apps.site import Sites
from serverless_ai_local.azure.apps.triggers import Triggers
from serverless_ai_local.azure.blobs import Blobs
from serverless_ai_local.azure.calls import Call, ServiceFault, error_reply, read, reply
from serverless_ai_local.azure.cosmos import Items
from serverless_ai_local.azure.cosmos_service import CosmosService
from serverless_ai_local.azure.cosmos_vectors import VectorPolicies
from serverless_ai_local.azure.cosmos_words import TextPolicies
from serverless_ai_local.azure.entra import LIFETIME_S, Entra
from serverless_ai_local.azure.estate import Estate
from serverless_ai_local.azure.event_grid import EventGrid
from serverless_ai_local.azure.foundry import Foundry
from serverless_ai_local.azure.gateway.api_management import ApiManagement
from serverless_ai_local.azure.gateway.policies import Policies
from serverless_ai_local.azure.identity import Identities
from serverless_ai_local.azure.iot_hub import IotHubs
from serverless_ai_local.azure.management import Management
from serverless_ai_local.azure.queue_service import QueueService
from serverless_ai_local.azure.queues import Queues
from serverless_ai_local.azure.search_service import SearchService
from serverless_ai_local.azure.types import TABLE
from serverless_ai_local.azure.vaults import SECRET, Vaults
from serverless_ai_local.gateway.jwt_authorizer import JwtVerifier
from serverless_ai_local.models.service import ModelService
from serverless_ai_local.plain import is_mapping

Service = Callable[[Call], Response]


class Azure:
    """One subscription of one tenant."""

    def __init__(self, url: str, models: ModelService, ledger: Ledger, *, retry_s: float) -> None:
        """`retry_s`: most seconds until what failed is tried again, so that nobody waits for minutes here."""
        estate, self._entra, queues = Estate(), Entra(), Queues()
        self._estate = estate
        access = Access(estate, self._entra, ledger)
        identities, blobs, vaults = (
            Identities(estate, self._entra),
            Blobs(estate, access),
            Vaults(estate, access),
        )
        self._logs = Logs(estate, access)
        verifier = JwtVerifier(self._entra.fetch)
        self._host = FunctionHost(
            url, estate, access=access, identities=identities, blobs=blobs, vaults=vaults, logs=self._logs
        )
        self._triggers = Triggers(self._host, estate, access, queues, retry_s=retry_s)
        self._events = EventGrid(estate, access, queues, blobs, retry_s=retry_s)
        sites = Sites(url, estate, EasyAuth(estate, verifier), self._host)
        management = Management(url, estate, access)
        gateways = ApiManagement(estate, Policies(verifier), management.key, sites)
        hubs = IotHubs(estate, access, self._events.tell)
        management.checks += [
            gateways.check,
            self._events.check,
            hubs.check,
            VectorPolicies(estate).check,
            TextPolicies(estate).check,
        ]
        self._services: Mapping[str, Service] = {
            place.BLOBS: blobs,
            place.COSMOS: CosmosService(url, estate, access, Items()),
            place.EVENTS: self._events,
            place.FOUNDRY: Foundry(
                estate, access, models, AiServices(estate, access, blobs, ContentReader())
            ),
            place.GATEWAYS: gateways,
            place.HUBS: hubs,
            place.IDENTITY: identities,
            place.MANAGEMENT: management,
            place.PUBLISHING: Publishing(estate, access, self._host),
            place.QUEUES: QueueService(estate, access, queues),
            place.SEARCH: SearchService(estate, access),
            place.SITES: sites,
            place.VAULTS: vaults,
        }

    @staticmethod
    def addressed(path: str) -> bool:
        """Whether a request's path is one of Azure's."""
        return path.startswith(place.PREFIX)

    def __call__(self, sent: Sent, remote: str) -> Response:
        word, _, _ = sent.path.removeprefix(place.PREFIX).partition("/")
        service = self._services.get(word)
        call = read(sent, f"{place.PREFIX}{word}/", remote)
        if service is None or not call.parts:
            return reply({"message": f"the local Azure has no {sent.method} {sent.path}"}, 404)
        try:
            return service(call)
        except ServiceFault as fault:
            return error_reply(fault)
        except ConnectionAbortedError:
            raise  # a fault script wants the connection to end without an answer
        except Exception as error:
            traceback.print_exc()
            text = f"the local Azure failed: {type(error).__name__}: {error}"
            return error_reply(ServiceFault(500, "InternalServerError", text))

    def start(self) -> None:
        """Let triggers and timers run."""
        self._triggers.start()

    def close(self) -> None:
        """Stop everything that runs on its own, app processes too."""
        self._events.stop()
        self._triggers.stop()
        self._host.close()

    def processes(self) -> dict[int, str]:
        """Of functions: process -> name."""
        return {pid: app.name for app, running in self._host.all() for pid in running.pids}

    def routes(self) -> AdminRoutes:
        """What can be asked of Azure itself, as part of the admin API."""
        return {
            ("GET", "azure/resources"): lambda call: {"resources": self._resources()},
            ("GET", "azure/apps"): lambda call: {
                "apps": [{"name": app.name, "pids": running.pids} for app, running in self._host.all()]
            },
            ("POST", "azure/token"): self._token,
            ("POST", "azure/users/token"): self._user_token,
            ("GET", "azure/workspaces/{name}/lines"): lambda call: {
                "lines": self._logs.lines(call.path["name"])
            },
            ("POST", "azure/events/duplicate"): self._duplicate,
            **self._events.routes(),
            ("POST", "schedules/{group}/{name}/fire"): self._fire,
        }

    def _resources(self) -> list[dict[str, Any]]:
        """Everything that exists, kind by kind; secrets without their values."""
        return [
            {"id": one.id, "kind": one.kind, "name": one.name}
            | ({} if one.kind == SECRET else {"inputs": dict(one.inputs)})
            for kind in TABLE
            for one in self._estate.all(kind)
        ]

    def _fire(self, call: AdminCall) -> None:
        """A timer's turn, now: the group is the app's name. Raises `LookupError`, `AdminError`."""
        app = self._estate.find(APP, call.path["group"])
        if app is None:
            raise LookupError(f"there is no function app {call.path['group']}")
        try:
            self._triggers.fire(app, call.path["name"])
        except AppError as error:
            raise AdminError(str(error), 502) from error

    def _token(self, call: AdminCall) -> dict[str, str]:
        """A token for a service of Azure: of whoever deploys, or of the principal that is named."""
        wish = _wish(call, ("resource", "oid", "lifetime_s"))
        resource, oid = wish.get("resource"), wish.get("oid", place.ADMINISTRATOR)
        if not isinstance(resource, str) or not resource or not isinstance(oid, str):
            raise ValueError('the body must be {"resource": "https://storage.azure.com", "oid"?: ...}')
        lifetime = float(wish.get("lifetime_s", LIFETIME_S))
        return {"access_token": self._entra.principal_token(oid, resource, lifetime_s=lifetime)}

    def _user_token(self, call: AdminCall) -> dict[str, str]:
        """A token of a person for an app registration."""
        wish = _wish(call, ("sub", "aud", "lifetime_s", "version"))
        subject, audience = wish.get("sub"), wish.get("aud")
        if not isinstance(subject, str) or not isinstance(audience, str) or not subject or not audience:
            raise ValueError(
                'the body must be {"sub": ..., "aud": ..., "lifetime_s"?: ..., "version"?: 1 or 2}'
            )
        token = self._entra.user_token(
            subject,
            audience,
            lifetime_s=float(wish.get("lifetime_s", LIFETIME_S)),
            version=int(wish.get("version", 2)),
        )
        return {"access_token": token}

    def _duplicate(self, call: AdminCall) -> None:
        times = _wish(call, ("times",)).get("times")
        if isinstance(times, bool) or not isinstance(times, int) or times < 1:
            raise ValueError('the body must be {"times": n}, n from 1 on')
        self._events.duplicate(times)


def _wish(call: AdminCall, known: tuple[str, ...]) -> Mapping[str, Any]:
    if not is_mapping(call.body) or any(name not in known for name in call.body):
        raise ValueError(f"the body must be an object of {', '.join(known)}")
    return call.body

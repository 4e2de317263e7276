"""The local cloud, put together: every part behind the one port, as a WSGI application."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, Final

from serverless_ai_local.admin import PREFIX, Admin, AdminCall, AdminRoutes
from serverless_ai_local.aws import arns, caller, resource_policies
from serverless_ai_local.aws.api import Operations
from serverless_ai_local.aws.aurora import Aurora
from serverless_ai_local.aws.bedrock.control import BedrockControl
from serverless_ai_local.aws.bedrock.guardrails import Guardrails
from serverless_ai_local.aws.bedrock.runtime import BedrockRuntime
from serverless_ai_local.aws.clients import Clients
from serverless_ai_local.aws.event_driven import EventDriven
from serverless_ai_local.aws.front import Front
from serverless_ai_local.aws.iam.authoriser import Authoriser
from serverless_ai_local.aws.iam.ledger import Ledger
from serverless_ai_local.aws.identities import Identities
from serverless_ai_local.aws.moto_backends import ACCOUNT, Moto
from serverless_ai_local.aws.moto_gaps import MotoGaps
from serverless_ai_local.aws.opensearch.control import CollectionControl
from serverless_ai_local.aws.opensearch.data import CollectionData
from serverless_ai_local.aws.opensearch.estate import Estate
from serverless_ai_local.aws.opensearch.group_control import GroupControl
from serverless_ai_local.aws.opensearch.policy_control import PolicyControl
from serverless_ai_local.aws.provider import Context
from serverless_ai_local.aws.resource_policies import Service
from serverless_ai_local.aws.resources import registry
from serverless_ai_local.azure.azure import Azure
from serverless_ai_local.doors.cloudformation import CloudFormation
from serverless_ai_local.functions.asynchronous import retry_seconds
from serverless_ai_local.gateway.authorisation import Authorisation
from serverless_ai_local.gateway.http_api import SERVICE, HttpApis
from serverless_ai_local.gateway.jwt_authorizer import JwtVerifier
from serverless_ai_local.gcp.google import Google
from serverless_ai_local.http_server import StartResponse, sent
from serverless_ai_local.issuer import Issuer
from serverless_ai_local.models.service import ModelService, from_environment
from serverless_ai_local.plain import is_mapping
from serverless_ai_local.postgres import Postgres
from serverless_ai_local.write_faults import WriteFaults

INVOKE: Final = "lambda:InvokeFunction"


class Cloud:
    """One cloud: moto's services and ours, signatures, permissions, gateway, model and admin API."""

    def __init__(self, url: str, environment: Mapping[str, str] = os.environ) -> None:
        """Moto must have been configured for this URL. Raises ValueError for variables that cannot be."""
        self._url = url
        self._ledger, self._identities, moto = Ledger(), Identities(), Moto()
        authoriser = Authoriser(self._ledger)
        models = ModelService(from_environment(environment))
        self._events = EventDriven(url=url, issuer=self._identities, checks=authoriser, forward=moto.forward)
        self._clients = Clients(url)
        self._postgres = Postgres()
        self._aurora = Aurora(self._postgres, moto.forward)
        self._stacks = CloudFormation(registry(), self._context)
        estate = Estate(url)
        self._collections = CollectionData(estate, self._identities, authoriser)
        operations = _joined(
            caller.operations(),
            MotoGaps(moto.forward).operations(),
            self._events.operations(),
            self._stacks.operations(),
            _bedrock(models),
            self._aurora.operations(),
            CollectionControl(estate).operations(),
            GroupControl(estate).operations(),
            PolicyControl(estate).operations(),
        )
        self._front = Front(self._identities, authoriser, operations, moto)
        self._apis = HttpApis(
            self._events.functions,
            _permits,
            Authorisation(self._identities, authoriser, JwtVerifier()),
            self._events.metrics,
        )
        self._google = Google(url, models, self._ledger, self._postgres)
        self._azure = Azure(url, models, self._ledger, retry_s=retry_seconds())
        self._write_faults = WriteFaults(self._processes)
        self._admin = Admin(
            self._routes(),
            Issuer(url).routes(),
            models.routes(),
            self._google.routes(),
            self._azure.routes(),
            self._events.routes(),
            self._aurora.routes(),
            self._write_faults.routes(),
        )

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if str(environ["PATH_INFO"]).startswith(PREFIX):
            return self._admin(environ)(environ, start_response)
        request = sent(environ)
        self._write_faults(request)
        if Google.addressed(request.path):
            answer = self._google(request)
        elif Azure.addressed(request.path):
            answer = self._azure(request, environ["REMOTE_ADDR"])
        elif CollectionData.addressed(request.path):
            answer = self._collections(request, environ["REMOTE_ADDR"])
        elif HttpApis.addressed(request) is not None:
            answer = self._apis(request, environ["REMOTE_ADDR"], environ["SERVER_PROTOCOL"])
        else:
            answer = self._front(environ)
        return answer(environ, start_response)

    def start(self) -> None:
        """Let schedules and alarms tick."""
        self._events.start()
        self._google.start()
        self._azure.start()

    def close(self) -> None:
        """Stop function processes and everything that runs on its own."""
        self._apis.close()
        self._google.stop()
        self._azure.close()
        self._events.stop()
        self._aurora.stop()
        self._postgres.stop()

    def _processes(self) -> dict[int, str]:
        """Of functions: process -> name."""
        return self._events.processes() | self._azure.processes() | self._google.processes()

    def _context(self, region: str, stack: str) -> Context:
        return Context(
            client=lambda service: self._clients.get(service, region),
            account=ACCOUNT,
            region=region,
            stack=stack,
            endpoint=self._url,
        )

    def _routes(self) -> AdminRoutes:
        return {
            ("GET", "status"): lambda call: {
                "status": "ready",
                "url": self._url,
                "pid": os.getpid(),
                "local": True,
            },
            ("GET", "stacks"): lambda call: {"stacks": self._stacks.stack_names()},
            ("GET", "stacks/{name}"): self._graph,
            ("GET", "iam/checks"): lambda call: {"checks": self._ledger.checks(call.query.get("role"))},
            ("DELETE", "iam/checks"): lambda call: self._ledger.clear(),
            ("POST", "iam/credentials"): self._credentials,
        }

    def _graph(self, call: AdminCall) -> dict[str, Any]:
        try:
            resources = self._stacks.graph(call.path["name"])
        except KeyError:
            raise LookupError(f"there is no stack {call.path['name']}") from None
        return {"resources": [asdict(one) for one in resources]}

    def _credentials(self, call: AdminCall) -> dict[str, str]:
        """Credentials of a role as a function of it would get them: bound by its policies."""
        role = call.body.get("role_arn") if is_mapping(call.body) else None
        if not isinstance(role, str):
            raise ValueError('the body must be {"role_arn": "arn:aws:iam::...:role/..."}')
        issued = self._identities.issue(role, "by-hand")
        return {"access_key": issued.access_key, "secret_key": issued.secret_key, "token": issued.token}


def _bedrock(models: ModelService) -> Operations:
    guardrails = Guardrails()
    return _joined(BedrockControl(guardrails).operations(), BedrockRuntime(models, guardrails).operations())


def _joined(*parts: Operations) -> Operations:
    """All operations; one that two parts claim is a mistake of ours."""
    joined = {key: handler for part in parts for key, handler in part.items()}
    if len(joined) != sum(map(len, parts)):
        raise RuntimeError("two parts of the local cloud claim the same operation")
    return joined


def _permits(function_arn: str, source_arn: str) -> bool:
    """Whether the function's own policy lets API Gateway invoke it for this route."""
    return resource_policies.allow(
        arns.parse(function_arn), Service(principal=SERVICE, source_arn=source_arn), INVOKE
    )

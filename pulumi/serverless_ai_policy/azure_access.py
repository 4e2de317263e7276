"""Rules for Azure: who may call, and which identity may do what on which resource."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from serverless_ai_policy.azure import APP
from serverless_ai_policy.checks import all_of, each_has, must_be, must_be_set
from serverless_ai_policy.rule import Each, Resource, Rule
from serverless_ai_policy.values import UNKNOWN, at, is_mapping, is_set, known_at

ASSIGNMENT: Final = ("azure-native:authorization:RoleAssignment",)
AUTHENTICATION: Final = "azure-native:web:WebAppAuthSettingsV2"
PASSWORDS: Final = "azure-native:web:WebAppScmAllowed"

BROAD: Final[Mapping[str, str]] = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
    "b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": "User Access Administrator",
    "f58310d9-a9f6-439a-9e8d-f62e7b41a168": "Role Based Access Control Administrator",
    "25fbc0a9-bd7c-42a3-aa1a-3b75d497ee68": "Cognitive Services Contributor",
    "a001fd3d-188f-4b5d-821b-7da978bf7442": "Cognitive Services OpenAI Contributor",
    "c883944f-8b7b-4483-af10-35834be79c4a": "Foundry Owner",
    "e47c6f54-e4a2-4754-9501-8e0985b135e1": "Foundry Account Owner",
    "eadc314b-1a2d-4efa-be10-5d325db5065e": "Foundry Project Manager",
    "17d1049b-9a84-46fb-8f53-869881c3d3ab": "Storage Account Contributor",
    "5bd9cd88-fe45-4216-938b-f97437e15450": "DocumentDB Account Contributor",
    "00482a5a-887f-4fb3-b363-3b7fe8e74483": "Key Vault Administrator",
}
"""Roles that change resources, give rights or read keys: not for what runs. Source: MicrosoftDocs/azure-docs,
built-in-roles.md, 2026-04-09."""
_OF_RESOURCE: Final = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/[^/]+/[^/]+/[^/]+", re.I
)
_OF_RECORDS: Final = re.compile(r"/databaseAccounts/[^/]+/dbs/[^/]+/colls/[^/]+$", re.I)


def _on_one_resource(resource: Resource) -> Iterator[str]:
    scope = str(known_at(resource.props, "scope"))
    if not _OF_RESOURCE.match(scope):
        yield f"the role holds on {scope}, and all that is in it or will be"


def _on_one_container(resource: Resource) -> Iterator[str]:
    scope = str(known_at(resource.props, "scope"))
    if not _OF_RECORDS.search(scope):
        yield f"the role holds on {scope}, and every container in it"


def _is_narrow(resource: Resource) -> Iterator[str]:
    role = str(known_at(resource.props, "roleDefinitionId")).rpartition("/")[2].lower()
    if role in BROAD:
        yield f"the role {BROAD[role]} may change more than it uses"


def _asks_for_a_token(resource: Resource) -> Iterator[str]:
    providers = at(resource.props, "identityProviders")
    if providers is not UNKNOWN and not (is_mapping(providers) and any(map(is_set, providers.values()))):
        yield "no identity provider checks tokens"
    if is_set(at(resource.props, "globalValidation.excludedPaths")):
        yield "some paths are open"


RULES: Final = (
    Rule(
        id="azure-function-authorised",
        reason="An app answers the whole world until its authentication is set",
        mend="A WebAppAuthSettingsV2 of the app",
        looks=each_has(APP, (AUTHENTICATION,), "name", "nothing checks who calls"),
    ),
    Rule(
        id="azure-authentication-required",
        reason="Each call of a model costs money: no route may be open",
        mend='platform.enabled; global_validation.require_authentication, "Return401", no excluded_paths',
        looks=Each(
            (AUTHENTICATION,),
            all_of(
                must_be("platform.enabled", True),
                must_be("globalValidation.requireAuthentication", True),
                must_be("globalValidation.unauthenticatedClientAction", "Return401", "Return403"),
                must_be("httpSettings.requireHttps", True),
                _asks_for_a_token,
            ),
        ),
    ),
    Rule(
        id="azure-function-publishing",
        reason="The publishing site takes a password otherwise, and whoever has it has the app's identity",
        mend="A WebAppScmAllowed of the app with allow=False",
        looks=each_has(APP, (PASSWORDS,), "name", "code is taken from whoever has the password"),
    ),
    Rule(
        id="azure-publishing-passwords",
        reason="A password is not an identity: nobody knows who published",
        mend="allow=False; publish with a token of Entra",
        looks=Each((PASSWORDS, "azure-native:web:WebAppFtpAllowed"), must_be("allow", False)),
    ),
    Rule(
        id="azure-role-scope",
        reason="A role on a group or a subscription holds for all that will ever be in it",
        mend="scope= the id of the one resource that is used",
        looks=Each(ASSIGNMENT, _on_one_resource),
    ),
    Rule(
        id="azure-role-narrow",
        reason="What runs uses data; it does not change resources, give rights or read keys",
        mend="A data role, such as Cognitive Services OpenAI User",
        looks=Each(ASSIGNMENT, _is_narrow),
    ),
    Rule(
        id="azure-role-principal",
        reason="Azure looks up the kind of a principal it was not told, and does not find one that is new",
        mend='principal_type="ServicePrincipal"',
        looks=Each(ASSIGNMENT, must_be_set("principalType")),
    ),
    Rule(
        id="azure-records-scope",
        reason="A role on the account reads and writes the records of every application in it",
        mend="scope= ACCOUNT_ID/dbs/DATABASE/colls/CONTAINER",
        looks=Each(("azure-native:cosmosdb:SqlResourceSqlRoleAssignment",), _on_one_container),
    ),
)

"""Rules for Google Cloud: which account may do what, and who may call."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from serverless_ai_patterns.gcp.policy import NEVER
from serverless_ai_policy.checks import each_has, must_be_set, never
from serverless_ai_policy.rule import Each, Resource, Rule
from serverless_ai_policy.values import at, is_set, known, known_at, listed

ANY: Final = ("gcp:*",)
ON_PROJECT: Final = ("gcp:projects:IAMMember", "gcp:projects:IAMBinding")
FUNCTION: Final = ("gcp:cloudfunctionsv2:Function",)
SECRET: Final = "gcp:secretmanager:Secret"  # noqa: S105 - a type
READERS: Final = ("gcp:secretmanager:SecretIamMember", "gcp:secretmanager:SecretIamBinding")

BROAD: Final[Mapping[str, str]] = {
    "roles/viewer": "reads everything in the project",
    "roles/aiplatform.user": "also makes and deletes endpoints; aiplatform.endpoints.predict is enough",
    "roles/cloudfunctions.developer": "also changes the code of every function",
    "roles/datastore.user": "also lists and deletes every record",
    "roles/iam.serviceAccountTokenCreator": "acts as every account that it is given on",
    "roles/iam.serviceAccountUser": "acts as every account that it is given on",
    "roles/run.developer": "also changes the code of every service",
    "roles/secretmanager.secretVersionManager": "also adds and destroys versions",
}
"""Role -> why it is too much for what runs. Those that administer are found by their names."""
_ADMINISTERS: Final = re.compile(r"^roles/(?:owner|editor|[\w.]+\.(?:owner|editor|admin)|[\w.]+[a-z]Admin)$")

ON_WHOLE_PROJECT: Final[Mapping[str, str]] = {
    "roles/cloudtrace.agent": "traces belong to the project",
    "roles/logging.logWriter": "logs have no narrower resource",
    "roles/monitoring.metricWriter": "metrics have no narrower resource",
}
"""Predefined roles that only a project can give. A custom role is as narrow as its permissions."""
ESCALATES: Final = re.compile(
    r"(?:\.setIamPolicy|^iam\.serviceAccounts\.(?:actAs|getAccessToken|getOpenIdToken|implicitDelegation|signBlob|signJwt)"
    r"|^iam\.serviceAccountKeys\.create|^iam\.roles\.(?:create|update))$"
)
_DEFAULT_ACCOUNT: Final = re.compile(
    r"-compute@developer\.gserviceaccount\.com|@appspot\.gserviceaccount\.com"
)


def _members_are_named(resource: Resource) -> Iterator[str]:
    members = [resource.props.get("member"), *listed(resource.props.get("members"), "members")]
    for member in members:
        if member in NEVER:
            yield f"{member} is anyone"


def _role_is_narrow(resource: Resource) -> Iterator[str]:
    role = resource.props.get("role")
    if not isinstance(role, str):
        return
    if role in BROAD:
        yield f"{role} {BROAD[role]}"
    elif _ADMINISTERS.match(role):
        yield f"{role} changes resources and gives rights"


def _is_bounded(resource: Resource) -> Iterator[str]:
    role = known_at(resource.props, "role")
    predefined = str(role).startswith("roles/")
    if predefined and role not in ON_WHOLE_PROJECT and not is_set(at(resource.props, "condition")):
        yield f"{role} holds for everything in the project"


def _does_not_escalate(resource: Resource) -> Iterator[str]:
    for permission in listed(resource.props.get("permissions"), "permissions"):
        if ESCALATES.search(str(known(permission, "permissions"))):
            yield f"{permission} gives every other right as well"


def _accounts_are_own(resource: Resource) -> Iterator[str]:
    for path in ("serviceConfig.serviceAccountEmail", "buildConfig.serviceAccount"):
        account = at(resource.props, path)
        if not is_set(account):
            yield f"{path} is not set"
        elif _DEFAULT_ACCOUNT.search(str(account)):
            yield f"{path} is the project's default account"


RULES: Final = (
    Rule(
        id="gcp-member-named",
        reason="Each call of a model costs money, and each record is somebody's: nothing is for anyone",
        mend="Name groups, users or service accounts",
        looks=Each(ANY, _members_are_named),
        also=("CKV_GCP_102", "CKV_GCP_107"),
    ),
    Rule(
        id="gcp-role-narrow",
        reason="What runs uses data; it does not change resources or give rights",
        mend="A role of one permission, or an IAMCustomRole of those that are used",
        looks=Each(ANY, _role_is_narrow),
    ),
    Rule(
        id="gcp-role-bounded",
        reason="A grant on the project holds for all that will ever be in it",
        mend="Grant on the resource (TopicIAMMember, ServiceIamMember, ...), or with a condition",
        looks=Each(ON_PROJECT, _is_bounded),
    ),
    Rule(
        id="gcp-role-additive",
        reason="It takes away every grant that it does not name, also those of Google's own agents",
        mend="IAMMember, one for each grant",
        looks=Each(
            ("gcp:projects:IAMPolicy", "gcp:projects:IAMBinding"),
            never("the project's grants are replaced"),
        ),
    ),
    Rule(
        id="gcp-custom-role",
        reason="Who may give rights, or act as another account, may do everything",
        mend="Leave the permission out",
        looks=Each(("gcp:projects:IAMCustomRole",), _does_not_escalate),
    ),
    Rule(
        id="gcp-function-account",
        reason="The project's default accounts may edit the whole project",
        mend="Accounts of their own for service_config and build_config",
        looks=Each(FUNCTION, _accounts_are_own),
    ),
    Rule(
        id="gcp-secret-place",
        reason="Where a credential is kept is for you to say; Google chooses the regions otherwise",
        mend="replication.user_managed with its replicas",
        looks=Each((SECRET,), must_be_set("replication.userManaged.replicas")),
    ),
    Rule(
        id="gcp-secret-readable",
        reason="A function whose account may not read its secret never starts",
        mend="A SecretIamMember of this one secret with roles/secretmanager.secretAccessor",
        looks=each_has(SECRET, READERS, "secretId", "nobody may read it"),
    ),
    Rule(
        id="gcp-no-account-key",
        reason="A key works from anywhere and never ends",
        mend="Let the platform give tokens, or federate identities",
        looks=Each(("gcp:serviceaccount:Key",), never("a key of a service account is made")),
    ),
)

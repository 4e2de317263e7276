"""What IAM and STS hold: keys, users, roles and policies, read from moto's backends at each call."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from serverless_ai_local.aws.moto_backends import ACCOUNT

Document = Mapping[str, Any]
_ENFORCED: Final = "local_enforced"
"""Attribute of moto's record of a session that was issued here."""


class NoSuchRole(LookupError):
    """No role has this ARN."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Policies:
    """What an identity's own policies say. An identity without a boundary has `boundary=None`."""

    identity: Sequence[Document]
    boundary: Document | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """A session of a role, as STS issued it."""

    access_key: str
    secret_key: str
    token: str
    role_arn: str
    arn: str
    user_id: str
    expires: datetime
    enforced: bool
    """Issued to a function or service, and so bound by the role; False when a caller asked STS for it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class UserKey:
    """An active access key of an IAM user."""

    secret_key: str
    arn: str
    user_id: str


def user_key(access_key: str) -> UserKey | None:
    """The IAM user's key with this id, if it is active."""
    for user in list(_iam().users.values()):
        for key in list(user.access_keys):
            if key.access_key_id == access_key and key.status == "Active":
                return UserKey(secret_key=str(key.secret_access_key), arn=str(user.arn), user_id=str(user.id))
    return None


def session(access_key: str) -> Session | None:
    """The role session with this key, expired or not."""
    found = _sts().get_assumed_role_from_access_key(access_key)
    return None if found is None else _session(found)


def assume(role_arn: str, session_name: str, duration_s: int, region: str) -> Session:
    """A new session for a function or service, bound by the role's policies. Raises `NoSuchRole`."""
    role(role_arn)
    made = _sts().assume_role(
        region_name=region,
        role_session_name=session_name,
        role_arn=role_arn,
        policy=None,
        duration=duration_s,
        external_id=None,
    )
    setattr(made, _ENFORCED, True)
    return _session(made)


def role_policies(role_arn: str) -> Policies:
    """Inline and managed policies of a role, and its boundary. Raises `NoSuchRole`."""
    found = role(role_arn)
    boundary = found.permissions_boundary_arn
    return Policies(identity=_documents(found), boundary=_managed(str(boundary)) if boundary else None)


def user_policies(user_arn: str) -> Policies:
    """Policies of a user and of the groups the user is in; none for a user that is gone."""
    for user in list(_iam().users.values()):
        if str(user.arn) == user_arn:
            groups = [group for group in list(_iam().groups.values()) if user in group.users]
            return Policies(
                identity=[document for owner in (user, *groups) for document in _documents(owner)]
            )
    return Policies(identity=())


def role(role_arn: str) -> Any:
    """moto's role. Raises `NoSuchRole`."""
    for found in list(_iam().roles.values()):
        if found.arn == role_arn:
            return found
    raise NoSuchRole(f"there is no role {role_arn}")


def _documents(owner: Any) -> list[Document]:
    inline = [_parse(text) for text in list(owner.policies.values())]
    return inline + [_default_version(policy) for policy in list(owner.managed_policies.values())]


def _managed(arn: str) -> Document:
    policy = _iam().managed_policies.get(arn)
    return {"Statement": []} if policy is None else _default_version(policy)


def _default_version(policy: Any) -> Document:
    return next(_parse(version.document) for version in policy.versions if version.is_default)


def _parse(text: Any) -> Document:
    return json.loads(text) if isinstance(text, str) else text


def _session(found: Any) -> Session:
    return Session(
        access_key=str(found.access_key_id),
        secret_key=str(found.secret_access_key),
        token=str(found.session_token),
        role_arn=str(found.role_arn),
        arn=str(found.arn),
        user_id=str(found.user_id),
        expires=found.expiration.replace(tzinfo=UTC),  # moto leaves the zone out
        enforced=getattr(found, _ENFORCED, False),
    )


def _iam() -> Any:
    from moto.iam.models import iam_backends  # noqa: PLC0415 - only when IAM is needed; it takes 0.1 s

    return iam_backends[ACCOUNT]["aws"]


def _sts() -> Any:
    from moto.sts.models import sts_backends  # noqa: PLC0415 - as above

    return sts_backends[ACCOUNT]["aws"]

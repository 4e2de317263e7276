"""Whose key signed a request: the root key, IAM users, sessions of STS, and credentials issued to functions.

Sessions that a caller asked STS for are administrators, as the root key is: `cdk` deploys through roles
of its own, and to judge those is not what this is for. Credentials of functions are bound by their role.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from serverless_ai_local.aws.api import Identity
from serverless_ai_local.aws.iam import store
from serverless_ai_local.aws.moto_backends import ACCOUNT
from serverless_ai_local.aws.signatures import Fault, Sent, Signature, SignatureError, read, verify

ROOT_KEY: Final = "test"
ROOT: Final = Identity(
    arn=f"arn:aws:iam::{ACCOUNT}:root", account=ACCOUNT, access_key=ROOT_KEY, user_id=ACCOUNT
)
DEFAULT_DURATION_S: Final = 12 * 3600
Clock = Callable[[], datetime]


@dataclass(frozen=True, kw_only=True, slots=True)
class Credentials:
    """Keys of a role session, as a function finds them in its environment."""

    access_key: str
    secret_key: str
    token: str
    expires: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class _Key:
    identity: Identity
    secret: str
    token: str = ""
    expires: datetime | None = None


class Identities:
    """Knows every key, issues credentials of roles, and checks signatures."""

    def __init__(self, region: str = "us-east-1", clock: Clock = lambda: datetime.now(UTC)) -> None:
        self._region, self._clock = region, clock

    def issue(self, role_arn: str, session_name: str, duration_s: int = DEFAULT_DURATION_S) -> Credentials:
        """Credentials bound by the role's policies. Raises `LookupError` if there is no such role."""
        made = store.assume(role_arn, session_name, duration_s, self._region)
        return Credentials(
            access_key=made.access_key, secret_key=made.secret_key, token=made.token, expires=made.expires
        )

    def authenticate(self, sent: Sent) -> tuple[Identity, Signature]:
        """Who signed this request. Raises `SignatureError`."""
        signature = read(sent)
        key = self._find(signature.access_key)
        if key is None:
            raise SignatureError(Fault.UNKNOWN_KEY, f"there is no access key {signature.access_key}")
        verify(sent, signature, key.secret, self._clock())
        if signature.token != key.token:
            raise SignatureError(Fault.TOKEN, "the session token is not the one issued with this key")
        if key.expires is not None and self._clock() >= key.expires:
            raise SignatureError(Fault.EXPIRED_TOKEN, "the session has expired")
        return key.identity, signature

    def _find(self, access_key: str) -> _Key | None:
        if access_key == ROOT_KEY:
            return _Key(identity=ROOT, secret=ROOT_KEY)
        session = store.session(access_key)
        if session is not None:
            return _session_key(session)
        user = store.user_key(access_key)
        if user is None:
            return None
        identity = Identity(arn=user.arn, account=ACCOUNT, access_key=access_key, user_id=user.user_id)
        return _Key(identity=identity, secret=user.secret_key)


def _session_key(session: store.Session) -> _Key:
    identity = Identity(
        arn=session.arn,
        account=ACCOUNT,
        access_key=session.access_key,
        role_arn=session.role_arn if session.enforced else None,
        user_id=session.user_id,
    )
    return _Key(identity=identity, secret=session.secret_key, token=session.token, expires=session.expires)

"""Signature Version 4 from the server's side: is this request what the holder of the key signed, and when?

Written from the specification, not from an SDK's signer, so that a signer's mistake is found and not shared.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Final
from urllib.parse import quote, unquote_to_bytes

ALGORITHM: Final = "AWS4-HMAC-SHA256"
MAX_PRESIGNED_S: Final = 7 * 24 * 3600
SKEW: Final = timedelta(minutes=5)
S3_SKEW: Final = timedelta(minutes=15)
_UNSIGNED: Final = "UNSIGNED-PAYLOAD"
_STREAMING: Final = "STREAMING-"
_HEX64: Final = re.compile(r"[0-9a-f]{64}")
_OBJECT_STORES: Final = ("s3", "s3express", "s3-object-lambda")
"""Their paths are signed as sent, and their bodies may go unsigned; every other service encodes once more."""


class Fault(Enum):
    """Why a signature is not accepted; each protocol has its own code for it."""

    MISSING = "missing"
    MALFORMED = "malformed"
    UNKNOWN_KEY = "unknown key"
    TOKEN = "token"  # noqa: S105 - a name
    EXPIRED_TOKEN = "expired token"  # noqa: S105 - a name
    MISMATCH = "mismatch"
    PAYLOAD = "payload"
    EXPIRED = "expired"
    TOO_EARLY = "too early"
    EXPIRED_URL = "expired url"
    UNSUPPORTED = "unsupported"


class SignatureError(Exception):
    """The request is not accepted."""

    def __init__(self, fault: Fault, detail: str) -> None:
        super().__init__(detail)
        self.fault = fault


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """A request as it came over the wire: nothing decoded, headers in order with their own spelling."""

    method: str
    path: str
    query: str
    headers: Sequence[tuple[str, str]]
    body: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Signature:
    """What a request says about its own signature."""

    access_key: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    timestamp: str
    token: str
    payload_hash: str
    presigned_s: int | None = field(default=None)
    """Lifetime of a presigned URL; None when the signature is in the headers."""

    @property
    def scope(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


def read(sent: Sent) -> Signature:
    """What the request says. Raises `SignatureError` (missing or malformed)."""
    header = _header(sent, "authorization")
    query = dict(_pairs(sent.query))
    if "X-Amz-Signature" in query or "X-Amz-Algorithm" in query:
        return _from_query(sent, query)
    if "Signature" in query and "AWSAccessKeyId" in query:
        raise SignatureError(Fault.UNSUPPORTED, f"Signature Version 2 is not accepted; use {ALGORITHM}")
    if not header:
        raise SignatureError(Fault.MISSING, "Missing Authentication Token")
    return _from_header(sent, header)


def verify(sent: Sent, signature: Signature, secret: str, now: datetime) -> None:
    """Raise `SignatureError` unless `secret` signed exactly this request, recently enough."""
    _check_time(signature, now)
    if not _HEX64.fullmatch(signature.signature):
        raise SignatureError(Fault.MISMATCH, "a signature is 64 lower-case hexadecimal digits")
    expected = _sign(secret, signature, canonical_request(sent, signature))
    if not hmac.compare_digest(expected, signature.signature):
        raise SignatureError(Fault.MISMATCH, "the signature does not match")
    _check_payload(sent, signature)


def canonical_request(sent: Sent, signature: Signature) -> str:
    """The text that is signed."""
    headers: dict[str, list[str]] = {}
    for name, value in sent.headers:
        headers.setdefault(name.lower(), []).append(" ".join(value.split()))
    for name in signature.signed_headers:
        if name not in headers:
            raise SignatureError(Fault.MISMATCH, f"the signed header {name} was not sent")
    lines = [f"{name}:{','.join(headers[name])}\n" for name in signature.signed_headers]
    pairs = sorted(
        (_encode(name), _encode(value))
        for name, value in _raw_pairs(sent.query)
        if name != b"X-Amz-Signature"
    )
    return "\n".join(
        (
            sent.method,
            _canonical_path(sent.path, signature.service),
            "&".join(f"{name}={value}" for name, value in pairs),
            "".join(lines),
            ";".join(signature.signed_headers),
            signature.payload_hash,
        )
    )


def _sign(secret: str, signature: Signature, canonical: str) -> str:
    # latin-1 gives back the very bytes that came over the wire.
    digest = hashlib.sha256(canonical.encode("latin-1", "replace")).hexdigest()
    text = "\n".join((ALGORITHM, signature.timestamp, signature.scope, digest))
    key = ("AWS4" + secret).encode()
    for part in (signature.date, signature.region, signature.service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


def _from_header(sent: Sent, header: str) -> Signature:
    algorithm, _, rest = header.strip().partition(" ")
    if algorithm != ALGORITHM:
        raise SignatureError(Fault.UNSUPPORTED, f"{algorithm!r} is not accepted; use {ALGORITHM}")
    parts: dict[str, str] = {}
    for item in rest.split(","):
        name, _, value = item.strip().partition("=")
        parts[name] = value
    for name in ("Credential", "SignedHeaders", "Signature"):
        if not parts.get(name):
            raise SignatureError(Fault.MALFORMED, f"Authorization header requires '{name}' parameter.")
    timestamp = _header(sent, "x-amz-date")
    if not timestamp:
        raise SignatureError(
            Fault.MALFORMED, "Authorization header requires existence of a 'X-Amz-Date' header."
        )
    return _signature(
        sent, parts["Credential"], parts["SignedHeaders"], parts["Signature"], timestamp,
        token=_header(sent, "x-amz-security-token"), presigned_s=None,
    )  # fmt: skip


def _from_query(sent: Sent, query: dict[str, str]) -> Signature:
    if query.get("X-Amz-Algorithm") != ALGORITHM:
        algorithm = query.get("X-Amz-Algorithm", "")
        raise SignatureError(Fault.UNSUPPORTED, f"{algorithm!r} is not accepted; use {ALGORITHM}")
    names = ("Credential", "SignedHeaders", "Signature", "Date", "Expires")
    for name in names:
        if not query.get(f"X-Amz-{name}"):
            raise SignatureError(Fault.MALFORMED, f"the query requires the parameter X-Amz-{name}")
    credential, signed_headers, signature, date, expires = (query[f"X-Amz-{name}"] for name in names)
    if not (expires.isascii() and expires.isdigit()) or not 1 <= int(expires[:10]) <= MAX_PRESIGNED_S:
        raise SignatureError(Fault.MALFORMED, f"X-Amz-Expires must be 1..{MAX_PRESIGNED_S} seconds")
    return _signature(
        sent, credential, signed_headers, signature, date,
        token=query.get("X-Amz-Security-Token", ""), presigned_s=int(expires),
    )  # fmt: skip


def _signature(
    sent: Sent,
    credential: str,
    signed: str,
    signature: str,
    timestamp: str,
    *,
    token: str,
    presigned_s: int | None,
) -> Signature:
    parts = credential.split("/")
    if len(parts) != 5 or not all(parts) or parts[4] != "aws4_request":
        raise SignatureError(Fault.MALFORMED, "Credential must be KEY/YYYYMMDD/REGION/SERVICE/aws4_request")
    key, date, region, service, _ = parts
    names = tuple(signed.split(";"))
    if list(names) != sorted(set(names)) or signed != signed.lower():
        raise SignatureError(
            Fault.MALFORMED, "SignedHeaders must be lower-case, sorted and without repetition"
        )
    if "host" not in names:
        raise SignatureError(Fault.MISMATCH, "'Host' must be a 'SignedHeader' in the AWS Authorization.")
    _moment(timestamp)
    if not timestamp.startswith(date):
        detail = "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP"
        raise SignatureError(Fault.MISMATCH, f"{detail}: {date!r} != {timestamp[:8]!r}")
    return Signature(
        access_key=key, date=date, region=region, service=service, signed_headers=names, signature=signature,
        timestamp=timestamp, token=token, presigned_s=presigned_s,
        payload_hash=_payload_hash(sent, service, presigned=presigned_s is not None),
    )  # fmt: skip


def _payload_hash(sent: Sent, service: str, *, presigned: bool) -> str:
    stated = _header(sent, "x-amz-content-sha256")
    if stated:
        return stated
    if presigned and service in _OBJECT_STORES:
        return _UNSIGNED
    return hashlib.sha256(sent.body).hexdigest()


def _check_payload(sent: Sent, signature: Signature) -> None:
    stated = signature.payload_hash
    if signature.service in _OBJECT_STORES and (stated == _UNSIGNED or stated.startswith(_STREAMING)):
        return
    if stated != hashlib.sha256(sent.body).hexdigest():
        raise SignatureError(Fault.PAYLOAD, "the body is not the one whose SHA-256 was signed")


def _check_time(signature: Signature, now: datetime) -> None:
    at = _moment(signature.timestamp)
    skew = S3_SKEW if signature.service in _OBJECT_STORES else SKEW
    minutes = int(skew.total_seconds() // 60)
    if at > now + skew:
        limit = now + skew
        detail = f"Signature not yet current: {_stamp(at)} is still later than {_stamp(limit)}"
        raise SignatureError(Fault.TOO_EARLY, f"{detail} ({_stamp(now)} + {minutes} min.)")
    if signature.presigned_s is not None:
        if now > at + timedelta(seconds=signature.presigned_s):
            raise SignatureError(Fault.EXPIRED_URL, "Request has expired")
    elif at < now - skew:
        detail = f"Signature expired: {_stamp(at)} is now earlier than {_stamp(now - skew)}"
        raise SignatureError(Fault.EXPIRED, f"{detail} ({_stamp(now)} - {minutes} min.)")


def _moment(timestamp: str) -> datetime:
    try:
        return datetime.strptime(timestamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        detail = f"the date must be like 20260101T000000Z, got {timestamp!r}"
        raise SignatureError(Fault.MALFORMED, detail) from None


def _canonical_path(raw: str, service: str) -> str:
    if service in _OBJECT_STORES:
        return raw or "/"
    kept: list[str] = []
    for part in raw.split("/"):
        if part == "..":
            del kept[-1:]
        elif part not in ("", "."):
            kept.append(part)
    trailing = "/" if kept and raw.endswith("/") else ""
    return quote("/" + "/".join(kept) + trailing, safe="/~", encoding="latin-1")


def _raw_pairs(query: str) -> list[tuple[bytes, bytes]]:
    pairs: list[tuple[bytes, bytes]] = []
    for item in query.split("&"):
        if item:
            name, _, value = item.partition("=")
            pairs.append(
                (unquote_to_bytes(name.encode("latin-1")), unquote_to_bytes(value.encode("latin-1")))
            )
    return pairs


def _pairs(query: str) -> list[tuple[str, str]]:
    return [
        (name.decode(errors="replace"), value.decode(errors="replace")) for name, value in _raw_pairs(query)
    ]


def _encode(value: bytes) -> str:
    return quote(value, safe="-_.~")


def _header(sent: Sent, name: str) -> str:
    return next((value.strip() for sent_name, value in sent.headers if sent_name.lower() == name), "")


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y%m%dT%H%M%SZ")

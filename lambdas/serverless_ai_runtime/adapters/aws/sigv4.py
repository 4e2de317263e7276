"""AWS Signature Version 4 in the Authorization header.

Equal to botocore's `SigV4Auth` (and, with `encode_path=False`, `S3SigV4Auth`); the oracle tests hold it to
that.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Final
from urllib.parse import SplitResult, quote, urlsplit

from serverless_ai_runtime.config import AwsConfig

# Changed on the way by proxies and by ourselves, so that they cannot be signed.
UNSIGNED: Final = frozenset(("authorization", "expect", "transfer-encoding", "user-agent", "x-amzn-trace-id"))
_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_PORTS: Final = {"http": 80, "https": 443}


def sign(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    service: str,
    credentials: AwsConfig,
    now: float,
    encode_path: bool = True,
) -> dict[str, str]:
    """All headers to send, names in lower case: `headers`, host, date, session token and the signature.

    `url` is the one that is sent, percent-encoded once. `service` is the signing name (Bedrock: `bedrock`).
    Every service but S3 encodes the path a second time and resolves dots (`encode_path`). A header
    `x-amz-content-sha256` stands in for the body's hash, as S3 wants it.
    """
    parts = urlsplit(url)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    sent = {name.lower(): value for name, value in headers.items() if name.lower() != "authorization"}
    sent.setdefault("host", _host(parts))
    sent["x-amz-date"] = stamp
    if credentials.session_token:
        sent["x-amz-security-token"] = credentials.session_token
    names = ";".join(sorted(sent.keys() - UNSIGNED))
    canonical = "\n".join(
        (
            method.upper(),
            quote(_resolved(parts.path), safe="/~") if encode_path else parts.path or "/",
            _query(parts.query),
            *(f"{name}:{' '.join(sent[name].split())}" for name in names.split(";")),
            "",
            names,
            sent.get("x-amz-content-sha256") or sha256(body).hexdigest(),
        )
    )
    scope = f"{stamp[:8]}/{credentials.region}/{service}/aws4_request"
    text = f"{_ALGORITHM}\n{stamp}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
    signature = _mac(_key(credentials.secret_access_key, scope.split("/")), text).hex()
    credential = f"{credentials.access_key_id}/{scope}"
    sent["authorization"] = (
        f"{_ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}"
    )
    return sent


def _key(secret: str, scope: Iterable[str]) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in scope:
        key = _mac(key, part)
    return key


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def _host(url: SplitResult) -> str:
    host = url.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    return host if url.port in (None, _PORTS.get(url.scheme)) else f"{host}:{url.port}"


def _query(query: str) -> str:
    """Sorted by encoded name, then by encoded value; a name without a value gets an empty one."""
    pairs = (pair.partition("=") for pair in query.split("&")) if query else ()
    return "&".join(f"{name}={value}" for name, value in sorted((name, value) for name, _, value in pairs))


def _resolved(path: str) -> str:
    """Without dot segments and repeated slashes (RFC 3986, 5.2.4)."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    lead = "/" if path.startswith("/") or not path else ""
    return lead + "/".join(kept) + ("/" if path.endswith("/") and kept else "")

"""Secret Manager's REST API (v1): a version of a secret is read by whoever may (a fake)."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.errors import RpcError, missing, not_offered
from serverless_ai_local.gcp.iam.authority import Authority, Principal
from serverless_ai_local.gcp.project import NUMBER
from serverless_ai_local.gcp.registry import Deployed, Registry

SERVICE: Final = "secretmanager.googleapis.com"
PATH: Final = re.compile(
    r"/v1/projects/(?P<project>[^/]+)/secrets/(?P<secret>[^/:]+)(?P<version>/versions/[^/:]+)?(?::(?P<method>\w+))?"
)
ACCESS: Final = "secretmanager.versions.access"
LATEST: Final = "latest"
_POLYNOMIAL: Final = 0x82F63B78
"""Of CRC-32C (Castagnoli), bits reversed."""


class Version(NamedTuple):
    """A version that was read."""

    name: str
    data: bytes


class SecretManager:
    """Secrets and versions that are deployed now."""

    def __init__(self, registry: Registry, authority: Authority) -> None:
        self._registry, self._authority = registry, authority

    def __call__(self, who: Principal, method: str, found: re.Match[str], body: Mapping[str, Any]) -> Any:
        """The answer to a request whose path matched `PATH`; raises `RpcError`."""
        if method != "GET" or found["method"] != "access" or not found["version"]:
            raise not_offered(f"{method} {found[0]} of Secret Manager; there is GET .../versions/V:access")
        version = found["version"].rpartition("/")[2]
        read = self.access(who, found["project"], found["secret"], version)
        payload = {"data": base64.b64encode(read.data).decode(), "dataCrc32c": str(crc32c(read.data))}
        return {"name": read.name, "payload": payload}

    def access(self, who: Principal, project: str, secret: str, version: str) -> Version:
        """A version by its number, or the latest. Raises `RpcError` in Google's words."""
        name = f"projects/{project}/secrets/{secret}/versions/{version}"
        if not self._authority.allows(who, ACCESS, name, service=SERVICE):
            raise RpcError(
                "PERMISSION_DENIED",
                f"Permission '{ACCESS}' denied for resource '{name}' (or it may not exist).",
            )
        found = self._find(f"projects/{project}/secrets/{secret}", version)
        if not found.inputs.get("enabled", True):
            raise RpcError(
                "FAILED_PRECONDITION", f"Secret Version [{_public(found.id)}] is in DISABLED state."
            )
        return Version(_public(found.id), content(found))

    def _find(self, secret: str, version: str) -> Deployed:
        """Google calls the last one that was made the latest, whatever its state."""
        made = [one for one in self._registry.all(types.SECRET_VERSION) if secret_of(one) == secret]
        if not made:
            raise missing(f"Secret [{_public(secret)}] not found or has no versions.")
        if version == LATEST:
            return max(made, key=number)
        for one in made:
            if str(number(one)) == version:
                return one
        raise missing(f"Secret Version [{_public(secret)}/versions/{version}] not found.")


def secret_of(version: Deployed) -> str:
    """Full name of the secret that a version is of."""
    return version.id.rpartition("/versions/")[0]


def number(version: Deployed) -> int:
    return int(version.id.rpartition("/")[2])


def content(version: Deployed) -> bytes:
    """What it holds, however it was given."""
    text = str(version.inputs.get("secretData", ""))
    return base64.b64decode(text) if version.inputs.get("isSecretDataBase64") else text.encode()


def crc32c(data: bytes) -> int:
    """The checksum that goes with a payload."""
    rest = 0xFFFFFFFF
    for byte in data:
        rest ^= byte
        for _ in range(8):
            rest = (rest >> 1) ^ (_POLYNOMIAL if rest & 1 else 0)
    return rest ^ 0xFFFFFFFF


def _public(name: str) -> str:
    """Answers name the project by its number."""
    return re.sub(r"^projects/[^/]+", f"projects/{NUMBER}", name)

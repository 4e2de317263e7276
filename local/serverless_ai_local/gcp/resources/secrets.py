"""Secrets, their versions, and who may read them."""

from __future__ import annotations

from typing import Final

from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.registry import Deployed, Registry
from serverless_ai_local.gcp.resources.identities import grant
from serverless_ai_local.gcp.resources.row import ResourceError, Row, Setting, Values, found, full, nested
from serverless_ai_local.gcp.services.secret_manager import content, number, secret_of

MAX_BYTES: Final = 65_536
"""Source: https://cloud.google.com/secret-manager/quotas, read 2026-11."""
_PLACES: Final = ("auto", "userManaged")


def _secret(setting: Setting, inputs: Values) -> None:
    places = [place for place in _PLACES if place in inputs["replication"]]
    if len(places) != 1:
        raise ResourceError("replication must be one of auto and user_managed")
    if places == ["userManaged"] and not inputs["replication"]["userManaged"].get("replicas"):
        raise ResourceError("replication.user_managed.replicas must name at least one location")


def _protected(registry: Registry, deployed: Deployed) -> None:
    if deployed.inputs.get("deletionProtection"):
        raise ResourceError(f"{deployed.id} cannot be destroyed: its deletion_protection is true")


def _version(setting: Setting, inputs: Values) -> Values:
    """Numbers go up; each is given once as long as a later version exists."""
    secret = full(setting, "secrets", inputs["secret"])
    others = [one for one in setting.registry.all(types.SECRET_VERSION) if secret_of(one) == secret]
    own = next((number(one) for one in others if one.uid == setting.uid), 0)
    made = own or max(map(number, others), default=0) + 1
    return {"name": f"{secret}/versions/{made}", "version": str(made)}


def _version_check(setting: Setting, inputs: Values) -> None:
    found(setting, types.SECRET, full(setting, "secrets", inputs["secret"]), "Secret")
    if "secretData" not in inputs:
        raise ResourceError("secret_data must be given")
    try:
        size = len(content(Deployed(token="", id="", uid="", project="", region="", inputs=inputs)))
    except ValueError:
        raise ResourceError("secret_data must be in base64, as is_secret_data_base64 says") from None
    if not 0 < size <= MAX_BYTES:
        raise ResourceError(f"secret_data must be of 1 to {MAX_BYTES} bytes, got {size}")


ROWS: Final = (
    Row(
        types.SECRET,
        inputs={
            **nested("secretId", "deletionProtection"),
            "replication": {
                "auto": {"customerManagedEncryption": nested("kmsKeyName")},
                "userManaged": {
                    "replicas": {"location": None, "customerManagedEncryption": nested("kmsKeyName")}
                },
            },
        },
        id="projects/{project}/secrets/{secretId}",
        outputs=lambda setting, inputs: {"name": full(setting, "secrets", inputs["secretId"])},
        fixed=("secretId", "replication"),
        check=_secret,
        may_go=_protected,
        defaults={"deletionProtection": False},
    ),
    Row(
        types.SECRET_VERSION,
        inputs=nested("secret", "secretData", "isSecretDataBase64", "enabled"),
        id="{name}",
        outputs=_version,
        fixed=("secret", "secretData", "isSecretDataBase64"),
        check=_version_check,
        defaults={"enabled": True},
    ),
    grant(types.SECRET_MEMBER, "secretId"),
)

"""Variables from Secret Manager: read as the function's own account, or the revision is not ready."""

from __future__ import annotations

from collections.abc import Sequence

from serverless_ai_local.gcp.errors import RpcError
from serverless_ai_local.gcp.iam.authority import Principal
from serverless_ai_local.gcp.project import NUMBER
from serverless_ai_local.gcp.run.function import SecretVariable
from serverless_ai_local.gcp.services.secret_manager import SecretManager


class SecretError(Exception):
    """A variable cannot be filled in; the text says why, in Cloud Run's words."""


def filled_in(
    variables: Sequence[SecretVariable], secrets: SecretManager, email: str, *, after: int
) -> dict[str, str]:
    """Variable -> value. Raises `SecretError`. `after`: how many plain variables stand before them."""
    who, values = Principal(email=email), dict[str, str]()
    for place, one in enumerate(variables, after):
        try:
            version = secrets.access(who, one.project, one.secret, one.version)
        except RpcError as error:
            path = f"spec.template.spec.containers[0].env[{place}].value_from.secret_key_ref.name"
            raise SecretError(f"{path}: {_reason(one, email, error)}") from error
        try:
            values[one.key] = version.data.decode()
        except UnicodeDecodeError as error:
            raise SecretError(f"{version.name} is no text in UTF-8: no variable can hold it") from error
    return values


def _reason(one: SecretVariable, email: str, error: RpcError) -> str:
    name = f"projects/{NUMBER}/secrets/{one.secret}/versions/{one.version}"
    if error.status == "PERMISSION_DENIED":
        return (
            f"Permission denied on secret: {name} for Revision service account {email}. The service account "
            "used must be granted the 'Secret Manager Secret Accessor' role "
            "(roles/secretmanager.secretAccessor) at the secret, project or higher level."
        )
    return f"Secret {name} was not found" if error.status == "NOT_FOUND" else error.message

"""The variables of a function process: Lambda's, the deployed ones, and where the local cloud is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from serverless_ai_local.aws.identities import Credentials
from serverless_ai_local.functions.deployed import Deployed

RESERVED: Final = frozenset(
    {
        "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
    }
)  # fmt: skip
"""Names that a deployment must not set (Lambda developer guide, "Defined runtime environment variables")."""


def variables(
    deployed: Deployed, *, credentials: Credentials, address: str, task_root: str, endpoint: str, stream: str
) -> dict[str, str]:
    """Everything that the process gets; nothing of this machine's own environment."""
    own: Mapping[str, str] = {
        "_HANDLER": deployed.handler,
        "AWS_REGION": deployed.region,
        "AWS_DEFAULT_REGION": deployed.region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{deployed.runtime}",
        "AWS_LAMBDA_FUNCTION_NAME": deployed.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(deployed.memory_mb),
        "AWS_LAMBDA_FUNCTION_VERSION": deployed.version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": deployed.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        "AWS_SESSION_TOKEN": credentials.token,
        "AWS_LAMBDA_RUNTIME_API": address,
        "LAMBDA_TASK_ROOT": task_root,
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
    }
    defaults = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "169.254.79.129:2000",
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin/:/bin:/opt/bin",
        "TZ": ":UTC",
    }
    if deployed.log_format == "JSON":
        defaults |= {
            "AWS_LAMBDA_LOG_FORMAT": "JSON",
            "AWS_LAMBDA_LOG_LEVEL": deployed.application_log_level,
        }
    return {**defaults, **deployed.environment, **own}

"""Settings of functions that moto drops: they are kept on its records, so versions carry them too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from moto.awslambda.models import LambdaFunction

from serverless_ai_local.aws.calls import section

KEPT: Final = ("DeadLetterConfig", "LoggingConfig")
"""Settings of CreateFunction and UpdateFunctionConfiguration that are kept here."""
_ATTRIBUTE: Final = "local_settings"


@dataclass(frozen=True, kw_only=True, slots=True)
class AsyncSettings:
    """How asynchronous invocations are retried and where they end. Empty strings: nowhere."""

    retries: int = 2
    """0 to 2."""
    age_s: int = 21_600
    on_success: str = ""
    on_failure: str = ""
    """ARN of a queue, topic, function or event bus."""
    dead_letters: str = ""
    """ARN of a queue or topic."""


DEFAULTS: Final = AsyncSettings()


def keep(record: LambdaFunction, given: Mapping[str, Any]) -> None:
    """Remember what is given of these settings; what is not given stays as it was."""
    kept = {**_kept(record), **{name: given[name] for name in KEPT if name in given}}
    setattr(record, _ATTRIBUTE, kept)


def shown(record: LambdaFunction) -> dict[str, Any]:
    """What GetFunctionConfiguration says beyond moto's answer."""
    kept = _kept(record)
    answer: dict[str, Any] = {
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{record.function_name}"}
    }
    answer["LoggingConfig"].update(kept.get("LoggingConfig", {}))
    if kept.get("DeadLetterConfig", {}).get("TargetArn"):
        answer["DeadLetterConfig"] = kept["DeadLetterConfig"]
    return answer


def logging(record: LambdaFunction) -> dict[str, str]:
    """The function's LoggingConfig; absent values are absent."""
    return dict(_kept(record).get("LoggingConfig", {}))


def asynchronous(record: LambdaFunction) -> AsyncSettings:
    """The function's EventInvokeConfig and DeadLetterConfig, with Lambda's defaults."""
    config: Mapping[str, Any] = record.event_invoke_config[-1].config if record.event_invoke_config else {}
    return AsyncSettings(
        retries=int(config.get("MaximumRetryAttempts", DEFAULTS.retries)),
        age_s=int(config.get("MaximumEventAgeInSeconds", DEFAULTS.age_s)),
        on_success=section(config, "DestinationConfig", "OnSuccess").get("Destination", ""),
        on_failure=section(config, "DestinationConfig", "OnFailure").get("Destination", ""),
        dead_letters=_kept(record).get("DeadLetterConfig", {}).get("TargetArn", ""),
    )


def _kept(record: LambdaFunction) -> dict[str, Any]:
    return getattr(record, _ATTRIBUTE, {})

"""Model ids as Bedrock takes them: foundation models, inference profiles, and what it refuses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from serverless_ai_local.aws.api import ApiError
from serverless_ai_patterns.models import resolve_aws

# Form of the ids of Bedrock's catalogue: provider.model-name-vN:N, perhaps behind the geography of a profile.
_PROVIDERS: Final = (
    "ai21", "amazon", "anthropic", "cohere", "deepseek", "google", "luma", "meta", "minimax", "mistral",
    "moonshot", "moonshotai", "nvidia", "openai", "qwen", "stability", "twelvelabs", "writer", "zai",
)  # fmt: skip
_GEOGRAPHIES: Final = ("us", "us-gov", "eu", "apac", "jp", "au", "ca", "global")
_ID: Final = re.compile(
    rf"(?:(?P<geography>{'|'.join(_GEOGRAPHIES)})\.)?(?P<base>(?:{'|'.join(_PROVIDERS)})\.[a-z0-9][a-z0-9.-]*(?::[a-z0-9]+)*)"
)
_ARN: Final = re.compile(
    r"arn:aws:bedrock:(?P<region>[a-z0-9-]*):(?P<account>\d{12})?:(?P<kind>[a-z-]+)/(?P<id>.+)"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """What a call of a model id really reaches."""

    base_id: str
    """The foundation model."""
    model_arns: tuple[str, ...]
    """ARN of the model; through a profile, in every region that it may send the call to."""
    profile_arn: str | None = None


def target(model_id: str, region: str, account: str) -> Target:
    """Where a model id leads. Raises `ApiError` in Bedrock's words for an id that cannot be."""
    arn = _ARN.fullmatch(model_id)
    name = arn["id"] if arn else model_id
    found = _ID.fullmatch(name)
    if found is None or (
        arn and not _consistent(arn, region, account, profile=found["geography"] is not None)
    ):
        raise ApiError("ValidationException", "The provided model identifier is invalid.")
    base = found["base"]
    if found["geography"] is None:
        return Target(base_id=base, model_arns=(f"arn:aws:bedrock:{region}::foundation-model/{base}",))
    regions = resolve_aws(name).regions
    behind = (region, "") if "" in regions else regions
    return Target(
        base_id=base,
        model_arns=tuple(f"arn:aws:bedrock:{one}::foundation-model/{base}" for one in behind),
        profile_arn=f"arn:aws:bedrock:{region}:{account}:inference-profile/{name}",
    )


def _consistent(arn: re.Match[str], region: str, account: str, *, profile: bool) -> bool:
    if arn["kind"] == "inference-profile":
        return profile and arn["region"] == region and arn["account"] == account
    return (
        arn["kind"] == "foundation-model" and not profile and arn["region"] == region and not arn["account"]
    )

"""The programs of `pulumi/stacks`, run against the recorder with what a stack may configure."""

from __future__ import annotations

import json
import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from gcp_provider import cloud as gcp
from recorder import Cloud, Recording, deployer

TESTS: Final = Path(__file__).parents[1]
STACKS: Final = TESTS.parent / "pulumi" / "stacks"

EVERYTHING: Final[Mapping[str, Any]] = {
    "llm": {"guardrail": True},
    "auth": {"jwt": {"issuer": "https://login.example.com/", "audience": ["chat"]}},
    "function": {"max_concurrency": 5},
    "events": {
        "schedule": "rate(1 day)",
        "bus_filter": {"source": ["shop"], "detail-type": ["OrderPlaced"]},
        "destination": True,
    },
}
"""Settings that switch every part on."""
BESIDE: Final[Mapping[str, Mapping[str, Any]]] = {
    "aws": {},
    "azure": {"gateway": {"publisher_email": "ops@example.com", "publisher_name": "Ops"}},
    "gcp": {"invokers": ["group:chat@example.com"]},
}
"""What a cloud's program may be told beside its settings."""


def provider(cloud: str) -> Cloud:
    """What the provider of `aws`, `azure` or `gcp` would answer."""
    return (
        gcp() if cloud == "gcp" else runpy.run_path(str(TESTS / f"pulumi_{cloud}" / "conftest.py"))["CLOUD"]
    )


def shipped(cloud: str) -> dict[str, str]:
    """The configuration of the stack as it is in the repository."""
    text = (STACKS / cloud / "Pulumi.function-llm.yaml").read_text()
    return as_text(yaml.safe_load(text)["config"])


def everything(cloud: str) -> dict[str, str]:
    """The same with every part switched on."""
    more = {f"serverless-ai-{cloud}:{key}": value for key, value in BESIDE[cloud].items()}
    return shipped(cloud) | as_text({f"serverless-ai-{cloud}:settings": EVERYTHING, **more})


def run(cloud: str, config: Mapping[str, str], *, preview: bool = False) -> Recording:
    """What the program of `cloud` registers."""
    path = str(STACKS / cloud / "__main__.py")
    deploy = deployer(provider(cloud))
    return deploy(lambda: runpy.run_path(path, run_name="__main__"), preview=preview, config=config)


def as_text(config: Mapping[str, Any]) -> dict[str, str]:
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}

"""The model registry of Bedrock, as data: ids, prices, end-of-life dates and regions, with their sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

READ_ON: Final = date(2026, 11, 24)
"""When the rows below were last compared with their sources."""


class Price(NamedTuple):
    """USD per million tokens."""

    input_usd: float
    output_usd: float


class Row(NamedTuple):
    name: str
    prices: Mapping[str, Price]
    """By way of calling it: "" for the model's own id, else the prefix of an inference profile."""
    source: str
    end_of_life: str | None = None
    note: str = ""
    dimension: int = 0
    """Numbers in a vector, by default; 0 = the model makes no vectors."""
    regions: Mapping[str, tuple[str, ...]] = {}
    """Destinations of a profile where they are known to be fewer than its geography's."""


# Prefix of an inference profile -> regions it may send a call to. Wider than one model's own list where that
# is not known: a region too many in a grant admits nothing, as it holds only for calls through the profile.
# Source: Bedrock User Guide, "Supported Regions and models for inference profiles".
GEOGRAPHIES: Final[Mapping[str, tuple[str, ...]]] = {
    "us": ("us-east-1", "us-east-2", "us-west-1", "us-west-2"),
    "us-gov": ("us-gov-east-1", "us-gov-west-1"),
    "ca": ("ca-central-1", "ca-west-1"),
    "eu": (
        *("eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2"),
        *("eu-west-1", "eu-west-2", "eu-west-3"),
    ),
    "jp": ("ap-northeast-1", "ap-northeast-3"),
    "au": ("ap-southeast-2", "ap-southeast-4"),
    "apac": (
        *("ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-south-2"),
        *("ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4"),
    ),
    "global": ("",),
}

_NOVA_REGIONS = {
    "us": ("us-east-1", "us-east-2", "us-west-2"),
    "eu": ("eu-central-1", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-3"),
    "apac": (
        *("ap-northeast-1", "ap-northeast-2", "ap-northeast-3"),
        *("ap-south-1", "ap-southeast-1", "ap-southeast-2"),
    ),
}
_ANTHROPIC_NOTE = (
    "once per account: Anthropic's use-case form and the Marketplace agreement, in Bedrock's console"
)
_PRICES = f"AWS price list through litellm 1.109.1; Bedrock model lifecycle page; read {READ_ON}"

ROWS: Final[Mapping[str, Row]] = {
    "amazon.nova-micro-v1:0": Row(
        "Amazon Nova Micro",
        {
            "": Price(0.035, 0.14),
            "us": Price(0.035, 0.14),
            "eu": Price(0.046, 0.184),
            "apac": Price(0.037, 0.148),
        },
        _PRICES,
        regions=_NOVA_REGIONS,
    ),
    "amazon.nova-lite-v1:0": Row(
        "Amazon Nova Lite",
        {
            "": Price(0.06, 0.24),
            "us": Price(0.06, 0.24),
            "eu": Price(0.078, 0.312),
            "apac": Price(0.063, 0.252),
        },
        _PRICES,
        regions=_NOVA_REGIONS,
    ),
    "amazon.nova-pro-v1:0": Row(
        "Amazon Nova Pro",
        {"": Price(0.8, 3.2), "us": Price(0.8, 3.2), "eu": Price(1.05, 4.2), "apac": Price(0.84, 3.36)},
        _PRICES,
        regions=_NOVA_REGIONS,
    ),
    "amazon.nova-2-lite-v1:0": Row(
        "Amazon Nova 2 Lite",
        {
            "us": Price(0.33, 2.75),
            "eu": Price(0.429, 3.597),
            "jp": Price(0.396, 3.311),
            "global": Price(0.3, 2.5),
        },
        _PRICES,
        regions=_NOVA_REGIONS,
    ),
    "amazon.nova-premier-v1:0": Row(
        "Amazon Nova Premier",
        {"us": Price(2.5, 12.5)},
        _PRICES,
        end_of_life="2026-09-14",
        regions=_NOVA_REGIONS,
    ),
    "anthropic.claude-haiku-5-5": Row(
        "Claude Haiku 5.5",
        {"global": Price(0.1, 0.5), **dict.fromkeys(("us", "eu", "jp", "au"), Price(0.11, 0.55))},
        _PRICES,
        note=_ANTHROPIC_NOTE,
    ),
    "anthropic.claude-sonnet-5-5": Row(
        "Claude Sonnet 5.5",
        {"global": Price(2.0, 10.0), **dict.fromkeys(("us", "eu", "jp", "au"), Price(2.2, 11.0))},
        _PRICES,
        note=_ANTHROPIC_NOTE,
    ),
    "anthropic.claude-sonnet-4-5-20250929-v1:0": Row(
        "Claude Sonnet 4.5",
        {"global": Price(3.0, 15.0), **dict.fromkeys(("us", "eu", "jp", "au"), Price(3.3, 16.5))},
        _PRICES,
        end_of_life="2027-04-08",
        note=_ANTHROPIC_NOTE,
    ),
    "anthropic.claude-sonnet-4-20250514-v1:0": Row(
        "Claude Sonnet 4",
        dict.fromkeys(("us", "eu", "apac", "global"), Price(3.0, 15.0)),
        _PRICES,
        end_of_life="2026-10-14",
        note=_ANTHROPIC_NOTE,
    ),
    "amazon.titan-embed-text-v2:0": Row(
        "Amazon Titan Text Embeddings V2",
        {"": Price(0.02, 0.0)},
        _PRICES,
        dimension=1024,
    ),
    "cohere.embed-english-v3": Row("Cohere Embed English 3", {"": Price(0.1, 0.0)}, _PRICES, dimension=1024),
    "cohere.embed-multilingual-v3": Row(
        "Cohere Embed Multilingual 3", {"": Price(0.1, 0.0)}, _PRICES, dimension=1024
    ),
    "cohere.embed-v4:0": Row(
        "Cohere Embed 4",
        dict.fromkeys(("", "us", "eu", "global"), Price(0.12, 0.0)),
        _PRICES,
        dimension=1536,
    ),
}

ALIASES: Final[Mapping[str, str]] = {
    # Everyone may call it, without a form or an agreement, and it is the cheapest of its family.
    "small": "amazon.nova-micro-v1:0",
    "large": "anthropic.claude-sonnet-5-5",
    "embed": "amazon.titan-embed-text-v2:0",
}

# The geographies that keep a prompt near its region, nearest first.
NEAR: Final[Sequence[tuple[str, tuple[str, ...]]]] = (
    (r"us-(east|west)-\d", ("us",)),
    (r"us-gov-.*", ("us-gov",)),
    (r"eu-.*", ("eu",)),
    (r"ca-.*", ("ca",)),
    (r"ap-northeast-[13]", ("jp", "apac")),
    (r"ap-southeast-[24]", ("au", "apac")),
    (r"ap-.*", ("apac",)),
)

DEFAULT_REGION: Final = "us-east-1"

"""The model registry: aliases by geography, ids as given, prices, and the dates on which models go away."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_patterns.aws.models import ALIASES, GEOGRAPHIES, READ_ON, ROWS
from serverless_ai_patterns.aws.policy import invoke_model
from serverless_ai_patterns.models import Model, check_models, resolve_aws

ACCOUNT = {"partition": "aws", "region": "eu-west-1", "account": "123456789012"}


def granted(model: Model, region: str = "eu-west-1") -> dict[str, list[str]]:
    return {s.sid: list(s.resources) for s in invoke_model(model, **{**ACCOUNT, "region": region})}


@pytest.mark.parametrize(
    ("alias", "region", "model_id"),
    [
        ("small", None, "us.amazon.nova-micro-v1:0"),
        ("small", "us-west-2", "us.amazon.nova-micro-v1:0"),
        ("small", "eu-central-1", "eu.amazon.nova-micro-v1:0"),
        ("small", "ap-south-1", "apac.amazon.nova-micro-v1:0"),
        ("small", "ap-northeast-1", "apac.amazon.nova-micro-v1:0"),
        ("large", "eu-west-1", "eu.anthropic.claude-sonnet-5-5"),
        ("large", "ap-northeast-1", "jp.anthropic.claude-sonnet-5-5"),
        ("large", "ap-southeast-2", "au.anthropic.claude-sonnet-5-5"),
    ],
)
def test_an_alias_keeps_prompts_in_the_geography_of_the_region(
    alias: str, region: str | None, model_id: str
) -> None:
    assert resolve_aws(alias, region).id == model_id


@pytest.mark.parametrize(
    ("alias", "region"), [("large", "ap-south-1"), ("small", "sa-east-1"), ("small", "us-gov-west-1")]
)
def test_an_alias_without_a_profile_nearby_is_refused_and_not_sent_abroad(alias: str, region: str) -> None:
    with pytest.raises(
        ValueError, match=f"no inference profile that keeps prompts near {region}; give the id"
    ):
        resolve_aws(alias, region)


def test_a_profile_is_granted_with_its_model_in_every_destination_and_only_through_it() -> None:
    statements = invoke_model(resolve_aws("small", "eu-west-1"), **ACCOUNT)
    profile = "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.amazon.nova-micro-v1:0"
    assert list(statements[0].resources) == [profile]
    assert all(
        re.fullmatch(r"arn:aws:bedrock:eu-[a-z]+-\d::foundation-model/amazon.nova-micro-v1:0", r)
        for r in statements[1].resources
    )
    assert "arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-micro-v1:0" in statements[1].resources
    assert statements[1].conditions == {"StringEquals": {"bedrock:InferenceProfileArn": profile}}


def test_a_global_profile_is_granted_by_the_regionless_arn_and_the_callers_region() -> None:
    behind = granted(resolve_aws("global.amazon.nova-2-lite-v1:0"))["InvokeModelBehindProfile"]
    assert behind == [
        "arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-2-lite-v1:0",
        "arn:aws:bedrock:::foundation-model/amazon.nova-2-lite-v1:0",
    ]


@pytest.mark.parametrize(
    "model_id",
    ["amazon.nova-micro-v1:0", "meta.llama9-v1:0", "amazon.nova-2-lite-v1:0:256k", "openai.gpt-6.1-sol"],
)
def test_a_models_own_id_is_granted_in_its_region_only(model_id: str) -> None:
    assert granted(resolve_aws(model_id)) == {
        "InvokeModel": [f"arn:aws:bedrock:eu-west-1::foundation-model/{model_id}"]
    }


@pytest.mark.parametrize("prefix", sorted(GEOGRAPHIES))
def test_a_profile_of_an_unknown_model_is_granted_in_its_whole_geography(prefix: str) -> None:
    model = resolve_aws(f"{prefix}.meta.llama9-v1:0")
    assert (model.base_id, model.regions) == ("meta.llama9-v1:0", GEOGRAPHIES[prefix])
    assert (model.input_usd, model.name, model.end_of_life) == (None, "", None)


ARN = "arn:aws:bedrock:us-east-1:123456789012"


@pytest.mark.parametrize(
    ("arn", "grants"),
    [
        (
            f"{ARN}:inference-profile/us.amazon.nova-micro-v1:0",
            {
                "InvokeProfile": [f"{ARN}:inference-profile/us.amazon.nova-micro-v1:0"],
                "InvokeModelBehindProfile": [
                    f"arn:aws:bedrock:{region}::foundation-model/amazon.nova-micro-v1:0"
                    for region in ("us-east-1", "us-east-2", "us-west-2")
                ],
            },
        ),
        (
            f"{ARN}:application-inference-profile/a1b2c3",
            {
                "InvokeProfile": [f"{ARN}:application-inference-profile/a1b2c3"],
                "InvokeModelBehindGivenProfile": ["arn:aws:bedrock:*::foundation-model/*"],
            },
        ),
        (f"{ARN}:provisioned-model/a1b2c3d4e5f6", {"InvokeModel": [f"{ARN}:provisioned-model/a1b2c3d4e5f6"]}),
        (
            "arn:aws:bedrock:us-west-2::foundation-model/amazon.nova-pro-v1:0",
            {"InvokeModel": ["arn:aws:bedrock:us-west-2::foundation-model/amazon.nova-pro-v1:0"]},
        ),
    ],
)
def test_an_arn_is_granted_as_it_is(arn: str, grants: dict[str, list[str]]) -> None:
    assert resolve_aws(arn).id == arn
    assert granted(resolve_aws(arn)) == grants


def test_a_known_model_by_arn_keeps_its_price_and_name() -> None:
    model = resolve_aws(f"{ARN}:inference-profile/us.amazon.nova-micro-v1:0")
    assert (model.name, model.input_usd, model.output_usd) == ("Amazon Nova Micro", 0.035, 0.14)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("", "small, large, embed, a Bedrock model id (provider.model) or an ARN"),
        ("smal", "did you mean small?"),
        ("LARGE", "did you mean large?"),
        ("us.amazon.nova-micro-v1:0 ", "did you mean us.amazon.nova-micro-v1:0?"),
        ("gpt", "got 'gpt'"),
        ("amazon.nova micro", "got 'amazon.nova micro'"),
        ("amazon.nova\n", "got"),
        ("*", "got '*'"),
        ("amazon.*", "got 'amazon.*'"),
        ("a.b/../c", "got"),
        ("arn:aws:s3:::bucket", "must be a Bedrock ARN of one of foundation-model, inference-profile"),
        (f"{ARN}:inference-profile/*", "must be a Bedrock ARN"),
        (f"{ARN}:guardrail/abc", "must be a Bedrock ARN"),
        ("arn:aws:bedrock:*::foundation-model/amazon.nova-pro-v1:0", "must be a Bedrock ARN"),
    ],
)
def test_an_impossible_model_is_refused_with_a_hint(name: str, hint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(hint)):
        resolve_aws(name)


@given(st.text(max_size=60))
def test_no_text_becomes_a_wider_grant_than_one_model(name: str) -> None:
    try:
        model = resolve_aws(name)
    except ValueError:
        return
    assert not re.search(r"[*?$\s{}]", " ".join(r for rs in granted(model).values() for r in rs))


def test_every_row_has_prices_a_source_with_a_date_and_real_geographies() -> None:
    for base, row in ROWS.items():
        assert row.prices, base
        assert set(row.prices) <= {"", *GEOGRAPHIES}, base
        assert re.search(r"\d{4}-\d{2}-\d{2}", row.source), base
        for price in row.prices.values():
            # What makes vectors has no tokens out.
            assert 0 < price.input_usd < (1 if row.dimension else price.output_usd) < 100, base
        for prefix, regions in row.regions.items():
            assert set(regions) <= set(GEOGRAPHIES[prefix]), base
        if row.end_of_life:
            date.fromisoformat(row.end_of_life)


def test_no_alias_is_near_its_end_of_life() -> None:
    # Against the registry's own date: whoever reads the sources anew and moves READ_ON learns of it, and an
    # unchanged checkout passes for ever. The constructs warn by the day of the synth.
    dying = [
        f"{s.name} -> {s.model.name} ends on {s.model.end_of_life}, {s.days_left} days after {READ_ON}: "
        "choose its successor in aws/models.py"
        for s in check_models(READ_ON)
        if s.name in ALIASES and s.days_left is not None and s.days_left < 30
    ]
    assert dying == []


@pytest.mark.parametrize(("days", "gone"), [(-1, False), (0, True), (1, True)])
def test_a_model_is_gone_from_its_end_of_life_on(days: int, gone: bool) -> None:
    model = resolve_aws("us.anthropic.claude-sonnet-4-20250514-v1:0")
    assert model.end_of_life is not None
    today = date.fromisoformat(model.end_of_life) + timedelta(days=days)
    assert model.past_end_of_life(today) is gone
    assert model.days_left(today) == -days


def test_a_model_without_an_announced_end_never_counts_as_gone() -> None:
    model = resolve_aws("small")
    assert model.end_of_life is None
    assert not model.past_end_of_life(date(2099, 1, 1))
    assert model.days_left(date(2099, 1, 1)) is None


def test_the_list_of_models_holds_every_alias_and_every_row_with_its_days() -> None:
    listed = {s.name: s for s in check_models(date(2026, 10, 1))}
    assert set(ALIASES) <= set(listed)
    assert {s.model.base_id for s in listed.values()} == set(ROWS)
    assert listed["us.anthropic.claude-sonnet-4-20250514-v1:0"].days_left == 13
    assert listed["us.amazon.nova-premier-v1:0"].days_left == -17
    assert listed["small"].days_left is None

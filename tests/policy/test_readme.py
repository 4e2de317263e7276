"""The pack's README: its table is that of the rules, and its example runs."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pulumi_policy
import yaml

from serverless_ai_policy import RULES, Rule

ROOT = Path(__file__).parents[2]
PACK = ROOT / "pulumi" / "policy"
README = (PACK / "README.md").read_text(encoding="utf-8")
HEADS = {"secret": "Any cloud", "aws": "AWS", "azure": "Azure", "gcp": "Google Cloud"}


def row(rule: Rule) -> str:
    also = f" ({', '.join(rule.also)})" if rule.also else ""
    advice = " *advice*" if rule.level == "advisory" else ""
    return f"| `{rule.id}`{advice} | {rule.reason}{also} | {rule.mend} |"


def tables() -> str:
    lines: list[str] = []
    for prefix, title in HEADS.items():
        lines += [f"### {title}", "| rule | why | what to write |", "|---|---|---|"]
        lines += [row(rule) for rule in RULES if rule.id.startswith(f"{prefix}-")]
        lines.append("")
    return "\n".join(lines)


def test_the_table_is_that_of_the_rules():
    shown = README.split("## The rules\n", 1)[1].split("\n## ", 1)[0].strip()
    assert shown == tables().strip(), f"the README must hold:\n{tables()}"


def test_the_example_of_a_pack_of_your_own_runs(monkeypatch):
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    made = []
    monkeypatch.setattr(pulumi_policy, "PolicyPack", lambda name, policies: made.append((name, policies)))
    exec(example, {})
    ((name, policies),) = made
    assert name == "ours"
    assert {one.name for one in policies} == {rule.id for rule in RULES if not rule.id.startswith("azure-")}


def test_the_example_of_levels_names_rules_that_there_are():
    (example,) = re.findall(r"```json\n(.*?)```", README, re.DOTALL)
    assert yaml.safe_load(example).keys() <= {rule.id for rule in RULES}


def test_the_pack_has_the_version_of_the_distribution():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert yaml.safe_load((PACK / "PulumiPolicy.yaml").read_text())["version"] == project["version"]

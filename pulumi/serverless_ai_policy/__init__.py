"""Rules for serverless AI programs on three clouds.

`RULES`, and `judge` for tests of programs; `serverless_ai_policy.pack.policies` for a pack of your own.
"""

from serverless_ai_policy.rule import Resource, Rule, Violation, judge, kind_of
from serverless_ai_policy.rules import RULES

__all__ = ["RULES", "Resource", "Rule", "Violation", "judge", "kind_of"]

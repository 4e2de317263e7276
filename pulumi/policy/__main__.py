"""The policy pack: `pulumi preview --policy-pack pulumi/policy`."""

import sys
from pathlib import Path

from pulumi_policy import PolicyPack

sys.path.insert(0, str(Path(__file__).parents[1]))  # in a checkout the rules are one folder up

from serverless_ai_policy.pack import NAME, policies

PolicyPack(NAME, policies())

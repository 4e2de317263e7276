"""The policy pack: `pulumi preview --policy-pack pulumi/policy`."""

import sys
from pathlib import Path

from pulumi_policy import PolicyPack

sys.path.insert(0, str(Path(__file__).parent))  # the rules are beside this file, installed or not

from serverless_ai_policy.pack import NAME, policies

PolicyPack(NAME, policies())

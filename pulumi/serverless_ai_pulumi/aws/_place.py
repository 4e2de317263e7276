"""Where a deployment is: partition, region and account, read off the ARN of something it made."""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    partition: str
    region: str
    account: str

    @classmethod
    def of(cls, arn: str) -> Place:
        """The place of a regional resource. No call is made, and an explicit provider is followed."""
        _, partition, _, region, account, *_ = arn.split(":")
        return cls(partition=partition, region=region, account=account)

"""One DynamoDB table as a `KeyValueStore`."""

from __future__ import annotations

from typing import Final

ACTIONS: Final = ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem")
KEY: Final = "pk"
EXPIRES: Final = "expires_at"

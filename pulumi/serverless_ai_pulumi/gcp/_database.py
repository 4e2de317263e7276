"""The Firestore database of a pattern's transient state: sessions, budgets, events already seen."""

from __future__ import annotations

import pulumi
import pulumi_gcp as gcp

from serverless_ai_patterns.gcp.function_llm import COLLECTION
from serverless_ai_pulumi.gcp._names import unique
from serverless_ai_runtime.adapters.gcp.firestore import EXPIRES, VALUE


def state_database(
    name: str,
    use: str = "state",
    *,
    region: pulumi.Input[str],
    protected: bool,
    key: pulumi.Input[str] | None,
    opts: pulumi.ResourceOptions,
) -> gcp.firestore.Database:
    """A database of its own, which a grant can name; restorable to any minute of seven days.

    `protected`: Firestore refuses to delete it until this is deployed as False. Unprotected it goes with the
    stack; the provider's own default would leave it behind without a word.
    """
    encryption = None if key is None else gcp.firestore.DatabaseCmekConfigArgs(kms_key_name=key)
    return gcp.firestore.Database(
        f"{name}-{use}",
        name=unique(name, use),
        location_id=region,
        type="FIRESTORE_NATIVE",
        point_in_time_recovery_enablement="POINT_IN_TIME_RECOVERY_ENABLED",
        delete_protection_state=f"DELETE_PROTECTION_{'ENABLED' if protected else 'DISABLED'}",
        deletion_policy="DELETE",
        cmek_config=encryption,
        opts=opts,
    )


def field_settings(
    name: str, database: gcp.firestore.Database, *, opts: pulumi.ResourceOptions
) -> list[gcp.firestore.Field]:
    """Records go some time after they expire, and nothing is indexed that nobody searches by.

    An index of times that only rise would be a hot spot, one of values cost storage.
    """
    return [
        gcp.firestore.Field(
            f"{name}-{use}",
            database=database.name,
            collection=COLLECTION,
            field=field,
            ttl_config=gcp.firestore.FieldTtlConfigArgs() if field == EXPIRES else None,
            index_config=gcp.firestore.FieldIndexConfigArgs(indexes=[]),
            opts=opts,
        )
        for use, field in (("expiry", EXPIRES), ("value", VALUE))
    ]

"""A fake of Azure's AI services at a Foundry account: Document Intelligence, Vision, Speech, Content Safety,
Language. They answer from the content they are given, as far as `serverless_ai_local.ai` can read it.
"""

from __future__ import annotations

import secrets
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from werkzeug.wrappers import Response

from serverless_ai_local.azure import place
from serverless_ai_local.azure.access import Access
from serverless_ai_local.azure.ai_jobs import Job, Jobs, Outcome
from serverless_ai_local.azure.blobs import CONTAINER, READ, Blobs
from serverless_ai_local.azure.calls import Call, ServiceFault, reply
from serverless_ai_local.azure.entra import Principal
from serverless_ai_local.azure.estate import Estate, Resource, part
from serverless_ai_local.plain import is_list, is_mapping

_ACCOUNTS: Final = "Microsoft.CognitiveServices/accounts"
_READ_MODEL: Final = ("documentintelligence", "documentModels")
_SPEECH: Final = ("speechtotext", "transcriptions")
VERSIONS: Final[Mapping[str, str]] = {
    "documentintelligence": "2024-11-30",
    "computervision": "2024-02-01",
    "speechtotext": "2024-11-15",
    "contentsafety": "2024-09-01",
    "language": "2023-04-01",
}
"""By the first word of the path: the version that is offered here."""

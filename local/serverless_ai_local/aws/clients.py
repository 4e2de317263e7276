"""botocore clients of a local cloud."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

REGION: Final = "us-east-1"
ROOT_KEY: Final = "test"


@dataclass(frozen=True, kw_only=True, slots=True)
class Credentials:
    """Keys to sign with. The token is empty for keys that do not expire."""

    access_key: str
    secret_key: str
    token: str = ""


ROOT: Final = Credentials(access_key=ROOT_KEY, secret_key=ROOT_KEY)


def client(service: str, url: str, *, region: str = REGION, credentials: Credentials = ROOT) -> Any:
    """A client of the cloud at `url`; buckets are addressed by path, as an IP address needs."""
    from botocore.config import Config  # noqa: PLC0415  # pyright: ignore[reportMissingTypeStubs]

    return session().create_client(
        service,
        region_name=region,
        endpoint_url=url,
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        aws_session_token=credentials.token or None,
        config=Config(s3={"addressing_style": "path"}, retries={"mode": "standard"}),
    )


def session() -> Any:
    """A session of botocore. All share one reader of its data: reading it costs more than the calls."""
    import botocore.session  # noqa: PLC0415  # pyright: ignore[reportMissingTypeStubs] - 0.2 s that stopping a cloud does not need

    made: Any = botocore.session.Session()
    made.register_component("data_loader", _reader())
    return made


@cache
def _reader() -> Any:
    from botocore.loaders import create_loader  # noqa: PLC0415  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

    return create_loader()


class Clients:
    """Clients of one cloud as its administrator, each made once: making one costs far more than a call."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._made: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()

    def get(self, service: str, region: str) -> Any:
        """The client of a service in a region."""
        with self._lock:
            if (service, region) not in self._made:
                self._made[service, region] = client(service, self._url, region=region)
            return self._made[service, region]

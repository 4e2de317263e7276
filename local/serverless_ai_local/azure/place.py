"""Where the local Azure is: its one subscription and tenant, and the URLs of its services behind one port."""

from __future__ import annotations

from typing import Final

SUBSCRIPTION: Final = "10ca1000-0000-4000-8000-000000000001"
TENANT: Final = "10ca1000-0000-4000-8000-000000000002"
LOCATION: Final = "swedencentral"
ADMINISTRATOR: Final = "10ca1000-0000-4000-8000-000000000003"
"""Object id of whoever deploys: owner of the subscription, allowed everything on its data as well."""

PREFIX: Final = "/_azure/"
"""All of it is under this path; the word after it is the service."""
MANAGEMENT: Final = "management"
IDENTITY: Final = "identity"
FOUNDRY: Final = "foundry"
COSMOS: Final = "cosmos"
QUEUES: Final = "queue"
SEARCH: Final = "search"
BLOBS: Final = "blob"
EVENTS: Final = "eventgrid"
VAULTS: Final = "vault"
HUBS: Final = "iothub"
SITES: Final = "sites"
PUBLISHING: Final = "scm"
GATEWAYS: Final = "apim"
ENTRA: Final = "entra"


def url(endpoint: str, service: str, name: str) -> str:
    """Where `name` (an account, a site, ...) of a service is, without a slash at the end."""
    return f"{endpoint}{PREFIX}{service}/{name}"

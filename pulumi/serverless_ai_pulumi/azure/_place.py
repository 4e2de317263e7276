"""Where a deployment is and what its resources are called: Azure asks for names that nobody else has."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import pulumi
from pulumi_azure_native import managedidentity, resources

_NAME: Final = re.compile(r"[a-z](?:-?[a-z0-9]){0,23}")
_PACKED: Final = 16
"""Characters of a name kept in one that may hold no hyphens: storage accounts and vaults take 24 in all."""
_UNIQUE: Final = 8


class Place(NamedTuple):
    """The resource group of a pattern, and what makes its names unique."""

    name: str
    group: pulumi.Output[str]
    """Name of the resource group."""
    suffix: pulumi.Output[str]

    @classmethod
    def of(
        cls, name: str, group: resources.ResourceGroup, identity: managedidentity.UserAssignedIdentity
    ) -> Place:
        """A place with names that no earlier deployment has had: deleted accounts keep theirs for days.

        The client id of a new identity is new in the whole world, and stays for as long as the identity does.
        """
        return cls(name, group.name, identity.client_id.apply(lambda id_: id_.replace("-", "")[:_UNIQUE]))

    @property
    def unique(self) -> pulumi.Output[str]:
        """A name unique in the world, with hyphens, at most 33 characters long."""
        return pulumi.Output.concat(self.name, "-", self.suffix)

    @property
    def packed(self) -> pulumi.Output[str]:
        """A name unique in the world of at most 24 small letters and digits."""
        return self.packed_for("")

    def packed_for(self, use: str) -> pulumi.Output[str]:
        """As `packed`, for the second resource of a kind; `use` is a word of few letters."""
        kept = self.name.replace("-", "")[: _PACKED - len(use)]
        return pulumi.Output.concat(kept, use, self.suffix)


def checked(name: str) -> str:
    """`name`; raises ValueError if Azure's resources could not be named after it."""
    if not _NAME.fullmatch(name):
        raise ValueError(
            "the name of a component on Azure must be 1 to 24 small letters and digits, with single hyphens "
            f"between them, and begin with a letter; got {name!r}"
        )
    return name


def https(host: str) -> str:
    """The URL of a host; the local cloud answers with a whole URL where Azure answers with a name."""
    return host.rstrip("/") if "://" in host else f"https://{host}"


def part_of(resource_id: str, kind: str) -> str:
    """The name that follows `kind` in a resource's id, e.g. `resourceGroups` or `databaseAccounts`."""
    parts = resource_id.split("/")
    lower = [part.lower() for part in parts]
    return parts[lower.index(kind.lower()) + 1]

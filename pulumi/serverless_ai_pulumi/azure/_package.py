"""The code of a function as a resource of the stack: published when it is new, and anew when it changes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pulumi
from pulumi import dynamic

from serverless_ai_patterns import bundle
from serverless_ai_pulumi.azure._onedeploy import Site, publish

CLOUD: Final = "azure"


class Publisher(dynamic.ResourceProvider):
    """Runs where the program runs. The zip is made there too: the state holds its hash and not the code."""

    serialize_as_secret_always = False

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.DiffResult:
        # Not the token: it is another one each time.
        changed = any(olds.get(key) != news.get(key) for key in ("site", "pattern", "digest"))
        return dynamic.DiffResult(changes=changed)

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        outputs = _published(props)
        return dynamic.CreateResult(id_=outputs["deployment"], outs=outputs)

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> dynamic.UpdateResult:
        return dynamic.UpdateResult(outs=_published(news))


class Package(dynamic.Resource, module="azure", name="Package"):
    """The package of a pattern in an app. It goes with the app: there is nothing to delete."""

    digest: pulumi.Output[str]
    """SHA-256 over the names and contents of the package's files."""
    deployment: pulumi.Output[str]
    """Id of the deployment that brought it there."""

    def __init__(
        self,
        name: str,
        *,
        pattern: str,
        site: pulumi.Input[str],
        token: pulumi.Input[str],
        extra: Mapping[str, Path],
        opts: pulumi.ResourceOptions,
    ) -> None:
        """`site`: URL of the app's publishing site; `token`: one of Entra for Azure's management.

        `extra`: files of the user's own, by their path in the zip.
        """
        properties: dict[str, Any] = {
            "pattern": pattern,
            "site": site,
            "digest": bundle.digest(pattern, CLOUD, extra=extra),
            "extra": {place: str(file) for place, file in extra.items()},
            "token": pulumi.Output.secret(token),
            "deployment": None,
        }
        super().__init__(Publisher(), name, properties, opts)


def _published(properties: dict[str, Any]) -> dict[str, Any]:
    """Publish what `properties` say; what is kept of them, which is not the token."""
    pattern, site = properties["pattern"], properties["site"]
    extra = {place: Path(file) for place, file in properties["extra"].items()}
    deployment = publish(Site(site, properties["token"]), bundle.zip_bytes(pattern, CLOUD, extra=extra))
    return {
        "pattern": pattern,
        "site": site,
        "extra": properties["extra"],
        "digest": properties["digest"],
        "deployment": deployment,
    }

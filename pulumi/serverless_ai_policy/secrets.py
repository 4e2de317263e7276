"""No credential stands in plain view, on any cloud.

Pulumi takes the marks of secrets off before it asks a policy. So these rules know a secret by its looks, and
by the name of the variable that it is in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from serverless_ai_policy.rule import Each, Resource, Rule, is_one_of
from serverless_ai_policy.values import at, is_mapping, known_at, listed, texts

CLOUDS: Final = ("aws:*", "azure-native:*", "gcp:*")
"""Not providers, which are configured with credentials, nor dynamic resources: they go to the program."""

KEPT: Final = (
    "aws:secretsmanager:SecretVersion",
    "aws:ssm:Parameter",
    "azure-native:keyvault:Secret",
    "gcp:secretmanager:SecretVersion",
    "gcp:secretmanager:RegionalSecretVersion",
)
"""Where a secret belongs."""

LOOKS: Final[Mapping[str, re.Pattern[str]]] = {
    what: re.compile(pattern)
    for what, pattern in (
        ("an access key of AWS", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
        ("a private key", r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"),
        ("a key of an Azure service", r"\b(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{20}"),
        ("a signature of Azure Storage", r"[?&]sig=[A-Za-z0-9%+/]{20}"),
        ("an API key of Google", r"\bAIza[0-9A-Za-z_-]{35}"),
        ("a key of a model's provider", r"\bsk-[A-Za-z0-9_-]{20}"),
        ("a token of GitHub", r"\b(?:gh[opsur]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{22})"),
        ("a token of Slack", r"\bxox[abeprs]-[A-Za-z0-9-]{10}"),
        ("a signed token", r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"),
        ("a password in a URL", r"\b[a-z][a-z0-9+.-]*://[^\s/:@]+:[^\s/@]+@"),
    )
}

VARIABLES: Final[Mapping[str, str]] = {
    "aws:lambda:Function": "environment.variables",
    "azure-native:web:WebApp": "siteConfig.appSettings",
    "gcp:cloudfunctionsv2:Function": "serviceConfig.environmentVariables",
}
"""Kind of a function -> its environment: a map, or a list of names and values."""

_SECRET_NAME: Final = re.compile(
    r"(?:^|[_.-])(?:PASSWORD|PASSWD|PWD|SECRET|TOKEN|CREDENTIALS|(?:API|ACCESS|ACCOUNT|PRIVATE|SECRET)_?KEY)$",
    re.IGNORECASE,
)
_REFERENCES: Final = ("@Microsoft.KeyVault(", "arn:", "projects/", "https://")
"""How a value begins that only says where the secret is."""


def _no_credential(resource: Resource) -> Iterator[str]:
    if is_one_of(resource.kind, KEPT):
        return
    for path, text in texts(resource.props):
        for what, looks in LOOKS.items():
            if looks.search(text):
                yield f"{path} holds {what}"


def _no_secret_variable(resource: Resource) -> Iterator[str]:
    path = VARIABLES[resource.kind]
    for name, value in _variables(known_at(resource.props, path), path):
        plain = isinstance(value, str) and value and not value.startswith(_REFERENCES)
        if plain and _SECRET_NAME.search(name):
            yield f"the variable {name} holds its secret itself"


def _variables(given: Any, path: str) -> Iterator[tuple[str, Any]]:
    if is_mapping(given):
        yield from given.items()
        return
    for one in listed(given, path):
        name = at(one, "name")
        if isinstance(name, str):
            yield name, at(one, "value")


RULES: Final = (
    Rule(
        id="secret-in-value",
        reason="Whoever may read the resource, its logs or its history has the credential",
        mend="Use an identity; where that cannot be, keep it in a vault and name it from here",
        looks=Each(CLOUDS, _no_credential),
    ),
    Rule(
        id="secret-in-variable",
        reason="A function's variables are shown to everyone who may read its configuration",
        mend="Keep it in a vault and let the variable name it, or the platform fill it in",
        looks=Each(tuple(VARIABLES), _no_secret_variable),
        also=("CKV_AWS_45",),
    ),
)

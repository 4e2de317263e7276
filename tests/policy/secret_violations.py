"""Credentials in plain view; what looks like one and is none is let through."""

from __future__ import annotations

from azure_violations import with_setting

LOOKALIKES = (
    "InstrumentationKey=00000abe-0000-4000-8000-000000000000;IngestionEndpoint=https://i/",
    "https://example.com/path?sig=short",
    "arn:aws:iam::111122223333:role/AKIA",
    "sk-eletons are fun",
    "https://user@example.com/",
    "eyJ.not.a-token",
)


def described(text):
    return lambda g: g.set("Topic", "tags", {"note": text})


VIOLATIONS = {
    "secret-in-value": described("postgres://app:hunter2@db.example.com/app"),
    "secret-in-variable": lambda g: with_setting(g, "WEATHER_API_KEY_2_TOKEN", "hunter2"),
}

MORE = {
    **{
        what: (described(text), "secret-in-value", rf"tags\.note holds {what}")
        for what, text in {
            "an access key of AWS": f"AKIA{'A1' * 8}",
            "a private key": "-----BEGIN RSA PRIVATE KEY-----",
            "a key of an Azure service": f"DefaultEndpointsProtocol=https;AccountKey={'ab' * 20}==",
            "a signature of Azure Storage": f"https://a.blob.core.windows.net/c?sv=1&sig={'a' * 43}%3D",
            "an API key of Google": f"AIza{'b' * 35}",
            "a key of a model's provider": f"sk-proj-{'c' * 24}",
            "a token of GitHub": f"ghp_{'d' * 36}",
            "a token of Slack": "xoxb-1234567890-abc",
            "a signed token": f"eyJ{'e' * 20}.eyJ{'f' * 20}.{'g' * 20}",
            "a password in a URL": "amqps://user:pass@mq.example.com",
        }.items()
    },
    "a variable of another shape": (
        lambda g: with_setting(g, "db-password", "hunter2"),
        "secret-in-variable",
        r"the variable db-password holds its secret itself",
    ),
    "a connection string with a key": (
        lambda g: with_setting(g, "AzureWebJobsStorage", f"AccountName=a;AccountKey={'ab' * 20}"),
        "secret-in-value",
        r"siteConfig\.appSettings\[\d+\]\.value holds a key of an Azure service",
    ),
}

ALLOWED = {
    **{text: described(text) for text in LOOKALIKES},
    "a number of tokens": lambda g: with_setting(g, "MAX_TOKENS", "1024"),
    "a secret that is not filled in": lambda g: with_setting(g, "API_KEY", ""),
    "the name of a secret": lambda g: with_setting(
        g, "API_KEY", "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/s)"
    ),
    "a secret in a vault": lambda g: g.set("Secret", "properties.value", f"ghp_{'d' * 36}"),
    "a token for the program's own code": lambda g: g.set(
        "Package", "token", f"eyJ{'e' * 20}.eyJ{'f' * 20}.{'g' * 20}"
    ),
}

"""Secrets in a state file: encrypted with a key that only this user can read."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

from cryptography.fernet import Fernet, InvalidToken

from serverless_ai_local.doors.pulumi.assets import Archive, Asset
from serverless_ai_local.doors.pulumi.results import RefusedError
from serverless_ai_local.doors.pulumi.values import Secret, Values
from serverless_ai_local.doors.pulumi.wire import ARCHIVE, ASSET, SECRET, SIGNATURE

KEY_FILE: Final = "secrets.key"


class Vault:
    """Closes secrets in JSON values with a key that only this user can read, and opens them."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / KEY_FILE
        self._cipher: Fernet | None = None

    def close(self, value: Any) -> Any:
        if isinstance(value, Secret):
            text = json.dumps(self.close(value.value)).encode()
            return {SIGNATURE: SECRET, "ciphertext": self._fernet(make=True).encrypt(text).decode()}
        if isinstance(value, Archive | Asset):
            return {SIGNATURE: ARCHIVE if isinstance(value, Archive) else ASSET, "hash": value.digest}
        if isinstance(value, Mapping):
            return {key: self.close(item) for key, item in cast(Values, value).items()}
        if isinstance(value, list | tuple):
            return [self.close(item) for item in cast(list[Any], value)]
        return value

    def open(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.open(item) for item in cast(list[Any], value)]
        if not isinstance(value, dict):
            return value
        content = cast(dict[str, Any], value)
        signature = content.get(SIGNATURE)
        if signature == SECRET:
            return Secret(self.open(self._decrypted(content["ciphertext"])))
        if signature in (ARCHIVE, ASSET):
            return (Archive if signature == ARCHIVE else Asset)(content["hash"])
        return {key: self.open(item) for key, item in content.items()}

    def _decrypted(self, ciphertext: str) -> Any:
        try:
            return json.loads(self._fernet(make=False).decrypt(ciphertext.encode()))
        except InvalidToken as error:
            raise RefusedError(
                f"{self._file} is not the key that the state's secrets were encrypted with"
            ) from error

    def _fernet(self, *, make: bool) -> Fernet:
        if self._cipher is None:
            if make and not self._file.exists():
                descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "wb") as target:
                    target.write(Fernet.generate_key())
            try:
                self._cipher = Fernet(self._file.read_bytes())
            except (OSError, ValueError) as error:
                raise RefusedError(f"{self._file}: the key of the state's secrets: {error}") from error
        return self._cipher

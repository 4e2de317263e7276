"""Secrets in a state file: encrypted with a key that only this user can read."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

from cryptography.fernet import Fernet, InvalidToken

from serverless_ai_local.doors.pulumi.assets import Archive, Asset
from serverless_ai_local.doors.pulumi.results import RefusedError
from serverless_ai_local.doors.pulumi.values import Secret
from serverless_ai_local.doors.pulumi.wire import ARCHIVE, ASSET, SECRET, SIGNATURE
from serverless_ai_local.plain import is_list, is_mapping

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
        if is_mapping(value):
            return {key: self.close(item) for key, item in value.items()}
        if is_list(value):
            return [self.close(item) for item in value]
        return value

    def open(self, value: Any) -> Any:
        if is_list(value):
            return [self.open(item) for item in value]
        if not is_mapping(value):
            return value
        signature = value.get(SIGNATURE)
        if signature == SECRET:
            return Secret(self.open(self._decrypted(value["ciphertext"])))
        if signature in (ARCHIVE, ASSET):
            return (Archive if signature == ARCHIVE else Asset)(value["hash"])
        return {key: self.open(item) for key, item in value.items()}

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

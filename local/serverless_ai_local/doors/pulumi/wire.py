"""The signatures of Pulumi's protocol: a map with the key SIGNATURE stands for something else."""

from typing import Final

# From pulumi/sdk/go/common/resource/properties.go; part of the protocol, the same in every SDK.
SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a marker, not a secret
ASSET: Final = "c44067f5952c0a294b673a41bacd8c17"
ARCHIVE: Final = "0def7320c3a5731c473e5ecbe6d01bc7"
RESOURCE: Final = "5cf8f73096256a8f31e491e813e4eb8e"
OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
UNKNOWN_TEXT: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

MAX_MESSAGE_BYTES: Final = 400 * 1024 * 1024
"""Largest message, as the SDK sets it on its side."""

"""A scripted server, and a small Google Cloud that official clients and ours share."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest
from google_fakes import Google, google_cloud
from hypothesis import settings
from loopback import Loopback, loopback

with warnings.catch_warnings():  # Google's advice to upgrade Python is not a test's business
    warnings.simplefilter("ignore", FutureWarning)
    from google.oauth2.credentials import Credentials

# A busy machine makes an example slow, not wrong.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(scope="module")
def server() -> Iterator[Loopback]:
    with loopback() as running:
        yield running


@pytest.fixture(scope="module")
def google() -> Iterator[Google]:
    with google_cloud() as running:
        yield running


@pytest.fixture(scope="module")
def credentials() -> Credentials:
    return Credentials(token="sdk-token")

"""The key of one Segmind account."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, HttpUrl

from tuneloop.api import RUN_POLICY, ApiAddress, ApiKey, ProviderCredentials, RequestPolicy
from tuneloop.providers.segmind.client import BASE_URL, SegmindProvider


class SegmindCredentials(ProviderCredentials):
    """API key of one Segmind account, for training LoRAs and rendering with them.

    Example:
        Open a saved block, and list what the account has trained:
        ```python
        from blocks.segmind_credentials import SegmindCredentials

        credentials = SegmindCredentials.load("BLOCK_NAME")
        jobs = credentials.get_provider().list_jobs()
        ```
    """

    _block_type_name: ClassVar[str | None] = "Segmind Credentials"
    _block_type_slug: ClassVar[str | None] = "segmind-credentials"
    _logo_url: ClassVar[HttpUrl | None] = HttpUrl("https://github.com/segmind.png?size=200")
    _documentation_url: ClassVar[HttpUrl | None] = HttpUrl(
        "https://docs.segmind.com/docs/get-started/authentication"
    )

    api_key: ApiKey = Field(description="The key from Segmind's console; it starts with SG_.")
    base_url: ApiAddress = Field(
        default=BASE_URL,
        description="Where the API lives. Change it only for the emulator or a proxy. "
        "Plain http is taken for this machine only.",
    )

    def get_provider(self, policy: RequestPolicy = RUN_POLICY) -> SegmindProvider:
        """A client of this account."""
        key, hosts = self.api_key.get_secret_value(), tuple(self.storage_hosts)
        return SegmindProvider(key, self.label, self.base_url, policy, hosts)

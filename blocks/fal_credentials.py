"""The key of one fal account."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, HttpUrl

from tuneloop.api import RUN_POLICY, AnnouncedWebhook, ApiAddress, ApiKey, ProviderCredentials, RequestPolicy
from tuneloop.providers.fal.client import FalProvider


class FalCredentials(AnnouncedWebhook, ProviderCredentials):
    """API key of one fal account, for training LoRAs and rendering with them.

    Example:
        Open a saved block, and list what the account has trained:
        ```python
        from blocks.fal_credentials import FalCredentials

        credentials = FalCredentials.load("BLOCK_NAME")
        jobs = credentials.get_provider().list_jobs()
        ```
    """

    _block_type_name: ClassVar[str | None] = "fal Credentials"
    _block_type_slug: ClassVar[str | None] = "fal-credentials"
    _logo_url: ClassVar[HttpUrl | None] = HttpUrl("https://github.com/fal-ai.png?size=200")
    _documentation_url: ClassVar[HttpUrl | None] = HttpUrl("https://fal.ai/docs")

    api_key: ApiKey = Field(description="The key from fal's dashboard, KEY_ID:KEY_SECRET.")
    base_url: ApiAddress | None = Field(
        default=None,
        description="One address in place of fal's hosts, of the emulator or a proxy. "
        "Plain http is taken for this machine only.",
    )

    def get_provider(self, policy: RequestPolicy = RUN_POLICY) -> FalProvider:
        """A client of this account."""
        key, hosts = self.api_key.get_secret_value(), tuple(self.storage_hosts)
        return FalProvider(key, self.label, self.base_url, self.announced_address(), policy, hosts)

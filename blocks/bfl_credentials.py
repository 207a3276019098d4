"""The key of one BFL account, and the region where its fine-tunes live."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, HttpUrl

from tuneloop.api import RUN_POLICY, AnnouncedWebhook, ApiAddress, ApiKey, ProviderCredentials, RequestPolicy
from tuneloop.providers.bfl.client import BflProvider


class BflCredentials(AnnouncedWebhook, ProviderCredentials):
    """API key of one BFL account, for fine-tuning FLUX.1 pro and rendering with it.

    Example:
        Open a saved block, and list what the account has trained:
        ```python
        from blocks.bfl_credentials import BflCredentials

        credentials = BflCredentials.load("BLOCK_NAME")
        jobs = credentials.get_provider().list_jobs()
        ```
    """

    _block_type_name: ClassVar[str | None] = "BFL Credentials"
    _block_type_slug: ClassVar[str | None] = "bfl-credentials"
    _logo_url: ClassVar[HttpUrl | None] = HttpUrl("https://github.com/black-forest-labs.png?size=200")
    _documentation_url: ClassVar[HttpUrl | None] = HttpUrl("https://docs.bfl.ai")

    api_key: ApiKey = Field(description="The key from BFL's dashboard.")
    region: Literal["us1", "eu1"] = Field(
        default="us1",
        description="Where fine-tunes are made and used; a fine-tune lives in one region only. "
        "Part of every training's identity.",
    )
    base_url: ApiAddress | None = Field(
        default=None,
        description="Another address of the API: of the emulator, a proxy, or where the region's host is silent. "
        "Plain http is taken for this machine only.",
    )

    def get_provider(self, policy: RequestPolicy = RUN_POLICY) -> BflProvider:
        """A client of this account in this region."""
        address = self.announced_address()
        webhook = (address, self.signing_secret()) if address else None
        key, hosts = self.api_key.get_secret_value(), tuple(self.storage_hosts)
        return BflProvider(key, self.label, self.region, self.base_url, webhook, policy, hosts)

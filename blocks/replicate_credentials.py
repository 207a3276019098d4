"""The token of one Replicate account."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, HttpUrl

from tuneloop.api import RUN_POLICY, AnnouncedWebhook, ApiAddress, ApiKey, ProviderCredentials, RequestPolicy
from tuneloop.providers.replicate.client import BASE_URL, ReplicateProvider


class ReplicateCredentials(AnnouncedWebhook, ProviderCredentials):
    """API token of one Replicate account, for training LoRAs and rendering with them.

    Example:
        Open a saved block, and list what the account has trained:
        ```python
        from blocks.replicate_credentials import ReplicateCredentials

        credentials = ReplicateCredentials.load("BLOCK_NAME")
        jobs = credentials.get_provider().list_jobs()
        ```
    """

    _block_type_name: ClassVar[str | None] = "Replicate Credentials"
    _block_type_slug: ClassVar[str | None] = "replicate-credentials"
    _logo_url: ClassVar[HttpUrl | None] = HttpUrl("https://github.com/replicate.png?size=200")
    _documentation_url: ClassVar[HttpUrl | None] = HttpUrl("https://replicate.com/docs/topics/security/api-tokens")

    api_key: ApiKey = Field(description="The token from Replicate's account settings; it starts with r8_.")
    owner: str | None = Field(
        default=None,
        description="User or organization at Replicate whose private models the trainings become, one for each "
        "trainer. Empty: the one whose token it is.",
    )
    base_url: ApiAddress = Field(
        default=BASE_URL,
        description="Where the API lives. Change it only for the emulator or a proxy. "
        "Plain http is taken for this machine only.",
    )

    def get_provider(self, policy: RequestPolicy = RUN_POLICY) -> ReplicateProvider:
        """A client of this account."""
        key, hosts = self.api_key.get_secret_value(), tuple(self.storage_hosts)
        # A form sends an empty field as an empty text.
        owner, webhook = self.owner or None, self.announced_address()
        return ReplicateProvider(key, self.label, owner, self.base_url, webhook, policy, hosts)

"""The key of one BFL account, and the region where its fine-tunes live."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, SecretStr, field_validator

from tuneloop.http.retries import RUN_POLICY, RequestPolicy
from tuneloop.orchestration.credentials.base import ProviderCredentials
from tuneloop.orchestration.credentials.checked_fields import ApiAddress, ApiKey
from tuneloop.providers.bfl.client import BflProvider


class BflCredentials(ProviderCredentials):
    """API key of one BFL account, for fine-tuning FLUX.1 pro and rendering with it."""

    _block_type_name: ClassVar[str | None] = "BFL Credentials"
    _block_type_slug: ClassVar[str | None] = "bfl-credentials"
    _description: ClassVar[str | None] = (
        "API key of one BFL account, for fine-tuning FLUX.1 pro and rendering with it."
    )

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
    webhook_url: SecretStr | None = Field(
        default=None,
        description="Address that BFL calls when a fine-tune has changed; left out, it calls nobody. "
        "It ends with webhook_path, so it is as secret.",
    )
    webhook_secret: SecretStr | None = Field(
        default=None, description="Secret that BFL shows with each call, so that it can be told from a forged one."
    )

    @field_validator("webhook_url")
    @classmethod
    def _can_be_called(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        address = value.get_secret_value()
        if not address.startswith(("https://", "http://")):
            raise ValueError("webhook_url must start with https:// or http://")
        return SecretStr(address.rstrip("/"))

    def get_client(self, policy: RequestPolicy = RUN_POLICY) -> BflProvider:
        """A client of this account in this region."""
        address = self.announced_address()
        webhook = (address, self.signing_secret()) if address else None
        key, hosts = self.api_key.get_secret_value(), tuple(self.storage_hosts)
        return BflProvider(key, self.label, self.region, self.base_url, webhook, policy, hosts)

    def signing_secret(self) -> str | None:
        """As it is typed in here. See `ProviderCredentials.signing_secret`."""
        return self.webhook_secret.get_secret_value() if self.webhook_secret else None

    def announced_address(self) -> str | None:
        """As it is typed in here. See `ProviderCredentials.announced_address`."""
        return self.webhook_url.get_secret_value() if self.webhook_url else None

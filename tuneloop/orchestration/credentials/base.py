"""What the credentials blocks of all providers have in common."""

from __future__ import annotations

from prefect.blocks.core import Block
from pydantic import ConfigDict, Field, SecretStr, field_validator

from tuneloop.http.retries import RUN_POLICY, RequestPolicy
from tuneloop.orchestration.credentials.account_label import label_of, label_or_none
from tuneloop.orchestration.credentials.checked_fields import ApiKey, HostName
from tuneloop.orchestration.credentials.spending_guard import SpendingGuard
from tuneloop.providers.base import Provider
from tuneloop.webhooks.account import check_path


class ProviderCredentials(Block):
    """Key of one account at a provider. A project has a block type below it for each provider."""

    # A key that is refused is not shown.
    model_config = ConfigDict(hide_input_in_errors=True)

    api_key: ApiKey = Field(description="The key from the provider's console.")
    account: str | None = Field(
        default=None,
        description="Your name for the account that pays; left empty, the name of this block. It is part of every "
        "training's identity: two keys of one account carry the same name, two accounts never do.",
    )
    spending: SpendingGuard = Field(
        default=SpendingGuard(),
        description="What this account may spend. Beyond it a training is held until a person approves it.",
    )
    storage_hosts: list[HostName] = Field(
        default=[],
        description="Hosts at which the provider hands out files, such as cdn.example.com, beside those that are "
        "known. The key is not sent there. Add one when an error names it.",
    )
    webhook_path: SecretStr | None = Field(
        default=None,
        description="Last part of the address at which the provider calls us; nobody must be able to guess it. "
        "Left empty, `tuneloop webhooks --print-urls` makes one.",
    )

    @field_validator("webhook_path")
    @classmethod
    def _cannot_be_guessed(cls, value: SecretStr | None) -> SecretStr | None:
        return check_path(value)

    @field_validator("account")
    @classmethod
    def _is_a_label(cls, value: str | None) -> str | None:
        return label_or_none(value)

    @property
    def label(self) -> str:
        """What the account is called. Raises `ConfigurationError` where the block's name cannot be one."""
        return label_of(self, self.account)

    def get_client(self, policy: RequestPolicy = RUN_POLICY) -> Provider:
        """A client of this account."""
        raise NotImplementedError

    def signing_secret(self) -> str | None:
        """What the provider proves its webhook calls with, None where it proves nothing."""
        return None

    def announced_address(self) -> str | None:
        """The address that the provider is told with each submit, None where a person tells it."""
        return None

"""What the credentials blocks of all providers have in common."""

from __future__ import annotations

from typing import Annotated, Any

from prefect.blocks.core import Block
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator

from tuneloop.errors import ConfigurationError
from tuneloop.http.addresses import check_api_address, check_host_name, check_key, check_webhook_address
from tuneloop.http.retries import RUN_POLICY, RequestPolicy
from tuneloop.orchestration.plain_fields import make_plain
from tuneloop.providers import registry as _registry  # noqa: F401 - keys of every provider are redacted from here on
from tuneloop.providers.base import Provider
from tuneloop.schemas.spending import SpendingLimits
from tuneloop.schemas.training import validate_slug
from tuneloop.webhooks.account import check_path

_UNSAVED = "default"
"""Label of a block that has no name yet."""


ApiKey = Annotated[SecretStr, AfterValidator(lambda key: SecretStr(check_key(key.get_secret_value())))]
ApiAddress = Annotated[str, AfterValidator(check_api_address)]
HostName = Annotated[str, AfterValidator(check_host_name)]


class SpendingGuard(BaseModel):
    """What an account may spend. Beyond it a training is put on hold for approval."""

    model_config = ConfigDict(title="Spending limits")

    trainings_per_day: int | None = Field(
        default=20,
        ge=0,
        description="Trainings that may be submitted in one day (UTC). Beyond it a training is put on hold for "
        "approval. Left empty: 20. None: no limit.",
    )
    dollars_per_30_days: float | None = Field(
        default=None,
        ge=0,
        allow_inf_nan=False,
        description="US dollars that trainings may cost within 30 days. Beyond it a training is put on hold for "
        "approval. Empty: no limit.",
    )
    dollars_per_training: float | None = Field(
        default=None,
        ge=0,
        allow_inf_nan=False,
        description="What one training costs you, if the provider publishes no price or bills you a different "
        "one. Empty: the published price, if there is one.",
    )
    dollars_per_image: float | None = Field(
        default=None,
        ge=0,
        allow_inf_nan=False,
        description="What one rendered image costs you, if the provider publishes no price or bills you a "
        "different one. Empty: the published price, if there is one.",
    )

    images_per_model: int | None = Field(
        default=100,
        ge=0,
        description="Images that may be rendered to evaluate one model: those of the evaluation plan, and those "
        "of the champion that are not rendered yet. A larger plan is rejected before anything is paid. Left "
        "empty: 100. None: no limit.",
    )

    @property
    def limits(self) -> SpendingLimits:
        """The limits, in US cents."""
        return SpendingLimits(
            trainings_per_day=self.trainings_per_day,
            cents_per_window=_cents(self.dollars_per_30_days),
            cents_per_training=_cents(self.dollars_per_training),
            cents_per_image=None if self.dollars_per_image is None else self.dollars_per_image * 100,
            images_per_model=self.images_per_model,
        )


def _cents(amount: float | None) -> int | None:
    return None if amount is None else round(amount * 100)


class ProviderCredentials(Block):
    """Key of one account at a provider. A project has a block type below it for each provider."""

    # A key that is refused is not shown.
    model_config = ConfigDict(hide_input_in_errors=True)

    api_key: ApiKey = Field(description="The key from the provider's console.")
    account: str | None = Field(
        default=None,
        description="Your name for the account that pays; left empty, the name of this block. It is part of every "
        "training's identity: use the same name for two keys of one account, and never for two accounts.",
    )
    spending: SpendingGuard = Field(
        default=SpendingGuard(),
        description="What this account may spend. Beyond it a training is put on hold for approval.",
    )
    storage_hosts: list[HostName] = Field(
        default=[],
        description="Hosts from which the provider serves files, such as cdn.example.com, besides the known ones. "
        "The key is never sent to them. Add one if an error names it.",
    )
    webhook_path: SecretStr | None = Field(
        default=None,
        description="Last part of the address that the provider calls; it must be impossible to guess. Left "
        "empty, `tuneloop webhooks --print-urls` makes one.",
    )

    @classmethod
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The schema of the block's form.

        Two limits keep their tab for null, which is no limit: what is empty the form leaves out, and that means
        the default.
        """
        schema = super().model_json_schema(*args, **kwargs)
        for shown in (schema, *schema.get("definitions", {}).values()):
            make_plain(shown["properties"])
        return schema

    @field_validator("webhook_path")
    @classmethod
    def _cannot_be_guessed(cls, value: SecretStr | None) -> SecretStr | None:
        return check_path(value)

    @field_validator("account")
    @classmethod
    def _is_a_label(cls, value: str | None) -> str | None:
        # A form sends an empty field as an empty text.
        return validate_slug(value) if value else None

    @property
    def label(self) -> str:
        """What the account is called. Raises `ConfigurationError` where the block's name cannot be one."""
        # The attribute is how Prefect's own blocks know their name.
        name = self.account or self._block_document_name or _UNSAVED
        try:
            return validate_slug(name)
        except ValueError as error:
            raise ConfigurationError(f"account: {error}; fill in the field account of this block") from None

    def get_provider(self, policy: RequestPolicy = RUN_POLICY) -> Provider:
        """A client of this account."""
        raise NotImplementedError

    def signing_secret(self) -> str | None:
        """What the provider signs its webhook calls with, None where it signs nothing."""
        return None

    def announced_address(self) -> str | None:
        """The address that is sent to the provider with each submit, None where it is registered by hand."""
        return None


class AnnouncedWebhook(BaseModel):
    """Fields of a block whose provider is given the webhook's address with each submit."""

    webhook_url: SecretStr | None = Field(
        default=None,
        description="Address that the provider calls when a training changes. Empty: no calls. "
        "It ends with webhook_path, so keep it secret too.",
    )
    webhook_secret: SecretStr | None = Field(
        default=None,
        description="Secret that the provider sends with each call, so that forged calls are rejected.",
    )

    @field_validator("webhook_url")
    @classmethod
    def _can_be_called(cls, value: SecretStr | None) -> SecretStr | None:
        # A form sends an empty field as an empty text.
        address = value.get_secret_value() if value else ""
        return SecretStr(check_webhook_address(address)) if address else None

    def signing_secret(self) -> str | None:
        return self.webhook_secret.get_secret_value() if self.webhook_secret else None

    def announced_address(self) -> str | None:
        return self.webhook_url.get_secret_value() if self.webhook_url else None

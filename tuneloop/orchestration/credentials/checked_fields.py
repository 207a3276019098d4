"""Fields of credentials blocks that are checked when a block is made or loaded."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, SecretStr

from tuneloop.http.addresses import check_api_address, check_host_name, check_key


def _checked_key(value: SecretStr) -> SecretStr:
    return SecretStr(check_key(value.get_secret_value()))


ApiKey = Annotated[SecretStr, AfterValidator(_checked_key)]
ApiAddress = Annotated[str, AfterValidator(check_api_address)]
HostName = Annotated[str, AfterValidator(check_host_name)]

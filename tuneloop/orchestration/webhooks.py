"""`tuneloop webhooks`: runs the receiver for the accounts of the Prefect server, and asks it for sensor runs."""

from __future__ import annotations

import logging
import sys
from datetime import timedelta
from functools import partial
from uuid import UUID

import uvicorn
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import StateType
from pydantic import SecretStr

from tuneloop.clock import now
from tuneloop.errors import ConfigurationError
from tuneloop.orchestration.blocks import all_credentials, load_credentials
from tuneloop.orchestration.run_queries import find_runs
from tuneloop.orchestration.suspend import SENSOR_FLOW, sensors_of
from tuneloop.redaction import redact
from tuneloop.schemas.shown_text import visible
from tuneloop.settings import Settings
from tuneloop.webhooks.account import WebhookAccount, new_path
from tuneloop.webhooks.connections import receiver_config
from tuneloop.webhooks.receiver import webhook_app

_LOG = logging.getLogger("tuneloop.webhooks")
_PAGE = 200
_STUCK_AFTER = timedelta(minutes=10)
"""A run that has not started by then may never do so, and is not waited for."""


def serve_webhooks(stores: list[str], credentials: list[str], host: str, port: int) -> None:
    """Run the receiver until it is interrupted.

    Without slugs of stores it asks the sensor of the installation's own, and without slugs of credentials blocks
    every account of the server may call. Raises `ConfigurationError` where a block is missing or wrong, or no
    sensor polls one of the stores.
    """
    _log_to_stderr()
    accounts, stores = webhook_accounts(credentials), stores or [Settings().store]
    with get_client(sync_client=True) as client:
        for store in stores:
            if not sensors_of(client, [store]):
                raise ConfigurationError(f"no deployment of {SENSOR_FLOW} names {store}: run `tuneloop deploy`")
    line = "listening on http://%s:%d for %s; `tuneloop webhooks --print-urls` prints the addresses"
    _LOG.info(line, host, port, ", ".join(item.account for item in accounts))
    app = webhook_app(accounts, partial(request_sensor_run, stores))
    uvicorn.Server(receiver_config(app, host, port)).run()


def webhook_accounts(credentials: list[str]) -> list[WebhookAccount]:
    """Read credentials blocks by their slugs, all of the server's by default. One without a path is given one.

    Raises `ConfigurationError` where there is no such block, or none at all.
    """
    slugs = credentials or all_credentials()
    if not slugs:
        raise ConfigurationError(
            "the Prefect server has no credentials blocks, so no provider can call; make one in its UI under "
            "Blocks"
        )
    return [_webhook_account(slug) for slug in slugs]


def request_sensor_run(stores: list[str], account: str) -> None:
    """Start a run of each store's sensor for which an account is due at once, unless such a run waits to start.

    A sensor that takes no run is logged, keeps no other one from its run, and is asked again at the next call.
    """
    with get_client(sync_client=True) as client:
        for sensor in sensors_of(client, stores):
            try:
                if _is_waiting(client, sensor.id, account):
                    _LOG.info("%s: a run of the sensor is waiting to start", account)
                else:
                    run = client.create_flow_run_from_deployment(sensor.id, parameters={"account": account})
                    _LOG.info("%s: sensor run %s", account, run.name)
            except Exception as error:  # noqa: BLE001 - the other sensors are asked, whatever is wrong with this one
                problem = " ".join(redact(str(error) or type(error).__name__).split())
                line = "%s: %s/%s accepts no run, its schedule polls as usual: %s"
                _LOG.warning(line, account, SENSOR_FLOW, sensor.name, problem)


def _webhook_account(slug: str) -> WebhookAccount:
    block = load_credentials(slug)
    if block.webhook_path is None:
        block.webhook_path = SecretStr(new_path())
        block.save(slug.partition("/")[2], overwrite=True, _sync=True)  # type: ignore[call-arg]
    provider = block.get_provider()
    account = provider.account
    return WebhookAccount(
        credentials=slug,
        provider=account.provider,
        account=account.slug,
        path=block.webhook_path.get_secret_value(),
        verify=provider.verify_webhook,
        secret=block.signing_secret(),
        announced=block.announced_address(),
    )


def _is_waiting(client: SyncPrefectClient, sensor: UUID, account: str) -> bool:
    states = [StateType.SCHEDULED, StateType.PENDING]
    waiting = find_runs(
        client, [sensor], _PAGE, types=states, after=now() - _STUCK_AFTER, before=now(), newest_first=True
    )
    return any(run.parameters.get("account") == account for run in waiting)


class _Visible(logging.Formatter):
    """Shows what callers and providers have written, and lets a terminal obey none of it."""

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Visible("%(asctime)s %(levelname)s %(message)s"))
    _LOG.addHandler(handler)
    _LOG.setLevel(logging.INFO)
    _LOG.propagate = False
    logging.getLogger("uvicorn.error").addHandler(handler)

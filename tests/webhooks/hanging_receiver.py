"""A receiver that keeps calls and never gets to look: `python -m … STORE PORT PROVIDER`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import uvicorn

from tests.contract.rig import CLIENTS
from tests.webhooks.world import PATH, STORE
from tuneloop.providers.base import Provider
from tuneloop.storage.local_directory import LocalDirectory
from tuneloop.webhooks.accounts import WebhookAccount
from tuneloop.webhooks.server import Installation, webhook_app


def hang(_: str) -> Provider:
    """Stand still, as a provider that does not answer does."""
    while True:
        time.sleep(60)


def main(store: str, port: int, provider: str) -> None:
    account = CLIENTS[provider]("no-key").account
    accounts = [WebhookAccount(f"{provider}-credentials/default", account, PATH)]
    app = webhook_app(Installation(accounts, {STORE: LocalDirectory(Path(store))}, hang, lambda *_: None))
    uvicorn.run(app, host="127.0.0.1", port=port, log_config=None, access_log=False)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])

"""Forms on a run's page: the run sleeps until a person has filled one in, and reads the answer from the top."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NoReturn, TypeVar
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.exceptions import PrefectHTTPStatusError
from prefect.input import RunInput
from prefect.input.run_input import Keyset
from prefect.runtime import flow_run

from tuneloop.orchestration.suspend import suspend

_Form = TypeVar("_Form", bound=RunInput)
_PARTS = 2


def read_form_answer(client: SyncPrefectClient, keys: Keyset, form: type[_Form]) -> _Form | None:
    """What a person has filled in, None where nobody has yet.

    Args:
        client: The server.
        keys: Where the form and its answer are kept.
        form: The form.
    """
    text = _stored(client, _this_run(), keys["response"])
    return None if text is None else form.model_validate_json(text)


def ask(client: SyncPrefectClient, keys: Keyset, form: type[RunInput], question: str, sentence: str) -> NoReturn:
    """Suspend this run with a form, which ends this process.

    Args:
        client: The server.
        keys: Where the form and its answer are kept; other keys ask another time.
        form: The form.
        question: What stands above it, as markdown.
        sentence: What the run's state says meanwhile.
    """
    described = form.with_initial_data(description=question)

    def save() -> None:
        parts = [
            key for key in (keys["schema"], keys["description"]) if _stored(client, _this_run(), key) is not None
        ]
        if len(parts) == _PARTS:
            return
        # Half a form is made anew: Prefect writes no part a second time.
        for part in parts:
            client.delete_flow_run_input(_this_run(), part)
        described.save(keys, _this_run())

    # Before: a run that stands still for an answer must have something to be answered. And after: a server of
    # Prefect 3.9 deletes the inputs of a run that it suspends.
    save()
    suspend(client, sentence, keys, once_suspended=save)


def is_there(client: SyncPrefectClient, run: UUID, keys: Mapping[Any, str]) -> bool:
    """Tell whether a run's form is there to be filled in."""
    return _stored(client, run, keys["schema"]) is not None


def _this_run() -> UUID:
    return UUID(str(flow_run.id))


def _stored(client: SyncPrefectClient, run: UUID, key: str) -> str | None:
    """What the server keeps under one of a run's input keys."""
    try:
        return client.read_flow_run_input(run, key)
    except PrefectHTTPStatusError as error:
        if error.response.status_code != HTTPStatus.NOT_FOUND:
            raise
        return None

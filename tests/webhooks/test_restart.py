"""What a receiver that was killed has left."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from urllib.parse import unquote, urlsplit

from tests.webhooks.world import PATH, Receiver, World, eventually, receiving, truth
from tuneloop.clock import now
from tuneloop.demo.processes import answers, free_port
from tuneloop.emulator import Progress
from tuneloop.webhooks.hint import read_hint
from tuneloop.webhooks.keeping import KEPT_FOR, finish_hint, keep_hint, open_hints


def test_call_that_was_answered_before_a_kill_is_taken_up_at_the_next_start(world: World) -> None:
    run, job_id = world.submitted()
    world.emulator.progress(Progress.at_once())
    port = free_port()
    folder = unquote(urlsplit(world.ledger.store.uri).path)
    command = [sys.executable, "-m", "tests.webhooks.hanging_receiver", folder, str(port), world.name]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            killed = Receiver(f"http://127.0.0.1:{port}", world.name)
            eventually("the receiver runs", lambda: answers(killed.address), 60)
            assert killed.post(truth(world, job_id, "?")) == 200
        finally:
            process.kill()
    assert (len(world.hints()), world.hints(".done"), world.states(run)[-1]) == (1, [], "submitted")
    with receiving(world):
        eventually("the end is recorded", lambda: world.states(run)[-1] == "trained")
        world.follow_all()
    opened = world.opened
    with receiving(world) as receiver:
        receiver.post(truth(world, "nobody", "?"))
        world.follow_all()
    assert world.opened - opened <= 8, "what is done was taken up again"


def test_hints_of_the_last_day_are_open_until_they_are_done_with(world: World) -> None:
    account, ledger = world.provider.account, world.ledger
    kept = {
        hours: read_hint(account, b'{"id": "job-%d"}' % hours, now() - timedelta(hours=hours))
        for hours in (0, 1, 23, 25, 60)
    }
    for hint in kept.values():
        assert keep_hint(ledger, hint)
        assert not keep_hint(ledger, hint.model_copy(update={"writer_id": "another"}))
    assert {hint.ids for hint in open_hints(ledger, [account.slug])} == {("job-0",), ("job-1",), ("job-23",)}
    finish_hint(ledger, kept[1], "settled")
    finish_hint(ledger, kept[1], "unknown")
    assert {hint.ids for hint in open_hints(ledger, [account.slug])} == {("job-0",), ("job-23",)}
    assert open_hints(ledger, ["another.account"]) == []
    assert PATH not in "".join(ledger.store.names("hints/"))


def test_hint_that_cannot_be_read_keeps_no_other_from_being_taken_up(world: World) -> None:
    run, job_id = world.submitted()
    world.emulator.progress(Progress.at_once())
    hint = read_hint(world.provider.account, b'{"id": "%s"}' % job_id.encode(), now())
    keep_hint(world.ledger, hint)
    world.ledger.store.create(f"{hint.stem[:-4]}0000.json", b"{}")
    with receiving(world):
        eventually("the end is recorded", lambda: world.states(run)[-1] == "trained")


def test_old_hints_are_deleted_and_young_and_strange_files_stay(world: World) -> None:
    day = now() - KEPT_FOR
    old, young = f"{day - timedelta(days=1):%Y-%m-%d}", f"{day + timedelta(days=1):%Y-%m-%d}"
    folder = f"hints/{world.account.account.slug}"
    stay = [f"{folder}/{young}/a.json", f"{folder}/notes", f"{folder}/{now():%Y-%m-%d}/stray"]
    for name in [*stay, f"{folder}/{old}/a.json", f"{folder}/{old}/a.done"]:
        world.ledger.store.create(name, b"{}")
    with receiving(world) as receiver:
        eventually("the old ones are gone", lambda: world.hints("") == sorted(stay))
        # What is taken up at the start was not disturbed by a name that is none of ours.
        assert receiver.post({}) == 200

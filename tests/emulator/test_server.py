"""Starting, stopping, starting again."""

import inspect
import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.emulator.bfl_caller import BflCaller
from tests.emulator.segmind_caller import SUBMIT, Caller
from tuneloop.emulator import EmulatorControl, Fault, PortInUse, Progress, running_emulator, serve
from tuneloop.emulator.providers import PROVIDERS


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_a_restarted_emulator_remembers_everything(tmp_path: Path) -> None:
    port = _free_port()
    with running_emulator("segmind", tmp_path, port, progress=Progress.after_polls(3)) as emulator:
        caller = Caller(emulator)
        place, job_id = caller.place(), caller.train()
        emulator.advance(1000)
        emulator.inject(Fault("refuse", "/finetune/request/list", status=502))
        before = emulator.billing(), emulator.requests(), emulator.jobs()
    with running_emulator("segmind", tmp_path, port) as emulator:
        caller = Caller(emulator)
        assert (emulator.billing(), emulator.requests(), emulator.jobs()) == before
        assert requests.put(place["presigned_url"], data=b"PK", timeout=60).status_code == 200
        assert [caller.call("GET", "/finetune/request/list").status_code for _ in range(2)] == [502, 200]
        assert [caller.details(job_id)["status"] for _ in range(2)] == ["REQUESTED", "QUEUED"]


def test_an_upload_made_before_a_restart_on_another_port_still_trains(tmp_path: Path) -> None:
    with running_emulator("segmind", tmp_path) as emulator:
        s3_url = Caller(emulator).upload()
    with running_emulator("segmind", tmp_path) as emulator:
        assert Caller(emulator).submit(s3_url).status_code == 200


def test_stopping_does_not_wait_for_a_slow_answer(tmp_path: Path) -> None:
    with running_emulator("segmind", tmp_path) as emulator:
        emulator.inject(Fault("slow", SUBMIT, delay_s=60))
        caller = Caller(emulator)
        connection = caller.raw_submit(caller.upload(), missing=0)
        while not emulator.billing():
            pass
    assert connection.recv(10) == b""


def test_a_port_in_use_is_named_before_anything_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            PortInUse, match=rf"^emulator: port {port} of [0-9.]+ cannot be used \([A-Za-z ]+\); choose"
        ):
            serve("segmind", port, tmp_path)
        with pytest.raises(OSError, match=str(port)), running_emulator("segmind", tmp_path, port):
            pass
    assert capsys.readouterr().out == ""


def test_each_provider_keeps_its_own_state_in_one_folder(tmp_path: Path) -> None:
    with running_emulator("segmind", tmp_path, progress=Progress.at_once()) as segmind:
        Caller(segmind).train()
        with running_emulator("bfl", tmp_path) as bfl:
            BflCaller(bfl).train()
            assert len(bfl.billing()) == len(segmind.billing()) == 1
            assert bfl.api_key != segmind.api_key


def test_no_shared_file_names_a_provider() -> None:
    folder = Path(inspect.getfile(EmulatorControl)).parent
    inner = {folder / name for name in PROVIDERS}
    names = rf"\b({'|'.join(PROVIDERS)})\b"
    naming = [
        file.name
        for file in folder.rglob("*.py")
        if not inner & set(file.parents) and re.search(names, file.read_text().lower())
    ]
    assert naming == []


def test_an_unknown_provider_is_rejected_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"no provider 'acme'; choose one of {', '.join(PROVIDERS)}"):
        serve("acme", 0, tmp_path)


def test_an_emulator_in_another_process_is_driven_over_its_controls(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from tuneloop.emulator import serve; serve('segmind', 0, pathlib.Path(sys.argv[1]))"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split()[-1]
        assert process.stdout.readline() == "test key: SG_0123456789abcdef\n"
        emulator = EmulatorControl(address)
        emulator.progress(Progress.at_once())
        caller = Caller(emulator)
        job_id = caller.train()
        assert caller.details(job_id)["status"] == "AVAILABLE"
        process.terminate()
    with running_emulator("segmind", tmp_path) as restarted:
        assert [entry.id for entry in restarted.billing()] == [job_id]


def test_the_request_log_holds_no_key_no_query_and_no_body(emulator: EmulatorControl, caller: Caller) -> None:
    caller.train(name="confidential")
    with requests.get(f"{emulator.url}/_emulator/requests", timeout=60) as response:
        shown = response.json()
    assert shown["count"] == len(shown["requests"]) == 3
    assert set(shown["requests"][0]) == {
        "method",
        "path",
        "status",
        "time",
        "sent_bytes",
        "content_range",
    }
    text = json.dumps(shown)
    assert not [word for word in (emulator.api_key, "Signature", "confidential") if word in text]


def test_the_request_log_shows_what_was_answered_and_when(emulator: EmulatorControl, caller: Caller) -> None:
    before = emulator.now()
    caller.listed()
    caller.image("no-such-model")
    shown = emulator.requests()
    assert [(request.method, request.path, request.status) for request in shown] == [
        ("GET", "/finetune/request/list", 200),
        ("POST", "/v1/flux-dev-finetuned", 404),
    ]
    assert before <= shown[0].time <= shown[1].time <= emulator.now()


def test_the_billing_summary_holds_no_key(emulator: EmulatorControl, caller: Caller) -> None:
    caller.train(steps=700)
    (entry,) = emulator.billing()
    assert entry.summary["advance_parameters"] == {"steps": 700}
    assert emulator.api_key not in json.dumps(entry.summary)


def test_many_submits_at_once_are_each_billed_once(emulator: EmulatorControl, caller: Caller) -> None:
    s3_url = caller.upload()
    sockets = [caller.raw_submit(s3_url, missing=1) for _ in range(20)]
    for connection in sockets:
        connection.sendall(b"}")
    responses = [connection.recv(4096) for connection in sockets]
    assert all(response.startswith(b"HTTP/1.1 200") for response in responses)
    assert len({entry.id for entry in emulator.billing()}) == len(emulator.jobs()) == 20

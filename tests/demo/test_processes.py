"""Programs that the demo and the tests start end with whoever has started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.waiting import LIMIT_S
from tuneloop.local_server.processes import Processes, ProgramFailed, interrupts_deferred

SLEEPER = ("tests.demo.sleeper",)
STARTER = """
import sys, time
from pathlib import Path
from tuneloop.local_server.processes import Processes
programs = Processes(Path(sys.argv[1]), {})
print(programs.start("sleeper", "tests.demo.sleeper"), flush=True)
time.sleep(600)
"""


def test_a_program_that_has_died_is_named_with_its_last_lines(tmp_path: Path) -> None:
    programs = Processes(tmp_path, dict(os.environ))
    programs.start("talker", "this")
    with pytest.raises(ProgramFailed, match=r"talker has ended by itself \(exit code 0\)[^$]*Namespaces are one"):
        programs.wait_until("talker", lambda: False)
    programs.end_all()


def test_program_that_the_others_can_do_without_may_die(tmp_path: Path) -> None:
    programs = Processes(tmp_path, dict(os.environ))
    programs.start("talker", "this")
    with pytest.raises(ProgramFailed):
        programs.wait_until("talker", lambda: False)
    programs.check(except_for="talker")
    with pytest.raises(ProgramFailed):
        programs.check(except_for="worker")
    programs.end_all()


def test_ending_waits_for_no_one_who_presses_ctrl_c(tmp_path: Path) -> None:
    programs = Processes(tmp_path, dict(os.environ))
    pids = [programs.start(f"sleeper {number}", *SLEEPER) for number in range(2)]

    def interrupted_end() -> None:
        with interrupts_deferred():
            signal.raise_signal(signal.SIGINT)
            programs.end_all()

    with pytest.raises(KeyboardInterrupt):
        interrupted_end()
    assert not any(psutil.pid_exists(pid) for pid in pids)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_programs_end_when_their_starter_is_ended_by_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-c", STARTER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as starter:
        assert starter.stdout is not None
        sleeper = psutil.Process(int(starter.stdout.readline()))
        starter.send_signal(number)
    sleeper.wait(timeout=LIMIT_S)
    assert not sleeper.is_running()

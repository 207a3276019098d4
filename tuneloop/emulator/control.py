"""Drive an emulator from a test or another process, over its control routes."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import requests

from tuneloop.emulator.deliveries import Delivery
from tuneloop.emulator.faults import Fault
from tuneloop.emulator.jobs import Job, Progress
from tuneloop.emulator.records import BilledEntry, LoggedRequest
from tuneloop.emulator.switches import Switches

_TIMEOUT_S = 30


class EmulatorControlError(RuntimeError):
    """The emulator rejected a control request; the text is its reason."""


class EmulatorControl:
    """The controls of one running emulator. Each raises an `EmulatorControlError` where it is rejected."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    @property
    def api_key(self) -> str:
        return str(self.health()["api_key"])

    def health(self) -> dict[str, str]:
        return dict(self._call("GET", "health"))

    def billing(self) -> list[BilledEntry]:
        """Return everything that was accepted and costs money, oldest first."""
        return [BilledEntry(**entry) for entry in self._call("GET", "billing")["entries"]]

    def requests(self) -> list[LoggedRequest]:
        """Return every request that arrived, oldest first; control requests are not among them."""
        return [LoggedRequest(**entry) for entry in self._call("GET", "requests")["requests"]]

    def jobs(self) -> list[Job]:
        """Return every training as it stands, oldest first; this is no poll."""
        return [Job(**job) for job in self._call("GET", "jobs")["jobs"]]

    def fail_job(self, job_id: str, error_message: str) -> None:
        """Fail an open job now; a text that is the name of a failed state leads there."""
        self._call("POST", f"jobs/{job_id}/fail", error_message=error_message)

    def revive_job(self, job_id: str, status: str) -> None:
        """Let a failed job go on from a state, such as `RETRIED`; it is billed again."""
        self._call("POST", f"jobs/{job_id}/revive", status=status)

    def show_job(self, job_id: str, *, without: Sequence[str] = (), **fields: Any) -> None:
        """Let lists and details show fields of one job as given, and leave out others, for good.

        Fields have the names and values of the provider's JSON, such as `status=None`; those that a response
        does not have by itself stay out of it.
        """
        self._call("POST", f"jobs/{job_id}/override", fields=fields, without=list(without))

    def unlist_job(self, job_id: str) -> None:
        """Let lists leave out one job from now on; whoever knows its id still finds it."""
        self._call("POST", f"jobs/{job_id}/mark", mark="unlisted")

    def need_queue(self, job_id: str) -> None:
        """Let the model of one job draw through the provider's queue only."""
        self._call("POST", f"jobs/{job_id}/mark", mark="queue only")

    def inject(self, fault: Fault) -> None:
        self._call("POST", "faults", **asdict(fault))

    def clear_faults(self) -> None:
        self._call("DELETE", "faults")

    def advance(self, seconds: float) -> None:
        """Move the emulator's clock forward: URLs expire, jobs make progress."""
        self._call("POST", "clock", advance_s=seconds)

    def now(self) -> float:
        return float(self._call("GET", "clock")["now"])

    def progress(self, policy: Progress) -> None:
        """Put another progress policy in force, for open jobs too."""
        self._call("POST", "progress", **asdict(policy))

    def switches(self) -> Switches:
        return Switches(**self._call("GET", "switches"))

    def switch(self, **changed: Any) -> Switches:
        """Set some of `Switches`, such as `list_lag_s=30`, and leave the others; return all of them."""
        return Switches(**self._call("POST", "switches", **changed))

    def reset_switches(self) -> None:
        """Set every switch back to how the provider behaves by itself."""
        self._call("DELETE", "switches")

    def webhook(self, url: str | None) -> None:
        """Register the one webhook of a provider that has a console for it; None removes it.

        It is rejected while another is registered, and for an address that is not on this machine.
        """
        if url is None:
            self._call("DELETE", "webhook")
        else:
            self._call("POST", "webhook", url=url)

    def send_sample(self) -> Delivery:
        """Let the console send a sample to the registered webhook; return what came of it."""
        self._call("POST", "webhook/sample", origin=self.url)
        return self.deliveries()[-1]

    def deliveries(self) -> list[Delivery]:
        return [Delivery(**entry) for entry in self._call("GET", "deliveries")["deliveries"]]

    def _call(self, verb: str, control: str, /, **body: Any) -> Any:
        # A session of its own for each call: a restarted emulator leaves no dead connection behind.
        with requests.Session() as session:
            session.trust_env = False  # no proxy between a test and its own machine
            response = session.request(verb, f"{self.url}/_emulator/{control}", json=body, timeout=_TIMEOUT_S)
        if not response.ok:
            raise EmulatorControlError(f"{verb} {control}: {response.json().get('error', response.text)}")
        return response.json()

"""What the provider's list shows, which need not be everything it has accepted."""

from tuneloop.emulator.emulation import Emulation
from tuneloop.emulator.jobs import Job


def listed(emulation: Emulation) -> list[Job]:
    """Return the jobs a list shows now, oldest first; this look is one of the client's."""
    switches = emulation.switches.now
    seen_until = emulation.clock.now() - switches.list_lag_s
    with emulation.state.transaction():
        left_out = emulation.marks.having("unlisted", "deleted")
        shown = [
            job.id
            for job in emulation.jobs.all(polled=False)
            if job.created <= seen_until and job.id not in left_out
        ]
        shown = shown[: max(0, len(shown) - switches.list_short_by)][-switches.list_page :]
        jobs = emulation.jobs.all(polled=True, only=set(shown))
        return [job for job in jobs for _ in range(switches.list_copies)]

"""What a check of a dataset has found, in a run's log."""

from __future__ import annotations

from collections.abc import Sequence

from prefect.logging import get_run_logger

from tuneloop.schemas.findings import Finding, limit_per_check

_OF_EACH_LOGGED = 10


def log_findings(findings: Sequence[Finding]) -> None:
    """Log the first few findings of each kind."""
    for finding, more in limit_per_check(findings, _OF_EACH_LOGGED):
        rest = f" (and {more:,} more like it)" if more else ""
        log = get_run_logger().error if finding.severity == "error" else get_run_logger().warning
        log("%s%s", finding.sentence, rest)

"""How a provider behaves where its sources disagree, are silent, or have been caught misbehaving.

A switch holds for every request until it is set again; what should hit single requests is a fault. To add
one: a field here, read where it matters.
"""

from dataclasses import asdict, field, replace
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from tuneloop.emulator.jobs import Seconds
from tuneloop.emulator.state import State

StatusStyle = Literal["documented", "capitalised", "lower case", "spaced", "foreign"]
ShownName = Literal["as sent", "null", "empty", "missing", "upper case", "cut short", "with id", "spaced"]
Count = Annotated[int, Field(ge=0)]
_SETTING = "switches"


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class Switches:
    """The behavior in force; seconds are those of the emulator's clock, but for the time-out.

    Raises:
        ValueError: for a value of another type, an unknown word, or a number that is too small.
    """

    list_lag_s: Seconds = 0.0
    """A job shows in lists only this long after it was accepted; details know it at once."""
    list_short_by: Count = 0
    """Lists leave out this many of the newest jobs that they would show."""
    list_page: Count = 0
    """Lists show this many of the newest jobs, without a hint at the others; 0 shows all."""
    list_states: Literal["started", "ended", "all"] = "started"
    """Which requests a list of requests shows, where no page says whether it has those that wait or run."""
    list_copies: Annotated[int, Field(ge=1)] = 1
    """Times that lists show each job."""
    extra_rows: list[Any] = field(default_factory=list)
    """What lists show before their own rows: any JSON, such as rows that no page documents."""
    accepts_unlisted: bool = False
    """Jobs accepted while this is on never show in a list."""
    integer_ids: bool = False
    """Trainings accepted while this is on have a number for an id."""
    two_ids: bool = False
    """Trainings accepted while this is on have two ids, where the provider's pages name two: inference takes
    only the one, and perhaps other calls only the other."""
    name_lag_s: Seconds = 0.0
    """The name of a job is null for so long after it was accepted."""
    shown_name: ShownName = "as sent"
    """What lists and details make of the name that was sent."""
    status_words: StatusStyle = "documented"
    """The letters of statuses, of trainings and of queued images."""
    checks_input: Literal["at submit", "at run"] = "at submit"
    """Whether a wrong field is rejected at once or, where a queue takes any request, when its turn comes."""
    retired: list[str] = field(default_factory=list)
    """Trainers that are shown as retired and take no more trainings."""
    cancels: Literal["all", "waiting"] = "all"
    """Which trainings end when they are cancelled: also those that run, or only those that wait."""
    date_off_s: float = 0.0
    """The `Date` of every response is ahead of the true time by so much; it may be negative."""
    rate_window_s: Seconds = 60.0
    """How long after a 429 the next request is taken, as the response says where a page documents that."""
    image_s: Seconds = 0.4
    """How long a queued image takes."""
    images_fail: str = ""
    """Error with which queued images accepted from now on fail; empty lets them succeed. A text that is one of
    the provider's failed states leads there."""
    deploying_status: Literal["INFERENCE_QUEUED", "DEPLOYING"] = "INFERENCE_QUEUED"
    """Fine-tuning pages and webhook page name one stage differently."""
    download_url: Literal["bare", "quoted"] = "bare"
    """The link to the weights as plain text, or as a JSON text with its quotes."""
    download_valid_s: Count = 3600
    """Seconds for which a link to the weights is good; with 0 none ever is."""
    weights_kept_s: Seconds = 0.0
    """How long after its training a file of weights is kept; 0 is for good."""
    downloads: Literal["by range", "whole", "without ETag", "without length", "without If-Range"] = "by range"
    """Weights as Amazon S3 serves them, or as servers do that know no ranges, send no ETag, neither know ranges
    nor send a length, or send the whole file to a request for a range of one version."""
    downloads_need_key: bool = False
    """Weights and images lie at the API's own address and are sent with the key only, where a page says so."""
    download_cut: Count = 0
    """Every download of weights breaks after a random number of bytes, at most so many; with 0 none does."""
    download_seed: int = 0
    """What `download_cut` draws from, together with the number of the request."""
    image_response: Literal["negotiated", "bytes", "json"] = "negotiated"
    """A direct image as base64 inside JSON, as its page's sample reads it, or as its bytes, as the SDK does;
    negotiated, bytes are for requests from the SDK or with an Accept for images, and JSON for others."""
    queue_output: Literal["list", "url"] = "list"
    """A queued image's `output` as a list of one URL (the asynchronous page), or as the URL (the SDK's README)."""
    image_host: str = ""
    """Base URL at which finished images are said to lie, such as `https://images.example.com`; empty for the
    emulator's own. They are served at both."""
    unknown_task_status: Literal[200, 404] = 200
    """HTTP status under which a poll says `Task not found`; a global host answered 404 in 2026."""
    webhook_names_job: bool = True
    """Deliveries carry the id and the name of their training, where no page says whether they do. The URLs in
    them, whose paths have the id in them, stay."""
    webhook_auth: Literal["secret", "signature"] = "secret"
    """The training's secret itself in a header (an SDK), or a signature of the body (the skills text)."""
    webhook_timeout_s: Annotated[float, Field(gt=0)] = 30.0
    """Real seconds a receiver may be silent before a delivery counts as failed."""
    webhook_retry_scale: Seconds = 1.0
    """Factor to the documented pauses before further attempts."""
    webhook_copies: Count = 1
    """Times that each delivery is sent; with 0 all are dropped, and logged as such."""
    webhook_delay_s: Seconds = 0.0
    """Each delivery goes out so much later."""
    webhook_reverse_s: Seconds = 0.0
    """Deliveries are gathered for so long from the first one, then sent with the last one first; 0 keeps order."""
    webhook_forged: bool = False
    """Each open training gets one more delivery, with a wrong signature if there are any, which says that it has
    succeeded; one that has by then is said to have failed."""
    webhook_early: bool = False
    """The first delivery of a training goes out before its submit is answered, whether it is true yet or not."""


class SwitchBoard:
    """The switches of one emulation, kept over a restart."""

    def __init__(self, state: State) -> None:
        self._state = state

    @property
    def now(self) -> Switches:
        return Switches(**(self._state.setting(_SETTING) or {}))

    def turn(self, **changed: Any) -> None:
        """Set some switches, leave the others. Raises `ValueError` as `Switches` does."""
        with self._state.transaction():
            self._state.set_setting(_SETTING, asdict(replace(self.now, **changed)))

    def reset(self) -> None:
        self._state.set_setting(_SETTING, {})

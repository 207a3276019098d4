"""How a provider behaves where its sources disagree, are silent, or have been caught misbehaving.

A switch holds for every request until it is set again; what should hit single requests is a fault. To add
one: a field here, read where it matters.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

from tuneloop.emulator import strangers
from tuneloop.emulator.state import State
from tuneloop.emulator.status_words import STYLES, StatusWords

ShownName = Literal["as sent", "null", "empty", "missing", "upper case", "cut short", "with id", "spaced"]
_SETTING = "switches"
_WORDS: dict[str, tuple[Any, ...]] = {
    "deploying_word": ("INFERENCE_QUEUED", "DEPLOYING"),
    "download_url": ("bare", "quoted"),
    "downloads": ("by range", "whole", "without ETag", "without length", "without If-Range"),
    "image_answer": ("negotiated", "bytes", "json"),
    "queue_output": ("list", "url"),
    "shown_name": get_args(ShownName),
    "status_words": STYLES,
    "unknown_task_status": (200, 404),
    "webhook_proof": ("secret", "signature"),
}
_TYPES: dict[str, tuple[type, ...]] = {
    "list_lag_s": (int, float),
    "list_short_by": (int,),
    "list_page": (int,),
    "list_copies": (int,),
    "accepts_unlisted": (bool,),
    "integer_ids": (bool,),
    "two_ids": (bool,),
    "name_lag_s": (int, float),
    "date_off_s": (int, float),
    "read_timeout_s": (int, float, type(None)),
    "download_valid_s": (int,),
    "download_cut": (int,),
    "download_seed": (int,),
    "image_s": (int, float),
    "images_fail": (str,),
    "image_host": (str,),
    "webhook_names_job": (bool,),
    "webhook_timeout_s": (int, float),
    "webhook_retry_scale": (int, float),
    "webhook_copies": (int,),
    "webhook_delay_s": (int, float),
    "webhook_reverse_s": (int, float),
    "webhook_forged": (bool,),
    "webhook_early": (bool,),
}


@dataclass(frozen=True)
class Switches:
    """The behaviour in force; seconds are those of the emulator's clock, but for the two time-outs."""

    list_lag_s: float = 0.0
    """A job shows in lists only this long after it was accepted; details know it at once."""
    list_short_by: int = 0
    """Lists leave out this many of the newest jobs that they would show."""
    list_page: int = 0
    """Lists show this many of the newest jobs and not a word of the others; with 0 all."""
    list_copies: int = 1
    """Lists show each job so often."""
    strangers: str = ""
    """Odd rows of foreign jobs in lists: kinds of `strangers.py`, separated by commas, or `all`."""
    accepts_unlisted: bool = False
    """Jobs accepted while this is on never show in a list (reported of BFL)."""
    integer_ids: bool = False
    """Trainings accepted while this is on have a number for an id."""
    two_ids: bool = False
    """Segmind: trainings accepted while this is on have a finetune_id of their own beside their other id.
    Inference takes only that one; of Qwen, details and access-update take only the request_id."""
    name_lag_s: float = 0.0
    """The name of a job is null for so long after it was accepted."""
    shown_name: Literal["as sent", "null", "empty", "missing", "upper case", "cut short", "with id", "spaced"] = (
        "as sent"
    )
    """What lists and details make of the name that was sent (of BFL, the comment)."""
    status_words: StatusWords = "documented"
    """The letters of status words: of trainings, and of images that are drawn while nobody waits."""
    date_off_s: float = 0.0
    """The `Date` of every answer is ahead of the true time by so much; it may be negative."""
    read_timeout_s: float | None = None
    """Real seconds without a byte after which a half-sent request is cut; None waits for ever."""
    image_s: float = 0.4
    """How long a queued image takes: of Segmind's v2 and of BFL."""
    images_fail: str = ""
    """Text with which queued images accepted from now on end badly; empty lets them succeed. Of BFL,
    `Request Moderated` and `Content Moderated` are states of their own, any other text ends as `Error`."""
    deploying_word: Literal["INFERENCE_QUEUED", "DEPLOYING"] = "INFERENCE_QUEUED"
    """Segmind: fine-tuning pages and webhook page name one stage differently."""
    download_url: Literal["bare", "quoted"] = "bare"
    """Segmind: the link to the weights as plain text, or as a JSON text with its quotes."""
    download_valid_s: int = 3600
    """Segmind: seconds for which a link to the weights is good; with 0 none ever is."""
    downloads: Literal["by range", "whole", "without ETag", "without length", "without If-Range"] = "by range"
    """Weights as Amazon S3 hands them out, or as servers do that know no ranges, tell no ETag, neither know
    ranges nor tell a length, or send the whole file to whoever asks for a range of one version."""
    download_cut: int = 0
    """Every download of weights breaks after a random number of bytes, at most so many; with 0 none does."""
    download_seed: int = 0
    """What `download_cut` draws from, together with the number of the request."""
    image_answer: Literal["negotiated", "bytes", "json"] = "negotiated"
    """Segmind v1: an image as base64 inside JSON, as its page's sample reads it, or as its bytes, as the SDK
    does; negotiated, bytes are for requests from the SDK or with an Accept for images, and JSON for others."""
    queue_output: Literal["list", "url"] = "list"
    """Segmind v2: `output` as a list of one URL (the asynchronous page), or as the URL (the SDK's README)."""
    image_host: str = ""
    """Origin at which finished images are said to lie, such as `https://images.segmind.com`; empty for the
    emulator's own. They are served at both."""
    unknown_task_status: Literal[200, 404] = 200
    """BFL: HTTP status under which get_result says `Task not found`; the global host answered 404 in 2026."""
    webhook_names_job: bool = True
    """Segmind: deliveries carry the id and the name of their training; no page says whether they do. The URLs in
    them, whose paths have the id in them, stay."""
    webhook_proof: Literal["secret", "signature"] = "secret"
    """BFL: the training's secret itself in `X-Webhook-Secret` (its SDK), or a signature of the body in
    `X-BFL-Signature` (its skills text)."""
    webhook_timeout_s: float = 30.0
    """Real seconds a receiver may be silent before a delivery counts as failed; 30 are documented of BFL."""
    webhook_retry_scale: float = 1.0
    """BFL: factor to the pauses of 1, 5 and 30 seconds before the further attempts."""
    webhook_copies: int = 1
    """How often each delivery is sent; with 0 all are dropped, and logged as such."""
    webhook_delay_s: float = 0.0
    """Each delivery goes out so much later."""
    webhook_reverse_s: float = 0.0
    """Deliveries are gathered for so long from the first one, then sent with the last one first; 0 keeps order."""
    webhook_forged: bool = False
    """Each open training gets one more delivery, with a wrong proof (of BFL), which says that it has reached its
    good end; one that has reached it by then is said to have failed."""
    webhook_early: bool = False
    """The first delivery of a training goes out before its submit is answered, whether it is true yet or not."""

    def __post_init__(self) -> None:
        """Refuse what no provider does.

        Raises:
            ValueError: for a word that is not one of the switch's, or a number below nothing.
        """
        for name, words in _WORDS.items():
            if getattr(self, name) not in words:
                known = ", ".join(map(str, words))
                raise ValueError(f"switch {name}: no {getattr(self, name)!r}; choose one of {known}")
        for name, types in _TYPES.items():
            value = getattr(self, name)
            if type(value) not in types:
                raise ValueError(f"switch {name}: {value!r} is not of its type; see Switches for an example")
            if isinstance(value, int | float) and value < 0 and name != "date_off_s":
                raise ValueError(f"switch {name}: {value!r} is too small; give 0 or more")
        if self.read_timeout_s == 0:
            raise ValueError(
                "switch read_timeout_s: 0 is too small, nobody could send anything; give more, or null"
            )
        if self.list_copies == 0:
            raise ValueError("switch list_copies: 0 is too small, a list would be empty; see accepts_unlisted")
        strangers.kinds(self.strangers)
        if self.webhook_timeout_s == 0:
            raise ValueError("switch webhook_timeout_s: 0 is too small, nobody could answer; give more")


class SwitchBoard:
    """The switches of one emulation, kept over a restart."""

    def __init__(self, state: State) -> None:
        self._state = state

    @property
    def now(self) -> Switches:
        """The switches in force."""
        return Switches(**(self._state.setting(_SETTING) or {}))

    def turn(self, **changed: Any) -> Switches:
        """Set some switches, leave the others.

        Raises:
            TypeError: for a switch there is none of.
            ValueError: for a value it does not take.
        """
        with self._state.transaction():
            switches = replace(self.now, **changed)
            self._state.set_setting(_SETTING, asdict(switches))
        return switches

    def reset(self) -> Switches:
        """Set every switch back."""
        self._state.set_setting(_SETTING, {})
        return self.now

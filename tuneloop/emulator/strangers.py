"""Jobs in a list that somebody else has made of the account, and that are not as documented."""

KINDS = (
    "integer id",
    "no id",
    "no object",
    "null name",
    "number for a name",
    "null status",
    "error list",
    "nulls",
)


def kinds(chosen: str) -> tuple[str, ...]:
    """Return the kinds that a switch names.

    Raises:
        ValueError: for a kind there is none of.
    """
    if chosen == "all":
        return KINDS
    named = tuple(kind.strip() for kind in chosen.split(",") if kind.strip())
    for kind in named:
        if kind not in KINDS:
            raise ValueError(f"switch strangers: no {kind!r}; choose some of {', '.join(KINDS)}, or all")
    return named

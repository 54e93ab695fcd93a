"""What users' functions may end in, and the line that is made of it."""

USERS_FAULTS = (Exception, SystemExit)
"""All but Ctrl-C: a `sys.exit` in a user's function must not end a run without a word."""


def said(error: BaseException) -> str:
    """What went wrong in a user's function, in one line: it is the user's to read."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def brief(value: object) -> str:
    """What was given, as part of a line."""
    words = " ".join(repr(value).split())
    return words if len(words) <= 60 else f"{words[:60]}…"

"""The one exception that a person sees: a sentence in the user's words."""


class PixMusError(Exception):
    """What is wrong with which file and what to do, in one sentence; the exit code is 2."""


class TakenError(PixMusError):
    """A place to write to at which something is already."""


class DiskError(PixMusError):
    """A disk that takes no more: full, over a quota, or not to be written to."""

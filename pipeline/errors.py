"""The errors of the pipeline, classed by what the caller does with them.

    PipelineError
    ├── RetryableError       try again later: the broker is away, the webhook answered 503, the disk is full
    ├── PermanentError       never try this again: put it to the dead letters with its reason
    └── StopError            going on would be a lie: stop the process with a non-zero exit status

A message names the thing, the value and the remedy.
"""

from __future__ import annotations


class PipelineError(Exception):
    """Base of every error that the pipeline raises on purpose."""


class RetryableError(PipelineError):
    """The same call may succeed later.

    Args:
        message: what failed, on what, and what an administrator can do.
        retry_after_s: the least wait that the other side asked for, in seconds (HTTP Retry-After), or None.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class PermanentError(PipelineError):
    """The same call can never succeed: the thing goes to the dead letters, and the rest goes on."""


class StopError(PipelineError):
    """The process must end: state is unreadable, a thread has crashed, or a promise can no longer be kept."""

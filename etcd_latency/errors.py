"""What can go wrong with a target, by whose fault it is.

    EtcdLatencyError
    ├── TargetError          one target could not be measured; the others can
    │   ├── Down             as far as we can see it does not serve:
    │   │   ├── Unreachable  no connection: nothing listens, no route, no such name
    │   │   ├── TimedOut     a connection, but no complete answer in time
    │   │   ├── TlsRefused   certificates: ours, theirs, or the files that we were given
    │   │   └── Unhealthy    it took the question and says itself that it cannot do it now
    │   │                    the others say nothing about its health:
    │   ├── NotOffered       this version, or this configuration of the server, has no such thing
    │   ├── NotPermitted     it has, but not for this user
    │   │   └── Denied       found out only when the work was done
    │   ├── Moved            it has, but at another URL
    │   ├── Refused          an HTTP answer that means no, for a reason that none of these names
    │   └── BadPage          an answer of 200 that is not what was asked for
    └── NothingReached       no target at all could be measured; the run fails

A wrong configuration is base's own `ConfigurationError`, which the Agent knows.
Messages are for the operator: they say what is the case and what to do about it.
"""

from __future__ import annotations

LONGEST_MESSAGE = 600


def fit_to_show(text: str, longest: int = LONGEST_MESSAGE) -> str:
    """A text from elsewhere, cut to what fits a screen, and to what a terminal shows rather than obeys."""
    printable = "".join(letter if letter.isprintable() else "?" for letter in text[:longest])
    return printable + " ..." * (len(text) > longest)


class EtcdLatencyError(Exception):
    """The root of what this package raises itself."""


class TargetError(EtcdLatencyError):
    """One target could not be measured; the message names no target, its submitter does.

    Part of a message may come from a server, so it is made fit to show.
    """

    def __init__(self, message: str) -> None:
        super().__init__(fit_to_show(message))


class Down(TargetError):
    """Asked again at once, the target would give no better answer to any question."""


class Unreachable(Down):
    """No connection came about."""


class TimedOut(Down):
    """The connection stands, the answer is missing or incomplete."""


class TlsRefused(Down):
    """One side does not accept the other's certificate, or a file of ours cannot be used."""


class Unhealthy(Down):
    """The server cannot do now what it was asked to; the message holds its own words."""


class Refused(TargetError):
    """The server answered no."""


class NotOffered(TargetError):
    """The server has no such thing; that says nothing about its health."""


class NotPermitted(TargetError):
    """The server does not let this user ask; that says nothing about its health."""


class Denied(NotPermitted):
    """etcd did what it was asked to, and then kept the result to itself."""

    def __init__(self, message: str, seconds: float, *, warm: bool) -> None:
        """`seconds` is what it took; `warm` says whether the connection was there before."""
        super().__init__(message)
        self.seconds = seconds
        self.warm = warm


class Moved(TargetError):
    """What was asked for is served at another URL; that says nothing about its health."""


class BadPage(TargetError):
    """The server answered 200, but not with what it was asked for."""


class NothingReached(EtcdLatencyError):
    """No configured target could be measured in this run."""

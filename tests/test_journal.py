"""What the log tells of failures, and how often."""

from __future__ import annotations

import logging

from etcd_latency.errors import NotOffered, NotPermitted, TargetError, TimedOut
from etcd_latency.journal import Journal
from etcd_latency.model import Target

M1 = Target("m1", "https://10.0.0.1:2379", "https://10.0.0.1:2379/metrics", ())
RENAMED = Target("etcd-1", M1.url, M1.page_url, ())


def told(journal: Journal, target: Target = M1, **errors: TargetError | None) -> list[tuple[int, str]]:
    """What one run adds to the log, without who it is about."""
    return [(level, line.removeprefix(f"{target}: ")) for level, line in journal.news({target: errors})]


def test_a_failure_is_told_once_and_its_end() -> None:
    """It begins and ends with a line each, however many runs lie between."""
    journal = Journal()
    assert told(journal, page=TimedOut("no answer")) == [(logging.WARNING, "no answer")]
    assert told(journal, page=TimedOut("no answer")) == []
    assert told(journal, page=None) == [(logging.INFO, "all is answered again")]
    assert told(journal, page=None) == []


def test_numbers_and_a_library_s_words_are_no_news() -> None:
    """A port, a duration or where exactly it timed out differ from run to run; the failure is the same."""
    journal = Journal()
    told(journal, page=TimedOut("no answer within 9.9 s (The read operation timed out)"))
    assert told(journal, page=TimedOut("no answer within 10 s (The handshake operation timed out)")) == []


def test_what_was_not_asked_is_as_it_was() -> None:
    """A question that is asked every 60 s does not fail and recover in between."""
    journal = Journal()
    refused = NotPermitted("no rights")
    assert told(journal, page=None, alarm_list=refused) == [(logging.WARNING, "alarm_list: no rights")]
    assert told(journal, page=None) == []
    assert told(journal, page=None, alarm_list=refused) == []
    assert told(journal, alarm_list=None) == [(logging.INFO, "all is answered again")]


def test_what_is_not_offered_is_told_once_for_good() -> None:
    """It is a line of information, and none again after an outage in which nothing could be asked."""
    journal = Journal()
    missing = NotOffered("there is no /livez")
    assert told(journal, page=None, livez=missing) == [(logging.INFO, "livez: there is no /livez")]
    told(journal, page=TimedOut("no answer"), livez=TimedOut("no answer"))
    assert told(journal, page=None, livez=missing) == [(logging.INFO, "all is answered again")]


def test_a_new_name_is_no_news() -> None:
    """A member that has got its name from the list fails as before; one that is gone is forgotten."""
    journal = Journal()
    told(journal, page=TimedOut("no answer"))
    assert told(journal, RENAMED, page=TimedOut("no answer")) == []
    assert list(journal.news({})) == []
    assert told(journal, page=TimedOut("no answer")) == [(logging.WARNING, "no answer")]

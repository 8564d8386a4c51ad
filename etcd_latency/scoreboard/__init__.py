"""What an operator sees at 3 a.m.: a row for each member, then in at most five lines what is wrong and what to do.

Made for a terminal of 80 columns. A value beyond its limit is coloured, and marked with `!` so that it still shows
where the text is pasted into a ticket. What is missing is a dash. For programs the same is JSON.

limits      from where on a value matters, and who says so
values      a board and its rows, and how bad it is
columns     what is shown of every member, as people write it
verdict     what is told of a cluster: what, who, how bad, the evidence, what to do; not laid out yet
styles      colours
fitting     as much of a text as there is room for
names       long names, short enough for a table
table       a row for each member, and the legend
text        all of it on a terminal
objects     all of it as JSON
"""

from etcd_latency.scoreboard.columns import COLUMNS
from etcd_latency.scoreboard.limits import LIMITS, Limit
from etcd_latency.scoreboard.names import shortened
from etcd_latency.scoreboard.objects import as_json
from etcd_latency.scoreboard.text import as_text
from etcd_latency.scoreboard.values import NOT_ASKED, WORST_FIRST, Board, Health, Row, worst
from etcd_latency.scoreboard.verdict import CAUSES, what_is_wrong

__all__ = [
    "CAUSES",
    "COLUMNS",
    "LIMITS",
    "NOT_ASKED",
    "WORST_FIRST",
    "Board",
    "Health",
    "Limit",
    "Row",
    "as_json",
    "as_text",
    "shortened",
    "what_is_wrong",
    "worst",
]

"""The Datadog that we have no account of: its query language, what it keeps, what it evaluates, what it takes.

query       the language of queries and monitors, read into trees and written again
tags        what its intake makes of tags
aggregator  what an Agent flushes after a run, from
store       points, service checks and events, in SQLite
evaluate    queries and monitors on such a store

schema      what is wrong with a monitor or a dashboard, by the schemas of
openapi     Datadog's API specification, and by
rules       of how the parts of one fit each other; in words by problems
validation  Datadog's own `ddev validate`: a command
"""

"""What no schema can say of a monitor or a dashboard: that its parts fit each other.

monitors  the query fits the type, the thresholds, the groups and the
messages  variables of what is said
boards    formulas name queries, queries variables, and widgets have
layouts   places of their own
trial     our evaluator takes a query
"""

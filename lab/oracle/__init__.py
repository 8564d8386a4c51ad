"""A second opinion: VictoriaMetrics evaluates the same queries, and shares no code with our evaluator.

victoria    the program, fed as Datadog is
metricsql   our trees in its language
agreement   both, compared by the minute
"""

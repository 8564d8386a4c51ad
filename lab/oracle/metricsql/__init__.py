"""Queries and monitors of Datadog in MetricsQL, the language of VictoriaMetrics, for a second opinion on their values.

A value at the time t is that of Datadog's bucket [t - 60 s, t): VictoriaMetrics looks back from the end of
a bucket, where Datadog names it by its beginning. Every look back has its length written out; without one,
VictoriaMetrics would stretch it to the next point.

All agrees to the last digits that are kept, but for forecasts: Datadog has models that it does not document. Here and
in our evaluator they are the line of least squares through the minutes, with as many standard deviations beside it
as the query asks for; on a straight line all three are one.

`default_zero`, `cumsum` and `top` look at the whole time that is asked for, so that both sides have to ask for the
same; a monitor asks for another time in every minute, and is refused with one of them. Refused are, too: anomalies,
outliers, ewma, medians, percentiles, seasonal forecasts, formulas, buckets other than a minute, and series that have a
tag twice.
"""

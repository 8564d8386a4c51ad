"""Datadog's query language, read and written."""

from lab.datadog.query.errors import QueryError
from lab.datadog.query.parser import parse_formula, parse_monitor, parse_queries, parse_query
from lab.datadog.query.printer import text
from lab.datadog.query.walk import metrics, words

__all__ = [
    "QueryError",
    "metrics",
    "parse_formula",
    "parse_monitor",
    "parse_queries",
    "parse_query",
    "text",
    "words",
]

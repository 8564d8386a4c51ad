"""Datadog's query language, read and written."""

from lab.query.errors import QueryError
from lab.query.parser import parse_formula, parse_monitor, parse_queries, parse_query
from lab.query.printer import text
from lab.query.walk import metrics, words

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

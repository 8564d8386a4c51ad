"""JSON from a server that may be anybody's: read without ever failing in another way than as no answer."""

from __future__ import annotations

import json
from typing import Any


def json_object(body: bytes) -> dict[str, Any] | None:
    """The object that a body is, None where it is none; one that is nested without end is none either."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None

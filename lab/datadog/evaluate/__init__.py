"""What Datadog would make of a query or a monitor, on the points of a store."""

from lab.datadog.evaluate.expression import evaluate
from lab.datadog.evaluate.lines import NOTHING, Group, Line, Points
from lab.datadog.evaluate.monitors import Outcomes, outcomes
from lab.datadog.evaluate.status import Status
from lab.datadog.evaluate.windows import values

__all__ = ["NOTHING", "Group", "Line", "Outcomes", "Points", "Status", "evaluate", "outcomes", "values"]

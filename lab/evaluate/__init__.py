"""What Datadog would make of a query or a monitor, on the points of a store."""

from lab.evaluate.expression import evaluate
from lab.evaluate.lines import NOTHING, Group, Line, Points
from lab.evaluate.monitors import Outcomes, outcomes
from lab.evaluate.status import Status
from lab.evaluate.windows import values

__all__ = ["NOTHING", "Group", "Line", "Outcomes", "Points", "Status", "evaluate", "outcomes", "values"]

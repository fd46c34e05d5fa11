"""Turns an operation and its variables into what it will cost, before anything of it is run."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from graphql import GraphQLSchema

from kilowatch.web.engine import weights
from kilowatch.web.engine.cost_lines import Evaluation, PricedSelection
from kilowatch.web.engine.cost_plans import cost_plan
from kilowatch.web.engine.documents import Prepared
from kilowatch.web.newest import Newest
from resolvers.limits import CostPart, OperationCost

_KEPT_PLANS: Final = 512


@dataclass(slots=True, eq=False)
class Costs:
    """What the operations of one schema cost; how each adds up is worked out once for a document, then looked up."""

    schema: GraphQLSchema
    now: Callable[[], datetime]
    _plans: Newest[int, tuple[Prepared, PricedSelection]] = field(
        default_factory=lambda: Newest[int, tuple[Prepared, PricedSelection]](_KEPT_PLANS)
    )

    def cost(self, prepared: Prepared, variables: Mapping[str, Any] | None) -> int:
        """The points of an operation with these variables, which may be of any type."""
        evaluation = Evaluation(variables or {}, self.now)
        return round(weights.REQUEST + evaluation.line_of(self._plan(prepared)).at(weights.USUAL_LENGTH))

    def of_events(self, prepared: Prepared, variables: Mapping[str, Any] | None) -> Mapping[str, int]:
        """The points of one event of a subscription, by the name of its type; types are missing that cost the least."""
        evaluation, costs = Evaluation(variables or {}, self.now), defaultdict[str, float](float)
        for root in self._plan(prepared).fields:
            for one in root.selection.fields if root.selection else ():
                costs[one.parent] += evaluation.line(one).at(weights.USUAL_LENGTH)
        return {name: round(weights.EVENT + cost) for name, cost in costs.items()}

    def described(self, prepared: Prepared, variables: Mapping[str, Any] | None, *, max_cost: int) -> OperationCost:
        """The points of an operation, of each of its root fields, and the path to what most of them are for."""
        evaluation, plan = Evaluation(variables or {}, self.now), self._plan(prepared)
        priced = [(evaluation.line(one).at(weights.USUAL_LENGTH), one) for one in plan.fields]
        priced.sort(key=lambda pair: pair[0], reverse=True)
        return OperationCost(
            cost=self.cost(prepared, variables),
            max_cost=max_cost,
            dearest=".".join(_dearest(evaluation, plan)),
            parts=tuple(CostPart(one.key, round(cost)) for cost, one in priced),
        )

    def _plan(self, prepared: Prepared) -> PricedSelection:
        """By the operation's own object: documents that are kept keep it, and the entry keeps its id from others."""
        kept = self._plans.get(id(prepared.node))
        if kept is not None:
            return kept[1]
        plan = cost_plan(prepared, schema=self.schema, now=self.now)
        self._plans.keep(id(prepared.node), (prepared, plan))
        return plan


def _dearest(evaluation: Evaluation, selection: PricedSelection) -> list[str]:
    """The path from the root to the last list or series on the way to the field that most of the cost is for."""
    path: list[str] = []
    ends_at, found = 1, selection
    while found is not None and found.fields:
        dearest = max(found.fields, key=lambda one: evaluation.line(one).at(weights.USUAL_LENGTH))
        path.append(dearest.key)
        if dearest.selection and (dearest.is_list or dearest.sizing):
            ends_at = len(path)
        found = dearest.selection
    return path[:ends_at]

"""Offers in order of wait, price or carbon, each with one line on why it stands there. Pure.

Offers whose figure is unknown come last, and are never taken for zero. A GPU's hour and a whole
node's are not compared: offers with GPUs come first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from jupyter_continuum.planning.estimate import Estimate
from jupyter_continuum.table import duration

By = Literal["wait", "price", "carbon"]
ORDERS: tuple[By, ...] = get_args(By)


@dataclass(frozen=True, slots=True)
class Ranked:
    offer: str
    place: int | None
    """1 is best; None: its figure is unknown."""
    line: str


def rank(estimates: Iterable[Estimate], by: By) -> list[Ranked]:
    """A total order: the same whatever the order that they come in."""
    ordered = sorted(estimates, key=lambda each: _key(each, by))
    known = sum(figure(each, by) is not None for each in ordered)
    return [
        Ranked(each.offer, place, f"{place} of {known} by {by}: {_why(each, by)}")
        if figure(each, by) is not None
        else Ranked(each.offer, None, f"not ranked by {by}: {_why_not(each, by)}")
        for place, each in enumerate(ordered, 1)
    ]


def figure(each: Estimate, by: By) -> float | None:
    """What it is ranked by; None: unknown."""
    match by:
        case "wait":
            return each.wait.median
        case "price":
            return each.eur.value
        case "carbon":
            return each.carbon_g.value


def _key(each: Estimate, by: By) -> tuple[bool, bool, float, float, str]:
    value = figure(each, by)
    # Of two equal medians the one whose nine of ten are sooner; wait is alike for any device.
    likely = each.wait.likely if by == "wait" else 0.0
    return (
        value is None,
        by != "wait" and each.per == "node",
        value or 0.0,
        float("inf") if likely is None else likely,
        each.offer,
    )


def _why(each: Estimate, by: By) -> str:
    if by == "wait":
        wait = each.wait
        half = duration(wait.median or 0)
        nine = "" if wait.likely is None else f", nine of ten within {duration(wait.likely)}"
        return f"half of its jobs begin within {half}{nine} ({wait.kind}: {wait.source})"
    amount, unit = (each.eur, "EUR") if by == "price" else (each.carbon_g, "gCO2eq")
    return f"{amount.value:.4g} {unit} per {each.per}-hour ({amount.kind}: {amount.source})"


def _why_not(each: Estimate, by: By) -> str:
    if by == "wait":
        return each.wait.reason
    return (each.eur if by == "price" else each.carbon_g).reason

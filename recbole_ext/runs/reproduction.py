"""The form of ``papers.json``: a paper's figures beside ours, and the verdict on each."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from recbole_ext.runs.forms import Form
from recbole_ext.runs.results import Estimate, Protocol

__all__ = [
    "ClaimVerdict",
    "ReproducedClaim",
    "ReproducedFigure",
    "ReproducedModel",
    "Reproduction",
    "Verdict",
    "verdict_of",
]

Verdict = Literal["within", "above", "below", "not published", "not run"]
ClaimVerdict = Literal["holds", "does not hold", "open", "not run"]


def verdict_of(published: float | None, ours: Estimate | None) -> Verdict:
    """Where our figure stands.

    A figure of all lists together has no interval; it counts as the published one where it is equal to
    its digits, two at least.

    Args:
        published: The paper's figure; None if it has none.
        ours: None if the model was not run.

    Returns:
        ``within`` if the published figure lies in our interval, ``above`` or ``below`` if ours is.
    """
    if ours is None:
        return "not run"
    if published is None:
        return "not published"
    low, high = ours.low, ours.high
    if low is None or high is None:
        digits = max(2, len(format(published, ".12f").rstrip("0").partition(".")[2]))
        low = high = round(ours.mean, digits)
    if low <= published <= high:
        return "within"
    return "above" if ours.mean > published else "below"


class ReproducedFigure(Form):
    """One figure.

    Attributes:
        metric: With K, such as ``ndcg@10``.
        published: The paper's; None for a model or metric that it does not have.
        ours: With its bootstrap interval over users; None if the model was not run.
        verdict: From :func:`verdict_of`.
    """

    metric: str
    published: float | None = None
    ours: Estimate | None = None
    verdict: Verdict


class ReproducedModel(Form):
    """A row of the paper.

    Attributes:
        label, model, note: As in the paper's file; ``model`` is empty where lists of another row are re-ranked.
        settings: Keys of its own.
        seeds: Of its runs.
        epochs: Of the run with the first seed; None for lists re-ranked.
        reason: Why it was not run; empty if it was.
        figures: The published ones first.
    """

    label: str
    model: str = ""
    note: str = ""
    settings: dict[str, Any] = Field(default_factory=dict)
    seeds: list[int] = Field(default_factory=list)
    epochs: int | None = None
    reason: str = ""
    figures: list[ReproducedFigure] = Field(default_factory=list)


class ReproducedClaim(Form):
    """A claim on the order of models: whether it holds here, and why."""

    says: str
    metric: str
    verdict: ClaimVerdict
    why: str


class Reproduction(Form):
    """``papers.json``.

    Attributes:
        name: Of the paper's file.
        command: What repeats it.
        source: Authors, title, venue and year.
        table, read_in: Which table, and where it was read.
        dataset: Name and counts of the data set that was taken.
        published_data: Name and counts of the paper's.
        deviation: How the proxy differs; empty on the paper's own data.
        changed: Keys that an option has set in place of the file's.
        note: How this differs from the paper.
        protocol: Of the runs.
        models, claims: The rows and claims of the paper.
    """

    name: str
    command: str = ""
    source: str
    table: str = ""
    read_in: str = ""
    dataset: str
    published_data: str
    deviation: str = ""
    changed: dict[str, Any] = Field(default_factory=dict)
    note: str = ""
    protocol: Protocol = Field(default_factory=dict)
    models: list[ReproducedModel]
    claims: list[ReproducedClaim] = Field(default_factory=list)

"""What requests hold, strictly: an unknown field, a number as text or too long a list is refused."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from recbole_ext.serve import limits

__all__ = [
    "CatalogueQuery",
    "ExplainRequest",
    "FeedbackRequest",
    "ModelQuery",
    "Name",
    "Nothing",
    "PersonRequest",
    "RecommendRequest",
    "RerankRequest",
    "SearchQuery",
    "SimilarQuery",
    "TokensQuery",
    "UsersQuery",
]

Name = Annotated[str, Field(min_length=1, max_length=limits.NAME)]
"""A token or a title."""


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class RerankRequest(_Request):
    """A re-ranker for one person: a ``rerank:`` block.

    Attributes:
        method: ``popularity_penalty``, ``value_aware``, ``xquad``, ``calibrated``, ``mmr``, or another one that the
            model offers.
        strength: 0 leaves the order as it is; or ``alpha`` or ``lambda`` of the method's formula.
        candidates: Items that are re-ordered.
        variant, over, smoothing: Options of ``xquad`` and ``calibrated``.
        coverage: Of ``exposure``: which of the model's prices.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=True)

    method: Annotated[str, Field(min_length=1, max_length=40)]
    strength: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    alpha: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    lam: float | None = Field(default=None, ge=0, le=1, allow_inf_nan=False, alias="lambda")
    candidates: int | None = Field(default=None, ge=1, le=1000)
    variant: Literal["smooth", "binary"] | None = None
    over: Literal["popularity", "genres"] | None = None
    smoothing: float | None = Field(default=None, gt=0, lt=1)
    coverage: float | None = Field(default=None, ge=0, le=1)

    def block(self) -> dict[str, Any]:
        """As in a configuration."""
        return self.model_dump(exclude_none=True, by_alias=True)


class PersonRequest(_Request):
    """A person: a user of the data set, or a history.

    Attributes:
        model: Name of a model; the first one if left out.
        user: Token of a user.
        history: What the person had, the oldest first, by token or title.
    """

    model: Name | None = None
    user: Name | None = None
    history: Annotated[list[Name], Field(max_length=limits.HISTORY)] | None = None

    @model_validator(mode="after")
    def _one_person(self) -> PersonRequest:
        if (self.user is None) == (self.history is None):
            raise ValueError("names no person: give either user or history")
        return self


class RecommendRequest(PersonRequest):
    """What ``/v1/recommend`` is asked.

    Attributes:
        k: Length of the list.
        exclude: Items that are left out, beside those of the history.
        candidates: The items to choose from; the whole catalogue if left out.
        exclude_seen: Whether the person's own items are left out; as in the run's evaluation if left out.
        rerank: A re-ranker.
        explain: Whether each item comes with its reasons.
        reasons: At most so many reasons for an item.
    """

    k: int = Field(default=10, ge=1, le=limits.K)
    exclude: Annotated[list[Name], Field(max_length=limits.ITEMS)] = Field(default_factory=list)
    candidates: Annotated[list[Name], Field(min_length=1, max_length=limits.ITEMS)] | None = None
    exclude_seen: bool | None = None
    rerank: RerankRequest | None = None
    explain: bool = False
    reasons: int = Field(default=5, ge=1, le=limits.REASONS)

    @model_validator(mode="after")
    def _explained(self) -> RecommendRequest:
        if self.explain and self.k > limits.EXPLAINED:
            raise ValueError(
                f"explains {self.k} items: explain {limits.EXPLAINED} at most, or leave explain out"
            )
        return self


class ExplainRequest(PersonRequest):
    """What ``/v1/explain`` is asked.

    Attributes:
        items: The items to explain; the person's best recommendations if left out.
        k: Number of recommendations, where ``items`` is left out.
        reasons: At most so many reasons for an item.
    """

    items: Annotated[list[Name], Field(min_length=1, max_length=limits.EXPLAINED)] | None = None
    k: int = Field(default=3, ge=1, le=limits.EXPLAINED)
    reasons: int = Field(default=5, ge=1, le=limits.REASONS)


class FeedbackRequest(_Request):
    """A list that was shown, and what was chosen of it.

    Attributes:
        id: Of this message, such as a UUID: one that is sent again is kept once.
        model: As in the answer with the list.
        list_id: Identifier of the list, from that answer.
        user: Token or name of the person; anybody if left out.
        shown: Tokens of the list.
        chosen: Tokens that were chosen of it; may be empty.
    """

    id: Annotated[str, Field(min_length=8, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")] | None = None
    model: Name | None = None
    list_id: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")] | None = None
    user: Name | None = None
    shown: Annotated[list[Name], Field(min_length=1, max_length=limits.K)]
    chosen: Annotated[list[Name], Field(max_length=limits.K)]

    @model_validator(mode="after")
    def _chosen_of_shown(self) -> FeedbackRequest:
        if strange := set(self.chosen) - set(self.shown):
            raise ValueError(f"has {min(strange)!r} chosen, which was not shown")
        return self


class _Query(BaseModel):
    """Parameters of an address, which are text."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Nothing(_Query):
    """No parameter."""


class ModelQuery(_Query):
    """Of which model; of the first one if left out."""

    model: Name | None = None


class CatalogueQuery(ModelQuery):
    """Of which model, and in how many parts of the catalogue, from popular to rare."""

    parts: int = Field(default=40, ge=1, le=400)


class SearchQuery(ModelQuery):
    """A search of titles."""

    q: Annotated[str, Field(min_length=1, max_length=limits.QUERY)]
    k: int = Field(default=10, ge=1, le=limits.FOUND)


class TokensQuery(ModelQuery):
    """Items by their tokens."""

    item: Annotated[list[Name], Field(min_length=1, max_length=limits.FOUND)]


class SimilarQuery(ModelQuery):
    """How many similar items."""

    k: int = Field(default=10, ge=1, le=limits.FOUND)


class UsersQuery(ModelQuery):
    """Some users, or those whose token begins with a text."""

    q: Annotated[str, Field(max_length=limits.QUERY)] = ""
    k: int = Field(default=12, ge=1, le=limits.FOUND)

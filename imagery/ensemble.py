"""Several classifiers heard as one: their log probabilities are averaged, and each is kept as text.

Trees find thresholds and exceptions, the discriminant weighs all features at once; their mistakes differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from geo.errors import InputError, Problem
from imagery.balance import Balance, class_weights, unweighted
from imagery.classifier import BoostSettings, Classifier, fit_classifier, softmax
from imagery.discriminant import Discriminant, fit_discriminant
from imagery.forest import Forest, ForestSettings, fit_forest
from imagery.smoothing import first_highest, log_probability

__all__ = ["DEFAULT_MEMBERS", "Ensemble", "EnsembleSettings", "Kind", "Member", "fit_ensemble"]

Kind = Literal["boosted_trees", "linear_discriminant", "random_forest"]
DEFAULT_MEMBERS: tuple[Kind, ...] = ("boosted_trees", "linear_discriminant")


class Member(Protocol):
    """One classifier."""

    @property
    def codes(self) -> tuple[int, ...]:
        """Class codes, in the order of the scores."""
        ...

    @property
    def text(self) -> str:
        """The model as text."""
        ...

    def scores(self, planes: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return log probabilities up to a constant, shape (classes, n)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EnsembleSettings:
    """Which classifiers are fitted, and how."""

    members: tuple[Kind, ...] = DEFAULT_MEMBERS
    """Classifiers, each once."""
    boost: BoostSettings = field(default_factory=BoostSettings)
    """How boosted trees are grown."""
    forest: ForestSettings = field(default_factory=ForestSettings)
    """How a forest is grown."""
    balance: Balance = "as_taught"
    """What the classes weigh."""

    @property
    def seed(self) -> int:
        """Seed of all draws."""
        return self.boost.seed

    def with_seed(self, seed: int) -> EnsembleSettings:
        """Return the same with another seed."""
        return replace(self, boost=replace(self.boost, seed=seed), forest=replace(self.forest, seed=seed))


@dataclass(frozen=True)
class Ensemble:
    """Fitted classifiers of one legend.

    Two ensembles of equal texts are equal.
    """

    members: Mapping[str, Member]
    """Kind to classifier."""
    weights: tuple[float, ...] = ()
    """What a place of each class weighed, in the order of the scores; empty where all weighed alike."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ensemble) and (self.texts, self.weights) == (other.texts, other.weights)

    def __hash__(self) -> int:
        return hash((*sorted(self.texts.items()), self.weights))

    @property
    def codes(self) -> tuple[int, ...]:
        """Class codes, in the order of the scores."""
        return next(iter(self.members.values())).codes

    @property
    def texts(self) -> dict[str, str]:
        """Kind to the text that holds the classifier."""
        return {kind: member.text for kind, member in self.members.items()}

    def scores(self, planes: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the mean of the members' log probabilities for the mix that was taught, shape (classes, n).

        References
        ----------
        Genest, C. and Zidek, J. V. (1986), doi:10.1214/ss/1177013825, section 3: logarithmic opinion pool.
        """
        first, *others = (log_probability(member.scores(planes)) for member in self.members.values())
        mean = np.asarray(sum(others, first) / len(self.members)) if others else first
        return unweighted(mean, np.array(self.weights)) if self.weights else mean

    def chosen(self, logs: NDArray[np.float64]) -> NDArray[np.uint8]:
        """Return the class of each cell of log probabilities as from `scores`, by the weights it was taught with.

        The lowest code where classes tie.
        """
        weighed = logs + np.log(self.weights)[:, None] if self.weights else logs
        return np.asarray(np.take(np.array(self.codes, dtype=np.uint8), first_highest(weighed)))

    def probabilities(self, planes: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the probability of every class, shape (classes, n); each column sums to 1."""
        return softmax(self.scores(planes))

    def predict(self, planes: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the class code with the highest score for every column; the lowest code where they tie."""
        return self.chosen(self.scores(planes))

    @classmethod
    def read(cls, texts: Mapping[str, str], codes: Sequence[int], weights: Sequence[float] = ()) -> Ensemble:
        """Read classifiers back from their texts.

        Parameters
        ----------
        texts
            Kind to text.
        codes
            Class codes that all of them must have.
        weights
            What a place of each class weighed; empty where all weighed alike.

        Raises
        ------
        InputError
            If a kind is unknown, or the classifiers are not of one legend.
        """
        strangers = sorted(set(texts) - set(_READ))
        if strangers or not texts:
            found = ", ".join(strangers) if strangers else "no classifier"
            raise InputError(Problem("model", found, f"some of {', '.join(_READ)}", "train again"))
        members = {kind: _READ[kind](text, tuple(codes)) for kind, text in texts.items()}
        sound = not weights or (len(weights) == len(codes) and all(0 < one < np.inf for one in weights))
        if any(member.codes != tuple(codes) for member in members.values()) or not sound:
            raise InputError(Problem("model", "classifiers of different legends", "one legend", "train again"))
        return cls(members, tuple(weights))


def fit_ensemble(
    planes: NDArray[np.float32], code: NDArray[np.integer], names: Sequence[str], settings: EnsembleSettings
) -> Ensemble:
    """Fit all members on the same places; equal input gives equal texts.

    Parameters
    ----------
    planes
        Features, shape (k, n); NaN is missing.
    code
        Class codes (n).
    names
        Feature names (k).
    settings
        Which classifiers, and how.

    Raises
    ------
    InputError
        If there are fewer than two classes.
    """
    by_class = class_weights(code, settings.balance) if settings.balance != "as_taught" else None
    weight = None if by_class is None else by_class[np.unique(code, return_inverse=True)[1]]
    fit: dict[Kind, Callable[[], Member]] = {
        "boosted_trees": lambda: fit_classifier(planes, code, names, settings.boost, weight),
        "linear_discriminant": lambda: fit_discriminant(planes, code, weight),
        "random_forest": lambda: fit_forest(planes, code, settings.forest, weight),
    }
    return Ensemble(
        {kind: fit[kind]() for kind in settings.members}, () if by_class is None else tuple(by_class.tolist())
    )


_READ: Mapping[str, Callable[[str, tuple[int, ...]], Any]] = {
    "boosted_trees": lambda text, codes: Classifier(text=text, codes=codes),
    "linear_discriminant": lambda text, _: Discriminant.read(text),
    "random_forest": lambda text, _: Forest.read(text),
}

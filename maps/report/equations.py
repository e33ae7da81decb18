"""The equations that a report prints, each with its source; `docs/methods` derives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["EQUATIONS", "Formula"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """An equation in the typesetter's notation and in plain signs, with its source."""

    math: str
    spoken: str
    source: str


EQUATIONS: Mapping[str, Formula] = MappingProxyType(
    {
        "area": Formula(
            math="hat(A) = A sum_h W_h hat(p)_h",
            spoken="Â = A Σₕ Wₕ p̂ₕ",
            source="Cochran 1977, eq. 5.4; Olofsson et al. 2014, eq. 9",
        ),
        "variance": Formula(
            math='"Var"(hat(A)) = A^2 sum_h W_h^2 (1 - n_h / N_h) (hat(p)_h (1 - hat(p)_h)) / (n_h - 1)',
            spoken="Var(Â) = A² Σₕ Wₕ² (1 − nₕ/Nₕ) p̂ₕ (1 − p̂ₕ) / (nₕ − 1)",
            source="Cochran 1977, eq. 5.12; Olofsson et al. 2014, eq. 10",
        ),
        "accuracy": Formula(
            math="U_i = hat(p)_(i i) / hat(p)_(i dot), quad P_j = hat(p)_(j j) / hat(p)_(dot j)",
            spoken="Uᵢ = p̂ᵢᵢ / p̂ᵢ·,  Pⱼ = p̂ⱼⱼ / p̂·ⱼ",
            source="Stehman 2014, eqs. 25-28; Olofsson et al. 2014, eqs. 1-7",
        ),
        "change": Formula(
            math='"Var"(hat(A)_2 - hat(A)_1) = "Var"(hat(A)_1) + "Var"(hat(A)_2) - 2 "Cov"(hat(A)_1, hat(A)_2)',
            spoken="Var(Â₂ − Â₁) = Var(Â₁) + Var(Â₂) − 2 Cov(Â₁, Â₂)",
            source="Cochran 1977, section 12.10",
        ),
    }
)

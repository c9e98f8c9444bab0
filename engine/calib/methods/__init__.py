"""Threshold methods: one file a method, and this registry; :mod:`.rules` makes rows of their readings."""

from collections.abc import Mapping
from types import MappingProxyType

from ...errors import QuantdeckError
from ...text import visible
from . import aciq_gauss, aciq_laplace, kl, max, mse, observer, percentile9999, percentile9999_abs
from .contract import Method

METHODS: Mapping[str, Method] = MappingProxyType(
    {
        module.METHOD.name: module.METHOD
        for module in (kl, mse, max, percentile9999, aciq_gauss, aciq_laplace, observer)
    }
)
"""Every method by its name."""

KNOWN: Mapping[str, Method] = MappingProxyType(
    {**METHODS, percentile9999_abs.METHOD.name: percentile9999_abs.METHOD}
)
"""Those and what only searches use."""

_SPELLINGS = {
    spelling: method.name for method in KNOWN.values() for spelling in (method.name, *method.spellings)
}


def resolve_method(text: str) -> str:
    """The name of a method from either spelling (``kl``, ``use_kl``), whatever the case.

    Errors: QuantdeckError naming the choices; the original takes any other word for KL (spec B.19).
    """
    name = _SPELLINGS.get(text.strip().lower())
    if name is None:
        raise QuantdeckError(
            f"'{visible(text[:60])}' is no calibration method; the methods are {', '.join(METHODS)} (also "
            "written use_kl and so on)."
        )
    return name


__all__ = ["KNOWN", "METHODS", "Method", "resolve_method"]

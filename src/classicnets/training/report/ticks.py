"""Ticks of a logarithmic axis."""

import math
from typing import Any

_MOST_DECADES = 2  # more than these are told by powers of ten alone


def logarithmic_ticks(low: float, high: float) -> dict[str, Any]:
    """The places and the texts of plotly's ticks for values from ``low`` to ``high``, both above 0.

    Left to itself plotly writes 5 beside 0.5, 5 and 50 alike.
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    powers = range(first, last + 1, max(1, (last - first) // 6))
    digits = (1, 2, 5) if last - first <= _MOST_DECADES else (1,)
    values = [digit * 10.0**power for power in powers for digit in digits]
    return {"tickmode": "array", "tickvals": values, "ticktext": [_said(value) for value in values]}


def _said(value: float) -> str:
    power = math.floor(math.log10(value) + 1e-9)
    return f"{value:g}" if -3 <= power <= 4 else f"10<sup>{power}</sup>"

"""Activations that files spell out: HardSigmoid, HardSwish, GELU, SiLU."""

import math

from ..draft import Draft, DraftLayer
from ..vocabulary import GELU, Add, Erf, HardSigmoid, HardSwish, Mul, MulConst, Pow, Relu, Sigmoid, SiLU, Tanh
from .match import become, is_near, other, plus, source, times

SIXTH = 1 / 6


def hard_sigmoid(draft: Draft, layer: DraftLayer) -> bool:
    """relu6(x + 3) / 6."""
    attributes = layer.attributes
    if not (isinstance(attributes, MulConst) and is_near(attributes.const_val, SIXTH)):
        return False
    x = _relu6_of_shifted(draft, layer.inputs[0])
    if x is None:
        return False
    return become(draft, layer, HardSigmoid(alpha=SIXTH, beta=0.5), [x], "HardSigmoid")


def hard_swish(draft: Draft, layer: DraftLayer) -> bool:
    """X * hard_sigmoid(x) of slope 1/6, or x * relu6(x + 3) / 6."""
    if isinstance(layer.attributes, Mul) and len(layer.inputs) == 2:
        x = _x_times_gate(draft, layer)
        return x is not None and become(draft, layer, HardSwish(), [x], "HardSwish")
    if isinstance(layer.attributes, MulConst) and is_near(layer.attributes.const_val, SIXTH):
        product = source(draft, layer.inputs[0], Mul)
        x = _x_times_relu6(draft, product[0]) if product else None
        return x is not None and become(draft, layer, HardSwish(), [x], "HardSwish")
    return False


def _x_times_gate(draft: Draft, layer: DraftLayer) -> str | None:
    for gate in layer.inputs:
        found = source(draft, gate, HardSigmoid)
        if found and found[0].inputs[0] == other(layer, gate):
            fits = is_near(found[1].alpha, SIXTH, 1e-5) and is_near(found[1].beta, 0.5, 1e-6)
            return found[0].inputs[0] if fits else None
    return None


def _x_times_relu6(draft: Draft, layer: DraftLayer) -> str | None:
    for gate in layer.inputs:
        x = _relu6_of_shifted(draft, gate)
        if x is not None and x == other(layer, gate):
            return x
    return None


def _relu6_of_shifted(draft: Draft, tensor: str) -> str | None:
    found = source(draft, tensor, Relu)
    if found is None or found[1].relu_limit != 6.0:
        return None
    return plus(draft, found[0].inputs[0], 3.0)


def silu(draft: Draft, layer: DraftLayer) -> bool:
    """X * sigmoid(x), where nobody else reads the sigmoid."""
    if not (isinstance(layer.attributes, Mul) and len(layer.inputs) == 2 and not layer.attributes.do_relu):
        return False
    for gate in layer.inputs:
        found = source(draft, gate, Sigmoid)
        if (
            found
            and not found[1].log
            and found[0].inputs[0] == other(layer, gate)
            and draft.only_read_by(gate, layer)
        ):
            layer.attributes, layer.inputs = SiLU(), [found[0].inputs[0]]
            draft.remove(found[0])
            return True
    return False


def gelu(draft: Draft, layer: DraftLayer) -> bool:
    """0.5 * x * (1 + erf(x / sqrt 2)) or its tanh form, the half at any place."""
    for left, right in _products(draft, layer):
        for x, gate in ((left, right), (right, left)):
            form = _gate_of(draft, gate, x)
            if form is not None:
                return become(draft, layer, GELU(approximate=form), [x], "GELU")
    return False


def _products(draft: Draft, layer: DraftLayer) -> list[tuple[str, str]]:
    """Pairs (a, b) with layer = 0.5 * a * b."""
    pairs: list[tuple[str, str]] = []
    if isinstance(layer.attributes, MulConst) and is_near(layer.attributes.const_val, 0.5):
        product = source(draft, layer.inputs[0], Mul)
        if product and len(product[0].inputs) == 2:
            pairs.append((product[0].inputs[0], product[0].inputs[1]))
    if isinstance(layer.attributes, Mul) and len(layer.inputs) == 2:
        for half, rest in (layer.inputs, layer.inputs[::-1]):
            whole = times(draft, half, 0.5)
            if whole is not None:
                pairs.append((whole, rest))
            product = source(draft, half, Mul)
            if product and len(product[0].inputs) == 2:
                for inner, outer in (product[0].inputs, product[0].inputs[::-1]):
                    whole = times(draft, inner, 0.5)
                    if whole is not None and outer == rest:
                        pairs.append((whole, rest))
    return pairs


def _gate_of(draft: Draft, gate: str, x: str) -> str | None:
    """Which form *gate* has: "none" for 1 + erf(x / sqrt 2), "tanh" for the tanh form."""
    curve = plus(draft, gate, 1.0)
    if curve is None:
        return None
    erf = source(draft, curve, Erf)
    if erf and times(draft, erf[0].inputs[0], math.sqrt(0.5)) == x:
        return "none"
    tanh = source(draft, curve, Tanh)
    inner = times(draft, tanh[0].inputs[0], math.sqrt(2 / math.pi)) if tanh else None
    total = source(draft, inner, Add) if inner else None
    term = other(total[0], x) if total else None
    cube = times(draft, term, 0.044715) if term else None
    return "tanh" if cube and _is_cube(draft, cube, x) else None


def _is_cube(draft: Draft, tensor: str, x: str) -> bool:
    power = source(draft, tensor, Pow)
    if power:
        return power[1].exponent == 3.0 and power[0].inputs[0] == x
    product = source(draft, tensor, Mul)
    square = other(product[0], x) if product else None
    inner = source(draft, square, Mul) if square else None
    return bool(inner) and inner[0].inputs == (x, x)

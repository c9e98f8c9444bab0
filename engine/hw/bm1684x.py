"""Family X: bm1684x and its relatives bm1688, bm1690 and cv186x (spec C)."""

from collections.abc import Mapping
from types import MappingProxyType

from ..graph.model import Graph
from ..plan import Plan
from . import x_elementwise, x_lookup, x_movers, x_pools, x_products
from .lowering import Family, Lowering, Rule
from .memo import Memo
from .program import Program
from .x_attention import find_attentions, sliced_products

_LOOKUPS = (
    "Sigmoid", "Tanh", "Exp", "Elu", "HardSigmoid", "HardSwish", "SiLU", "GELU", "Mish", "Softplus", "Sqrt",
    "Floor", "Log", "Reciprocal", "Cos", "Sin", "Erf",
)  # fmt: skip

_RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "Conv": x_products.conv,
        "Deconv": x_products.conv,
        "MatMul": x_products.matmul,
        "Scale": x_products.scale,
        "Add": x_elementwise.add,
        "Sub": x_elementwise.add,
        "Mul": x_elementwise.mul,
        "AddConst": x_elementwise.add_const,
        "SubConst": x_elementwise.add_const,
        "MulConst": x_elementwise.mul_const,
        "MaxConst": x_elementwise.bound_const,
        "MinConst": x_elementwise.bound_const,
        "Max": x_elementwise.extreme,
        "Min": x_elementwise.extreme,
        "Relu": x_elementwise.relu,
        "LeakyRelu": x_elementwise.leaky_relu,
        "PRelu": x_elementwise.prelu,
        "Abs": x_elementwise.absolute,
        "MaxPool": x_pools.max_pool,
        "AvgPool": x_pools.avg_pool,
        "Softmax": x_pools.softmax,
        "Concat": x_movers.concat,
        "Reshape": x_movers.reshape,
        "Squeeze": x_movers.reshape,
        "Unsqueeze": x_movers.reshape,
        "Permute": x_movers.permute,
        "Slice": x_movers.cut,
        "Tile": x_movers.tile,
        "Pad": x_movers.pad,
        "Upsample": x_movers.upsample,
        "Depth2Space": x_movers.depth_to_space,
        **dict.fromkeys(_LOOKUPS, x_lookup.lookup),
    }
)

_FLOAT_MODES: Mapping[str, str] = MappingProxyType(
    {
        "Clip": "F16",
        "LayerNorm": "F16",
        "Interp": "F16",
        "Reduce": "F16",
        "Softmax": "F16",
        "Div": "F32",
        "InstanceNorm": "F32",
        "LRN": "F32",
    }
)

FAMILY = Family(
    passes="X",
    rules=_RULES,
    float_modes=_FLOAT_MODES,
    followers=frozenset({"Reshape", "Squeeze", "Unsqueeze"}),
    unrounded=MappingProxyType({"F16": frozenset({"LayerNorm", "Interp", "Clip"})}),
    widened=MappingProxyType({"F16": frozenset({"AvgPool"})}),
)


def lower(graph: Graph, plan: Plan, memo: Memo | None = None) -> Program:
    """Program of *plan* on a chip of family X; only bm1684x fuses attention."""
    lowering = Lowering(graph, plan, FAMILY, groups=sliced_products(graph), memo=memo or Memo())
    if plan.chip == "bm1684x":
        found = list(find_attentions(graph, plan, lowering.integer_types))
        lowering.fused = frozenset(item.softmax for item in found)
        heads = {name: item.heads for item in found for name in item.projections}
        lowering.groups = {**lowering.groups, **heads}
    return lowering.run(plan.chip)

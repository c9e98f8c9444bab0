"""Everything that a search was asked for, as the spec of its job: a resumed job needs nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from types import UnionType
from typing import Any, get_args, get_origin

from .packing import well_formed

SEARCHES = ("search_qtable", "run_sensitive_layer", "run_qtable", "search_threshold", "calibrate")


@dataclass(frozen=True, slots=True)
class SearchSpec:
    """Options in plain values.

    Paths are absolute texts (``path_text``); ``folder`` is where relative ones of a list file begin.
    kind: one of SEARCHES ("calibrate": no search, only corrections). methods: names of the registry, in the
    order in which they are tried. start: rows of the given calibration table. compared: names and weights.
    without_ops: types that stay as the start plan has them, untried. scheduler: the address of a Dask scheduler,
    "" for this machine alone.
    cost: what pareto lowers: "layers", their number, or "chip", the time by engine/hw's model of the chip.
    start_rules: "show" names the layers that rules leave in float, "auto" starts with them in float, "none" neither.
    scored_list: a list file of the samples that score candidates; None: those of the calibration do.
    outputs: option -> (path, text as typed). expected_cos None: nothing is asked for.
    """

    kind: str
    chip: str
    fp_type: str
    folder: str
    dataset: str | None = None
    data_list: str | None = None
    tune_list: str | None = None
    scored_list: str | None = None
    preprocess: Mapping[str, Any] | None = None
    skip_bad: bool = False
    input_shapes: Any = None
    input_num: int = 0
    inference_num: int = 30
    bc_inference_num: int = 30
    tune_num: int = 5
    bins: int = 2048
    exact: bool = False
    find_lower_th: bool = False
    tune_steps: int = 21
    min_tuned_diff: float = 0.01
    method: str = "kl"
    methods: Sequence[str] = ()
    expected_cos: float | None = None
    min_layer_cos: float = 0.99
    max_float_layers: int = 5
    transformer: str = "False"
    compared: Sequence[Sequence[Any]] = ()
    start: Sequence[Sequence[Any]] = ()
    without_ops: Sequence[str] = ()
    benchmark: str = "cos"
    strategy: str = "chapter"
    start_rules: str = "none"
    confirm_num: int = 0
    cost: str = "layers"
    budget_trials: int = 0
    budget_forwards: int = 0
    budget_minutes: float = 0.0
    reference: str = "chip"
    equalize: bool = False
    bias: bool = False
    kurtosis: bool = False
    part_quantize: bool = False
    post_process: str | None = None
    post_process_digest: str = ""
    memory: int | None = None
    jobs: int = 1
    scheduler: str = ""
    model_name: str = ""
    outputs: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])

    def to_dict(self) -> dict[str, Any]:
        """As it stands in the job's row."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "SearchSpec":
        """From the job's row; what other versions wrote beside is left out.

        Errors: QuantdeckError where it holds something else than a search's settings.
        """
        with well_formed():
            known = {item.name: item for item in fields(cls)}
            found = cls(**{name: value for name, value in values.items() if name in known})
            for name, item in known.items():
                _refuse_other(name, getattr(found, name), item.type)
        return found


_ALSO: Mapping[Any, tuple[type, ...]] = {Sequence: (list, tuple), float: (int, float)}
"""What JSON may hold for a type, where that is not the type alone."""


def _refuse_other(name: str, value: object, kind: Any) -> None:
    """Errors: TypeError where a value is not of its field's type; JSON has lists for tuples and 1 for 1.0."""
    for one in get_args(kind) if isinstance(kind, UnionType) else (kind,):
        plain: Any = get_origin(one) or one
        allowed: tuple[type, ...] = _ALSO.get(plain, (plain,))
        if one is Any or isinstance(value, allowed):
            return
    raise TypeError(f"{name} is {value!r:.40}")

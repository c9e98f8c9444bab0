"""The parts of a layer's detail, each as lines: figures, reasons, repairs, activation, weights, samples, neighbours."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from .. import figures
from ..glyphs import Glyphs
from ..insight import Insight, Repair
from ..keys import REPAIRS, USUAL, KeyName
from ..snapshots import LayerView
from .canvas import Grid
from .cells import Part, cut, cut_middle, fit, wrap
from .histogram import draw, legend

NEIGHBOURS = 3
SAMPLES = 5
ACTIVATION = 9  # lines of the histogram, axis and letters among them
BARS = 2  # lines of the weights' bars
LEGEND = 37  # cells of a line of the thresholds
TITLE = 12

Lines = list[list[Part]]


@dataclass(frozen=True, slots=True)
class Subject:
    """What the detail is about: the layer, its row of the table, and the close-up where there is one.

    unseen: why there is no close-up. asks: whether one is on its way.
    """

    layer: LayerView
    row: Mapping[str, object]
    insight: Insight | None = None
    unseen: str = ""
    asks: bool = False

    @property
    def method(self) -> str:
        """The method of the plan's threshold."""
        return str(self.row.get("method") or "")


def sections(subject: Subject, glyphs: Glyphs, width: int, key: KeyName = USUAL) -> Lines:
    """Everything, the most telling first; *key* names the keys of actions."""
    parts = [
        figure_lines(subject, glyphs, width),
        reason_lines(subject, glyphs, width),
        repair_lines(subject, glyphs, width, key),
        activation_lines(subject, glyphs, width, key),
        weight_lines(subject, glyphs, width),
        sample_lines(subject, glyphs, width),
        neighbour_lines(subject.layer, glyphs, width),
    ]
    lines: Lines = []
    for part in parts:
        if part:
            lines += [*part, []]
    return lines[:-1]


def rule_line(layer: LayerView, glyphs: Glyphs, width: int) -> list[Part]:
    """The layer's name and op inside a rule."""
    name = cut_middle(glyphs.show(layer.name), max(8, width - 24), glyphs.cut)
    line: list[Part] = [
        (glyphs.rule * 2 + " ", "muted"),
        (name, "title"),
        (f" {glyphs.show(layer.op)} ", "plain"),
    ]
    return [*line, (glyphs.rule * width, "muted")]


# -------------------------------------------------------------------- figures


def figure_lines(subject: Subject, glyphs: Glyphs, width: int) -> Lines:
    """Shape, cost, noise and range, one a line."""
    layer, row = subject.layer, subject.row
    shape = f"{layer.shape}  {layer.detail}" if layer.detail else layer.shape
    lines: Lines = [_fact("output", cut(glyphs.show(shape), width - TITLE, glyphs.cut))]
    cost = f"{figures.count(layer.macs).strip()} MACs, {figures.count(layer.params).strip()} params"
    if (part := _real(row.get("cost"))) is not None:
        cost += f", {figures.stale(row.get('cost'))}{figures.share(part)} of the time"
    lines.append(_fact("cost", cost))
    if row.get("local_sqnr") is not None:
        lines.append(_noise("alone", row.get("local_cos"), row.get("local_sqnr")))
    if row.get("sqnr") is not None:
        clipped = figures.stale(row.get("saturation")) + figures.share(_real(row.get("saturation")))
        lines.append(
            [*_noise("in the plan", row.get("cos"), row.get("sqnr")), (f"  clipped {clipped}", "plain")]
        )
    if (output := row.get("output")) is not None:
        lines.append(_output(output, row.get("rank")))
    return lines + _range(layer, glyphs)


def _output(value: object, rank: object) -> list[Part]:
    decibels, part = value  # type: ignore[misc]
    place = f", rank {figures.stale(rank)}{rank:.0f}" if isinstance(rank, (int, float)) else ", float"
    old = figures.stale(value)
    told = f"{old}{figures.decibels(decibels)} alone, {old}{figures.share(part)} of noise{place}"
    return _fact("at output", told)


def _range(layer: LayerView, glyphs: Glyphs) -> Lines:
    tensor = layer.tensor
    if tensor is None or tensor.min is None:
        return []
    told = f"{figures.real(tensor.min)} to {figures.real(tensor.max)}"
    spread = f"mean {figures.real(tensor.mean)}, std {figures.real(tensor.std)}"
    lines = [_fact("range", f"{told}, {spread}"), _fact("zeros", figures.share(tensor.zero_share))]
    if tensor.warning:
        lines.append([("! " + glyphs.show(tensor.warning), "weak")])
    return lines


# -------------------------------------------------------------------- why, and what helps


def reason_lines(subject: Subject, glyphs: Glyphs, width: int) -> Lines:
    """Why the layer hurts, in words."""
    insight = subject.insight
    title = _title(
        "why it hurts" if subject.row.get("mode") in (None, "INT8") else "why it would hurt in int8"
    )
    if insight is not None:
        said = (
            *(insight.reasons or ("nothing unusual: its noise is that of eight bits",)),
            *_matters(subject),
        )
        return [title, *(line for one in said for line in _item(one, glyphs, width))]
    if subject.unseen:
        return [title, *_item(subject.unseen, glyphs, width, "weak")]
    return [title, [(f"  looking{glyphs.cut}", "muted")]] if subject.asks else []


def _matters(subject: Subject) -> tuple[str, ...]:
    """How much of the noise at the outputs it makes: the same figure that stands above and in the table."""
    if (output := subject.row.get("output")) is None or subject.row.get("rank") is None:
        return ()
    part = figures.stale(output) + figures.share(output[1])  # type: ignore[index]
    return (f"it makes {part} of the noise at the outputs",)


def _item(text: str, glyphs: Glyphs, width: int, tone: str = "plain") -> Lines:
    lines = wrap(glyphs.show(text), max(10, width - 2))
    return [[("- " if place == 0 else "  ", "muted"), (line, tone)] for place, line in enumerate(lines)]


def repair_lines(subject: Subject, glyphs: Glyphs, width: int, key: KeyName) -> Lines:
    """The repairs, each with its key and predicted gain."""
    insight = subject.insight
    if insight is None:
        return []
    known = insight.complete or insight.alone
    told = "estimated at the layer itself" if insight.alone else "predicted at the outputs"
    title = f"repairs, {told if known else 'measuring the outputs'}"
    lines: Lines = [[(title, "strong"), ("" if known else glyphs.cut, "muted")]]
    if not insight.repairs:
        none = "none is predicted to gain anything" if known else "none is known yet"
        return [*lines, [(f"  {none}", "muted")]]
    keys = [key(action) for action in REPAIRS]
    long = max(map(len, keys))
    for sign, repair in zip(keys, insight.repairs, strict=False):
        gain = gain_text(repair)
        room = max(10, width - len(gain) - 4 - long)
        words = fit(cut(glyphs.show(repair.title), room, glyphs.cut), room)
        lines.append(
            [
                (f" {sign:<{long}} ", "key"),
                (words, "plain"),
                (f"  {gain}", "muted" if repair.rough else "good"),
            ]
        )
    return lines


def gain_text(repair: Repair) -> str:
    """The predicted gain with its error; an estimate from the layer alone says so."""
    amount = "no error left" if math.isinf(repair.gain) else f"+{repair.gain:.1f} dB"
    if repair.rough:
        return f"{amount} here"
    if repair.measured:
        return f"{amount} measured"
    return amount + (f" ({repair.error:.1f})" if repair.error is not None else "")


def gain_told(repair: Repair) -> str:
    """The gain in a sentence: predicted, or that of a plan which was run."""
    text = gain_text(repair)
    return f"measured {text.removesuffix(' measured')}" if repair.measured else f"predicted {text}"


# -------------------------------------------------------------------- pictures


def activation_lines(subject: Subject, glyphs: Glyphs, width: int, key: KeyName) -> Lines:
    """The activation's histogram with every method's threshold on it, and their values beside or below."""
    tensor = subject.layer.tensor
    if tensor is None or not tensor.counts:
        return [
            _title("activation"),
            [(f"  no histogram yet: calibrate ({key('layers.calibrate')})", "muted")],
        ]
    table = threshold_lines(subject.layer, subject.method, glyphs)
    beside = width >= 2 * LEGEND
    room = width - LEGEND - 2 if beside else width
    if tensor.high <= tensor.low:
        return [_title("activation"), [("  a constant", "muted")], *table]
    grid = Grid(room, ACTIVATION, glyphs.kind)
    draw(grid, tensor, subject.method, glyphs.mark, glyphs.rule)
    picture = picture_lines(grid)
    if not beside:
        return [_title("activation"), *picture, *table]
    joined: Lines = [
        [
            *(picture[y] if y < len(picture) else [(" " * room, "plain")]),
            ("  ", "plain"),
            *(table[y] if y < len(table) else []),
        ]
        for y in range(max(len(picture), len(table)))
    ]
    return [_title("activation"), *joined]


def picture_lines(grid: Grid, tone: str = "fill") -> Lines:
    """A grid as lines."""
    return [[(sign, "plain" if sign == " " else shade) for sign, shade in row] for row in grid.rows(tone)]


def threshold_lines(layer: LayerView, chosen: str, glyphs: Glyphs) -> Lines:
    """Every method's threshold with its share of the range, the plan's marked."""
    tensor = layer.tensor
    if tensor is None:
        return []
    reach = max(abs(tensor.min or 0.0), abs(tensor.max or 0.0))
    lines: Lines = []
    for sign, method, value, used in legend(tensor, chosen):
        part = f"{value / reach * 100:6.1f} %" if reach else ""
        tone = "accent" if used else "plain"
        line: list[Part] = [(f"{sign} ", "accent" if used else "key")]
        line += [(f"{fit(method, 9)}{figures.real(value):>8}", tone), (part, "muted")]
        lines.append([*line, (f" {glyphs.left} used" if used else "", "accent")])
    return lines


def weight_lines(subject: Subject, glyphs: Glyphs, width: int) -> Lines:
    """The range of each output channel's weights as bars, on the scale of decibels."""
    channels = subject.insight.channels if subject.insight is not None else ()
    if not channels:
        return []
    top, middle = max(channels), median(channels)
    words = f"{len(channels)} channels, largest weight {figures.real(min(channels))} to {figures.real(top)}"
    if middle > 0:
        words += f", widest {top / middle:.1f} x the median"
    title = _title("weights by channel")
    if top <= 0 or len(channels) == 1:
        return [title, *_item(words, glyphs, width)]
    return [title, *picture_lines(range_bars(channels, width, glyphs.kind)), *_item(words, glyphs, width)]


def range_bars(channels: Sequence[float], width: int, kind: str) -> Grid:
    """A bar a channel, or for the widest of several where there are many; full is the widest, empty 1/64 of it."""
    grid = Grid(width, BARS, kind)
    across, high = grid.dots
    top = max(channels)
    each = max(1, across // len(channels))
    for place in range(min(across // each, len(channels)) if each > 1 else min(across, len(channels))):
        shown = min(across // each, len(channels))
        first = place * len(channels) // shown
        last = max(first + 1, (place + 1) * len(channels) // shown)
        value = max(channels[first:last])
        part = 1 + math.log2(value / top) / 6 if value > 0 else 0.0
        tall = max(1 if value > 0 else 0, round(part * high))
        for x in range(place * each, place * each + max(1, each - (each > 2))):
            for y in range(high - tall, high):
                grid.dot(x, y)
    return grid


# -------------------------------------------------------------------- lists


def sample_lines(subject: Subject, glyphs: Glyphs, width: int) -> Lines:
    """The samples on which the layer's output is worst in the plan."""
    samples = subject.insight.samples if subject.insight is not None else None
    if samples is None:
        return [_title("worst samples"), [(f"  scoring{glyphs.cut}", "muted")]] if subject.insight else []
    if not samples:
        return []
    lines: Lines = [_title("worst samples, at this layer in the plan")]
    for name, cosine, decibels in samples[:SAMPLES]:
        tone, sign = figures.verdict(decibels)
        shown = cut_middle(glyphs.show(name), max(8, width - 23), glyphs.cut)
        told = f" {figures.decibels(decibels):>8} "
        lines.append(
            [(told, "plain"), (sign, tone), (f" {figures.cosine(cosine)}  ", "plain"), (shown, "muted")]
        )
    return lines


def neighbour_lines(layer: LayerView, glyphs: Glyphs, width: int) -> Lines:
    """Where the layer's inputs come from and who reads its output."""
    lines: Lines = []
    for title, names in (("from", layer.inputs), ("to", layer.outputs)):
        for index, (name, op) in enumerate(names[:NEIGHBOURS]):
            room = max(6, width - 7 - len(op))
            shown = cut_middle(glyphs.show(name), room, glyphs.cut)
            head = title if index == 0 else ""
            lines.append([(f"{head:<5}", "muted"), (f"{glyphs.show(op)} ", "plain"), (shown, "muted")])
        if len(names) > NEIGHBOURS:
            lines.append([(f"     and {len(names) - NEIGHBOURS} more", "muted")])
    if not layer.outputs:
        lines.append([("to   ", "muted"), ("output of the network", "plain")])
    return lines


def _title(text: str) -> list[Part]:
    return [(text, "strong")]


def _fact(title: str, text: str) -> list[Part]:
    return [(f"{title:<{TITLE}}", "muted"), (text, "plain")]


def _noise(title: str, cos: object, sqnr: object) -> list[Part]:
    tone, sign = figures.verdict(_real(sqnr))
    return [
        (f"{title:<{TITLE}}", "muted"),
        (f"cosine {figures.stale(cos)}{figures.cosine(_real(cos))}  ", "plain"),
        (f"{figures.stale(sqnr)}{figures.decibels(_real(sqnr))} {sign}", tone),
    ]


def _real(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None

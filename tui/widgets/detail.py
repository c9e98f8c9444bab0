"""What the table has no room for: a layer's attributes, figures, neighbours, histogram and thresholds."""

from collections.abc import Mapping

from textual.app import ComposeResult
from textual.widget import Widget

from .. import figures
from ..glyphs import Glyphs
from ..snapshots import LayerView
from .cells import Part, cut_middle, fit
from .histogram import Histogram, legend
from .painted import Lines

NEIGHBOURS = 3
BESIDE = 40  # cells of the part on the right, as the style sheet has it


class DetailPane(Widget):
    """Facts on the left, the activation in the middle, thresholds and neighbours on the right."""

    def compose(self) -> ComposeResult:
        """A rule with the layer's name, then three parts side by side."""
        yield Lines(id="rule")
        yield Lines(id="facts")
        yield Histogram(id="histogram")
        yield Lines(id="thresholds")

    def show(self, layer: LayerView | None, row: Mapping[str, object], glyphs: Glyphs) -> None:
        """Show a layer; *row* holds the figures of its table row."""
        width = self.screen.size.width
        rule, facts = self.query_one("#rule", Lines), self.query_one("#facts", Lines)
        histogram, thresholds = self.query_one(Histogram), self.query_one("#thresholds", Lines)
        if layer is None:
            rule.set_line([(glyphs.rule * width, "muted")])
            facts.set_lines([])
            thresholds.set_lines([])
            histogram.set_tensor(None)
            return
        method = str(row.get("method") or "")
        rule.set_line(rule_line(layer, glyphs, width))
        narrow = self.screen.has_class("-narrow")  # before its first layout the pane has no size yet
        lines = fact_lines(layer, row, glyphs)
        if narrow:
            lines += [[], *threshold_lines(layer, method, glyphs)]
        facts.set_lines(lines)
        histogram.set_tensor(layer.tensor, method)
        room = thresholds.size.width or BESIDE
        beside = [*threshold_lines(layer, method, glyphs), [], *neighbour_lines(layer, glyphs, room)]
        thresholds.set_lines(beside)


def rule_line(layer: LayerView, glyphs: Glyphs, width: int) -> list[Part]:
    """The layer's name and op inside a rule."""
    name = cut_middle(glyphs.show(layer.name), max(8, width - 24), glyphs.cut)
    line: list[Part] = [
        (glyphs.rule * 2 + " ", "muted"),
        (name, "title"),
        (f" {glyphs.show(layer.op)} ", "plain"),
    ]
    return [*line, (glyphs.rule * width, "muted")]


def fact_lines(layer: LayerView, row: Mapping[str, object], glyphs: Glyphs) -> list[list[Part]]:
    """Attributes and figures, one a line."""
    tensor = layer.tensor
    lines: list[list[Part]] = [_fact("output", layer.shape, glyphs)]
    if layer.detail:
        lines.append(_fact("attributes", layer.detail, glyphs))
    cost = f"{figures.count(layer.macs).strip()} MACs, {figures.count(layer.params).strip()} params"
    lines += [_fact("cost", cost, glyphs), []]
    if row.get("local_sqnr") is not None:
        lines.append(_noise("alone", row.get("local_cos"), row.get("local_sqnr")))
    if row.get("sqnr") is not None:
        lines.append(_noise("in the plan", row.get("cos"), row.get("sqnr")))
        lines.append(_fact("clipped", figures.share(_real(row.get("saturation"))), glyphs))
    if tensor is not None and tensor.min is not None:
        lines += [[], _fact("range", f"{figures.real(tensor.min)} to {figures.real(tensor.max)}", glyphs)]
        lines.append(_fact("mean, std", f"{figures.real(tensor.mean)}, {figures.real(tensor.std)}", glyphs))
        lines.append(_fact("zeros", figures.share(tensor.zero_share), glyphs))
    if tensor is not None and tensor.warning:
        lines.append([("! " + glyphs.show(tensor.warning), "weak")])
    return lines


def threshold_lines(layer: LayerView, chosen: str, glyphs: Glyphs) -> list[list[Part]]:
    """Every method's threshold with its share of the range, the plan's marked."""
    tensor = layer.tensor
    if tensor is None:
        return []
    reach = max(abs(tensor.min or 0.0), abs(tensor.max or 0.0))
    lines: list[list[Part]] = []
    for sign, method, value, used in legend(tensor, chosen):
        part = f"{value / reach * 100:6.1f} %" if reach else ""
        tone = "accent" if used else "plain"
        line: list[Part] = [(f"{sign} ", "accent" if used else "key")]
        line += [(f"{fit(method, 9)}{figures.real(value):>8}", tone), (part, "muted")]
        lines.append([*line, (f" {glyphs.left} used" if used else "", "accent")])
    return lines


def neighbour_lines(layer: LayerView, glyphs: Glyphs, width: int) -> list[list[Part]]:
    """Where the layer's inputs come from and who reads its output."""
    lines: list[list[Part]] = []
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


def _fact(title: str, text: str, glyphs: Glyphs) -> list[Part]:
    return [(f"{title:<12}", "muted"), (glyphs.show(text), "plain")]


def _noise(title: str, cos: object, sqnr: object) -> list[Part]:
    tone, sign = figures.verdict(_real(sqnr))
    text = f"cos {figures.cosine(_real(cos))}  "
    return [
        (f"{title:<12}", "muted"),
        (text, "plain"),
        (f"{figures.decibel(_real(sqnr)):>5} dB {sign}", tone),
    ]


def _real(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None

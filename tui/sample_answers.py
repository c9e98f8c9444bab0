"""What two plans make of one sample, as lines: classes, boxes or plain similarity beside the float network."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from . import figures
from .glyphs import Glyphs
from .queries import decibels
from .widgets.cells import Part, cut, fit

SIGNS = ("float", "A", "B")


def answer_lines(
    answer: Mapping[str, Any], glyphs: Glyphs, width: int, names: Sequence[str] = (), most: int = 6
) -> list[list[Part]]:
    """At most *most* lines of an answer of the process that runs plans. *names*: of the classes, where known."""
    answers: Mapping[str, Mapping[str, Any]] = answer["answers"]
    missing: list[list[Part]] = [[("   " + glyphs.show(said), "weak")] for said in answer.get("missing", ())]
    kinds = {one["kind"] for one in answers.values()}
    if kinds == {"classes"}:
        return missing + _classes(answers, glyphs, width, names)
    if kinds == {"boxes"}:
        return (missing + _boxes(answers, glyphs, width, names))[:most]
    return (missing + _plain(answer, glyphs, width))[:most]


def _classes(
    answers: Mapping[str, Mapping[str, Any]], glyphs: Glyphs, width: int, names: Sequence[str]
) -> list[list[Part]]:
    """The five likeliest classes of float, A and B, side by side."""
    tops: dict[str, list[list[float]]] = {"float": next(iter(answers.values()))["tops"]["float"]}
    tops |= {sign: one["tops"][sign] for sign, one in answers.items()}
    room = max(12, (width - 6) // 3)
    exact = [int(one[0]) for one in tops["float"]]
    lines: list[list[Part]] = [[("      ", "plain"), *((fit(sign, room), "key") for sign in SIGNS)]]
    for place in range(len(exact)):
        line: list[Part] = [(f"   {place + 1}  ", "muted")]
        for sign in SIGNS:
            top = tops.get(sign, [])
            number, share = (int(top[place][0]), top[place][1]) if place < len(top) else (-1, 0.0)
            same = number == exact[place]
            text = f"{figures.share(share):>7}  {class_name(number, glyphs, names)}" if number >= 0 else ""
            line.append((fit(cut(text, room - 1, glyphs.cut), room), "plain" if same else "weak"))
        lines.append(line)
    return lines


def class_name(number: int, glyphs: Glyphs, names: Sequence[str]) -> str:
    """A class by its name, or else by its number."""
    return f"{number} {glyphs.show(names[number])}" if number < len(names) else f"class {number}"


def _boxes(
    answers: Mapping[str, Mapping[str, Any]], glyphs: Glyphs, width: int, names: Sequence[str]
) -> list[list[Part]]:
    """How many boxes each has and how many are the float network's; then its boxes, those that were lost first."""
    first = next(iter(answers.values()))
    boxes: list[list[float]] = first["boxes"]
    matches: dict[str, list[float]] = {sign: one["matches"][sign] for sign, one in answers.items()}
    head: list[Part] = [(f"   float {first['counts']['float']} boxes", "plain")]
    for sign, one in answers.items():
        hits = sum(share > 0 for share in matches[sign])
        mean = sum(matches[sign]) / hits if hits else 0.0
        said = f"{one['counts'][sign]} boxes, {hits} same, IoU {mean:.2f}"
        head += [
            (f"  {glyphs.dot} ", "muted"),
            (f"{sign} ", "key"),
            (said, "good" if hits == len(boxes) else "weak"),
        ]
    order = sorted(range(len(boxes)), key=lambda at: min((m[at] for m in matches.values()), default=0.0))
    lines = [head]
    for at in order:
        kind, score, *corners = boxes[at]
        name = fit(cut(class_name(int(kind), glyphs, names), 20, glyphs.cut), 20)
        place = ", ".join(figures.real(value) for value in corners)
        line: list[Part] = [(f"   {name} {score:.2f}  ", "plain")]
        for sign, shares in matches.items():
            text = f"{shares[at]:.2f}" if shares[at] else "lost"
            line += [(f"{sign} ", "key"), (f"{text:5} ", "plain" if shares[at] else "bad")]
        lines.append([*line, (cut(f" at {place}", max(1, width - 48), glyphs.cut), "muted")])
    return lines


def _plain(answer: Mapping[str, Any], glyphs: Glyphs, width: int) -> list[list[Part]]:
    """Cosine and SQNR of every output, the worst of B first."""
    names: list[str] = answer["names"]
    rows: dict[str, list[list[float]]] = answer["figures"]
    room = max(16, width // 3)
    lines: list[list[Part]] = [
        [(fit("   output", room), "muted"), *((fit(sign, 28), "key") for sign in rows)]
    ]
    last = list(rows.values())[-1]
    for at in sorted(range(len(last)), key=lambda at: decibels(last[at][1], last[at][2])):
        name = glyphs.show(names[at]) if at < len(names) else ""
        line: list[Part] = [(fit(cut("   " + name, room - 1, glyphs.cut), room), "plain")]
        for found in rows.values():
            cos, signal, noise = found[at] if at < len(found) else (math.nan, 0.0, 0.0)
            text = f"cosine {figures.cosine(cos)} {figures.decibels(decibels(signal, noise))}"
            line.append((fit(text, 28), "plain"))
        lines.append(line)
    return lines

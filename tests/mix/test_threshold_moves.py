"""What other thresholds do to a plan's noise before it is run: from histograms, with an interval that says how well."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from noise_world import World, map_of, network, plan_of, score
from quantdeck.engine.calib.statistics import TensorStatistics
from quantdeck.engine.mix.ledger_measure import Measuring, measure
from quantdeck.engine.mix.repairs import Evidence
from quantdeck.engine.mix.threshold_moves import MOST, louder, threshold_moves
from quantdeck.engine.mix.trial import Source, Trial, run_search
from quantdeck.engine.plan import Mode, Plan, Threshold
from quantdeck.sessions.expectation import Expected
from quantdeck.sessions.report import Silent
from quantdeck.sessions.store import open_session

from quantdeck.demo import run_demo

GRAPH = network(("pool", "pool", "pool"))
PLAN = plan_of(GRAPH, 1.0)


def statistics(name: str) -> TensorStatistics:
    """A normal tensor that reaches 4 deviations."""
    values = np.random.default_rng(1).normal(0, 0.25, 100_000).clip(-1, 1)
    counts, _ = np.histogram(values, 2048, (-1, 1))
    ends = float(values.min()), float(values.max())
    return TensorStatistics(name, 1, values.size, *ends, 0.0, 0.25, 0.0, counts.astype(np.float32), -1.0, 1.0)


def evidence() -> Evidence:
    return Evidence.of(GRAPH, PLAN, {name: statistics(name) for name in GRAPH.tensors})


def edited(value: float, name: str = "l1") -> Plan:
    return PLAN.with_thresholds({name: Threshold(value, -1.0, 1.0, "typed")})


def expected(*runs: tuple[Plan, float]) -> Expected:
    names = map_of(GRAPH).sources
    world = World(GRAPH, [1e-3] * len(names))
    ledger = run_search(measure(GRAPH, PLAN, mode=Mode.F32, measuring=Measuring(1, 0, 0, 0)), world)
    return Expected(ledger, [(plan, score([noise, noise])) for plan, noise in runs])


def test_wide_steps_and_cut_values_count_and_the_further_off_the_less_sure() -> None:
    found = {value: threshold_moves(evidence(), edited(value)) for value in (0.1, 0.5, 1.0, 3.0, 10.0)}
    factors, errors = {}, {}
    for value, moves in found.items():
        assert moves is not None
        factors[value] = moves.factors.get(Source("layer", "l1"), 1.0)
        errors[value] = moves.errors.get(Source("layer", "l1"), (0.0, 0.0))[1]
    assert factors[3.0] == pytest.approx(9, rel=0.01)
    assert factors[0.1] > factors[0.5] > factors[1.0] == 1
    assert errors[10.0] > errors[3.0] > errors[1.0] == 0


def test_an_edit_is_predicted_lower_and_wider_and_never_beyond_what_noise_can_do() -> None:
    before = expected().of(PLAN)
    told = []
    for value in (0.7, 0.3, 0.001):
        moves = threshold_moves(evidence(), edited(value))
        assert moves is not None
        told.append(expected().moved(edited(value), moves))
    assert before.sqnr > told[0].sqnr > told[1].sqnr > told[2].sqnr > -10 * math.log10(MOST) - 0.01
    assert told[1].high - told[1].low > 2 * (before.high - before.low)
    for one in told:
        assert one.low < one.sqnr < one.high
        assert one.cos_low <= one.cos <= one.cos_high
    assert louder(0.1, 1.0) == pytest.approx(0.1)


def test_a_plan_that_was_run_with_the_new_thresholds_is_the_start() -> None:
    plan = edited(0.3)
    moves = threshold_moves(evidence(), plan)
    assert moves is not None
    found = expected((plan, 0.02)).moved(plan, moves)
    assert found.sqnr == pytest.approx(-10 * math.log10(0.02))
    assert found.high - found.low < 0.01
    other = expected((plan, 0.02)).moved(plan.with_mode("l2", Mode.F32), moves)
    assert other.sqnr >= found.sqnr
    assert other.high - other.low > 0.1


def test_nothing_is_told_of_what_the_histograms_do_not_know() -> None:
    known = evidence()
    assert threshold_moves(replace(known, statistics={}), edited(0.5)) is None
    odd = replace(PLAN, thresholds={**PLAN.thresholds, "nowhere": Threshold(1.0, -1.0, 1.0, "typed")})
    assert threshold_moves(known, odd) is None
    same = threshold_moves(known, PLAN)
    assert same is not None
    assert not same.factors


def test_on_a_real_network_what_is_measured_lies_within(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Edits of single thresholds of the embedded example, from an eighth to ten times each."""
    from quantdeck.sessions.records import get_plan
    from quantdeck.tui import assessor
    from quantdeck.tui.asked import Asked, Question

    path = run_demo(tmp_path, Silent()).session
    monkeypatch.setattr(assessor, "tell", lambda *_told, **_values: None)
    with open_session(path, readonly=True) as session:
        found = get_plan(session)
    assert found is not None
    number, plan = found
    one = assessor.Assessor(path, Asked())
    one.answer(Question(number, None, "ready"))
    while one._ledger_of(plan) is None and one.idle():
        pass
    inside, lower = [], []
    names = [layer.name for layer in one._graph.layers if layer.name in plan.thresholds]
    (base,) = one._trials([Trial(plan)])
    for name in names[::2]:
        row = plan.thresholds[name]
        for factor in (0.125, 0.4, 0.8, 2.0, 10.0):
            new = plan.with_thresholds({name: replace(row, value=row.value * factor, method="typed")})
            told = one._expected(new)
            assert told is not None
            (real,) = one._trials([Trial(new)])
            inside.append(told.low <= real.sqnr <= told.high)  # type: ignore[union-attr]
            if real.sqnr < base.sqnr - 3:  # type: ignore[union-attr]
                lower.append(told.sqnr < base.sqnr - 1)  # type: ignore[union-attr]
    one.close()
    assert np.mean(inside) >= 0.85, f"{sum(inside)} of {len(inside)}"
    assert lower
    assert np.mean(lower) >= 0.8, f"{sum(lower)} of {len(lower)}"

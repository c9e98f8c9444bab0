"""search_threshold: which table wins by which figure (spec B.11)."""

import math

import pytest
from quantdeck.engine.errors import QuantdeckError
from quantdeck.engine.mix.threshold_search import Benchmark, threshold_search
from quantdeck.engine.mix.trial import Failure, Objective, run_search
from quantdeck.engine.plan import Plan, Threshold
from quantdeck.engine.run.score import OutputScore, Score, Similarity

METHODS = ("kl", "max", "mse")
PLANS = {
    name: Plan("bm1684x", "F16", {"t": Threshold(index + 1.0, -1, 1, name)})
    for index, name in enumerate(METHODS)
}


def score(cosine: float, noise: float = 0.0, euclid: float = 1.0, second: float | None = None) -> Score:
    outputs = [OutputScore("y", Similarity((cosine,), (euclid,), (1.0,), (noise,)))]
    if second is not None:
        outputs.append(OutputScore("z", Similarity((1.0,), (1.0,), (1.0,), (second,))))
    return Score(tuple(outputs), 1)


def search(results, name="cos", target=0.0):
    found = dict(zip((plan.digest for plan in PLANS.values()), results, strict=True))
    generator = threshold_search(PLANS, Benchmark(name, {}), Objective(target, {}))
    return run_search(generator, lambda trials: [found[trial.plan.digest] for trial in trials])


def test_the_highest_wins_and_ties_go_to_the_earlier():
    outcome = search([score(0.9), score(0.95), score(0.95)])
    assert outcome.plan == PLANS["max"]
    assert [row.method for row in outcome.ranking] == list(METHODS)
    assert outcome.cos == 0.975


def test_each_benchmark_has_its_own_winner():
    results = [score(0.9, 0.5, 0.3), score(0.8, 0.1, 0.2), score(0.7, 0.6, 0.9)]
    assert search(results, "cos").plan == PLANS["kl"]
    assert search(results, "snr").plan == PLANS["max"]
    assert search(results, "euclid").plan == PLANS["mse"]


def test_snr_sees_every_output():
    """The original's sees the last one only (spec B.19 #23)."""
    results = [score(1, 0.8, second=0.1), score(1, 0.0, second=0.2), score(1, 0.9, second=0.0)]
    assert search(results, "snr").plan == PLANS["max"]


def test_a_failed_trial_and_a_nan_never_win():
    outcome = search([Failure("broke"), score(math.nan), score(0.1)])
    assert outcome.plan == PLANS["mse"]


def test_a_target_may_be_missed():
    assert not search([score(0.9), score(0.95), score(0.95)], target=0.999).reached


def test_unknown_figures_are_refused():
    with pytest.raises(QuantdeckError, match="benchmark_method"):
        Benchmark("psnr", {})

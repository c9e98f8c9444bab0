"""Figures of layers that an edit does not reach are taken from before, and are those of a run from scratch."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quantdeck.engine.run import evaluator as module
from quantdeck.engine.run.evaluator import Evaluator
from trial_cases import calibrated, network, random_feeds, random_plans


class Fed:
    """Samples that are arrays already; counts how often they are gone through."""

    def __init__(self, feeds: Sequence[Mapping[str, np.ndarray]]) -> None:
        self._feeds = feeds
        self.passes = 0

    def __len__(self) -> int:
        return len(self._feeds)

    def batches(self) -> Iterator[Mapping[str, np.ndarray]]:
        self.passes += 1
        yield from self._feeds


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0, 4000, 1 << 30]))
def test_any_plans_one_after_the_other_have_the_figures_of_a_run_from_scratch(seed: int, memory: int) -> None:
    graph = network(seed, 8)
    samples = Fed(random_feeds(graph, 2, seed))
    plans = random_plans(graph, calibrated(graph, samples._feeds), 5, seed)
    held = Evaluator(graph, samples, memory=memory)  # type: ignore[arg-type]
    for plan in (*plans, *plans):
        alone = Evaluator(graph, samples).layer_scores(plan)  # type: ignore[arg-type]
        assert repr(held.layer_scores(plan)) == repr(alone)  # a NaN is not equal to itself


def test_only_what_an_edit_reaches_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = network(3, 8)
    samples = Fed(random_feeds(graph, 2))
    plan = calibrated(graph, samples._feeds)
    compared: list[int] = []
    compare = module.compare
    monkeypatch.setattr(module, "compare", lambda *both: compared.append(1) or compare(*both))
    held = Evaluator(graph, samples)  # type: ignore[arg-type]
    whole = held.layer_scores(plan)
    assert len(compared) == 2 * 2 * len(whole)  # alone and in the plan, two samples
    compared.clear()
    last = graph.layers[-1].name
    held.layer_scores(plan.with_modes({last: "F32"}))  # type: ignore[dict-item]
    assert 0 < len(compared) < 2 * len(whole)
    compared.clear()
    samples.passes = 0
    assert held.layer_scores(plan) == whole  # undone
    assert samples.passes == 0
    assert not compared

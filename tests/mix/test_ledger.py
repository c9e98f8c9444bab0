"""The noise ledger: which sources a plan has, measuring in two rounds, prediction, anchors, bytes."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from noise_world import World, cast, map_of, network, own, plan_of, score
from quantdeck.engine.errors import QuantdeckError
from quantdeck.engine.hw.chip import get_chip
from quantdeck.engine.mix.ledger import Ledger
from quantdeck.engine.mix.ledger_measure import Measuring, measure, remeasured
from quantdeck.engine.mix.trial import Source, run_search
from quantdeck.engine.plan import Mode
from quantdeck.sessions.expectation import expectation
from quantdeck.sessions.output_noise import layer_gains

KINDS = ("pool", "leaky", "pool", "add", "pool")


def names_of(world: World, floats: set[str]) -> dict[str, float]:
    found = world.map.active(frozenset(floats))
    return {
        f"{s.kind} {s.name} {s.reader}".strip(): found[i]
        for i, s in enumerate(world.map.sources)
        if i in found
    }


def world_of(kinds=KINDS, **rest) -> World:
    graph = network(kinds)
    count = len(map_of(graph).sources)
    energies = [1e-3 * (1 + (7 * index) % 5) for index in range(count)]
    return World(graph, energies, **rest)


def measured(world: World, kinds=KINDS, measuring=None) -> Ledger:
    graph = network(kinds)
    return run_search(
        measure(graph, plan_of(graph), mode=Mode.F32, measuring=measuring or Measuring(1, 2, 0.5, 0)), world
    )


def test_an_int8_chain_has_its_layers_and_the_cast_of_its_input():
    world = world_of(("pool", "pool"))
    assert names_of(world, set()) == {"layer l0": 1, "layer l1": 1, "cast x l0": 1}


def test_a_cast_acts_through_its_int8_readers_only():
    world = world_of(("pool", "pool", "pool", "add"))  # l3 reads l2 and l0
    found = names_of(world, {"l0", "l2"})
    assert (
        found["cast l0 l1"] == found["cast l0 l3"] == pytest.approx(0)
    )  # both read it: the joint one counts
    assert found["cast l0"] == 1
    assert names_of(world, {"l0", "l2", "l3"}) == {"layer l1": 1, "cast l0 l1": 1}


def test_a_cast_behind_a_float_layer_that_passes_integers_is_a_source_of_its_own():
    world = world_of(("pool", "leaky", "pool"))
    assert names_of(world, {"l1"}) == {"layer l0": 1, "pass l1": 1, "layer l2": 1, "cast x l0": 1}
    assert "cast l1 l2" in names_of(world, {"l0", "l1"})  # behind a float layer it is a cast


@settings(max_examples=30, deadline=None)
@given(st.sets(st.sampled_from([f"l{index}" for index in range(len(KINDS))])))
def test_the_sources_are_those_of_the_lowered_program(floats):
    graph = network(KINDS)
    plan = plan_of(graph).with_modes(dict.fromkeys(floats, Mode.F32))
    program = get_chip("bm1684x").lower(graph, plan)
    active = {
        source
        for index, source in enumerate(map_of(graph).sources)
        if map_of(graph).active(floats).get(index)
    }
    casts = {key[0] for key in program.types if isinstance(key, tuple) and key[1] == "INT8"}
    counted = {source.name for source in active if source.kind == "cast"}
    assert counted <= casts | {"x"}
    for name in casts - counted - {"x"}:  # left out only where a float layer passes integers
        assert Source("pass", name) in active
        assert name in floats
    integers = {name for name, mode in program.modes.items() if mode == "INT8"}
    assert integers == {source.name for source in active if source.kind == "layer"}


def test_a_plan_is_the_sum_of_its_sources():
    world = world_of(loudness=(1.0, 3.0, 0.5))
    ledger = measured(world)
    graph = network(KINDS)
    for floats in ({"l0"}, {"l1", "l3"}, set()):
        plan = plan_of(graph).with_modes(dict.fromkeys(floats, Mode.F32))
        real = world._score(type(world.trials[0])(plan, samples=2))
        found = ledger.predict(plan)
        assert found.sqnr == pytest.approx(real.sqnr, abs=1e-6)
        assert found.cosine == pytest.approx(real.cosine, abs=1e-9)
        assert found.low < found.sqnr < found.high
        assert found.outputs[0].cosine_low < found.cosine < found.outputs[0].cosine_high


def test_only_the_louder_part_is_measured_on_more_samples():
    world = world_of(loudness=(1.0, 3.0))
    measured(world, measuring=Measuring(1, 2, 0.25, 0))
    sources = [trial for trial in world.trials if trial.source is not None]
    number = len(world.map.sources)
    again = [trial.source for trial in sources if trial.samples == 2]
    assert len(sources) - number == len(again) == math.ceil(number / 4)
    others = [world.energies[source] for source in world.map.sources if source not in again]
    assert min(world.energies[source] for source in again) >= max(others)


def test_named_samples_are_taken_in_both_rounds_and_give_what_they_give_at_the_front():
    loud = (9.0, 1.0, 9.0, 3.0, 2.0)
    world = world_of(loudness=loud)
    ledger = measured(world, measuring=Measuring(2, 3, 0.25, 0, only=(1, 3, 4)))
    taken = [trial.only for trial in world.trials if trial.source is not None]
    assert set(taken) == {(1, 3), (4,)}
    front = measured(world_of(loudness=(1.0, 3.0, 2.0)), measuring=Measuring(2, 3, 0.25, 0))
    assert ledger.noise.tolist() == front.noise.tolist()


def test_the_quiet_ones_follow_the_loudness_of_the_samples():
    ledger = measured(world_of(loudness=(1.0, 3.0)), measuring=Measuring(1, 2, 0.5, 0))
    assert ledger.noise[:, 0, 1] == pytest.approx(3 * ledger.noise[:, 0, 0])


def test_a_source_that_fails_makes_its_plans_hopeless_and_others_stay():
    world = world_of(broken=lambda trial: trial.source == own("l2"))
    ledger = measured(world)
    assert ledger.predict_floats(frozenset()).sqnr < -60
    assert ledger.predict_floats({"l2"}).sqnr > 10


def test_a_network_that_fails_in_float_is_one_sentence():
    with pytest.raises(QuantdeckError, match="all layers in F32: it broke"):
        measured(world_of(broken=lambda _: True))


def test_where_the_float_plan_alone_fails_it_counts_as_without_noise():
    ledger = measured(world_of(broken=lambda trial: trial.source is None and trial.judges[1] == "floor"))
    assert (ledger.floor == 0).all()
    assert (ledger.signal == 1).all()


def test_an_anchor_moves_its_neighbours_and_narrows_the_interval():
    world = world_of(factor=lambda floats: 1.5)
    ledger = measured(world)
    plan = plan_of(network(KINDS))
    taught = ledger.with_anchor(plan, score([1.5 * world.total(frozenset())] * 2))
    assert ledger.anchors == ()
    before, after = ledger.predict(plan), taught.predict(plan)
    real = -10 * math.log10(1.5 * world.total(frozenset()))
    assert abs(before.sqnr - real) == pytest.approx(1.76, abs=0.01)
    assert abs(after.sqnr - real) < 0.2
    assert after.high - after.low < before.high - before.low
    near, far = taught.predict_floats({"l1"}), taught.predict_floats({"l0", "l1", "l2", "l3"})
    assert near.sqnr < ledger.predict_floats({"l1"}).sqnr
    assert near.high - near.low < far.high - far.low
    assert len(taught.with_anchor(plan, score([0.1, 0.1])).anchors) == 1


def test_an_anchor_without_noise_or_with_a_nan_says_nothing():
    ledger = measured(world_of())
    plan = plan_of(network(KINDS))
    assert ledger.with_anchor(plan, score([0.0, 0.0])) is ledger
    assert ledger.with_anchor(plan, score([math.inf, math.inf])) is ledger


def test_layers_in_a_float_type_that_was_not_measured_teach_nothing_and_lie_between_int8_and_float():
    ledger = measured(world_of())
    plan = plan_of(network(KINDS))
    coarse, fine = plan.with_mode("l1", Mode.BF16), plan.with_mode("l1", Mode.F32)
    poor = score([100 * ledger.noise.sum()] * 2)
    assert ledger.with_anchor(coarse, poor) is ledger
    assert expectation(ledger, fine, [(coarse, poor)]) == expectation(ledger, fine, [])
    worst, best, found = (expectation(ledger, one, []) for one in (plan, fine, coarse))
    assert (found.low, found.high) == (worst.low, best.high)
    assert worst.sqnr < found.sqnr < best.sqnr
    assert set(layer_gains(ledger, coarse)) == set(ledger.map.names) - {"l1"}
    same = replace(coarse, fp_type="BF16")
    assert ledger.with_anchor(same, score([0.02, 0.03])).anchors
    assert same.with_mode("l0", Mode.F16).strange == {"l0"}


def test_the_interval_covers_what_it_says():
    """Plans whose real noise leaves the sum by what the ledger expects (0.5, 0.5 and 0.18 dB): 90 % inside."""
    rng = np.random.default_rng(3)
    kinds = ("pool", "add") * 10
    world = world_of(kinds)
    ledger = measured(world, kinds)
    names = list(world.map.names)
    inside = total = 0
    for _ in range(12):
        sets = [frozenset(name for name in names if rng.random() < rng.uniform(0, 1)) for _ in range(30)]
        weights = np.array([world.map.weights(item) for item in sets])
        kernel = ledger._kernel(weights, weights, 0) + 0.18**2 * np.eye(len(sets))
        shifts = np.linalg.cholesky(kernel) @ rng.standard_normal(len(sets))
        real = [world.total(item) * 10 ** (shift / 10) for item, shift in zip(sets, shifts, strict=True)]
        taught = ledger
        for item, noise in list(zip(sets, real, strict=True))[:5]:
            plan = plan_of(network(kinds)).with_modes(dict.fromkeys(item, Mode.F32))
            taught = taught.with_anchor(plan, score([noise] * 2))
        for item, noise in list(zip(sets, real, strict=True))[5:]:
            found = taught.predict_floats(item)
            inside += found.low <= -10 * math.log10(noise) <= found.high
            total += 1
    assert 0.85 <= inside / total <= 0.97


def test_a_killed_slice_is_part_of_the_prediction():
    world = world_of()
    ledger = measured(world)
    kills = tuple(int(source == cast("x", "l0")) for source in world.map.sources)
    marked = Ledger(
        **{**{name: getattr(ledger, name) for name in ledger.__dataclass_fields__}, "kills": kills}
    )
    assert marked.predict_floats(frozenset()).dead == 1
    assert marked.predict_floats({"l0"}).dead == 0
    assert marked.losses({})[marked.map.index[cast("x", "l0")]] > 1


def test_bytes_give_the_same_ledger():
    ledger = measured(world_of()).with_anchor(plan_of(network(KINDS)), score([0.02, 0.03]))
    again = Ledger.from_json(ledger.to_json())
    assert again.digest == ledger.digest
    assert again.predict_floats({"l1"}) == ledger.predict_floats({"l1"})
    assert measured(world_of()).digest != ledger.digest


def test_other_thresholds_measure_what_they_touch():
    world = world_of()
    ledger = measured(world)
    graph = network(KINDS)
    plan = plan_of(graph).with_threshold("l2", 1.0)
    changed = remeasured(ledger, plan, {own("l2"): score([0.5])})
    index = ledger.map.index[own("l2")]
    assert changed.noise[index, 0, 0] == 0.5
    assert changed.noise[index, 0, 1] == pytest.approx(0.5)
    assert (np.delete(changed.noise, index, 0) == np.delete(ledger.noise, index, 0)).all()
    assert changed.thresholds != ledger.thresholds


@pytest.mark.parametrize("values", [(0, 4, 0.5), (4, 2, 0.5), (4, 8, 1.5)])
def test_settings_that_make_no_sense_are_refused(values):
    with pytest.raises(QuantdeckError, match="ledger measures"):
        Measuring(*values)


def test_anchors_come_with_the_measuring():
    world = world_of(factor=lambda floats: 1.5)
    ledger = measured(world, measuring=Measuring(1, 2, 0.5, 4))
    assert [len(anchor.floats) for anchor in ledger.anchors] == [0, 3, 2, 2]
    assert ledger.predict_floats({"l0", "l3"}).sqnr == pytest.approx(
        -10 * math.log10(1.5 * world.total(frozenset({"l0", "l3"}))), abs=0.4
    )

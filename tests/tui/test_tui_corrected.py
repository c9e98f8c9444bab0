"""Plans of corrected biases: what stands beside the screen runs them, and says what holds of them."""

from pathlib import Path
from typing import Any

import pytest
from quantdeck.engine.run.evaluator import Evaluator
from quantdeck.sessions.corrections import corrected_graph, plan_corrections
from quantdeck.sessions.records import get_plan
from quantdeck.sessions.store import open_session
from quantdeck.sessions.worker import main as work
from quantdeck.tui import assessor
from quantdeck.tui import request as ask_for
from quantdeck.tui.asked import Asked
from quantdeck.tui.editor import Editor
from real_session import current, digits
from sample_session import layer_names


@pytest.fixture
def example(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    return digits(tmp_path_factory.getbasetemp(), tmp_path)


def test_edits_of_a_plan_of_corrected_biases_are_run_beside_the_screen(
    example: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each set of float layers has biases of its own, so nothing is predicted; the score is that of evaluate."""
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(
        assessor, "tell", lambda number, state, **values: told.append({"state": state, **values})
    )
    by_hand: list[int] = []
    monkeypatch.setattr("faulthandler.enable", lambda file: None)
    monkeypatch.setattr("os.nice", lambda step: 0)
    monkeypatch.setattr("quantdeck.sessions.jobs._spawn", lambda path, number, log: by_hand.append(number))
    ask_for.flow(example, ("bias",), anyway=True)
    assert work([str(example), str(by_hand.pop())]) == 0
    first = layer_names(example)[0]
    one = assessor.Assessor(example, Asked())
    with open_session(example) as session:
        assert plan_corrections(session, current(example)) == (False, True)
        Editor(example).set_modes([first], "F16", "the first to F16")
        number = current(example)
        assert plan_corrections(session, number) == (False, True)
        one.assess(number)
        one.look(number, layer_names(example)[1])
        assert not one.idle()
        beside = session.row("SELECT cos, sqnr FROM score WHERE plan = ?", number)
        found = get_plan(session, number)
        assert beside is not None
        assert found is not None
        floats = found[1].modes
        graph = corrected_graph(one._original, session, equalized=False, bias=True, floats=floats)
        score = Evaluator(graph, one._samples, original=one._original).score(found[1])
    assert tuple(beside) == pytest.approx((score.cosine, score.sqnr))
    states = [one["state"] for one in told]
    assert "predicted" not in states
    assert states.index("scored") < states.index("checked")
    insight = told[-1]["insight"]
    assert insight["alone"]
    assert not any("by a constant" in reason for reason in insight["reasons"])
    assert not any(repair["value"] == "bias" for repair in insight["repairs"])
    one.close()

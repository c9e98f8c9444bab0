"""Layer names that hold the separators of the options, and names of layers that were merged (case 41)."""

from pathlib import Path

import pytest
from case_models import floats, model, node, samples, save
from quantdeck.engine.calib.qtable import read_qtable, write_qtable
from quantdeck.engine.calib.table import read_table
from quantdeck.engine.plan import Mode

import quantdeck as qd
from quantdeck.cli import diagnostics
from quantdeck.cli.main import group

TENSORS = (
    "model/conv:0", "a,b", "my layer", "x;y;z", "#first", "-o", "tab\there", "k=v", 'quo"te', "head:0.5",
)  # fmt: skip
NAMES = tuple(f"{name}_Conv" for name in TENSORS)
BEHIND = tuple(f"t{index}_Tanh" for index in range(len(NAMES)))


def _chain(path: Path, *, bent: bool) -> Path:
    """Ten convolutions of one pixel; *bent*: a Tanh behind each, without which the converter merges them."""
    weights, nodes, last = {}, [], "x"
    for index, name in enumerate(TENSORS):
        weights[f"w{index}"] = floats(4, 4, 1, 1, seed=index, scale=0.5)
        conv = node("Conv", f"x w{index}", "y")
        conv.input[0], conv.output[0] = last, name
        nodes.append(conv)
        last = name
        if bent:
            tanh = node("Tanh", "x", f"t{index}")
            tanh.input[0], last = name, f"t{index}"
            nodes.append(tanh)
    end = node("Sigmoid", "x", "y")
    end.input[0] = last
    return save(model([*nodes, end], {"x": [1, 4, 5, 5]}, ["y"], weights), path)


class Shell:
    """Runs command lines in this process, in a folder of its own."""

    def __init__(self, model: Path, dataset: Path, capture: pytest.CaptureFixture[bytes]) -> None:
        self.model = model
        self.dataset = dataset
        self._capture = capture

    def __call__(self, command: str, *words: str) -> tuple[int, str]:
        """Status and standard error."""
        status = diagnostics.run(group, [command, str(self.model), *words])
        return status, self._capture.readouterr().err.decode()


@pytest.fixture(scope="module")
def chains(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("case41")
    _chain(folder / "bent", bent=True)
    _chain(folder / "straight", bent=False)
    samples(folder / "samples", [{"x": floats(1, 4, 5, 5, seed=index)} for index in range(3)])
    return folder


@pytest.fixture
def shell(
    chains: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> Shell:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QUANTDECK_HOME", str(tmp_path))
    return Shell(chains / "bent" / "model.onnx", chains / "samples", capfdbinary)


@pytest.fixture
def straight(shell: Shell, chains: Path) -> Shell:
    """The same chain, of which the converter makes one layer."""
    shell.model = chains / "straight" / "model.onnx"
    return shell


def _calibrated(shell: Shell) -> tuple[int, str]:
    return shell(
        "run_calibration",
        "--dataset",
        str(shell.dataset),
        "--cali_method",
        "use_max",
        "--tune_num",
        "0",
        "-o",
        "t",
    )


def test_41_a_table_gives_every_name_and_threshold_back(shell: Shell) -> None:
    status, said = _calibrated(shell)
    assert status == 0, said
    assert "TPU-MLIR would not find" in said
    rows = read_table(Path("t")).rows
    graph = qd.read_onnx(shell.model)
    assert [name for name in rows if name in NAMES] == list(NAMES)
    chosen = qd.select_samples(graph, dataset=shell.dataset, number=0)
    found = qd.calibrate(graph, chosen, method="max", tune_num=0).thresholds
    assert {name: row.value for name, row in rows.items()} == pytest.approx(
        {name: row.value for name, row in found.items()}, rel=1e-6
    )


@pytest.mark.parametrize("place", range(len(NAMES)), ids=TENSORS)
def test_41_a_layer_is_named_in_every_option_of_fp_forward(shell: Shell, place: int) -> None:
    name, follower = NAMES[place], BEHIND[place]
    layers = [layer for pair in zip(NAMES, BEHIND, strict=True) for layer in pair]
    for option, value, wanted in (
        ("--fpfwd_inputs", name, layers[: 2 * place + 1]),
        ("--fpfwd_outputs", name, [*layers[2 * place :], "y_Sigmoid"]),
        ("--fpfwd_blocks", f"{name}:{follower}", [name, follower]),
    ):
        status, said = shell("fp_forward", "--chip", "bm1684x", option, value, "-o", "q")
        assert status == 0, said
        assert list(read_qtable(Path("q"))) == wanted
    quoted = '"' + name.replace('"', '""') + '"'
    status, said = shell(
        "fp_forward", "--chip", "bm1684x", "--fpfwd_outputs", f"{quoted},y_Sigmoid", "-o", "q"
    )
    assert status == 0, said


def test_41_each_layer_is_made_float_by_a_qtable(shell: Shell) -> None:
    assert _calibrated(shell)[0] == 0
    write_qtable(Path("q"), dict.fromkeys(NAMES, Mode.F16), chip="bm1684x", fp_type="F16")
    status, said = shell(
        "evaluate", "--dataset", str(shell.dataset), "--calibration_table", "t", "--quantize_table", "q"
    )
    assert status == 0, said


def test_41_weights_are_read_from_the_right(shell: Shell) -> None:
    assert _calibrated(shell)[0] == 0
    common = (
        "--dataset", str(shell.dataset), "--calibration_table", "t", "--chip", "bm1684x", "--expected_cos", "0.1",
        "-o", "q",
    )  # fmt: skip
    for compared in (",".join(NAMES), ",".join(f"{name}:0.1" for name in NAMES)):
        status, said = shell("run_qtable", *common, "--global_compare_layers", compared)
        assert status == 0, said
    status, said = shell("run_qtable", *common, "--global_compare_layers", "head:0.5_Conv:0.5")
    assert status == 2
    assert "the weights sum to 0.5" in said


@pytest.mark.parametrize("wrong", ["head", "a", "model/conv", "my", "x;y;z", "head:0.5", ".*", "k=v_conv"])
def test_41_names_are_matched_whole_and_unknown_ones_refused(shell: Shell, wrong: str) -> None:
    for option, value in (
        ("--fpfwd_inputs", wrong),
        ("--fpfwd_outputs", wrong),
        ("--fpfwd_blocks", f"{wrong}:y_Sigmoid"),
    ):
        status, said = shell("fp_forward", "--chip", "bm1684x", option, value, "-o", "q")
        assert status == 2
        assert option in said
        assert "no layer is called" in said
    assert not Path("q").exists()
    Path("bad").write_text(f"{wrong.replace(' ', '')} F16\n")
    assert _calibrated(shell)[0] == 0
    words = ("--dataset", str(shell.dataset), "--calibration_table", "t", "--quantize_table", "bad")
    assert shell("evaluate", *words)[0] == 2


def test_41_the_nearest_names_are_told(shell: Shell) -> None:
    status, said = shell("fp_forward", "--chip", "bm1684x", "--fpfwd_inputs", "my_layer_Conv", "-o", "q")
    assert status == 2
    assert "the nearest are my layer_Conv" in said


def test_41_layers_that_the_converter_merges_lead_to_what_they_are_part_of(straight: Shell) -> None:
    """The original merges convolutions of one pixel without anything between them (original_measured 18)."""
    graph = qd.read_onnx(straight.model)
    assert [layer.name for layer in graph.layers] == [NAMES[-1], "y_Sigmoid"]
    assert dict(graph.merged) == dict.fromkeys(NAMES[:-1], NAMES[-1])
    for name in NAMES[:-1]:
        for option, value in (
            ("--fpfwd_inputs", name),
            ("--fpfwd_outputs", name),
            ("--fpfwd_blocks", f"{name}:y_Sigmoid"),
        ):
            status, said = straight("fp_forward", "--chip", "bm1684x", option, value, "-o", "q")
            assert status == 2
            assert f"it was merged into '{NAMES[-1]}'" in said
    assert _calibrated(straight)[0] == 0
    common = ("--dataset", str(straight.dataset), "--calibration_table", "t")
    status, said = straight(
        "run_qtable", *common, "--chip", "bm1684x", "--global_compare_layers", "a,b_Conv:1", "-o", "q"
    )
    assert status == 2
    assert "'a,b_Conv' is no layer of its own" in said
    write_qtable(Path("q"), {NAMES[0]: Mode.F16}, chip="bm1684x", fp_type="F16")
    status, said = straight("evaluate", *common, "--quantize_table", "q")
    assert status == 2
    assert f"it was merged into '{NAMES[-1]}'" in said


def test_41_fused_layers_lead_to_the_layer_that_bears_another_name(tmp_path: Path) -> None:
    """Conv, BatchNorm and Relu are one layer of the Relu's name; SiLU is one of the product's (spec A.12)."""
    weights = {"w": floats(4, 4, 3, 3)} | {name: abs(floats(4, seed=3)) + 0.5 for name in "sbmv"}
    nodes = [
        node("Conv", "x w", "c"), node("BatchNormalization", "c s b m v", "n"), node("Relu", "n", "r"),
        node("Identity", "r", "i"), node("Sigmoid", "i", "g"), node("Mul", "i g", "m2"), node("Tanh", "m2", "y"),
    ]  # fmt: skip
    graph = qd.read_onnx(save(model(nodes, {"x": [1, 4, 6, 6]}, ["y"], weights), tmp_path))
    names = [layer.name for layer in graph.layers]
    assert names == ["r_Relu", "m2_Mul", "y_Tanh"]
    merged = dict(graph.merged)
    assert merged.pop("i_Identity") in names
    assert merged == {"c_Conv": "r_Relu", "n_BatchNormalization": "r_Relu", "g_Sigmoid": "m2_Mul"}

"""Transformer families by their op sequences."""

import pytest
from quantdeck.engine.graph import vocabulary
from quantdeck.engine.graph.model import Graph, Layer, Output, Tensor
from quantdeck.engine.mix.patterns import count_blocks, expand, find_family, transformer_proposal
from quantdeck.engine.mix.transformer_blocks import BLOCKS


def line(ops: list[str]) -> Graph:
    names = [f"{op}_{index}" for index, op in enumerate(ops)]
    layers = tuple(
        Layer(name, getattr(vocabulary, op)(), (source,), (name,))
        for name, op, source in zip(names, ops, ["in", *names], strict=False)
    )
    tensors = {name: Tensor(name, (1, 4)) for name in ("in", *names)}
    return Graph("line", ("in",), (Output("out", names[-1]),), layers, tensors, {}, "digest")


@pytest.mark.parametrize("family", [name for name, _ in BLOCKS])
def test_each_family_is_found_by_its_own_block(family: str):
    ops = ["Conv", *expand(dict(BLOCKS)[family]), "Relu"]
    found = find_family(line(ops))
    assert found is not None
    order = [name for name, _ in BLOCKS]
    assert order.index(found[0]) <= order.index(family)


def test_bert_floats_gelu_its_matmul_and_the_adds_before_norms():
    ops = [*expand(dict(BLOCKS)["bert"])] * 2
    graph = line(ops)
    proposal = transformer_proposal(graph)
    assert proposal is not None
    kinds = [graph.by_name[name].op for name in proposal.layers]
    assert kinds.count("GELU") == 2
    assert kinds.count("MatMul") == 2
    assert all(kind in ("GELU", "MatMul", "Add") for kind in kinds)
    assert proposal.reason == "2 blocks of the bert family"


def test_a_convolutional_network_has_none():
    assert transformer_proposal(line(["Conv", "Relu", "Conv", "Add"])) is None


def test_blocks_do_not_overlap_and_the_last_op_is_a_prefix():
    assert count_blocks(["A", "B", "A", "B", "A", "BConst"], ["A", "B"]) == 3
    assert count_blocks(["A", "A", "A"], ["A", "A"]) == 1

"""Names in options, and float regions by name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quantdeck.engine.errors import QuantdeckError
from quantdeck.engine.graph.model import Graph, Layer, Output, Tensor
from quantdeck.engine.graph.vocabulary import Add, Relu
from quantdeck.engine.mix.fp_forward import Block, float_layers
from quantdeck.engine.mix.names import split_block, split_names, split_weighted


def diamond() -> Graph:
    """in -> a -> b -> d, a -> c -> d -> e"""
    layers = (
        Layer("a", Relu(), ("in",), ("a",)),
        Layer("b", Relu(), ("a",), ("b",)),
        Layer("c", Relu(), ("a",), ("c",)),
        Layer("d", Add(), ("b", "c"), ("d",)),
        Layer("e", Relu(), ("d",), ("e",)),
    )
    tensors = {name: Tensor(name, (1, 4)) for name in ("in", "a", "b", "c", "d", "e")}
    return Graph("diamond", ("in",), (Output("e", "e"),), layers, tensors, {}, "digest")


def test_regions():
    graph = diamond()
    assert float_layers(graph, outputs=["d"]) == ("d", "e")
    assert float_layers(graph, inputs=["b"]) == ("a", "b")
    assert float_layers(graph, blocks=[Block(("b",), ("d",))]) == ("b", "d")
    assert float_layers(graph, blocks=[Block(("a",), ("c",))], outputs=["e"]) == ("a", "c", "e")
    assert float_layers(graph) == ()


def test_names_with_separators_need_no_quotes():
    known = ["model/conv:0", "a,b", "c", "my layer"]
    assert split_names("a,b,c,my layer", known, "--x") == ("a,b", "c", "my layer")
    assert split_names(" c , model/conv:0", known, "--x") == ("c", "model/conv:0")


def test_two_readings_ask_for_quotes():
    known = ["a", "b", "a,b"]
    with pytest.raises(QuantdeckError, match="two ways"):
        split_names("a,b", known, "--x")
    assert split_names('"a,b",a', known, "--x") == ("a,b", "a")


def test_a_quote_may_be_part_of_a_name():
    known = ['"', 'say "hi"', '"a']
    assert split_names('"a,say "hi","', known, "--x") == ('"a', 'say "hi"', '"')


def test_unknown_name_names_the_nearest():
    with pytest.raises(QuantdeckError, match="conv_11"):
        split_names("conv_1l", ["conv_11", "fc"], "--fpfwd_inputs")


def test_weights_are_read_from_the_right():
    known = ["x:0", "a:0.5", "b"]
    assert split_weighted("a:0.5,b", known, "--g") == (("a:0.5", 1.0), ("b", 1.0))
    assert split_weighted("a:0.5:0.25,x:0:0.75", known, "--g") == (("a:0.5", 0.25), ("x:0", 0.75))
    assert split_weighted("b:0.6,a:0.5:0.3,x:0:0.1", known, "--g")[2] == ("x:0", 0.1)
    with pytest.raises(QuantdeckError, match="sum to"):
        split_weighted("b:0.6,x:0:0.6", known, "--g")
    with pytest.raises(QuantdeckError, match="every name or to none"):
        split_weighted("b,x:0:1", known, "--g")


def test_blocks():
    known = ["a", "b:0", "c,d"]
    assert split_block("a:b:0", known, "--b") == (("a",), ("b:0",))
    assert split_block("b:0,a:c,d", known, "--b") == (("b:0", "a"), ("c,d",))
    with pytest.raises(QuantdeckError, match="no colon"):
        split_block("a", known, "--b")


@given(st.lists(st.text(st.characters(blacklist_characters=","), min_size=1), min_size=1, unique=True))
def test_plain_names_round_trip(names: list[str]):
    names = [name for name in names if name == name.strip()] or ["x"]
    assert split_names(",".join(names), names, "--x") == tuple(names)

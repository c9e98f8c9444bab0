# pyright: basic, reportMissingImports=false
"""The network of the example: depthwise separable, with residual adds, squeeze-excite gates and a softmax.

Every block knows two things: how to run in torch while it is trained, and how to write itself as ONNX nodes.
BatchNorm stays a node of its own in the file, so that reading the model has something to fold.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

SIDE = 32
CLASSES = 10


@dataclass
class Writer:
    """Nodes and weights of the ONNX graph while it grows."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: list[onnx.TensorProto] = field(default_factory=list)

    def weight(self, name: str, value: Tensor) -> str:
        """Add a constant and return its name."""
        array = np.ascontiguousarray(value.detach().numpy().astype(np.float32))
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def node(self, op: str, inputs: list[str], name: str, **attributes: Any) -> str:
        """Add a node with one output called *name* and return that name."""
        self.nodes.append(helper.make_node(op, inputs, [name], name=f"node_{name}", **attributes))
        return name


class ConvUnit(nn.Module):
    """Convolution, BatchNorm, and Relu6 unless it is linear."""

    def __init__(
        self, name: str, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, *, linear: bool = False
    ) -> None:
        super().__init__()
        self.name, self.linear = name, linear
        depthwise = inputs == outputs and kernel > 1
        groups = inputs if depthwise else 1
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Run; NCHW in, NCHW out."""
        x = self.norm(self.conv(x))
        return x if self.linear else torch.clamp(x, 0.0, 6.0)

    def write(self, writer: Writer, x: str) -> str:
        """Write the unit's nodes."""
        conv, norm, name = self.conv, self.norm, self.name
        kernel, stride, pad = conv.kernel_size[0], conv.stride[0], int(conv.padding[0])
        x = writer.node(
            "Conv",
            [x, writer.weight(f"{name}.weight", conv.weight)],
            f"{name}_conv",
            kernel_shape=[kernel] * 2,
            strides=[stride] * 2,
            pads=[pad] * 4,
            group=conv.groups,
        )
        constants = {
            "gamma": norm.weight,
            "beta": norm.bias,
            "mean": norm.running_mean,
            "var": norm.running_var,
        }
        inputs = [x] + [writer.weight(f"{name}.{part}", value) for part, value in constants.items()]
        x = writer.node("BatchNormalization", inputs, f"{name}_norm", epsilon=norm.eps)
        if self.linear:
            return x
        low = writer.weight(f"{name}.low", torch.tensor(0.0))
        high = writer.weight(f"{name}.high", torch.tensor(6.0))
        return writer.node("Clip", [x, low, high], name)


class Gate(nn.Module):
    """Squeeze-excite: channels are weighed by a sigmoid of their means."""

    def __init__(self, name: str, channels: int) -> None:
        super().__init__()
        self.name = name
        self.squeeze = nn.Conv2d(channels, channels // 4, 1)
        self.excite = nn.Conv2d(channels // 4, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Run; NCHW in, the same shape out."""
        means = x.mean((2, 3), keepdim=True)
        return x * torch.sigmoid(self.excite(torch.relu(self.squeeze(means))))

    def write(self, writer: Writer, x: str) -> str:
        """Write the gate's nodes."""
        name = self.name
        means = writer.node("GlobalAveragePool", [x], f"{name}_mean")
        small = writer.node("Relu", [self._dense(writer, means, "squeeze")], f"{name}_squeezed")
        gate = writer.node("Sigmoid", [self._dense(writer, small, "excite")], f"{name}_gate")
        return writer.node("Mul", [x, gate], name)

    def _dense(self, writer: Writer, x: str, part: str) -> str:
        conv: nn.Conv2d = getattr(self, part)
        name = f"{self.name}_{part}"
        weights = [writer.weight(f"{name}.weight", conv.weight), writer.weight(f"{name}.bias", conv.bias)]
        return writer.node("Conv", [x, *weights], name, kernel_shape=[1, 1])


class Residual(nn.Module):
    """Widen, filter each channel, gate, narrow, add the input."""

    def __init__(self, name: str, channels: int, widen: int = 2) -> None:
        super().__init__()
        self.name = name
        wide = channels * widen
        self.chain = nn.Sequential(
            ConvUnit(f"{name}_widen", channels, wide, 1),
            ConvUnit(f"{name}_filter", wide, wide),
            Gate(f"{name}_se", wide),
            ConvUnit(f"{name}_narrow", wide, channels, 1, linear=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Run; NCHW in, the same shape out."""
        return x + self.chain(x)

    def write(self, writer: Writer, x: str) -> str:
        """Write the block's nodes."""
        return writer.node("Add", [x, _write_chain(self.chain, writer, x)], f"{self.name}_add")


class DigitNet(nn.Module):
    """A picture of 1 x 32 x 32 in 0..1 to ten logits (the file ends with a softmax)."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            ConvUnit("stem", 1, 16, stride=2),
            ConvUnit("enter_filter", 16, 16),
            ConvUnit("enter", 16, 24, 1),
            Residual("block1", 24),
            ConvUnit("down_filter", 24, 24, stride=2),
            ConvUnit("down", 24, 40, 1),
            Residual("block2", 40),
            Residual("block3", 40),
            ConvUnit("head", 40, 96, 1),
        )
        self.classify = nn.Linear(96, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Logits, N x 10."""
        return self.classify(self.body(x).mean((2, 3)))

    def to_onnx(self) -> onnx.ModelProto:
        """The trained network as ONNX, batch 1, with a softmax at its end."""
        writer = Writer()
        x = _write_chain(self.body, writer, "image")
        x = writer.node("Flatten", [writer.node("GlobalAveragePool", [x], "pooled")], "features", axis=1)
        weights = [
            writer.weight("classify.weight", self.classify.weight),
            writer.weight("classify.bias", self.classify.bias),
        ]
        x = writer.node("Gemm", [x, *weights], "logits", transB=1)
        writer.node("Softmax", [x], "probabilities", axis=1)
        graph = helper.make_graph(
            writer.nodes,
            "digits",
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 1, SIDE, SIDE])],
            [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [1, CLASSES])],
            writer.weights,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model, full_check=True)
        return model


def _write_chain(chain: nn.Sequential, writer: Writer, x: str) -> str:
    for block in chain:
        x = block.write(writer, x)  # pyright: ignore[reportAttributeAccessIssue,reportCallIssue]
    return x

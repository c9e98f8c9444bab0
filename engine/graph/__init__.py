"""Models: the immutable Graph, its vocabulary of layers, readers and the ONNX writer."""

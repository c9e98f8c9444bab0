"""Running: float pass on onnxruntime, bit-true executor, similarity, scores."""

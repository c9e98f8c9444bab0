"""Samples: selection (spec A.2) and preprocessing (spec A.10)."""

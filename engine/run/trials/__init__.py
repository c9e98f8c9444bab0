"""Scores of many trials that share most of their work (design section 5)."""

from .evaluator import TrialEvaluator

__all__ = ["TrialEvaluator"]

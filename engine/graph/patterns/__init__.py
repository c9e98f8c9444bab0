"""Conversion rules of spec A.12: each rewrites a draft in place."""

from .runner import convert

__all__ = ["convert"]

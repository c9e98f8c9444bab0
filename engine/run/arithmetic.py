"""The version of everything that turns a plan and samples into figures."""

ARITHMETIC_VERSION = 2
"""Raised whenever a score of an unchanged plan may change: stored scores of another version are not used."""

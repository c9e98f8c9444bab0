"""Calibration: statistics in one pass, threshold methods, tuning, the table text."""

"""Widgets on the line API: layer table, canvas, histogram."""

"""Threshold methods: one file a method, each a pure function from statistics to a threshold."""

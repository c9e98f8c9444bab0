"""Chips: profiles, threshold propagation, lowering of a Graph and a Plan to a Program."""

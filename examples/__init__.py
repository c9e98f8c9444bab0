"""Examples that the package brings along."""

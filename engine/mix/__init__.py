"""Mixed precision: which layers must stay float. Searches are generators without I/O (design section 5)."""

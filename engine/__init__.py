"""What is computed and searched: graph, data, run, calib, hw, ops_c. Knows no SQL, no terminal, no prints."""

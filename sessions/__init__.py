"""Sessions: one SQLite file each, with model, samples, thresholds, scores and jobs."""

"""quantdeck: calibrate, simulate and triage int8 networks."""

"""The embedded example: a small trained classifier of handwritten digits, with its pictures."""

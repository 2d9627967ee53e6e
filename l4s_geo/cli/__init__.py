"""Commands: one a file, what they share in `console`."""

"""Figures of data and of runs as the papers show them; each picture has its numbers in a CSV file beside it."""

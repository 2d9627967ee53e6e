"""Learns from what a person draws: labels, features, trees, a taught bundle, and where to look next."""

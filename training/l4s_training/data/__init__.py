"""Labelled patches: reading them, splitting them by place, augmenting them."""

"""Turns trained networks into bundles: ONNX files, terrain prior, model card, and what a network costs."""

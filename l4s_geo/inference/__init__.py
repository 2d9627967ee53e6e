"""Networks at work: devices, sessions, windows, blending, test-time augmentation, refinement."""

"""Trains one network: batches, the trained module, checkpoints, and the record that a run leaves."""

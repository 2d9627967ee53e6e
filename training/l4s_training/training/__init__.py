"""Trains one network: batches, the trained module, checkpoints, and the record of a network run."""

from l4s_training import _torchvision

_torchvision.ensure()  # before any module here imports lightning

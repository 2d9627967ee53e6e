"""The roles that patches take in training."""

from __future__ import annotations

from typing import Literal

__all__ = ["FOLDERS", "ROLES", "Role"]

Role = Literal["train", "validation", "test"]

ROLES: tuple[Role, ...] = ("train", "validation", "test")

FOLDERS: dict[str, Role] = {"TrainData": "train", "ValidData": "validation", "TestData": "test"}
"""Folders of the official splits of Landslide4Sense."""

"""Makers of patches: cut from scenes, windows without landslides, written as Landslide4Sense files."""

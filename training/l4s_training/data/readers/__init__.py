"""Readers of patches: folders and zips of Landslide4Sense, ``.npz`` files; and the cache of what was read."""

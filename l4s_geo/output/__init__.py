"""Files that appear whole or not at all: staging, resuming, scratch and probability rasters, styles."""

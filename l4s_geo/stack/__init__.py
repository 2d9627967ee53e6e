"""What is mapped: a scene with its terrain and its masks on the mapping grid, read window by window."""

"""Two dates of one place: brought to fit each other, composited, and compared, so that only what is new is mapped."""

"""What somebody who checks a map needs of the engine: another threshold, outlines at once, attributes measured anew."""

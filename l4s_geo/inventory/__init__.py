"""From probabilities to landslide polygons with attributes, in files that GIS programs open."""

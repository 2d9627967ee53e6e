"""What the dialogs offer where the user chooses nothing: the engine's defaults.

The engine has them in l4s_geo/defaults.py, which the plugin cannot import; tests hold this module to that one.
"""

from __future__ import annotations

UNITS = "auto"
SENSOR = "auto"
BUNDLE = "rgb"
COMPOSITE = "greenest"
ONLY_NEW = True
MIN_AREA = 500.0
OVERLAP = 32
TTA = "none"
SKIP_FLAT = 0.0
CONNECTIVITY = 4
FILL_HOLES = 0.0
SIMPLIFY = 0.0
MATCH_IOU = 0.5
MATCH_SHARE = 0.5
DEVICE = "auto"
PRECISION = "auto"
CRF = "auto"
TERRAIN_PRIOR = "auto"

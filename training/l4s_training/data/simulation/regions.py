"""Named places that differ as study areas do: in relief, vegetation, soil, light, air and the event.

They are made up. A network trained on some of them and used on another meets a domain shift.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np

from l4s_training.data.simulation.region import Air, Event, LandUse, Region, Relief, Soil, Sun, Vegetation

__all__ = ["REGIONS", "vary"]

REGIONS = MappingProxyType(
    {
        "alpine-valley": Region(Relief(floor_width=(50.0, 160.0), roughness=1.9)),
        "island-hills": Region(
            Relief(240.0, 34.0, (26.0, 38.0), 20.0, 0.004, (60.0, 200.0), 1.5),
            Vegetation(0.80, 0.08, 2.6, 0.10),
            Soil(-0.05, 1.10),
            LandUse((60.0, 140.0), 0.16, 10.0, 3),
            Sun(47.0, 158.0),
            Air(1.10, 2, 160.0),
            Event(0.021, (40.0, 260.0), (15.0, 60.0), (20.0, 40.0), 8.0, 0.55),
        ),
        "monsoon-ghats": Region(
            Relief(650.0, 42.0, (27.0, 40.0), 115.0, 0.010, (40.0, 140.0), 1.9),
            Vegetation(0.85, 0.16, 3.4, 0.13, 0.004),
            Soil(0.35, 0.95),
            LandUse((35.0, 80.0), 0.30, 7.0, 4),
            Sun(58.0, 132.0),
            Air(1.12, 4, 150.0),
            Event(0.017, (50.0, 700.0), (12.0, 45.0), (24.0, 44.0), 10.0, 0.30),
        ),
        "subtropical-range": Region(
            Relief(820.0, 52.0, (31.0, 44.0), 42.0, 0.015, (30.0, 110.0), 2.0),
            Vegetation(0.65, 0.10, 3.2, 0.12, 0.010),
            Soil(0.0, 1.0),
            LandUse((40.0, 90.0), 0.25, 8.0, 1),
            Sun(63.0, 120.0),
            Air(1.05, 3, 210.0),
            Event(0.022, (60.0, 900.0), (15.0, 70.0), (28.0, 48.0), 11.0, 0.50),
        ),
        "dry-foothills": Region(
            Relief(1450.0, 44.0, (28.0, 42.0), 150.0, 0.011, (50.0, 160.0), 1.7),
            Vegetation(0.25, 0.34, 2.4, 0.12, 0.012),
            Soil(0.15, 1.05),
            LandUse((40.0, 100.0), 0.40, 8.0, 2),
            Sun(54.0, 140.0),
            Air(0.90, 1, 170.0),
            Event(0.020, (50.0, 500.0), (15.0, 55.0), (26.0, 46.0), 10.0, 0.35),
        ),
        "high-mountains": Region(
            Relief(1900.0, 60.0, (32.0, 46.0), 10.0, 0.018, (25.0, 90.0), 2.1),
            Vegetation(0.30, 0.22, 3.0, 0.13, 0.025),
            Soil(-0.10, 1.05),
            LandUse((30.0, 70.0), 0.35, 6.0, 1),
            Sun(46.0, 154.0),
            Air(0.92, 2, 220.0),
            Event(0.020, (60.0, 800.0), (15.0, 60.0), (29.0, 49.0), 12.0, 0.40),
        ),
    }
)
"""Regions by name."""


def vary(region: Region, rng: np.random.Generator, cloudiness: float = 1.0) -> Region:
    """Return the region as another scene of it would look: another valley, day and sky.

    Args:
        region: the place.
        rng: source of randomness.
        cloudiness: probability that a cloud of the region is in the scene: small scenes have fewer.
    """

    def factor(spread: float) -> float:
        return float(rng.uniform(1 - spread, 1 + spread))

    return replace(
        region,
        relief=replace(
            region.relief,
            base_elevation=region.relief.base_elevation * factor(0.15),
            steepness=region.relief.steepness * factor(0.10),
            river_azimuth=float(rng.uniform(0, 360)),
        ),
        sun=replace(
            region.sun,
            elevation=region.sun.elevation + float(rng.uniform(-2, 2)),
            azimuth=region.sun.azimuth + float(rng.uniform(-5, 5)),
        ),
        air=replace(
            region.air, haze=region.air.haze * factor(0.06), clouds=int(rng.binomial(region.air.clouds, cloudiness))
        ),
        event=replace(region.event, share=region.event.share * factor(0.25)),
    )

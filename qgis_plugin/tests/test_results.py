"""When results show the ground, for the temporal controller."""

from __future__ import annotations

import pytest
from l4s_landslides.times import set_times
from qgis.core import (
    QgsExpression,
    QgsExpressionContext,
    QgsFeature,
    QgsProcessingException,
    QgsProject,
    QgsRasterLayer,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QDateTime


def inventory(*dates: str) -> QgsVectorLayer:
    layer = QgsVectorLayer("Polygon?crs=EPSG:32645&field=date_after:string", "mine", "memory")
    for date in dates:
        feature = QgsFeature(layer.fields())
        feature.setAttributes([date])
        layer.dataProvider().addFeature(feature)
    QgsProject.instance().addMapLayer(layer)
    return layer


@pytest.mark.parametrize("value", ["2018-09-06", "2018-09-06T01:02:03Z", "2018-09-06T01:02:03.024000+00:00"])
def test_a_scenes_day_is_the_time_of_its_results(samples, value):
    facts = {"assumptions": {"date": {"value": value}}}
    for layer in (inventory(""), QgsRasterLayer(str(samples / "valley.tif"), "raster")):
        set_times(layer, facts)
        times = layer.temporalProperties()
        assert times.isActive()
        assert times.fixedTemporalRange().contains(QDateTime.fromString("2018-09-06T10:00:00", "yyyy-MM-ddTHH:mm:ss"))
        assert times.fixedTemporalRange().begin().date().toString("yyyy-MM-dd") == "2018-09-06"
        assert times.fixedTemporalRange().end().date().toString("yyyy-MM-dd") == "2018-09-06"


def test_a_landslide_is_there_from_the_day_it_was_seen_first():
    layer = inventory("2018-09-06T01:02:03Z", "")
    set_times(layer, {})
    times = layer.temporalProperties()
    assert times.isActive()
    found = []
    for feature in layer.getFeatures():
        context = QgsExpressionContext()
        context.setFeature(feature)
        context.setFields(layer.fields())
        found.append(QgsExpression(times.startExpression()).evaluate(context))
    assert found[0].date().toString("yyyy-MM-dd") == "2018-09-06"
    assert not found[1]


def test_a_scene_without_a_date_has_no_time():
    layer = inventory("")
    set_times(layer, {"assumptions": {"date": {"value": "unknown"}}})
    assert not layer.temporalProperties().isActive()


def test_the_events_day_goes_before_the_day_it_was_seen(run, samples):
    out = str(samples / "o.gpkg")
    given = {"INPUT": str(samples / "valley.tif"), "EXTENT": "421000,423500,3086500,3089000 [EPSG:32645]"}
    run("maplandslides", **given, EVENT="Iburi", EVENT_DATE="2018-09-05/2018-09-06", TRIGGER="earthquake", OUTPUT=out)
    layer = QgsVectorLayer(out, "", "ogr")
    values = {(f["event"], f["event_date"], f["trigger"]) for f in layer.getFeatures()}
    assert values == {("Iburi", "2018-09-05/2018-09-06", "earthquake")}
    set_times(layer, {})
    context = QgsExpressionContext()
    context.setFeature(next(layer.getFeatures()))
    context.setFields(layer.fields())
    start = QgsExpression(layer.temporalProperties().startExpression()).evaluate(context)
    assert start.date().toString("yyyy-MM-dd") == "2018-09-05"


def test_a_date_that_is_none(run, samples, feedback):
    with pytest.raises(QgsProcessingException) as caught:
        run("maplandslides", INPUT=str(samples / "valley.tif"), EVENT_DATE="6.9.2018", OUTPUT=str(samples / "o.gpkg"))
    assert "is no date; expected YYYY-MM-DD" in str(caught.value) + feedback.text

"""The engine for programs that drive it over JSON lines on stdin and stdout, such as QGIS.

`python -m l4s_geo.worker` serves; `l4s_geo.worker.protocol` documents the messages.
"""

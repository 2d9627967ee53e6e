"""One HTML file for people who do not open a GIS: an inventory on its imagery, figures, plots, and what it is worth.

`l4s_geo.reporting.report` gathers what there is, `l4s_geo.reporting.page` makes the page of it. The package is not
called report because `l4s_geo.report` is the function.
"""

"""Makes the models: training, evaluation and export of landslide segmentation networks.

Training code may import `l4s_geo` (bands, normalisation, the bundle format); `l4s_geo` never imports this
package.
"""

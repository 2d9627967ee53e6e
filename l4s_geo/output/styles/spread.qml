<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology">
 <pipe>
  <rasterrenderer type="singlebandpseudocolor" band="1" opacity="1" alphaBand="-1" classificationMin="0" classificationMax="0.5" nodataColor="">
   <rasterTransparency/>
   <minMaxOrigin><limits>None</limits><extent>WholeRaster</extent><statAccuracy>Estimated</statAccuracy></minMaxOrigin>
   <rastershader>
    <colorrampshader colorRampType="INTERPOLATED" classificationMode="1" clip="0" minimumValue="0" maximumValue="0.5" labelPrecision="1">
     <item value="0" label="0" color="#ffffff" alpha="0"/>
     <item value="0.1" label="0.1" color="#ffffb2" alpha="120"/>
     <item value="0.2" label="0.2" color="#fecc5c" alpha="200"/>
     <item value="0.3" label="0.3" color="#fd8d3c" alpha="230"/>
     <item value="0.4" label="0.4" color="#f03b20" alpha="255"/>
     <item value="0.5" label="0.5" color="#bd0026" alpha="255"/>
    </colorrampshader>
   </rastershader>
  </rasterrenderer>
  <brightnesscontrast brightness="0" contrast="0" gamma="1"/>
  <huesaturation saturation="0" grayscaleMode="0"/>
  <rasterresampler maxOversampling="2"/>
 </pipe>
 <blendMode>0</blendMode>
</qgis>

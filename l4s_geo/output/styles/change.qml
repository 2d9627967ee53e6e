<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology">
 <pipe>
  <rasterrenderer type="singlebandpseudocolor" band="1" opacity="1" alphaBand="-1" classificationMin="-0.6" classificationMax="0.6" nodataColor="">
   <rasterTransparency/>
   <minMaxOrigin><limits>None</limits><extent>WholeRaster</extent><statAccuracy>Estimated</statAccuracy></minMaxOrigin>
   <rastershader>
    <colorrampshader colorRampType="INTERPOLATED" classificationMode="1" clip="0" minimumValue="-0.6" maximumValue="0.6" labelPrecision="1">
     <item value="-0.6" label="-0.6 (vegetation lost)" color="#bd0026" alpha="255"/>
     <item value="-0.3" label="-0.3" color="#fd8d3c" alpha="220"/>
     <item value="-0.1" label="-0.1" color="#ffffb2" alpha="80"/>
     <item value="0" label="0" color="#ffffff" alpha="0"/>
     <item value="0.1" label="0.1" color="#d9f0d3" alpha="80"/>
     <item value="0.3" label="0.3" color="#5aae61" alpha="220"/>
     <item value="0.6" label="0.6 (vegetation gained)" color="#00441b" alpha="255"/>
    </colorrampshader>
   </rastershader>
  </rasterrenderer>
  <brightnesscontrast brightness="0" contrast="0" gamma="1"/>
  <huesaturation saturation="0" grayscaleMode="0"/>
  <rasterresampler maxOversampling="2"/>
 </pipe>
 <blendMode>0</blendMode>
</qgis>

<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology|Fields|MapTips">
 <renderer-v2 type="graduatedSymbol" attr="prob_mean" graduatedMethod="GraduatedColor" symbollevels="0" forceraster="0" enableorderby="0">
  <ranges>
   <range lower="0" upper="0.6" symbol="0" label="Low (under 0.6)" render="true"/>
   <range lower="0.6" upper="0.8" symbol="1" label="Medium (0.6 to 0.8)" render="true"/>
   <range lower="0.8" upper="1.0" symbol="2" label="High (0.8 and more)" render="true"/>
  </ranges>
  <symbols>
   <symbol name="0" type="fill" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleFill" enabled="1" locked="0" pass="0">
     <Option type="Map">
      <Option name="color" type="QString" value="254,204,92,90"/>
      <Option name="style" type="QString" value="solid"/>
      <Option name="outline_color" type="QString" value="254,204,92,255"/>
      <Option name="outline_style" type="QString" value="solid"/>
      <Option name="outline_width" type="QString" value="0.3"/>
      <Option name="outline_width_unit" type="QString" value="MM"/>
     </Option>
     <prop k="color" v="254,204,92,90"/>
     <prop k="style" v="solid"/>
     <prop k="outline_color" v="254,204,92,255"/>
     <prop k="outline_style" v="solid"/>
     <prop k="outline_width" v="0.3"/>
     <prop k="outline_width_unit" v="MM"/>
    </layer>
   </symbol>
   <symbol name="1" type="fill" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleFill" enabled="1" locked="0" pass="0">
     <Option type="Map">
      <Option name="color" type="QString" value="253,141,60,90"/>
      <Option name="style" type="QString" value="solid"/>
      <Option name="outline_color" type="QString" value="253,141,60,255"/>
      <Option name="outline_style" type="QString" value="solid"/>
      <Option name="outline_width" type="QString" value="0.3"/>
      <Option name="outline_width_unit" type="QString" value="MM"/>
     </Option>
     <prop k="color" v="253,141,60,90"/>
     <prop k="style" v="solid"/>
     <prop k="outline_color" v="253,141,60,255"/>
     <prop k="outline_style" v="solid"/>
     <prop k="outline_width" v="0.3"/>
     <prop k="outline_width_unit" v="MM"/>
    </layer>
   </symbol>
   <symbol name="2" type="fill" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleFill" enabled="1" locked="0" pass="0">
     <Option type="Map">
      <Option name="color" type="QString" value="227,26,28,90"/>
      <Option name="style" type="QString" value="solid"/>
      <Option name="outline_color" type="QString" value="227,26,28,255"/>
      <Option name="outline_style" type="QString" value="solid"/>
      <Option name="outline_width" type="QString" value="0.3"/>
      <Option name="outline_width_unit" type="QString" value="MM"/>
     </Option>
     <prop k="color" v="227,26,28,90"/>
     <prop k="style" v="solid"/>
     <prop k="outline_color" v="227,26,28,255"/>
     <prop k="outline_style" v="solid"/>
     <prop k="outline_width" v="0.3"/>
     <prop k="outline_width_unit" v="MM"/>
    </layer>
   </symbol>
  </symbols>
 </renderer-v2>
 <aliases>
  <alias field="id" index="0" name="Landslide"/>
  <alias field="area_m2" index="1" name="Area (m²)"/>
  <alias field="perimeter_m" index="2" name="Perimeter (m)"/>
  <alias field="length_m" index="3" name="Length (m)"/>
  <alias field="width_m" index="4" name="Width (m)"/>
  <alias field="orientation_deg" index="5" name="Orientation (° from north)"/>
  <alias field="compactness" index="6" name="Compactness (4πA/P²)"/>
  <alias field="n_pixels" index="7" name="Pixels"/>
  <alias field="prob_mean" index="8" name="Mean probability"/>
  <alias field="prob_max" index="9" name="Highest probability"/>
  <alias field="prob_spread" index="10" name="Spread of the probability"/>
  <alias field="slope_mean_deg" index="11" name="Mean slope (°)"/>
  <alias field="slope_max_deg" index="12" name="Highest slope (°)"/>
  <alias field="elev_min_m" index="13" name="Lowest elevation (m)"/>
  <alias field="elev_max_m" index="14" name="Highest elevation (m)"/>
  <alias field="relief_m" index="15" name="Relief (m)"/>
  <alias field="reach_angle_deg" index="16" name="Reach angle (°)"/>
  <alias field="aspect_deg" index="17" name="Aspect (° from north)"/>
  <alias field="touches_edge" index="18" name="Touches the edge of the data"/>
  <alias field="touches_mask" index="19" name="Touches masked ground"/>
  <alias field="scene" index="20" name="Scene"/>
  <alias field="bundle" index="21" name="Model bundle"/>
  <alias field="threshold" index="22" name="Threshold"/>
  <alias field="created" index="23" name="Mapped at"/>
 </aliases>
 <mapTip>&lt;b&gt;Landslide [% "id" %]&lt;/b&gt;&lt;br&gt;[% round("area_m2") %] m², mean probability [% round("prob_mean", 2) %]</mapTip>
 <layerGeometryType>2</layerGeometryType>
</qgis>

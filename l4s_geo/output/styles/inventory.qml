<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology|Fields|Forms|MapTips">
 <renderer-v2 type="categorizedSymbol" attr="coalesce(nullif(&quot;confidence&quot;, ''), CASE WHEN &quot;prob_mean&quot; &gt;= 0.8 THEN 'high' WHEN &quot;prob_mean&quot; &gt;= 0.6 THEN 'medium' ELSE 'low' END)" symbollevels="0" forceraster="0" enableorderby="0">
  <categories>
   <category value="high" symbol="2" label="High confidence" render="true" type="string"/>
   <category value="medium" symbol="1" label="Medium confidence" render="true" type="string"/>
   <category value="low" symbol="0" label="Low confidence" render="true" type="string"/>
  </categories>
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
  <alias field="confidence" index="11" name="Confidence"/>
  <alias field="slope_mean_deg" index="12" name="Mean slope (°)"/>
  <alias field="slope_max_deg" index="13" name="Highest slope (°)"/>
  <alias field="elev_min_m" index="14" name="Lowest elevation (m)"/>
  <alias field="elev_max_m" index="15" name="Highest elevation (m)"/>
  <alias field="relief_m" index="16" name="Relief (m)"/>
  <alias field="reach_angle_deg" index="17" name="Reach angle (°)"/>
  <alias field="aspect_deg" index="18" name="Aspect (° from north)"/>
  <alias field="touches_edge" index="19" name="Touches the edge of the data"/>
  <alias field="touches_mask" index="20" name="Touches masked ground"/>
  <alias field="scene" index="21" name="Scene"/>
  <alias field="bundle" index="22" name="Model bundle"/>
  <alias field="threshold" index="23" name="Threshold"/>
  <alias field="created" index="24" name="Mapped at"/>
 </aliases>
 <fieldConfiguration>
  <field name="fid"><editWidget type="Hidden"><config><Option/></config></editWidget></field>
  <field name="area_m2"><editWidget type="Range"><config><Option type="Map"><Option name="AllowNull" type="bool" value="true"/><Option name="Precision" type="int" value="0"/><Option name="Style" type="QString" value="SpinBox"/><Option name="Min" type="double" value="-1e9"/><Option name="Max" type="double" value="1e12"/></Option></config></editWidget></field>
  <field name="perimeter_m"><editWidget type="Range"><config><Option type="Map"><Option name="AllowNull" type="bool" value="true"/><Option name="Precision" type="int" value="0"/><Option name="Style" type="QString" value="SpinBox"/><Option name="Min" type="double" value="-1e9"/><Option name="Max" type="double" value="1e12"/></Option></config></editWidget></field>
  <field name="length_m"><editWidget type="Range"><config><Option type="Map"><Option name="AllowNull" type="bool" value="true"/><Option name="Precision" type="int" value="0"/><Option name="Style" type="QString" value="SpinBox"/><Option name="Min" type="double" value="-1e9"/><Option name="Max" type="double" value="1e12"/></Option></config></editWidget></field>
  <field name="width_m"><editWidget type="Range"><config><Option type="Map"><Option name="AllowNull" type="bool" value="true"/><Option name="Precision" type="int" value="0"/><Option name="Style" type="QString" value="SpinBox"/><Option name="Min" type="double" value="-1e9"/><Option name="Max" type="double" value="1e12"/></Option></config></editWidget></field>
  <field name="orientation_deg"><editWidget type="Range"><config><Option type="Map"><Option name="AllowNull" type="bool" value="true"/><Option name="Precision" type="int" value="0"/><Option name="Style" type="QString" value="SpinBox"/><Option name="Min" type="double" value="-1e9"/><Option name="Max" type="double" value="1e12"/></Option></config></editWidget></field>
  <field name="compactness"><editWidget type="Range"><config><Option type="Map"><Option name="AllowNull" type="bool" value="true"/><Option name="Precision" type="int" value="2"/><Option name="Style" type="QString" value="SpinBox"/><Option name="Min" type="double" value="-1e9"/><Option name="Max" type="double" value="1e12"/></Option></config></editWidget></field>
  <field name="prob_mean"><editWidget type="Range"><config><Option type="Map"><Option name="AllowNull" type="bool" value="true"/><Option name="Precision" type="int" value="2"/><Option name="Style" type="QString" value="SpinBox"/><Option name="Min" type="double" value="-1e9"/><Option name="Max" type="double" value="1e12"/></Option></config></editWidget></field>
  <field name="prob_max"><editWidget type="Range"><config><Option type="Map"><Option name="AllowNull" type="bool" value="true"/><Option name="Precision" type="int" value="2"/><Option name="Style" type="QString" value="SpinBox"/><Option name="Min" type="double" value="-1e9"/><Option name="Max" type="double" value="1e12"/></Option></config></editWidget></field>
  <field name="prob_spread"><editWidget type="Range"><config><Option type="Map"><Option name="AllowNull" type="bool" value="true"/><Option name="Precision" type="int" value="3"/><Option name="Style" type="QString" value="SpinBox"/><Option name="Min" type="double" value="-1e9"/><Option name="Max" type="double" value="1e12"/></Option></config></editWidget></field>
  <field name="slope_mean_deg"><editWidget type="Range"><config><Option type="Map"><Option name="AllowNull" type="bool" value="true"/><Option name="Precision" type="int" value="1"/><Option name="Style" type="QString" value="SpinBox"/><Option name="Min" type="double" value="-1e9"/><Option name="Max" type="double" value="1e12"/></Option></config></editWidget></field>
  <field name="slope_max_deg"><editWidget type="Range"><config><Option type="Map"><Option name="AllowNull" type="bool" value="true"/><Option name="Precision" type="int" value="1"/><Option name="Style" type="QString" value="SpinBox"/><Option name="Min" type="double" value="-1e9"/><Option name="Max" type="double" value="1e12"/></Option></config></editWidget></field>
  <field name="elev_min_m"><editWidget type="Range"><config><Option type="Map"><Option name="AllowNull" type="bool" value="true"/><Option name="Precision" type="int" value="0"/><Option name="Style" type="QString" value="SpinBox"/><Option name="Min" type="double" value="-1e9"/><Option name="Max" type="double" value="1e12"/></Option></config></editWidget></field>
  <field name="elev_max_m"><editWidget type="Range"><config><Option type="Map"><Option name="AllowNull" type="bool" value="true"/><Option name="Precision" type="int" value="0"/><Option name="Style" type="QString" value="SpinBox"/><Option name="Min" type="double" value="-1e9"/><Option name="Max" type="double" value="1e12"/></Option></config></editWidget></field>
  <field name="relief_m"><editWidget type="Range"><config><Option type="Map"><Option name="AllowNull" type="bool" value="true"/><Option name="Precision" type="int" value="0"/><Option name="Style" type="QString" value="SpinBox"/><Option name="Min" type="double" value="-1e9"/><Option name="Max" type="double" value="1e12"/></Option></config></editWidget></field>
  <field name="reach_angle_deg"><editWidget type="Range"><config><Option type="Map"><Option name="AllowNull" type="bool" value="true"/><Option name="Precision" type="int" value="1"/><Option name="Style" type="QString" value="SpinBox"/><Option name="Min" type="double" value="-1e9"/><Option name="Max" type="double" value="1e12"/></Option></config></editWidget></field>
  <field name="aspect_deg"><editWidget type="Range"><config><Option type="Map"><Option name="AllowNull" type="bool" value="true"/><Option name="Precision" type="int" value="0"/><Option name="Style" type="QString" value="SpinBox"/><Option name="Min" type="double" value="-1e9"/><Option name="Max" type="double" value="1e12"/></Option></config></editWidget></field>
  <field name="threshold"><editWidget type="Range"><config><Option type="Map"><Option name="AllowNull" type="bool" value="true"/><Option name="Precision" type="int" value="3"/><Option name="Style" type="QString" value="SpinBox"/><Option name="Min" type="double" value="-1e9"/><Option name="Max" type="double" value="1e12"/></Option></config></editWidget></field>
 </fieldConfiguration>
 <editorlayout>tablayout</editorlayout>
 <attributeEditorForm>
  <attributeEditorContainer name="Landslide" groupBox="0" columnCount="1" showLabel="1" visibilityExpressionEnabled="0" visibilityExpression="">
   <attributeEditorField name="id" index="0" showLabel="1"/>
   <attributeEditorField name="area_m2" index="1" showLabel="1"/>
   <attributeEditorField name="prob_mean" index="8" showLabel="1"/>
   <attributeEditorField name="prob_max" index="9" showLabel="1"/>
   <attributeEditorField name="prob_spread" index="10" showLabel="1"/>
   <attributeEditorField name="confidence" index="11" showLabel="1"/>
   <attributeEditorField name="touches_edge" index="19" showLabel="1"/>
   <attributeEditorField name="touches_mask" index="20" showLabel="1"/>
  </attributeEditorContainer>
  <attributeEditorContainer name="Shape" groupBox="0" columnCount="1" showLabel="1" visibilityExpressionEnabled="0" visibilityExpression="">
   <attributeEditorField name="length_m" index="3" showLabel="1"/>
   <attributeEditorField name="width_m" index="4" showLabel="1"/>
   <attributeEditorField name="perimeter_m" index="2" showLabel="1"/>
   <attributeEditorField name="orientation_deg" index="5" showLabel="1"/>
   <attributeEditorField name="compactness" index="6" showLabel="1"/>
   <attributeEditorField name="n_pixels" index="7" showLabel="1"/>
  </attributeEditorContainer>
  <attributeEditorContainer name="Terrain" groupBox="0" columnCount="1" showLabel="1" visibilityExpressionEnabled="0" visibilityExpression="">
   <attributeEditorField name="slope_mean_deg" index="12" showLabel="1"/>
   <attributeEditorField name="slope_max_deg" index="13" showLabel="1"/>
   <attributeEditorField name="elev_min_m" index="14" showLabel="1"/>
   <attributeEditorField name="elev_max_m" index="15" showLabel="1"/>
   <attributeEditorField name="relief_m" index="16" showLabel="1"/>
   <attributeEditorField name="reach_angle_deg" index="17" showLabel="1"/>
   <attributeEditorField name="aspect_deg" index="18" showLabel="1"/>
  </attributeEditorContainer>
  <attributeEditorContainer name="Origin" groupBox="0" columnCount="1" showLabel="1" visibilityExpressionEnabled="0" visibilityExpression="">
   <attributeEditorField name="scene" index="21" showLabel="1"/>
   <attributeEditorField name="bundle" index="22" showLabel="1"/>
   <attributeEditorField name="threshold" index="23" showLabel="1"/>
   <attributeEditorField name="created" index="24" showLabel="1"/>
  </attributeEditorContainer>
 </attributeEditorForm>
 <mapTip>&lt;b&gt;Landslide [% "id" %]&lt;/b&gt;&lt;br&gt;[% round("area_m2") %] m², mean probability [% round("prob_mean", 2) %]</mapTip>
 <layerGeometryType>2</layerGeometryType>
</qgis>

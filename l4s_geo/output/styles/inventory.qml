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
 <aliases/>
 <fieldConfiguration/>
 <editorlayout>tablayout</editorlayout>
 <attributeEditorForm/>
 <previewExpression>concat('Landslide ', "id", ', ', round("area_m2"), ' m²', ', ' || nullif("confidence", ''))</previewExpression>
 <mapTip>&lt;b&gt;Landslide [% "id" %]&lt;/b&gt;&lt;br&gt;[% round("area_m2") %] m², mean probability [% round("prob_mean", 2) %]</mapTip>
 <layerGeometryType>2</layerGeometryType>
</qgis>

<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology|MapTips">
 <renderer-v2 type="categorizedSymbol" attr="CASE WHEN &quot;side&quot; = 'reference' AND &quot;outcome&quot; &lt;&gt; 'missed' THEN '' ELSE concat(&quot;side&quot;, ':', &quot;outcome&quot;) END" symbollevels="0" forceraster="0" enableorderby="0">
  <categories>
   <category value="inventory:hit" symbol="0" label="Right" render="true" type="string"/>
   <category value="inventory:split" symbol="1" label="Right, a piece of one" render="true" type="string"/>
   <category value="inventory:amalgamated" symbol="2" label="Right, over several" render="true" type="string"/>
   <category value="inventory:false" symbol="3" label="False" render="true" type="string"/>
   <category value="reference:missed" symbol="4" label="Missed" render="true" type="string"/>
   <category value="" symbol="5" label="Reference, found" render="true" type="string"/>
  </categories>
  <symbols>
   <symbol name="0" type="fill" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleFill" enabled="1" locked="0" pass="0">
     <Option type="Map">
      <Option name="color" type="QString" value="26,150,65,90"/>
      <Option name="style" type="QString" value="solid"/>
      <Option name="outline_color" type="QString" value="26,150,65,255"/>
      <Option name="outline_style" type="QString" value="solid"/>
      <Option name="outline_width" type="QString" value="0.3"/>
      <Option name="outline_width_unit" type="QString" value="MM"/>
     </Option>
     <prop k="color" v="26,150,65,90"/>
     <prop k="style" v="solid"/>
     <prop k="outline_color" v="26,150,65,255"/>
     <prop k="outline_style" v="solid"/>
     <prop k="outline_width" v="0.3"/>
     <prop k="outline_width_unit" v="MM"/>
    </layer>
   </symbol>
   <symbol name="1" type="fill" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleFill" enabled="1" locked="0" pass="0">
     <Option type="Map">
      <Option name="color" type="QString" value="166,217,106,90"/>
      <Option name="style" type="QString" value="solid"/>
      <Option name="outline_color" type="QString" value="166,217,106,255"/>
      <Option name="outline_style" type="QString" value="solid"/>
      <Option name="outline_width" type="QString" value="0.3"/>
      <Option name="outline_width_unit" type="QString" value="MM"/>
     </Option>
     <prop k="color" v="166,217,106,90"/>
     <prop k="style" v="solid"/>
     <prop k="outline_color" v="166,217,106,255"/>
     <prop k="outline_style" v="solid"/>
     <prop k="outline_width" v="0.3"/>
     <prop k="outline_width_unit" v="MM"/>
    </layer>
   </symbol>
   <symbol name="2" type="fill" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleFill" enabled="1" locked="0" pass="0">
     <Option type="Map">
      <Option name="color" type="QString" value="0,128,128,90"/>
      <Option name="style" type="QString" value="solid"/>
      <Option name="outline_color" type="QString" value="0,128,128,255"/>
      <Option name="outline_style" type="QString" value="solid"/>
      <Option name="outline_width" type="QString" value="0.3"/>
      <Option name="outline_width_unit" type="QString" value="MM"/>
     </Option>
     <prop k="color" v="0,128,128,90"/>
     <prop k="style" v="solid"/>
     <prop k="outline_color" v="0,128,128,255"/>
     <prop k="outline_style" v="solid"/>
     <prop k="outline_width" v="0.3"/>
     <prop k="outline_width_unit" v="MM"/>
    </layer>
   </symbol>
   <symbol name="3" type="fill" alpha="1" clip_to_extent="1" force_rhr="0">
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
   <symbol name="4" type="fill" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleFill" enabled="1" locked="0" pass="0">
     <Option type="Map">
      <Option name="color" type="QString" value="43,131,186,110"/>
      <Option name="style" type="QString" value="solid"/>
      <Option name="outline_color" type="QString" value="43,131,186,255"/>
      <Option name="outline_style" type="QString" value="solid"/>
      <Option name="outline_width" type="QString" value="0.3"/>
      <Option name="outline_width_unit" type="QString" value="MM"/>
     </Option>
     <prop k="color" v="43,131,186,110"/>
     <prop k="style" v="solid"/>
     <prop k="outline_color" v="43,131,186,255"/>
     <prop k="outline_style" v="solid"/>
     <prop k="outline_width" v="0.3"/>
     <prop k="outline_width_unit" v="MM"/>
    </layer>
   </symbol>
   <symbol name="5" type="fill" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleFill" enabled="1" locked="0" pass="0">
     <Option type="Map">
      <Option name="color" type="QString" value="40,40,40,0"/>
      <Option name="style" type="QString" value="solid"/>
      <Option name="outline_color" type="QString" value="40,40,40,255"/>
      <Option name="outline_style" type="QString" value="solid"/>
      <Option name="outline_width" type="QString" value="0.3"/>
      <Option name="outline_width_unit" type="QString" value="MM"/>
     </Option>
     <prop k="color" v="40,40,40,0"/>
     <prop k="style" v="solid"/>
     <prop k="outline_color" v="40,40,40,255"/>
     <prop k="outline_style" v="solid"/>
     <prop k="outline_width" v="0.3"/>
     <prop k="outline_width_unit" v="MM"/>
    </layer>
   </symbol>
  </symbols>
 </renderer-v2>
 <mapTip>&lt;b&gt;[% "outcome" %]&lt;/b&gt;, [% round("area_m2") %] m², [% round(100 * "covered") %] % in the other</mapTip>
 <layerGeometryType>2</layerGeometryType>
</qgis>

<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="de">
 <context>
  <name>Landslide4Sense</name>
  <message>
   <source>Build 14-band stack</source>
   <translation>14-Kanal-Stapel erzeugen</translation>
  </message>
  <message>
   <source>Writes a Sentinel-2 scene and its terrain as one raster on the 10 m mapping grid.</source>
   <translation>Schreibt eine Sentinel-2-Szene und ihr Gelände als ein Raster auf dem 10-m-Gitter der Kartierung.</translation>
  </message>
  <message>
   <source>Prepare</source>
   <translation>Vorbereiten</translation>
  </message>
  <message>
   <source>Writes a scene and its terrain as one raster on the 10 m mapping grid.

The raster holds the bands of Landslide4Sense that are there, in its order and with their names: digital numbers (reflectance × 10000, offset taken off), slope in degrees, DEM in metres. Masked pixels are nodata. It is a Cloud Optimized GeoTIFF; mapping it gives the same landslides as mapping the scene.</source>
   <translation>Schreibt eine Szene und ihr Gelände als ein Raster auf dem 10-m-Gitter der Kartierung.

Das Raster enthält die Bänder von Landslide4Sense, die es gibt, in dessen Reihenfolge und mit ihren Namen: digitale Werte (Reflexionsgrad × 10000, Versatz abgezogen), Hangneigung in Grad, DEM in Metern. Maskierte Pixel haben keine Daten. Es ist ein Cloud Optimized GeoTIFF; wird es kartiert, ergibt es dieselben Rutschungen wie die Szene selbst.</translation>
  </message>
  <message>
   <source>Stack</source>
   <translation>Stapel</translation>
  </message>
  <message>
   <source>strips</source>
   <translation>Streifen</translation>
  </message>
  <message>
   <source>Check environment</source>
   <translation>Umgebung prüfen</translation>
  </message>
  <message>
   <source>Says which engine runs, on which device, and which bundles are installed.</source>
   <translation>Sagt, welche Engine läuft, auf welchem Gerät, und welche Modelle installiert sind.</translation>
  </message>
  <message>
   <source>Check</source>
   <translation>Prüfen</translation>
  </message>
  <message>
   <source>Says which interpreter the engine runs in and where that was set, which versions are installed, whether an NVIDIA GPU is used or why not, and which bundles (models) there are.</source>
   <translation>Sagt, in welchem Interpreter die Engine läuft und wo das eingestellt wurde, welche Versionen installiert sind, ob eine NVIDIA-GPU benutzt wird oder warum nicht, und welche Modelle es gibt.</translation>
  </message>
  <message>
   <source>Report</source>
   <translation>Bericht</translation>
  </message>
  <message>
   <source>Interpreter</source>
   <translation>Interpreter</translation>
  </message>
  <message>
   <source>Version of the engine</source>
   <translation>Version der Engine</translation>
  </message>
  <message>
   <source>Device</source>
   <translation>Gerät</translation>
  </message>
  <message>
   <source>Bundles</source>
   <translation>Modelle</translation>
  </message>
  <message>
   <source>Engine</source>
   <translation>Engine</translation>
  </message>
  <message>
   <source>Packages</source>
   <translation>Pakete</translation>
  </message>
  <message>
   <source>No GPU</source>
   <translation>Keine GPU</translation>
  </message>
  <message>
   <source>{description} Bands: {bands}; threshold {threshold:g}</source>
   <translation>{description} Bänder: {bands}; Schwelle {threshold:g}</translation>
  </message>
  <message>
   <source>Bundle {}</source>
   <translation>Modell {}</translation>
  </message>
  <message>
   <source>Precision, by pixels</source>
   <translation>Genauigkeit (precision), nach Pixeln</translation>
  </message>
  <message>
   <source>Recall, by pixels</source>
   <translation>Trefferquote (recall), nach Pixeln</translation>
  </message>
  <message>
   <source>F1, by pixels</source>
   <translation>F1, nach Pixeln</translation>
  </message>
  <message>
   <source>Intersection over union, by pixels</source>
   <translation>Schnitt durch Vereinigung (IoU), nach Pixeln</translation>
  </message>
  <message>
   <source>Landslides mapped that the reference has</source>
   <translation>Kartierte Rutschungen, die die Referenz hat</translation>
  </message>
  <message>
   <source>Landslides mapped that the reference does not have</source>
   <translation>Kartierte Rutschungen, die die Referenz nicht hat</translation>
  </message>
  <message>
   <source>Landslides of the reference that were found</source>
   <translation>Rutschungen der Referenz, die gefunden wurden</translation>
  </message>
  <message>
   <source>Landslides of the reference that were missed</source>
   <translation>Rutschungen der Referenz, die fehlen</translation>
  </message>
  <message>
   <source>Azimuth of the sun (degrees clockwise from north)</source>
   <translation>Azimut der Sonne (Grad im Uhrzeigersinn von Norden)</translation>
  </message>
  <message>
   <source>Elevation of the sun (degrees above the horizon)</source>
   <translation>Höhe der Sonne (Grad über dem Horizont)</translation>
  </message>
  <message>
   <source>Compare with a reference inventory</source>
   <translation>Mit einem Referenzinventar vergleichen</translation>
  </message>
  <message>
   <source>Compares an inventory with a reference: precision, recall, F1, and which landslides were missed.</source>
   <translation>Vergleicht ein Inventar mit einer Referenz: Genauigkeit, Trefferquote, F1, und welche Rutschungen fehlen.</translation>
  </message>
  <message>
   <source>Compares an inventory with a reference, by pixels of 10 m and by landslide. The log shows all figures: with one pixel of tolerance, matched one to one, by size, slope and aspect, and the distribution of sizes.

&lt;b&gt;By pixels&lt;/b&gt;: precision is the share of the inventory's pixels that the reference has, recall the share of the reference's pixels that the inventory has, F1 their harmonic mean. A pixel counts if half of it is covered.

&lt;b&gt;By landslide&lt;/b&gt;: one counts as found, or as right, if at least the given share of its area lies in the other layer.

Give the &lt;b&gt;ground that was looked at&lt;/b&gt; in both, as polygons or as an extent, or what lies outside one of them counts against the other. Results are as good as the reference; one drawn by hand at another scale is often off by a pixel all around.

The output holds the landslides of both layers with what became of them: hit, split, amalgamated, false, missed; those of the inventory keep their attributes. The report is a page with map, tables and plots for people without a GIS.</source>
   <translation>Vergleicht ein Inventar mit einer Referenz, nach Pixeln von 10 m und nach Rutschungen. Im Protokoll stehen alle Zahlen: mit einem Pixel Toleranz, eins zu eins zugeordnet, nach Größe, Hangneigung und Exposition, und die Verteilung der Größen.

&lt;b&gt;Nach Pixeln&lt;/b&gt;: Die Genauigkeit (precision) ist der Anteil der Pixel des Inventars, den die Referenz hat, die Trefferquote (recall) der Anteil der Pixel der Referenz, den das Inventar hat, F1 ihr harmonisches Mittel. Ein Pixel zählt, wenn es zur Hälfte bedeckt ist.

&lt;b&gt;Nach Rutschungen&lt;/b&gt;: Eine gilt als gefunden oder als richtig, wenn mindestens der angegebene Anteil ihrer Fläche im anderen Layer liegt.

Geben Sie als Polygone oder als Ausdehnung an, &lt;b&gt;wo&lt;/b&gt; für beide &lt;b&gt;nachgesehen wurde&lt;/b&gt;; sonst zählt, was außerhalb des einen liegt, gegen das andere. Das Ergebnis ist so gut wie die Referenz; eine in anderem Maßstab von Hand gezeichnete liegt oft rundum um ein Pixel daneben.

Die Ausgabe enthält die Rutschungen beider Layer und was aus ihnen wurde: hit (richtig), split (in mehreren Stücken), amalgamated (über mehreren), false (falsch), missed (fehlt); die des Inventars behalten ihre Attribute. Der Bericht ist eine Seite mit Karte, Tabellen und Diagrammen für Menschen ohne GIS.</translation>
  </message>
  <message>
   <source>Share of its area from which a landslide counts as found</source>
   <translation>Anteil ihrer Fläche, ab dem eine Rutschung als gefunden gilt</translation>
  </message>
  <message>
   <source>Intersection over union from which two landslides match one to one</source>
   <translation>Schnitt durch Vereinigung (IoU), ab dem zwei Rutschungen eins zu eins zugeordnet werden</translation>
  </message>
  <message>
   <source>Comparison</source>
   <translation>Vergleich</translation>
  </message>
  <message>
   <source>Inventory</source>
   <translation>Inventar</translation>
  </message>
  <message>
   <source>Reference inventory</source>
   <translation>Referenzinventar</translation>
  </message>
  <message>
   <source>Ground that was looked at</source>
   <translation>Gebiet, in dem nachgesehen wurde</translation>
  </message>
  <message>
   <source>Extent that both cover</source>
   <translation>Ausdehnung, die beide abdecken</translation>
  </message>
  <message>
   <source>Doubtful ground, not judged</source>
   <translation>Zweifelhaftes Gebiet, das nicht gewertet wird</translation>
  </message>
  <message>
   <source>Probability raster of the inventory</source>
   <translation>Wahrscheinlichkeitsraster des Inventars</translation>
  </message>
  <message>
   <source>DEM</source>
   <translation>DEM</translation>
  </message>
  <message>
   <source>HTML files (*.html)</source>
   <translation>HTML-Dateien (*.html)</translation>
  </message>
  <message>
   <source>Give the ground that was looked at either as an extent or as polygons, not both.</source>
   <translation>Geben Sie das Gebiet, in dem nachgesehen wurde, als Ausdehnung oder als Polygone an, nicht beides.</translation>
  </message>
  <message>
   <source>Light on slopes needs a DEM and both angles of the sun; give all three, or none.</source>
   <translation>Das Licht auf Hängen braucht ein DEM und beide Winkel der Sonne; geben Sie alle drei an oder keinen.</translation>
  </message>
  <message>
   <source>probability raster</source>
   <translation>Wahrscheinlichkeitsraster</translation>
  </message>
  <message>
   <source>The layer {} has no CRS, so it cannot be compared; set its CRS in its properties.</source>
   <translation>Der Layer {} hat kein KBS, kann also nicht verglichen werden; legen Sie sein KBS in seinen Eigenschaften fest.</translation>
  </message>
  <message>
   <source>Copy the engine</source>
   <translation>Engine kopieren</translation>
  </message>
  <message>
   <source>Copies the engine's wheel into a folder, the beginning of a set-up without the internet.</source>
   <translation>Kopiert das Wheel der Engine in einen Ordner, der Anfang einer Einrichtung ohne Internet.</translation>
  </message>
  <message>
   <source>The first step of a set-up on a computer without the internet. Copies the engine's wheel, which is part of the plugin, into a folder, and the log shows the command that fills the folder with the packages it needs. Run it on a computer with the internet, the same operating system and the same version of Python; bring the folder here, and give it to &lt;i&gt;Set up environment&lt;/i&gt; as folder of wheels.</source>
   <translation>Der erste Schritt einer Einrichtung auf einem Rechner ohne Internet. Kopiert das Wheel der Engine, das Teil des Plugins ist, in einen Ordner, und das Protokoll zeigt den Befehl, der den Ordner mit den Paketen füllt, die sie braucht. Führen Sie ihn auf einem Rechner mit Internet, dem gleichen Betriebssystem und der gleichen Python-Version aus, bringen Sie den Ordner hierher, und geben Sie ihn in &lt;i&gt;Umgebung einrichten&lt;/i&gt; als Ordner mit Wheels an.</translation>
  </message>
  <message>
   <source>In that folder, on a computer with the internet, run:</source>
   <translation>Führen Sie in diesem Ordner auf einem Rechner mit Internet aus:</translation>
  </message>
  <message>
   <source>Folder to copy it into</source>
   <translation>Ordner, in den kopiert wird</translation>
  </message>
  <message>
   <source>The engine's wheel</source>
   <translation>Wheel der Engine</translation>
  </message>
  <message>
   <source>Command that fills the folder</source>
   <translation>Befehl, der den Ordner füllt</translation>
  </message>
  <message>
   <source>This plugin came without the engine's wheel; take its full zip, or the package l4s-geo.</source>
   <translation>Dieses Plugin kam ohne das Wheel der Engine; nehmen Sie sein vollständiges Zip oder das Paket l4s-geo.</translation>
  </message>
  <message>
   <source>The wheel cannot be copied into {folder} ({error}); choose another folder.</source>
   <translation>Das Wheel kann nicht nach {folder} kopiert werden ({error}); wählen Sie einen anderen Ordner.</translation>
  </message>
  <message>
   <source>Export to a catalogue</source>
   <translation>In einen Katalog exportieren</translation>
  </message>
  <message>
   <source>Writes an inventory in the fields of a landslide catalogue: COOLR, UGLC or the USGS's.</source>
   <translation>Schreibt ein Inventar in den Feldern eines Rutschungskatalogs: COOLR, UGLC oder der des USGS.</translation>
  </message>
  <message>
   <source>Writes the landslides of an inventory in the columns of a landslide catalogue, in longitude and latitude: NASA's COOLR and Global Landslide Catalog, the Unified Global Landslide Catalogue, or the Landslide Inventories across the United States of the USGS.

What the inventory does not know stays empty, as does what the catalogue's keepers assign; nothing is invented. An &lt;b&gt;event file&lt;/b&gt; gives name, date, trigger and type to an inventory that does not carry them. Without one, the dates of a comparison of two dates bound the landslide.

The documentation says of each field where it comes from.</source>
   <translation>Schreibt die Rutschungen eines Inventars in den Spalten eines Rutschungskatalogs, in Länge und Breite: NASAs COOLR und Global Landslide Catalog, der Unified Global Landslide Catalogue oder die Landslide Inventories across the United States des USGS.

Was das Inventar nicht weiß, bleibt leer, ebenso, was die Betreuer des Katalogs vergeben; nichts wird erfunden. Eine &lt;b&gt;Ereignisdatei&lt;/b&gt; gibt einem Inventar, das sie nicht trägt, Name, Datum, Auslöser und Art. Ohne sie grenzen die Daten eines Vergleichs zweier Zeitpunkte die Rutschung ein.

Die Dokumentation sagt zu jedem Feld, woher es kommt.</translation>
  </message>
  <message>
   <source>GeoPackage (*.gpkg);;GeoJSON (*.geojson);;Text (*.csv)</source>
   <translation>GeoPackage (*.gpkg);;GeoJSON (*.geojson);;Text (*.csv)</translation>
  </message>
  <message>
   <source>NASA COOLR / Global Landslide Catalog</source>
   <translation>NASA COOLR / Global Landslide Catalog</translation>
  </message>
  <message>
   <source>Unified Global Landslide Catalogue (UGLC)</source>
   <translation>Unified Global Landslide Catalogue (UGLC)</translation>
  </message>
  <message>
   <source>USGS Landslide Inventories across the United States</source>
   <translation>USGS Landslide Inventories across the United States</translation>
  </message>
  <message>
   <source>Points inside the landslides</source>
   <translation>Punkte in den Rutschungen</translation>
  </message>
  <message>
   <source>Outlines</source>
   <translation>Umrisse</translation>
  </message>
  <message>
   <source>Event file</source>
   <translation>Ereignisdatei</translation>
  </message>
  <message>
   <source>Event files (*.yaml *.yml)</source>
   <translation>Ereignisdateien (*.yaml *.yml)</translation>
  </message>
  <message>
   <source>inventory</source>
   <translation>Inventar</translation>
  </message>
  <message>
   <source>Catalogue</source>
   <translation>Katalog</translation>
  </message>
  <message>
   <source>Geometry</source>
   <translation>Geometrie</translation>
  </message>
  <message>
   <source>Leave out what was there before the event</source>
   <translation>Weglassen, was schon vor dem Ereignis da war</translation>
  </message>
  <message>
   <source>Catalogue's file</source>
   <translation>Datei des Katalogs</translation>
  </message>
  <message>
   <source>Number of landslides</source>
   <translation>Zahl der Rutschungen</translation>
  </message>
  <message>
   <source>Make an inventory of probabilities</source>
   <translation>Inventar aus Wahrscheinlichkeiten erstellen</translation>
  </message>
  <message>
   <source>Makes an inventory of a probability raster, at another threshold; nothing is mapped again.</source>
   <translation>Erstellt aus einem Wahrscheinlichkeitsraster ein Inventar bei anderer Schwelle; nichts wird neu kartiert.</translation>
  </message>
  <message>
   <source>Map</source>
   <translation>Kartieren</translation>
  </message>
  <message>
   <source>Makes an inventory of a probability raster that Map landslides wrote, for instance at another threshold or with another minimum area; nothing is mapped again. The panel &lt;b&gt;Threshold by eye&lt;/b&gt; shows beforehand what a threshold gives.

With the threshold of the map, the landslides are those of the map, with the same attributes but for the spread of the probability. The &lt;b&gt;DEM&lt;/b&gt; gives them the terrain; without one, that of the map is taken if it is still there.

If the map held only what was new since earlier scenes, the raster does not tell new from old: all landslides of the later date come out.</source>
   <translation>Erstellt ein Inventar aus einem Wahrscheinlichkeitsraster, das „Rutschungen kartieren“ geschrieben hat, etwa bei anderer Schwelle oder mit anderer Mindestfläche; nichts wird neu kartiert. Das Bedienfeld &lt;b&gt;Schwelle nach Augenmaß&lt;/b&gt; zeigt vorher, was eine Schwelle ergibt.

Mit der Schwelle der Kartierung sind es deren Rutschungen, mit denselben Attributen bis auf die Streuung der Wahrscheinlichkeit. Das &lt;b&gt;DEM&lt;/b&gt; gibt ihnen das Gelände; ohne eines wird das der Kartierung genommen, wenn es noch da ist.

Enthielt die Kartierung nur, was seit früheren Szenen neu ist, so trennt das Raster nicht Neues von Altem: Alle Rutschungen des späteren Zeitpunkts kommen heraus.</translation>
  </message>
  <message>
   <source>Threshold, a probability (empty: the map's)</source>
   <translation>Schwelle, eine Wahrscheinlichkeit (leer: die der Kartierung)</translation>
  </message>
  <message>
   <source>Pixels that touch at a corner are one landslide</source>
   <translation>Pixel, die sich an einer Ecke berühren, sind eine Rutschung</translation>
  </message>
  <message>
   <source>Fill holes up to this area, m²</source>
   <translation>Löcher bis zu dieser Fläche füllen, m²</translation>
  </message>
  <message>
   <source>Smooth outlines to this tolerance, m</source>
   <translation>Umrisse mit dieser Toleranz glätten, m</translation>
  </message>
  <message>
   <source>Probability raster</source>
   <translation>Wahrscheinlichkeitsraster</translation>
  </message>
  <message>
   <source>Minimum area, m²</source>
   <translation>Mindestfläche, m²</translation>
  </message>
  <message>
   <source>DEM (elevations in metres)</source>
   <translation>DEM (Höhen in Metern)</translation>
  </message>
  <message>
   <source>Landslides</source>
   <translation>Rutschungen</translation>
  </message>
  <message>
   <source>Area of all landslides, m²</source>
   <translation>Fläche aller Rutschungen, m²</translation>
  </message>
  <message>
   <source>Landslides {}</source>
   <translation>Rutschungen {}</translation>
  </message>
  <message>
   <source>Make a report</source>
   <translation>Bericht erstellen</translation>
  </message>
  <message>
   <source>Writes an inventory as one HTML page: map, key figures, plots, the model and where it comes from.</source>
   <translation>Schreibt ein Inventar als eine HTML-Seite: Karte, Kennzahlen, Diagramme, das Modell und die Herkunft.</translation>
  </message>
  <message>
   <source>Writes a page about an inventory for people who do not open a GIS: one HTML file that works without a network, on a phone and printed, in English or German as the browser says.

It holds a map of the &lt;b&gt;scene&lt;/b&gt; with the landslides, to zoom, click and filter; with &lt;b&gt;earlier scenes&lt;/b&gt; a handle to swipe between the dates; key figures and the ten largest; the distributions of size, slope, aspect and elevation; the model, its measured precision and what it must not be used for; and how the inventory was made.

Without a scene the files are tried that the inventory names. The &lt;b&gt;DEM&lt;/b&gt; gives slope, aspect and elevation to landslides that have none.</source>
   <translation>Schreibt eine Seite über ein Inventar für Menschen, die kein GIS öffnen: eine HTML-Datei, die ohne Netz, auf dem Telefon und gedruckt funktioniert, auf Englisch oder Deutsch, wie es der Browser sagt.

Sie enthält eine Karte der &lt;b&gt;Szene&lt;/b&gt; mit den Rutschungen, zum Vergrößern, Anklicken und Filtern; mit &lt;b&gt;früheren Szenen&lt;/b&gt; einen Griff, um zwischen den Zeitpunkten zu wischen; Kennzahlen und die zehn größten; die Verteilungen von Größe, Neigung, Exposition und Höhe; das Modell, seine gemessene Genauigkeit und wofür es nicht zu gebrauchen ist; und wie das Inventar entstand.

Ohne Szene werden die Dateien versucht, die das Inventar nennt. Das &lt;b&gt;DEM&lt;/b&gt; gibt Rutschungen, denen sie fehlen, Neigung, Exposition und Höhe.</translation>
  </message>
  <message>
   <source>…or a product: SAFE, zip, folder of bands, STAC item, Landslide4Sense patch (.h5)</source>
   <translation>…oder ein Produkt: SAFE, Zip, Ordner von Kanälen, STAC-Item, Landslide4Sense-Patch (.h5)</translation>
  </message>
  <message>
   <source>Earlier scenes, to swipe between: raster layers or files</source>
   <translation>Frühere Szenen, um zwischen den Zeitpunkten zu wischen: Rasterlayer oder Dateien</translation>
  </message>
  <message>
   <source>…or an earlier product, or one more</source>
   <translation>… oder ein früheres Produkt, oder eines mehr</translation>
  </message>
  <message>
   <source>Names of the scene's bands in order (B2,B3,B4,…)</source>
   <translation>Namen der Bänder der Szene in ihrer Reihenfolge (B2,B3,B4,…)</translation>
  </message>
  <message>
   <source>Mask with which the scene was mapped (raster, not 0)</source>
   <translation>Maske, mit der die Szene kartiert wurde (Raster, nicht 0)</translation>
  </message>
  <message>
   <source>Scene: a raster layer or file</source>
   <translation>Szene: Rasterlayer oder Datei</translation>
  </message>
  <message>
   <source>Give the scene either as a layer or as a product, not both.</source>
   <translation>Geben Sie die Szene entweder als Layer oder als Produkt an, nicht beides.</translation>
  </message>
  <message>
   <source>scene</source>
   <translation>Szene</translation>
  </message>
  <message>
   <source>mask</source>
   <translation>Maske</translation>
  </message>
  <message>
   <source>earlier scene</source>
   <translation>frühere Szene</translation>
  </message>
  <message>
   <source>Map an event</source>
   <translation>Ereignis kartieren</translation>
  </message>
  <message>
   <source>Maps all scenes that an event file names, each tile and day once, and merges them to one inventory.</source>
   <translation>Kartiert alle Szenen, die eine Ereignisdatei nennt, jede Kachel und jeden Tag einmal, und vereint sie zu einem Inventar.</translation>
  </message>
  <message>
   <source>Maps what an &lt;b&gt;event file&lt;/b&gt; names. Scenes of a tile and a day become an inventory, and all of them one, in which nothing counts twice; it carries name, date and trigger of the event. Results lie in the folder that the file says, by default one of its name beside it.

What is done is not done again while files and options hold the same, so that a run which was cancelled goes on where it was, with the same parameters. A unit that fails stops no other; the log says why it failed.

Several &lt;b&gt;processes&lt;/b&gt; map several units at once, where processors and memory allow. With the address or the file of a &lt;b&gt;Dask scheduler&lt;/b&gt; the units are mapped on a cluster, whose machines must see the files under the same paths.</source>
   <translation>Kartiert, was eine &lt;b&gt;Ereignisdatei&lt;/b&gt; nennt. Die Szenen einer Kachel und eines Tages werden zu einem Inventar, und alle zusammen zu einem, in dem nichts doppelt zählt; es trägt Name, Datum und Auslöser des Ereignisses. Die Ergebnisse liegen in dem Ordner, den die Datei nennt, sonst in einem ihres Namens neben ihr.

Was fertig ist, wird nicht noch einmal gemacht, solange Dateien und Optionen dieselben sind; ein abgebrochener Lauf geht mit denselben Parametern dort weiter, wo er war. Eine Einheit, die scheitert, hält keine andere auf; das Protokoll sagt, woran sie gescheitert ist.

Mehrere &lt;b&gt;Prozesse&lt;/b&gt; kartieren mehrere Einheiten gleichzeitig, wo Prozessoren und Speicher es zulassen. Mit der Adresse oder der Datei eines &lt;b&gt;Dask-Schedulers&lt;/b&gt; werden die Einheiten auf einem Cluster kartiert, dessen Rechner die Dateien unter denselben Pfaden sehen müssen.</translation>
  </message>
  <message>
   <source>Processes that map at once</source>
   <translation>Prozesse, die gleichzeitig kartieren</translation>
  </message>
  <message>
   <source>Scheduler of a Dask cluster (address or file)</source>
   <translation>Scheduler eines Dask-Clusters (Adresse oder Datei)</translation>
  </message>
  <message>
   <source>Try units again that failed</source>
   <translation>Gescheiterte Einheiten noch einmal versuchen</translation>
  </message>
  <message>
   <source>Add the inventory to the project</source>
   <translation>Inventar zum Projekt hinzufügen</translation>
  </message>
  <message>
   <source>Inventory of the event</source>
   <translation>Inventar des Ereignisses</translation>
  </message>
  <message>
   <source>Units that are done</source>
   <translation>Fertige Einheiten</translation>
  </message>
  <message>
   <source>Units that failed</source>
   <translation>Gescheiterte Einheiten</translation>
  </message>
  <message>
   <source>A cluster has processes of its own; give either a scheduler or more processes.</source>
   <translation>Ein Cluster hat eigene Prozesse; geben Sie entweder einen Scheduler oder mehrere Prozesse an.</translation>
  </message>
  <message>
   <source>No unit could be mapped; the log says why.</source>
   <translation>Keine Einheit konnte kartiert werden; das Protokoll sagt, warum.</translation>
  </message>
  <message>
   <source>The event file {} does not exist; choose one.</source>
   <translation>Die Ereignisdatei {} gibt es nicht; wählen Sie eine.</translation>
  </message>
  <message>
   <source>{} units failed; the log says why.</source>
   <translation>{} Einheiten sind gescheitert; das Protokoll sagt, warum.</translation>
  </message>
  <message>
   <source>Map landslides in a folder</source>
   <translation>Rutschungen in einem Ordner kartieren</translation>
  </message>
  <message>
   <source>Maps every Sentinel-2 scene of a folder; a scene that fails is reported and the others go on.</source>
   <translation>Kartiert jede Sentinel-2-Szene eines Ordners; eine, die misslingt, wird gemeldet, und die anderen laufen weiter.</translation>
  </message>
  <message>
   <source>Maps every scene of a folder and of the folders in it: rasters (.tif, .vrt, .jp2, .img), SAFE products (folders and zips), folders of band files, STAC items (.json) and patches of Landslide4Sense (.h5). Each becomes an inventory of its own in the output folder, named after the scene.

Earlier scenes, DEM, area of interest, mask and options hold for all scenes; those that lie in the folder themselves are not mapped. A scene that fails is reported, and the others go on. Scenes that have an inventory in the output folder already are left alone, so a stopped run can be gone on with, unless you ask for all to be mapped again. After a cancel, what is finished is kept and added to the project.</source>
   <translation>Kartiert jede Szene eines Ordners und der Ordner darin: Raster (.tif, .vrt, .jp2, .img), SAFE-Produkte (Ordner und Zips), Ordner von Bändern, STAC-Items (.json) und Patches von Landslide4Sense (.h5). Jede ergibt im Ausgabeordner ein eigenes Inventar, das nach ihr benannt ist.

Frühere Szenen, DEM, Gebiet, Maske und Optionen gelten für alle Szenen; frühere, die selbst im Ordner liegen, werden nicht kartiert. Eine Szene, die misslingt, wird gemeldet, und die anderen laufen weiter. Szenen, die im Ausgabeordner schon ein Inventar haben, bleiben, wie sie sind, sodass ein abgebrochener Lauf fortgesetzt werden kann, es sei denn, Sie lassen alle neu kartieren. Nach einem Abbruch bleibt, was fertig ist, und kommt ins Projekt.</translation>
  </message>
  <message>
   <source>Folder of scenes</source>
   <translation>Ordner mit Szenen</translation>
  </message>
  <message>
   <source>Also write probability rasters</source>
   <translation>Auch Wahrscheinlichkeitsraster schreiben</translation>
  </message>
  <message>
   <source>Also write reports</source>
   <translation>Auch Berichte schreiben</translation>
  </message>
  <message>
   <source>Map scenes again that have an inventory</source>
   <translation>Szenen, die ein Inventar haben, neu kartieren</translation>
  </message>
  <message>
   <source>Add the inventories to the project</source>
   <translation>Inventare zum Projekt hinzufügen</translation>
  </message>
  <message>
   <source>Folder of inventories</source>
   <translation>Ordner für die Inventare</translation>
  </message>
  <message>
   <source>Inventories</source>
   <translation>Inventare</translation>
  </message>
  <message>
   <source>Scenes mapped</source>
   <translation>Kartierte Szenen</translation>
  </message>
  <message>
   <source>Scenes that failed</source>
   <translation>Misslungene Szenen</translation>
  </message>
  <message>
   <source>No scene could be mapped; the log says why.</source>
   <translation>Keine Szene konnte kartiert werden; das Protokoll sagt, warum.</translation>
  </message>
  <message>
   <source>The folder of inventories {folder} cannot be written ({why}); choose one in which you may.</source>
   <translation>In den Ordner der Inventare {folder} kann nicht geschrieben werden ({why}); wählen Sie einen, in dem Sie es dürfen.</translation>
  </message>
  <message>
   <source>{} scenes mapped, {} failed</source>
   <translation>{} Szenen kartiert, {} misslungen</translation>
  </message>
  <message>
   <source>Scene {}: {}</source>
   <translation>Szene {}: {}</translation>
  </message>
  <message>
   <source>{} of {} scenes were finished, and are kept; run it again for the others.</source>
   <translation>{} von {} Szenen waren fertig und bleiben; starten Sie es für die anderen noch einmal.</translation>
  </message>
  <message>
   <source>The folder {} holds no scene; expected rasters, SAFE products or STAC items in it.</source>
   <translation>Der Ordner {} enthält keine Szene; erwartet werden Raster, SAFE-Produkte oder STAC-Items darin.</translation>
  </message>
  <message>
   <source>{}: has an inventory already</source>
   <translation>{}: hat schon ein Inventar</translation>
  </message>
  <message>
   <source>The scenes {one} and {other} would both become {name}; rename one of them.</source>
   <translation>Die Szenen {one} und {other} würden beide zu {name}; benennen Sie eine davon um.</translation>
  </message>
  <message>
   <source>Map landslides</source>
   <translation>Rutschungen kartieren</translation>
  </message>
  <message>
   <source>Maps the landslides of a Sentinel-2 scene as polygons with geometry, terrain and confidence.</source>
   <translation>Kartiert die Rutschungen einer Sentinel-2-Szene als Polygone mit Geometrie, Gelände und Zuverlässigkeit.</translation>
  </message>
  <message>
   <source>Maps the landslides of a Sentinel-2 scene as polygons.

The &lt;b&gt;scene&lt;/b&gt; is a raster layer whose bands are named (B1…B12) or stand in a known order; or &lt;b&gt;band layers&lt;/b&gt;, each with the band that it is (&lt;i&gt;Add the project's layers&lt;/i&gt; guesses by their names); or a folder of band files, or of a SAFE product; or a file: a zip of such a product, a STAC item, a patch of Landslide4Sense (.h5). Only the bands that the bundle needs have to be there. It is mapped on a 10 m grid: its own if it has one, else one in its UTM zone.

With &lt;b&gt;earlier scenes&lt;/b&gt; of the same ground, only what is new since is mapped: they are moved onto the scene, take its colours and are compared with it, by near infrared if all have it. What clouds hide on either date is not mapped.

The &lt;b&gt;DEM&lt;/b&gt; gives each landslide its slope, relief, aspect and reach angle; bundles that need slope and elevation cannot run without one.

The &lt;b&gt;area of interest&lt;/b&gt; limits the map; inside it the result is the same as in the whole map.

The &lt;b&gt;bundle&lt;/b&gt; is the model. &lt;i&gt;Check environment&lt;/i&gt; lists those installed.

Under &lt;b&gt;Advanced&lt;/b&gt;: name the bands of a raster that does not say them, or take red, green and blue as the layer is drawn; give further DEM tiles, a ready slope, a mask; choose which classes of a Level-2A product's scene classification are left out (3,8,9,10, or none); skip flat ground; average several views of each window, which is slower and steadier; map a patch, which has no coordinates, in metres from its upper left corner.

Each polygon carries its area, length, width, orientation, mean and highest probability, and where it comes from. The model takes for a landslide what is bright and bare: mask clouds, distrust fields and gravel, and look at the result before you act on it.</source>
   <translation>Kartiert die Rutschungen einer Sentinel-2-Szene als Polygone.

Die &lt;b&gt;Szene&lt;/b&gt; ist ein Rasterlayer, dessen Bänder benannt sind (B1…B12) oder in einer bekannten Reihenfolge stehen; oder &lt;b&gt;Layer einzelner Bänder&lt;/b&gt;, jeder mit dem Band, das er ist (&lt;i&gt;Layer des Projekts hinzufügen&lt;/i&gt; rät es nach ihren Namen); oder ein Ordner von Bändern oder eines SAFE-Produkts; oder eine Datei: ein Zip eines solchen Produkts, ein STAC-Item, ein Patch von Landslide4Sense (.h5). Nur die Bänder, die das Modell braucht, müssen da sein. Kartiert wird auf einem 10-m-Gitter: dem eigenen der Szene, wenn sie eines hat, sonst einem in ihrer UTM-Zone.

Mit &lt;b&gt;früheren Szenen&lt;/b&gt; desselben Gebiets wird nur kartiert, was seither neu ist: Sie werden auf die Szene verschoben, nehmen ihre Farben an und werden mit ihr verglichen, auch im nahen Infrarot, wenn alle es haben. Was zu einem der Zeitpunkte unter Wolken liegt, wird nicht kartiert.

Das &lt;b&gt;DEM&lt;/b&gt; gibt jeder Rutschung Hangneigung, Höhenunterschied, Exposition und Pauschalgefälle; Modelle, die Hangneigung und Höhe brauchen, laufen nicht ohne.

Das &lt;b&gt;Gebiet&lt;/b&gt; begrenzt die Karte; in ihm ist das Ergebnis dasselbe wie in der ganzen Karte.

Die installierten &lt;b&gt;Modelle&lt;/b&gt; nennt &lt;i&gt;Umgebung prüfen&lt;/i&gt;.

Unter &lt;b&gt;Erweitert&lt;/b&gt;: die Bänder eines Rasters benennen, das sie nicht nennt, oder Rot, Grün und Blau so nehmen, wie der Layer gezeichnet ist; weitere DEM-Kacheln, eine fertige Hangneigung, eine Maske angeben; wählen, welche Klassen der Szenenklassifikation eines Level-2A-Produkts ausgelassen werden (3,8,9,10, oder none für keine); flaches Gelände überspringen; über mehrere Ansichten jedes Fensters mitteln, was langsamer und ruhiger ist; einen Patch, der keine Koordinaten hat, in Metern von seiner linken oberen Ecke aus kartieren.

Jedes Polygon trägt Fläche, Länge, Breite, Richtung, mittlere und höchste Wahrscheinlichkeit und seine Herkunft. Das Modell hält für eine Rutschung, was hell und kahl ist: Maskieren Sie Wolken, misstrauen Sie Feldern und Schotter, und sehen Sie sich das Ergebnis an, ehe Sie danach handeln.</translation>
  </message>
  <message>
   <source>Spread: how far networks and views disagree</source>
   <translation>Streuung: wie weit Netze und Ansichten auseinandergehen</translation>
  </message>
  <message>
   <source>Probability of landslide {}</source>
   <translation>Wahrscheinlichkeit von Rutschungen {}</translation>
  </message>
  <message>
   <source>Spread of the probability {}</source>
   <translation>Streuung der Wahrscheinlichkeit {}</translation>
  </message>
  <message>
   <source>Change of the vegetation {}</source>
   <translation>Veränderung der Vegetation {}</translation>
  </message>
  <message>
   <source>Probability of landslide</source>
   <translation>Wahrscheinlichkeit einer Rutschung</translation>
  </message>
  <message>
   <source>Change of the vegetation since the earlier scenes</source>
   <translation>Veränderung der Vegetation seit den früheren Szenen</translation>
  </message>
  <message>
   <source>Scene</source>
   <translation>Szene</translation>
  </message>
  <message>
   <source>Bundle, with its version</source>
   <translation>Modell mit seiner Version</translation>
  </message>
  <message>
   <source>Measure an inventory anew</source>
   <translation>Inventar neu vermessen</translation>
  </message>
  <message>
   <source>Measures the polygons of an inventory anew, after somebody drew in it: shape, terrain, probability.</source>
   <translation>Vermisst die Polygone eines Inventars neu, nachdem jemand darin gezeichnet hat: Form, Gelände, Wahrscheinlichkeit.</translation>
  </message>
  <message>
   <source>Measures polygons as Map landslides does: their shape always, the terrain with a &lt;b&gt;DEM&lt;/b&gt; (without one, that of the map is taken if it is still there), probability and confidence with the map's &lt;b&gt;probability raster&lt;/b&gt;. Without the raster these become empty where an outline has changed. All other attributes stay, among them review and comment.

The panel &lt;b&gt;Review inventory&lt;/b&gt; does this by itself for each polygon that is drawn.</source>
   <translation>Vermisst Polygone wie „Rutschungen kartieren“: ihre Form immer, das Gelände mit einem &lt;b&gt;DEM&lt;/b&gt; (ohne eines wird das der Kartierung genommen, wenn es noch da ist), Wahrscheinlichkeit und Zuverlässigkeit mit dem &lt;b&gt;Wahrscheinlichkeitsraster&lt;/b&gt; der Kartierung. Ohne das Raster werden diese leer, wo sich ein Umriss geändert hat. Alle anderen Attribute bleiben, auch review und comment.

Das Bedienfeld &lt;b&gt;Inventar durchsehen&lt;/b&gt; tut das von selbst für jedes Polygon, das gezeichnet wird.</translation>
  </message>
  <message>
   <source>Remove environment</source>
   <translation>Umgebung entfernen</translation>
  </message>
  <message>
   <source>Removes the environment that Set up environment made, and frees its disk space.</source>
   <translation>Entfernt die Umgebung, die Umgebung einrichten angelegt hat, und gibt ihren Speicherplatz frei.</translation>
  </message>
  <message>
   <source>Removes the environment that &lt;i&gt;Set up environment&lt;/i&gt; made beside your QGIS profiles, for all of them, with its log. An interpreter that an option or the environment variable L4S_PYTHON names is left alone. Inventories and bundles stay; &lt;i&gt;Set up environment&lt;/i&gt; makes the environment anew.</source>
   <translation>Entfernt die Umgebung, die &lt;i&gt;Umgebung einrichten&lt;/i&gt; neben Ihren QGIS-Profilen angelegt hat, für alle Profile, mit ihrem Protokoll. Ein Interpreter, den eine Option oder die Umgebungsvariable L4S_PYTHON nennt, bleibt unberührt. Inventare und Modelle bleiben; &lt;i&gt;Umgebung einrichten&lt;/i&gt; legt die Umgebung neu an.</translation>
  </message>
  <message>
   <source>Folders and files removed</source>
   <translation>Entfernte Ordner und Dateien</translation>
  </message>
  <message>
   <source>There is no environment to remove.</source>
   <translation>Es gibt keine Umgebung zu entfernen.</translation>
  </message>
  <message>
   <source>Removed: {}</source>
   <translation>Entfernt: {}</translation>
  </message>
  <message>
   <source>Search scenes</source>
   <translation>Szenen suchen</translation>
  </message>
  <message>
   <source>Searches scenes before and after an event, and elevations, in a STAC API, and writes them into its file.</source>
   <translation>Sucht Szenen vor und nach einem Ereignis sowie Höhen in einer STAC-API und schreibt sie in dessen Datei.</translation>
  </message>
  <message>
   <source>Asks a STAC API for Sentinel-2 scenes before and after the event of an &lt;b&gt;event file&lt;/b&gt; and for elevations of its area, ranks the scenes by how much of the area they show clearly, and writes the choice into the file, where you can change it. The log shows what was looked at; * marks what was chosen.

The &lt;b&gt;API&lt;/b&gt; is earth-search, which needs no account, planetary-computer, cdse, or an address; left empty, it is that of the event file. What the file has of scenes or elevations stays, unless you ask to replace it. With a &lt;b&gt;folder&lt;/b&gt; the area's part of all that is chosen is copied there.

No signature, key or password is written into the file or shown.</source>
   <translation>Fragt eine STAC-API nach Sentinel-2-Szenen vor und nach dem Ereignis einer &lt;b&gt;Ereignisdatei&lt;/b&gt; und nach Höhen ihres Gebiets, ordnet die Szenen danach, wie viel vom Gebiet sie wolkenfrei zeigen, und schreibt die Auswahl in die Datei, wo Sie sie ändern können. Das Protokoll zeigt, was angesehen wurde; * heißt: ausgewählt.

Die &lt;b&gt;API&lt;/b&gt; ist earth-search, die kein Konto verlangt, planetary-computer, cdse oder eine Adresse; bleibt sie leer, ist es die der Ereignisdatei. Was die Datei an Szenen oder Höhen hat, bleibt, wenn Sie es nicht ersetzen lassen. Mit einem &lt;b&gt;Ordner&lt;/b&gt; wird der Teil des Gebiets von allem Ausgewählten dorthin kopiert.

Weder Signatur noch Schlüssel noch Passwort wird in die Datei geschrieben oder gezeigt.</translation>
  </message>
  <message>
   <source>STAC API</source>
   <translation>STAC-API</translation>
  </message>
  <message>
   <source>Days before the event</source>
   <translation>Tage vor dem Ereignis</translation>
  </message>
  <message>
   <source>Days after the event</source>
   <translation>Tage nach dem Ereignis</translation>
  </message>
  <message>
   <source>Highest cloud cover of a scene (%)</source>
   <translation>Höchste Bewölkung einer Szene (%)</translation>
  </message>
  <message>
   <source>Replace scenes and elevations of the file</source>
   <translation>Szenen und Höhen der Datei ersetzen</translation>
  </message>
  <message>
   <source>Folder to copy the area's part into</source>
   <translation>Ordner, in den der Teil des Gebiets kopiert wird</translation>
  </message>
  <message>
   <source>Scenes before</source>
   <translation>Szenen davor</translation>
  </message>
  <message>
   <source>Scenes after</source>
   <translation>Szenen danach</translation>
  </message>
  <message>
   <source>Tiles of elevations</source>
   <translation>Kacheln mit Höhen</translation>
  </message>
  <message>
   <source>Set up environment</source>
   <translation>Umgebung einrichten</translation>
  </message>
  <message>
   <source>Installs the engine into an environment of its own, beside your QGIS profiles.</source>
   <translation>Installiert die Engine in eine eigene Umgebung neben Ihren QGIS-Profilen.</translation>
  </message>
  <message>
   <source>Makes a Python environment beside your QGIS profiles, which share it, and installs the engine into it. QGIS itself is not touched. &lt;i&gt;Remove environment&lt;/i&gt; takes it away again.

It needs Python 3.11 or newer and the internet: about 0.3 GB are downloaded, and 0.9 GB of disk are used. Without the internet, give a &lt;b&gt;folder of wheels&lt;/b&gt;, which &lt;i&gt;Copy the engine&lt;/i&gt; begins and &lt;code&gt;pip download&lt;/code&gt; fills on another computer. The proxy of QGIS's network options is used.

&lt;b&gt;GPU&lt;/b&gt; brings ONNX Runtime for CUDA, a download of some gigabytes, for machines with an NVIDIA GPU and its driver.

An environment that was set up before is replaced when the new one works. The log is kept beside it (setup.log).</source>
   <translation>Legt neben Ihren QGIS-Profilen, die sie teilen, eine Python-Umgebung an und installiert die Engine hinein. QGIS selbst bleibt unberührt. &lt;i&gt;Umgebung entfernen&lt;/i&gt; nimmt sie wieder weg.

Gebraucht werden Python 3.11 oder neuer und das Internet: Etwa 0,3 GB werden geladen, und 0,9 GB Speicherplatz werden belegt. Ohne Internet geben Sie einen &lt;b&gt;Ordner mit Wheels&lt;/b&gt; an, den &lt;i&gt;Engine kopieren&lt;/i&gt; beginnt und den &lt;code&gt;pip download&lt;/code&gt; auf einem anderen Rechner füllt. Der Proxy aus den Netzwerkeinstellungen von QGIS wird benutzt.

&lt;b&gt;GPU&lt;/b&gt; bringt ONNX Runtime für CUDA, einen Download von einigen Gigabyte, für Rechner mit einer NVIDIA-GPU und ihrem Treiber.

Eine früher eingerichtete Umgebung wird ersetzt, sobald die neue läuft. Das Protokoll liegt daneben (setup.log).</translation>
  </message>
  <message>
   <source>CPU</source>
   <translation>CPU</translation>
  </message>
  <message>
   <source>NVIDIA GPU (CUDA)</source>
   <translation>NVIDIA-GPU (CUDA)</translation>
  </message>
  <message>
   <source>Run the networks on</source>
   <translation>Die Netze laufen auf</translation>
  </message>
  <message>
   <source>Folder of wheels, to install without the internet</source>
   <translation>Ordner mit Wheels, zum Installieren ohne Internet</translation>
  </message>
  <message>
   <source>With cloud detection (s2cloudless)</source>
   <translation>Mit Wolkenerkennung (s2cloudless)</translation>
  </message>
  <message>
   <source>Python to start from, 3.11 or newer (empty: one that is found)</source>
   <translation>Python, von dem ausgegangen wird, 3.11 oder neuer (leer: eines, das gefunden wird)</translation>
  </message>
  <message>
   <source>Checking that the engine runs</source>
   <translation>Es wird geprüft, ob die Engine läuft</translation>
  </message>
  <message>
   <source>It is not used, since {origin} names {python}; {remedy}.</source>
   <translation>Sie wird nicht benutzt, denn {origin} nennt {python}; {remedy}.</translation>
  </message>
  <message>
   <source>The engine {} is set up; it runs on: {}</source>
   <translation>Die Engine {} ist eingerichtet; sie läuft auf: {}</translation>
  </message>
  <message>
   <source>the managed environment</source>
   <translation>die verwaltete Umgebung</translation>
  </message>
  <message>
   <source>Precision, on labelled ground not seen</source>
   <translation>Genauigkeit (Precision) auf ungesehenem gelabeltem Gelände</translation>
  </message>
  <message>
   <source>Recall, on labelled ground not seen</source>
   <translation>Vollständigkeit (Recall) auf ungesehenem gelabeltem Gelände</translation>
  </message>
  <message>
   <source>F1, on labelled ground not seen</source>
   <translation>F1 auf ungesehenem gelabeltem Gelände</translation>
  </message>
  <message>
   <source>F1 of the bundle that was taught, on the same ground</source>
   <translation>F1 des zugrunde liegenden Bundles auf demselben Gelände</translation>
  </message>
  <message>
   <source>Teach from labels</source>
   <translation>Aus Labels lernen</translation>
  </message>
  <message>
   <source>Learns from polygons that were drawn on a scene, or from a reviewed inventory, to map the event better.</source>
   <translation>Lernt aus Polygonen, die auf einer Szene gezeichnet wurden, oder aus einem durchgesehenen Inventar, um das Ereignis besser zu kartieren.</translation>
  </message>
  <message>
   <source>Learns from what somebody drew on a scene, and writes a bundle that maps this event better. Needs the package lightgbm in the engine's environment (extra teach).

&lt;b&gt;Labels&lt;/b&gt; are polygons of landslides and of background: a field label, class, kind, type or landslide says which is which, or the background is a layer of its own. An inventory that was reviewed has a field review: accepted, edited, added or rejected. Twenty polygons of each kind are enough to start.

Best of all is &lt;b&gt;ground that was fully looked at&lt;/b&gt;, a square of a kilometre or so: everything unmarked in it is background, and the shares are right.

With &lt;b&gt;earlier scenes&lt;/b&gt;, what was there before and how it has changed is learned from too; the new bundle then needs an earlier scene to map.

The log says what was reached on labelled ground that lay apart from what was learned from. If that is no better than the bundle by itself, or the ground is too narrow to tell, nothing is written, unless &lt;i&gt;Write the bundle even if it is not shown to be better&lt;/i&gt; is on.

Map the scene again with the new bundle: choose its folder as the bundle in Map landslides. The &lt;b&gt;suggested windows&lt;/b&gt; are those whose labels would teach most.</source>
   <translation>Lernt aus dem, was jemand auf einer Szene gezeichnet hat, und schreibt ein Bundle, das dieses Ereignis besser kartiert. Braucht das Paket lightgbm in der Umgebung der Engine (Extra teach).

&lt;b&gt;Labels&lt;/b&gt; sind Polygone von Rutschungen und von Hintergrund: Ein Feld label, class, kind, type oder landslide sagt, was ein Polygon ist, oder der Hintergrund ist ein eigener Layer. Ein durchgesehenes Inventar hat ein Feld review: accepted, edited, added oder rejected. Zwanzig Polygone jeder Art genügen für den Anfang.

Am besten ist &lt;b&gt;vollständig durchgesehenes Gelände&lt;/b&gt;, etwa ein Quadrat von einem Kilometer: Alles Unmarkierte darin ist Hintergrund, und die Anteile stimmen.

Mit &lt;b&gt;früheren Szenen&lt;/b&gt; wird auch gelernt, was vorher da war und wie es sich verändert hat; das neue Bundle braucht dann auch zum Kartieren eine frühere Szene.

Das Protokoll sagt, was auf gelabeltem Gelände erreicht wurde, das abseits von dem lag, woraus gelernt wurde. Ist das nicht besser als das Bundle für sich, oder ist das Gelände zu schmal, um das zu sagen, wird nichts geschrieben, außer wenn &lt;i&gt;Bundle auch schreiben, wenn nicht gezeigt ist, dass es besser ist&lt;/i&gt; eingeschaltet ist.

Kartieren Sie die Szene noch einmal mit dem neuen Bundle: Wählen Sie seinen Ordner als Bundle in Rutschungen kartieren. Die &lt;b&gt;vorgeschlagenen Fenster&lt;/b&gt; sind die, deren Labels am meisten lehren würden.</translation>
  </message>
  <message>
   <source>Windows to suggest for further labels</source>
   <translation>Anzahl vorgeschlagener Fenster für weitere Labels</translation>
  </message>
  <message>
   <source>Field that says what a polygon is, if several could</source>
   <translation>Feld, das sagt, was ein Polygon ist, falls mehrere in Frage kommen</translation>
  </message>
  <message>
   <source>Sun's azimuth and elevation in degrees (165,31)</source>
   <translation>Azimut und Höhe der Sonne in Grad (165,31)</translation>
  </message>
  <message>
   <source>Write the bundle even if it is not shown to be better</source>
   <translation>Bundle auch schreiben, wenn nicht gezeigt ist, dass es besser ist</translation>
  </message>
  <message>
   <source>Earlier scenes, to learn what is new: raster layers or files</source>
   <translation>Frühere Szenen, um zu lernen, was neu ist: Rasterlayer oder Dateien</translation>
  </message>
  <message>
   <source>Bundle to teach: name of an installed one, or path</source>
   <translation>Bundle, das gelehrt wird: Name eines installierten oder Pfad</translation>
  </message>
  <message>
   <source>Folder in which the bundle is written</source>
   <translation>Ordner, in den das Bundle geschrieben wird</translation>
  </message>
  <message>
   <source>Suggested windows</source>
   <translation>Vorgeschlagene Fenster</translation>
  </message>
  <message>
   <source>Labels: polygons, or a reviewed inventory</source>
   <translation>Labels: Polygone oder ein durchgesehenes Inventar</translation>
  </message>
  <message>
   <source>Background, if it is a layer of its own</source>
   <translation>Hintergrund, falls er ein eigener Layer ist</translation>
  </message>
  <message>
   <source>Ground that was fully looked at</source>
   <translation>Vollständig durchgesehenes Gelände</translation>
  </message>
  <message>
   <source>Name of the taught bundle</source>
   <translation>Name des gelehrten Bundles</translation>
  </message>
  <message>
   <source>The taught bundle has no name; give one, of letters and digits.</source>
   <translation>Das gelehrte Bundle hat keinen Namen; geben Sie ihm einen aus Buchstaben und Ziffern.</translation>
  </message>
  <message>
   <source>The sun is given as {!r}; expected its azimuth and elevation, for instance 165,31.</source>
   <translation>Die Sonne ist als {!r} angegeben; erwartet werden Azimut und Höhe, zum Beispiel 165,31.</translation>
  </message>
  <message>
   <source>Units</source>
   <translation>Einheiten</translation>
  </message>
  <message>
   <source>Offset</source>
   <translation>Versatz</translation>
  </message>
  <message>
   <source>Bands</source>
   <translation>Bänder</translation>
  </message>
  <message>
   <source>Sensor</source>
   <translation>Sensor</translation>
  </message>
  <message>
   <source>No data</source>
   <translation>Keine Daten</translation>
  </message>
  <message>
   <source>Terrain</source>
   <translation>Gelände</translation>
  </message>
  <message>
   <source>Date</source>
   <translation>Datum</translation>
  </message>
  <message>
   <source>Taken for granted:</source>
   <translation>Angenommen wird:</translation>
  </message>
  <message>
   <source>read from the metadata</source>
   <translation>aus den Metadaten gelesen</translation>
  </message>
  <message>
   <source>read from the names</source>
   <translation>aus den Namen gelesen</translation>
  </message>
  <message>
   <source>as you said</source>
   <translation>wie angegeben</translation>
  </message>
  <message>
   <source>assumed from the values</source>
   <translation>nach den Werten angenommen</translation>
  </message>
  <message>
   <source>assumed</source>
   <translation>angenommen</translation>
  </message>
  <message>
   <source>; to change it: {}</source>
   <translation>; zu ändern unter: {}</translation>
  </message>
  <message>
   <source>band layer</source>
   <translation>Band-Layer</translation>
  </message>
  <message>
   <source>The layer {} is not drawn with three different bands as red, green and blue; choose them in its symbology (multiband color), or name its bands.</source>
   <translation>Der Layer {} ist nicht mit drei verschiedenen Bändern als Rot, Grün und Blau gezeichnet; wählen Sie sie in seiner Darstellung (Multibandfarbe), oder benennen Sie seine Bänder.</translation>
  </message>
  <message>
   <source>The layer {name} is drawn with its bands {bands} as red, green and blue, which are not B4, B3, B2; leave its bands to their names, or choose these three in its symbology.</source>
   <translation>Der Layer {name} ist mit seinen Bändern {bands} als Rot, Grün und Blau gezeichnet, also nicht mit B4, B3, B2; lassen Sie seine Bänder bei ihren Namen, oder wählen Sie diese drei in seiner Darstellung.</translation>
  </message>
  <message>
   <source>The layer {layer} is said to be the unknown band {band}; expected one of {bands}.</source>
   <translation>Der Layer {layer} soll das unbekannte Band {band} sein; erwartet wurde eines von {bands}.</translation>
  </message>
  <message>
   <source>Two layers are said to be the band {band}; leave one of them out.</source>
   <translation>Zwei Layer sollen das Band {band} sein; lassen Sie einen davon weg.</translation>
  </message>
  <message>
   <source>Engine: {} (from {})</source>
   <translation>Engine: {} (aus: {})</translation>
  </message>
  <message>
   <source>Area of interest</source>
   <translation>Gebiet</translation>
  </message>
  <message>
   <source>The area is a temporary layer; choose it as the area of interest, under “…or the polygons of a layer”.</source>
   <translation>Das Gebiet ist ein temporärer Layer; wählen Sie ihn als Gebiet, unter „…oder die Polygone eines Layers“.</translation>
  </message>
  <message>
   <source>Click the corners of the area; right click or Enter closes it, Esc begins anew.</source>
   <translation>Klicken Sie die Ecken des Gebiets; Rechtsklick oder Enter schließt es, Esc fängt neu an.</translation>
  </message>
  <message>
   <source>Map landslides there…</source>
   <translation>Dort Rutschungen kartieren…</translation>
  </message>
  <message>
   <source>What was drawn is no area; expected three corners or more whose sides do not cross, so take the last ones back (Backspace) and draw on.</source>
   <translation>Was gezeichnet wurde, ist keine Fläche; erwartet werden drei Ecken oder mehr, deren Seiten sich nicht kreuzen. Nehmen Sie die letzten zurück (Rücktaste) und zeichnen Sie weiter.</translation>
  </message>
  <message>
   <source>run “Set up environment” from the toolbox (Landslide4Sense), or name an interpreter that has the package l4s-geo in Settings → Options → Processing → Providers → Landslide4Sense or in the environment variable L4S_PYTHON</source>
   <translation>starten Sie „Umgebung einrichten“ aus der Werkzeugkiste (Landslide4Sense), oder nennen Sie einen Interpreter, der das Paket l4s-geo hat, unter Einstellungen → Optionen → Verarbeitung → Datenanbieter → Landslide4Sense oder in der Umgebungsvariablen L4S_PYTHON</translation>
  </message>
  <message>
   <source>the option in Settings → Options → Processing → Providers → Landslide4Sense</source>
   <translation>die Option unter Einstellungen → Optionen → Verarbeitung → Datenanbieter → Landslide4Sense</translation>
  </message>
  <message>
   <source>the environment variable L4S_PYTHON</source>
   <translation>die Umgebungsvariable L4S_PYTHON</translation>
  </message>
  <message>
   <source>clear {what}, so that the environment of “Set up environment” is used, or name an interpreter there that has the package l4s-geo</source>
   <translation>leeren Sie {what}, damit die Umgebung von „Umgebung einrichten“ benutzt wird, oder nennen Sie dort einen Interpreter, der das Paket l4s-geo hat</translation>
  </message>
  <message>
   <source>the Processing option</source>
   <translation>die Option der Verarbeitung</translation>
  </message>
  <message>
   <source>run “Set up environment” again</source>
   <translation>starten Sie „Umgebung einrichten“ noch einmal</translation>
  </message>
  <message>
   <source>The engine is not set up yet; {remedy}.</source>
   <translation>Die Engine ist noch nicht eingerichtet; {remedy}.</translation>
  </message>
  <message>
   <source>speaks version {} of the worker's protocol, and the plugin speaks {}</source>
   <translation>spricht Version {} des Protokolls, und die Erweiterung spricht {}</translation>
  </message>
  <message>
   <source>The engine {version} at {python} {found}; {remedy}.</source>
   <translation>Die Engine {version} in {python} {found}; {remedy}.</translation>
  </message>
  <message>
   <source>is older than {}, the oldest that the plugin can use</source>
   <translation>ist älter als {}, die älteste, die die Erweiterung benutzen kann</translation>
  </message>
  <message>
   <source>{origin} names the interpreter {python}, which does not exist; {remedy}.</source>
   <translation>{origin} nennt den Interpreter {python}, den es nicht gibt; {remedy}.</translation>
  </message>
  <message>
   <source>a web map service, which delivers pictures and not the sensor's values</source>
   <translation>einem Web Map Service, der Bilder liefert und nicht die Werte des Sensors</translation>
  </message>
  <message>
   <source>a web coverage service</source>
   <translation>einem Web Coverage Service</translation>
  </message>
  <message>
   <source>a database</source>
   <translation>einer Datenbank</translation>
  </message>
  <message>
   <source>a virtual raster that QGIS computes</source>
   <translation>einem virtuellen Raster, das QGIS berechnet</translation>
  </message>
  <message>
   <source>a map server, which delivers pictures and not the sensor's values</source>
   <translation>einem Kartenserver, der Bilder liefert und nicht die Werte des Sensors</translation>
  </message>
  <message>
   <source>The {what} {given} is no raster that QGIS can open; choose a raster layer or file.</source>
   <translation>Eingabe ({what}): {given} ist kein Raster, das QGIS öffnen kann; wählen Sie einen Rasterlayer oder eine Datei.</translation>
  </message>
  <message>
   <source>the data provider {}</source>
   <translation>dem Datenanbieter {}</translation>
  </message>
  <message>
   <source>The {what} {name} comes from {kind}; expected a raster file, so export the layer to a file (Export → Save As, raw data), or choose another.</source>
   <translation>Eingabe ({what}): {name} stammt aus {kind}; erwartet wird eine Rasterdatei, also exportieren Sie den Layer in eine Datei (Export → Speichern als, Rohdaten), oder wählen Sie einen anderen.</translation>
  </message>
  <message>
   <source>The {what} {name} exists only in QGIS's memory; export it to a file first.</source>
   <translation>Eingabe ({what}): {name} gibt es nur im Speicher von QGIS; exportieren Sie den Layer zuerst in eine Datei.</translation>
  </message>
  <message>
   <source>The {what} {name} has no CRS, so nobody can tell where it lies; expected a georeferenced raster, so assign its projection and write it to a file (Raster → Projections → Assign Projection).</source>
   <translation>Eingabe ({what}): {name} hat kein KBS, sodass niemand wissen kann, wo es liegt; erwartet wird ein georeferenziertes Raster, also weisen Sie seine Projektion zu und schreiben Sie es in eine Datei (Raster → Projektionen → Projektion zuweisen).</translation>
  </message>
  <message>
   <source>The {} is no vector layer that QGIS can open; choose a layer or file.</source>
   <translation>Das {} ist kein Vektorlayer, den QGIS öffnen kann; wählen Sie einen Layer oder eine Datei.</translation>
  </message>
  <message>
   <source>The {what} {name} is not a file; expected one, so export the layer to a GeoPackage first.</source>
   <translation>Das {what} {name} ist keine Datei; erwartet wird eine, exportieren Sie den Layer also zuerst in ein GeoPackage.</translation>
  </message>
  <message>
   <source>The {what} ({found} in {crs}) does not meet the scene {name} ({expected} in {scene_crs}); choose one of the same ground.</source>
   <translation>Eingabe ({what}, {found} in {crs}) und Szene {name} ({expected} in {scene_crs}) überlappen nicht; wählen Sie eine desselben Gebiets.</translation>
  </message>
  <message>
   <source>The layer {} has no CRS, so nobody can tell where it lies; set its CRS in its properties.</source>
   <translation>Der Layer {} hat kein KBS, sodass niemand wissen kann, wo er liegt; legen Sie sein KBS in seinen Eigenschaften fest.</translation>
  </message>
  <message>
   <source>The layer {} holds no polygon; choose one that does, or select features in it.</source>
   <translation>Der Layer {} enthält kein Polygon; wählen Sie einen, der eines hat, oder wählen Sie Objekte in ihm.</translation>
  </message>
  <message>
   <source>The engine at {} ended without an answer; try again, or run “Check environment”.</source>
   <translation>Die Engine in {} hat ohne Antwort geendet; versuchen Sie es noch einmal oder führen Sie „Umgebung prüfen“ aus.</translation>
  </message>
  <message>
   <source>The engine failed without a message.</source>
   <translation>Die Engine scheiterte ohne Meldung.</translation>
  </message>
  <message>
   <source>none</source>
   <translation>nichts</translation>
  </message>
  <message>
   <source>Installing the engine; this takes minutes</source>
   <translation>Die Engine wird installiert; das dauert Minuten</translation>
  </message>
  <message>
   <source>Downloading {name} ({size:.1f} MB; {before:.0f} MB before it)</source>
   <translation>Lädt {name} ({size:.1f} MB; davor {before:.0f} MB)</translation>
  </message>
  <message>
   <source>No Python {needed} or newer with venv and pip was found (found: {found}); install one (Debian: python3-venv; Windows and macOS: python.org) and name it under Advanced.</source>
   <translation>Kein Python ab {needed} mit venv und pip wurde gefunden (gefunden: {found}); installieren Sie eines (Debian: python3-venv; Windows und macOS: python.org) und nennen Sie es unter „Erweitert“.</translation>
  </message>
  <message>
   <source>Making an environment with {}</source>
   <translation>Eine Umgebung wird mit {} angelegt</translation>
  </message>
  <message>
   <source>Cancelled; the environment was removed.</source>
   <translation>Abgebrochen; die Umgebung wurde entfernt.</translation>
  </message>
  <message>
   <source>without venv or pip</source>
   <translation>ohne venv oder pip</translation>
  </message>
  <message>
   <source>The environment could not be set up ({last}); the log is {log}. Check the internet connection and the proxy in Settings → Options → Network, or give a folder of wheels.</source>
   <translation>Die Umgebung konnte nicht eingerichtet werden ({last}); das Protokoll ist {log}. Prüfen Sie die Internetverbindung und den Proxy unter Einstellungen → Optionen → Netzwerk, oder geben Sie einen Ordner mit Wheels an.</translation>
  </message>
  <message>
   <source>Installing {} packages</source>
   <translation>Installiert {} Pakete</translation>
  </message>
  <message>
   <source>{path} cannot be removed ({error}); end what runs in it, and try again.</source>
   <translation>{path} kann nicht entfernt werden ({error}); beenden Sie, was darin läuft, und versuchen Sie es noch einmal.</translation>
  </message>
  <message>
   <source>Date of the event (2018-09-06, or first/last), an attribute</source>
   <translation>Datum des Ereignisses (2018-09-06, oder erster/letzter Tag), ein Attribut</translation>
  </message>
  <message>
   <source>Overlap of neighbouring windows, pixels</source>
   <translation>Überlappung benachbarter Fenster, Pixel</translation>
  </message>
  <message>
   <source>Precision of the networks</source>
   <translation>Rechengenauigkeit der Netze</translation>
  </message>
  <message>
   <source>Go on where a stopped run ended (same parameters, same file)</source>
   <translation>Dort weitermachen, wo ein abgebrochener Lauf endete (gleiche Parameter, gleiche Datei)</translation>
  </message>
  <message>
   <source>Bundle: name of an installed one, or path</source>
   <translation>Modell: Name eines installierten oder Pfad</translation>
  </message>
  <message>
   <source>Threshold, a probability (empty: the bundle's)</source>
   <translation>Schwelle, eine Wahrscheinlichkeit (leer: die des Modells)</translation>
  </message>
  <message>
   <source>Automatic</source>
   <translation>Automatisch</translation>
  </message>
  <message>
   <source>NVIDIA GPU (TensorRT)</source>
   <translation>NVIDIA-GPU (TensorRT)</translation>
  </message>
  <message>
   <source>Intel (OpenVINO)</source>
   <translation>Intel (OpenVINO)</translation>
  </message>
  <message>
   <source>One view</source>
   <translation>Eine Ansicht</translation>
  </message>
  <message>
   <source>4 views (flips): slower, steadier</source>
   <translation>4 Ansichten (Spiegelungen): langsamer, ruhiger</translation>
  </message>
  <message>
   <source>8 views (flips and turns)</source>
   <translation>8 Ansichten (Spiegelungen und Drehungen)</translation>
  </message>
  <message>
   <source>If the bundle was measured to gain from it</source>
   <translation>Wenn es das Modell in Messungen verbessert hat</translation>
  </message>
  <message>
   <source>On</source>
   <translation>An</translation>
  </message>
  <message>
   <source>Off</source>
   <translation>Aus</translation>
  </message>
  <message>
   <source>Full (fp32)</source>
   <translation>Voll (fp32)</translation>
  </message>
  <message>
   <source>Half (fp16), on an NVIDIA GPU</source>
   <translation>Halb (fp16), auf einer NVIDIA-GPU</translation>
  </message>
  <message>
   <source>Refine the outlines with a DenseCRF</source>
   <translation>Umrisse mit einem DenseCRF verfeinern</translation>
  </message>
  <message>
   <source>Weigh by the slope of the ground (needs a DEM)</source>
   <translation>Nach der Hangneigung gewichten (braucht ein DEM)</translation>
  </message>
  <message>
   <source>No bundle is named; give the name of an installed one (rgb), or a path.</source>
   <translation>Kein Modell ist genannt; geben Sie den Namen eines installierten (rgb) oder einen Pfad an.</translation>
  </message>
  <message>
   <source>Name of the event, an attribute</source>
   <translation>Name des Ereignisses, ein Attribut</translation>
  </message>
  <message>
   <source>Trigger (earthquake, rainfall…), an attribute</source>
   <translation>Auslöser (Erdbeben, Regen…), ein Attribut</translation>
  </message>
  <message>
   <source>Test-time augmentation</source>
   <translation>Mittel über mehrere Ansichten (TTA)</translation>
  </message>
  <message>
   <source>Skip windows that are flatter than this, degrees</source>
   <translation>Fenster überspringen, die flacher sind als dies, Grad</translation>
  </message>
  <message>
   <source>Map a scene without coordinates (.h5) from its own corner</source>
   <translation>Eine Szene ohne Koordinaten (.h5) von ihrer Ecke aus kartieren</translation>
  </message>
  <message>
   <source>high</source>
   <translation>hoch</translation>
  </message>
  <message>
   <source>medium</source>
   <translation>mittel</translation>
  </message>
  <message>
   <source>low</source>
   <translation>niedrig</translation>
  </message>
  <message>
   <source>Right, of its landslides by confidence, on test scenes: {}.</source>
   <translation>Richtig waren auf Testszenen von seinen Rutschungen, nach Zuverlässigkeit: {}.</translation>
  </message>
  <message>
   <source>Needs {}.</source>
   <translation>Braucht {}.</translation>
  </message>
  <message>
   <source>Set up environment…</source>
   <translation>Umgebung einrichten…</translation>
  </message>
  <message>
   <source>The layer {name} shows {path} and is being edited; save or discard the edits, or give the result another file.</source>
   <translation>Der Layer {name} zeigt {path} und wird gerade bearbeitet; speichern oder verwerfen Sie die Änderungen, oder geben Sie dem Ergebnis eine andere Datei.</translation>
  </message>
  <message>
   <source>The output {path} is the file of the layer {name}, which is read and would be lost; give the result another file.</source>
   <translation>Die Ausgabe {path} ist die Datei des Layers {name}, der gelesen wird und verloren ginge; geben Sie dem Ergebnis eine andere Datei.</translation>
  </message>
  <message>
   <source>Review inventory</source>
   <translation>Inventar durchsehen</translation>
  </message>
  <message>
   <source>Threshold by eye</source>
   <translation>Schwelle nach Augenmaß</translation>
  </message>
  <message>
   <source>Draw the area of interest</source>
   <translation>Gebiet zeichnen</translation>
  </message>
  <message>
   <source>Load sample scene</source>
   <translation>Beispielszene laden</translation>
  </message>
  <message>
   <source>Help</source>
   <translation>Hilfe</translation>
  </message>
  <message>
   <source>windows</source>
   <translation>Fenstern</translation>
  </message>
  <message>
   <source>Opening the scene</source>
   <translation>Szene wird geöffnet</translation>
  </message>
  <message>
   <source>Comparing the inventories</source>
   <translation>Inventare werden verglichen</translation>
  </message>
  <message>
   <source>Drawing and writing the results</source>
   <translation>Ergebnisse werden gezeichnet und geschrieben</translation>
  </message>
  <message>
   <source>Mapping: {done} of {total} {counted}</source>
   <translation>Kartieren: {done} von {total} {counted}</translation>
  </message>
  <message>
   <source>, {rate:.3g} per second</source>
   <translation>, {rate:.3g} pro Sekunde</translation>
  </message>
  <message>
   <source>, {} left</source>
   <translation>, noch {}</translation>
  </message>
  <message>
   <source>Landslide4Sense: landslides in Sentinel-2 scenes</source>
   <translation>Landslide4Sense: Rutschungen in Sentinel-2-Szenen</translation>
  </message>
  <message>
   <source>Python interpreter of the engine (empty: L4S_PYTHON, or what “Set up environment” made)</source>
   <translation>Python-Interpreter der Engine (leer: L4S_PYTHON, oder was „Umgebung einrichten“ angelegt hat)</translation>
  </message>
  <message>
   <source>Landslides mapped by {software} with the bundle {bundle} from the scene {scene}.</source>
   <translation>Rutschungen, von {software} mit dem Modell {bundle} aus der Szene {scene} kartiert.</translation>
  </message>
  <message>
   <source>No inventory is chosen; choose a layer that Map landslides made.</source>
   <translation>Kein Inventar ist gewählt; wählen Sie einen Layer, den „Rutschungen kartieren“ erstellt hat.</translation>
  </message>
  <message>
   <source>polygons</source>
   <translation>Polygone</translation>
  </message>
  <message>
   <source>The layer {name} is no inventory (it lacks {lacks}); choose a layer that Map landslides made.</source>
   <translation>Der Layer {name} ist kein Inventar (ihm fehlen: {lacks}); wählen Sie einen Layer, den „Rutschungen kartieren“ erstellt hat.</translation>
  </message>
  <message>
   <source>The layer {name} cannot be changed, since its file or the layer is read-only; make it writable, or export it to a GeoPackage and review that.</source>
   <translation>Der Layer {name} lässt sich nicht ändern, da er oder seine Datei schreibgeschützt ist; heben Sie den Schutz auf oder exportieren Sie ihn in ein GeoPackage und sehen Sie dieses durch.</translation>
  </message>
  <message>
   <source>The layer {name} holds edits that are not saved; save or discard them before the review.</source>
   <translation>Der Layer {name} enthält ungespeicherte Änderungen; speichern oder verwerfen Sie sie vor der Durchsicht.</translation>
  </message>
  <message>
   <source>The layer {name} takes no new fields, and the review writes {fields}; export it to a GeoPackage and review that.</source>
   <translation>Der Layer {name} nimmt keine neuen Felder an, und die Durchsicht schreibt {fields}; exportieren Sie ihn in ein GeoPackage und sehen Sie dieses durch.</translation>
  </message>
  <message>
   <source>The layer {} cannot be edited; make its file writable, or review a copy.</source>
   <translation>Der Layer {} lässt sich nicht bearbeiten; machen Sie seine Datei beschreibbar oder sehen Sie eine Kopie durch.</translation>
  </message>
  <message>
   <source>The decision is not saved ({}); free the file or the disk, and decide again.</source>
   <translation>Die Entscheidung ist nicht gespeichert ({}); geben Sie die Datei oder Speicherplatz frei und entscheiden Sie noch einmal.</translation>
  </message>
  <message>
   <source>The layer {name} gets the fields {fields}, in which the review is kept. Go on?</source>
   <translation>Der Layer {name} bekommt die Felder {fields}, in denen die Durchsicht steht. Fortfahren?</translation>
  </message>
  <message>
   <source>There is nothing to undo.</source>
   <translation>Es gibt nichts rückgängig zu machen.</translation>
  </message>
  <message>
   <source>Previous</source>
   <translation>Voriges</translation>
  </message>
  <message>
   <source>Next</source>
   <translation>Nächstes</translation>
  </message>
  <message>
   <source>Accept</source>
   <translation>Annehmen</translation>
  </message>
  <message>
   <source>Reject</source>
   <translation>Ablehnen</translation>
  </message>
  <message>
   <source>Field check</source>
   <translation>Im Gelände prüfen</translation>
  </message>
  <message>
   <source>Comment</source>
   <translation>Kommentar</translation>
  </message>
  <message>
   <source>Edit outline</source>
   <translation>Umriss ändern</translation>
  </message>
  <message>
   <source>Draw a new one</source>
   <translation>Neue zeichnen</translation>
  </message>
  <message>
   <source>Undo</source>
   <translation>Rückgängig</translation>
  </message>
  <message>
   <source>Zoom</source>
   <translation>Zoomen</translation>
  </message>
  <message>
   <source>Teach…</source>
   <translation>Lernen…</translation>
  </message>
  <message>
   <source>Map again…</source>
   <translation>Neu kartieren…</translation>
  </message>
  <message>
   <source>Next window</source>
   <translation>Nächstes Fenster</translation>
  </message>
  <message>
   <source>No inventory is being reviewed; choose one and begin.</source>
   <translation>Kein Inventar wird durchgesehen; wählen Sie eines und beginnen Sie.</translation>
  </message>
  <message>
   <source>The field review says {}, which is no decision; these landslides count as not decided.</source>
   <translation>Im Feld review steht {}, was keine Entscheidung ist; diese Rutschungen zählen als nicht entschieden.</translation>
  </message>
  <message>
   <source>There is no other landslide that the filters take.</source>
   <translation>Es gibt keine andere Rutschung, die die Filter durchlassen.</translation>
  </message>
  <message>
   <source>All landslides that the filters take are decided.</source>
   <translation>Alle Rutschungen, die die Filter durchlassen, sind entschieden.</translation>
  </message>
  <message>
   <source>What was drawn could not be written for the engine to {path} ({why}); free its disk.</source>
   <translation>Das Gezeichnete ließ sich nicht für die Engine nach {path} schreiben ({why}); schaffen Sie dort Platz.</translation>
  </message>
  <message>
   <source>Begin</source>
   <translation>Beginnen</translation>
  </message>
  <message>
   <source>Comment; Enter saves it</source>
   <translation>Kommentar; Enter speichert ihn</translation>
  </message>
  <message>
   <source>Measure and teach</source>
   <translation>Vermessen und lernen</translation>
  </message>
  <message>
   <source>With it, the probability of outlines that were drawn is measured too.</source>
   <translation>Mit ihm wird auch die Wahrscheinlichkeit gezeichneter Umrisse gemessen.</translation>
  </message>
  <message>
   <source>Walk through</source>
   <translation>Durchgehen</translation>
  </message>
  <message>
   <source>High confidence</source>
   <translation>Hohe Zuverlässigkeit</translation>
  </message>
  <message>
   <source>Medium confidence</source>
   <translation>Mittlere Zuverlässigkeit</translation>
  </message>
  <message>
   <source>Low confidence</source>
   <translation>Geringe Zuverlässigkeit</translation>
  </message>
  <message>
   <source>Only what is not decided</source>
   <translation>Nur, was nicht entschieden ist</translation>
  </message>
  <message>
   <source>Go on after a decision</source>
   <translation>Nach einer Entscheidung weitergehen</translation>
  </message>
  <message>
   <source>Area from, m²</source>
   <translation>Fläche ab, m²</translation>
  </message>
  <message>
   <source>Area to, m²</source>
   <translation>Fläche bis, m²</translation>
  </message>
  <message>
   <source>Begin anew</source>
   <translation>Neu beginnen</translation>
  </message>
  <message>
   <source>any</source>
   <translation>beliebig</translation>
  </message>
  <message>
   <source>{done} of {all} decided</source>
   <translation>{done} von {all} entschieden</translation>
  </message>
  <message>
   <source>{chosen} of {all} landslides</source>
   <translation>{chosen} von {all} Rutschungen</translation>
  </message>
  <message>
   <source>Without confidence</source>
   <translation>Ohne Zuverlässigkeit</translation>
  </message>
  <message>
   <source>Accepted</source>
   <translation>Angenommen</translation>
  </message>
  <message>
   <source>Accepted with another outline</source>
   <translation>Angenommen mit anderem Umriss</translation>
  </message>
  <message>
   <source>Drawn by hand</source>
   <translation>Von Hand gezeichnet</translation>
  </message>
  <message>
   <source>Rejected</source>
   <translation>Abgelehnt</translation>
  </message>
  <message>
   <source>Not decided</source>
   <translation>Nicht entschieden</translation>
  </message>
  <message>
   <source>No windows are suggested yet; run Teach with windows to suggest.</source>
   <translation>Noch sind keine Fenster vorgeschlagen; führen Sie „Lernen“ mit vorzuschlagenden Fenstern aus.</translation>
  </message>
  <message>
   <source>Taught: {}. Map again uses it; W shows the suggested windows.</source>
   <translation>Gelernt: {}. „Neu kartieren“ verwendet es; W zeigt die vorgeschlagenen Fenster.</translation>
  </message>
  <message>
   <source>Field check: {doubtful}; drawn by hand: {added}</source>
   <translation>Im Gelände prüfen: {doubtful}; von Hand gezeichnet: {added}</translation>
  </message>
  <message>
   <source>high confidence</source>
   <translation>hohe Zuverlässigkeit</translation>
  </message>
  <message>
   <source>medium confidence</source>
   <translation>mittlere Zuverlässigkeit</translation>
  </message>
  <message>
   <source>low confidence</source>
   <translation>geringe Zuverlässigkeit</translation>
  </message>
  <message>
   <source>accepted</source>
   <translation>angenommen</translation>
  </message>
  <message>
   <source>rejected</source>
   <translation>abgelehnt</translation>
  </message>
  <message>
   <source>field check</source>
   <translation>im Gelände prüfen</translation>
  </message>
  <message>
   <source>accepted with another outline</source>
   <translation>angenommen mit anderem Umriss</translation>
  </message>
  <message>
   <source>drawn by hand</source>
   <translation>von Hand gezeichnet</translation>
  </message>
  <message>
   <source>High</source>
   <translation>Hoch</translation>
  </message>
  <message>
   <source>Medium</source>
   <translation>Mittel</translation>
  </message>
  <message>
   <source>Low</source>
   <translation>Gering</translation>
  </message>
  <message>
   <source>None</source>
   <translation>Keine</translation>
  </message>
  <message>
   <source>Confidence</source>
   <translation>Zuverlässigkeit</translation>
  </message>
  <message>
   <source>mapped</source>
   <translation>kartiert</translation>
  </message>
  <message>
   <source>right</source>
   <translation>richtig</translation>
  </message>
  <message>
   <source>wrong</source>
   <translation>falsch</translation>
  </message>
  <message>
   <source>precision</source>
   <translation>Genauigkeit</translation>
  </message>
  <message>
   <source>&lt;b&gt;No. {number}&lt;/b&gt;, {confidence}, {area} m²: {decision}</source>
   <translation>&lt;b&gt;Nr. {number}&lt;/b&gt;, {confidence}, {area} m²: {decision}</translation>
  </message>
  <message>
   <source>All</source>
   <translation>Alle</translation>
  </message>
  <message>
   <source>without confidence</source>
   <translation>ohne Zuverlässigkeit</translation>
  </message>
  <message>
   <source>not decided</source>
   <translation>nicht entschieden</translation>
  </message>
  <message>
   <source>Sample scene</source>
   <translation>Beispielszene</translation>
  </message>
  <message>
   <source>Sample DEM</source>
   <translation>Beispiel-DEM</translation>
  </message>
  <message>
   <source>{doubt}. Go on all the same?</source>
   <translation>{doubt}. Trotzdem weitermachen?</translation>
  </message>
  <message>
   <source>{doubt}; correct it, or answer that it is right.</source>
   <translation>{doubt}; berichtigen Sie es, oder antworten Sie, dass es stimmt.</translation>
  </message>
  <message>
   <source>With earlier scenes, map old landslides too, and flag new ones</source>
   <translation>Mit früheren Szenen auch alte Rutschungen kartieren und neue kennzeichnen</translation>
  </message>
  <message>
   <source>Of several earlier scenes, each pixel takes</source>
   <translation>Aus mehreren früheren Szenen nimmt jedes Pixel</translation>
  </message>
  <message>
   <source>The layer's red, green and blue, as it is drawn, are the scene's bands</source>
   <translation>Rot, Grün und Blau, wie der Layer gezeichnet ist, sind die Bänder der Szene</translation>
  </message>
  <message>
   <source>Further DEM tiles</source>
   <translation>Weitere DEM-Kacheln</translation>
  </message>
  <message>
   <source>Offset of the digital numbers (-1000 from baseline 04.00 on, 0 for none)</source>
   <translation>Versatz der digitalen Werte (-1000 ab Baseline 04.00, 0 für keinen)</translation>
  </message>
  <message>
   <source>…or band layers, each with the band that it is</source>
   <translation>…oder Layer einzelner Bänder, jeder mit dem Band, das er ist</translation>
  </message>
  <message>
   <source>The greenest</source>
   <translation>die grünste</translation>
  </message>
  <message>
   <source>The median</source>
   <translation>den Median</translation>
  </message>
  <message>
   <source>The latest</source>
   <translation>die letzte</translation>
  </message>
  <message>
   <source>Detect</source>
   <translation>Erkennen</translation>
  </message>
  <message>
   <source>Digital numbers (reflectance × 10000)</source>
   <translation>Digitale Werte (Reflexionsgrad × 10000)</translation>
  </message>
  <message>
   <source>Reflectance (0…1)</source>
   <translation>Reflexionsgrad (0…1)</translation>
  </message>
  <message>
   <source>Reflectance in percent (0…100)</source>
   <translation>Reflexionsgrad in Prozent (0…100)</translation>
  </message>
  <message>
   <source>Landslide4Sense</source>
   <translation>Landslide4Sense</translation>
  </message>
  <message>
   <source>Sentinel-2; refuse what seems to be another's</source>
   <translation>Sentinel-2; ablehnen, was von einem anderen zu sein scheint</translation>
  </message>
  <message>
   <source>Sentinel-2, whatever speaks for another</source>
   <translation>Sentinel-2, was auch für einen anderen spricht</translation>
  </message>
  <message>
   <source>Default</source>
   <translation>Vorgabe</translation>
  </message>
  <message>
   <source>area of interest</source>
   <translation>Gebiet</translation>
  </message>
  <message>
   <source>Layer or file</source>
   <translation>Layer oder Datei</translation>
  </message>
  <message>
   <source>Band</source>
   <translation>Band</translation>
  </message>
  <message>
   <source>…or a folder: of band files, a SAFE product, tiles of an export</source>
   <translation>…oder ein Ordner: von Bändern, ein SAFE-Produkt, Kacheln eines Exports</translation>
  </message>
  <message>
   <source>…or a file: zip of a SAFE product, STAC item, Landslide4Sense patch (.h5), or an address</source>
   <translation>…oder eine Datei: Zip eines SAFE-Produkts, STAC-Item, Landslide4Sense-Patch (.h5), oder eine Adresse</translation>
  </message>
  <message>
   <source>Area of interest: canvas, layer or drawn extent</source>
   <translation>Gebiet: Ausdehnung der Karte, eines Layers oder gezeichnet</translation>
  </message>
  <message>
   <source>…or the polygons of a layer</source>
   <translation>…oder die Polygone eines Layers</translation>
  </message>
  <message>
   <source>Ready slope in degrees, of the DEM</source>
   <translation>Fertige Hangneigung in Grad, zum DEM</translation>
  </message>
  <message>
   <source>Units of the scene's values</source>
   <translation>Einheiten der Werte der Szene</translation>
  </message>
  <message>
   <source>Resampling to the 10 m grid</source>
   <translation>Umrechnung auf das 10-m-Gitter (Resampling)</translation>
  </message>
  <message>
   <source>Mask: polygons or raster (not 0) that is not mapped</source>
   <translation>Maske: Polygone oder Raster (ungleich 0), wo nicht kartiert wird</translation>
  </message>
  <message>
   <source>Level-2A classes that are not mapped (numbers or none)</source>
   <translation>Level-2A-Klassen, die nicht kartiert werden (Nummern, oder none)</translation>
  </message>
  <message>
   <source>Detect and mask clouds (Level-1C: s2cloudless; else by their colours)</source>
   <translation>Wolken erkennen und maskieren (Level-1C: s2cloudless; sonst nach ihren Farben)</translation>
  </message>
  <message>
   <source>Earlier scenes, to map only what is new: raster layers or files</source>
   <translation>Frühere Szenen, um nur Neues zu kartieren: Rasterlayer oder Dateien</translation>
  </message>
  <message>
   <source>slope</source>
   <translation>Hangneigung</translation>
  </message>
  <message>
   <source>Give the area of interest either as an extent or as polygons, not both.</source>
   <translation>Geben Sie das Gebiet als Ausdehnung oder als Polygone an, nicht beides.</translation>
  </message>
  <message>
   <source>No band layer says which band it is; choose the bands in the table.</source>
   <translation>Kein Layer sagt, welches Band er ist; wählen Sie die Bänder in der Tabelle.</translation>
  </message>
  <message>
   <source>Either name the scene's bands, or take them as the layer is drawn, not both.</source>
   <translation>Benennen Sie die Bänder der Szene, oder nehmen Sie sie, wie der Layer gezeichnet ist, nicht beides.</translation>
  </message>
  <message>
   <source>The product {} does not exist; choose another.</source>
   <translation>Das Produkt {} gibt es nicht; wählen Sie ein anderes.</translation>
  </message>
  <message>
   <source>Give the scene either as a layer, as band layers, as a folder or as a file; found {}.</source>
   <translation>Geben Sie die Szene entweder als Layer, als Layer einzelner Bänder, als Ordner oder als Datei an; gefunden: {}.</translation>
  </message>
  <message>
   <source>none of them</source>
   <translation>nichts davon</translation>
  </message>
  <message>
   <source>The mask classes {!r} are not a list of numbers; expected, for instance, 3,8,9,10, or none.</source>
   <translation>Die Maskenklassen {!r} sind keine Liste von Nummern; erwartet wird zum Beispiel 3,8,9,10 oder none.</translation>
  </message>
  <message>
   <source>Make inventory…</source>
   <translation>Inventar erstellen…</translation>
  </message>
  <message>
   <source>Threshold</source>
   <translation>Schwelle</translation>
  </message>
  <message>
   <source>No probability raster is chosen; map a scene with one, or open its file.</source>
   <translation>Kein Wahrscheinlichkeitsraster ist gewählt; kartieren Sie eine Szene mit einem oder öffnen Sie seine Datei.</translation>
  </message>
  <message>
   <source>The map shows none of the probability raster; move it there, or zoom to the layer.</source>
   <translation>Die Karte zeigt nichts vom Wahrscheinlichkeitsraster; verschieben Sie sie dorthin oder zoomen Sie auf den Layer.</translation>
  </message>
  <message>
   <source>{count} landslides, {area} km² where the map is</source>
   <translation>{count} Rutschungen, {area} km² im Kartenausschnitt</translation>
  </message>
  <message>
   <source>seen in pixels of {} m, as far away as this; the inventory has all of 10 m</source>
   <translation>aus dieser Entfernung in Pixeln von {} m gesehen; das Inventar hat alle zu 10 m</translation>
  </message>
  <message>
   <source>(left out)</source>
   <translation>(ausgelassen)</translation>
  </message>
  <message>
   <source>Bundle</source>
   <translation>Modell</translation>
  </message>
  <message>
   <source>Add the project's layers</source>
   <translation>Layer des Projekts hinzufügen</translation>
  </message>
  <message>
   <source>Add files…</source>
   <translation>Dateien hinzufügen…</translation>
  </message>
  <message>
   <source>Remove</source>
   <translation>Entfernen</translation>
  </message>
  <message>
   <source>Rasters ({})</source>
   <translation>Raster ({})</translation>
  </message>
  <message>
   <source>Band files</source>
   <translation>Dateien der Bänder</translation>
  </message>
  <message>
   <source>File…</source>
   <translation>Datei…</translation>
  </message>
  <message>
   <source>Folder…</source>
   <translation>Ordner…</translation>
  </message>
  <message>
   <source>Bundles (*.zip bundle.json)</source>
   <translation>Modelle (*.zip bundle.json)</translation>
  </message>
  <message>
   <source>“Map landslides”</source>
   <translation>„Rutschungen kartieren“</translation>
  </message>
  <message>
   <source>Names of the scene's bands in order</source>
   <translation>Namen der Bänder der Szene in ihrer Reihenfolge</translation>
  </message>
  <message>
   <source>Windows that a network takes at once</source>
   <translation>Fenster, die ein Netz auf einmal nimmt</translation>
  </message>
  <message>
   <source>Earlier scenes, to map only what is new</source>
   <translation>Frühere Szenen, um nur Neues zu kartieren</translation>
  </message>
  <message>
   <source>Highest cloud cover of a scene</source>
   <translation>Höchste Bewölkung einer Szene</translation>
  </message>
  <message>
   <source>Detect and mask clouds</source>
   <translation>Wolken erkennen und maskieren</translation>
  </message>
  <message>
   <source>Mask</source>
   <translation>Maske</translation>
  </message>
  <message>
   <source>Level-2A classes that are not mapped</source>
   <translation>Level-2A-Klassen, die nicht kartiert werden</translation>
  </message>
  <message>
   <source>Offset of the digital numbers</source>
   <translation>Versatz der digitalen Werte</translation>
  </message>
  <message>
   <source>Go on where a stopped run ended</source>
   <translation>Dort weitermachen, wo ein abgebrochener Lauf endete</translation>
  </message>
  <message>
   <source>Scheduler of a Dask cluster</source>
   <translation>Scheduler eines Dask-Clusters</translation>
  </message>
  <message>
   <source>Refuse earlier scenes that are later by their dates</source>
   <translation>Frühere Szenen ablehnen, die nach ihrem Datum später sind</translation>
  </message>
  <message>
   <source>Sun's azimuth and elevation in degrees</source>
   <translation>Azimut und Höhe der Sonne in Grad</translation>
  </message>
  <message>
   <source>Weigh by the slope of the ground</source>
   <translation>Nach der Hangneigung gewichten</translation>
  </message>
  <message>
   <source>“Scene” or “Band layers”</source>
   <translation>„Szene“ oder „Layer einzelner Bänder“</translation>
  </message>
  <message>
   <source>Vector → Data Management Tools → Assign Projection</source>
   <translation>Vektor → Datenmanagement-Werkzeuge → Projektion zuweisen</translation>
  </message>
  <message>
   <source>“Set up environment”</source>
   <translation>„Umgebung einrichten“</translation>
  </message>
  <message>
   <source>or give its file or folder in place of the name</source>
   <translation>oder geben Sie statt des Namens seine Datei oder seinen Ordner an</translation>
  </message>
  <message>
   <source>“Search scenes”</source>
   <translation>„Szenen suchen“</translation>
  </message>
  <message>
   <source>“Map an event”</source>
   <translation>„Ereignis kartieren“</translation>
  </message>
  <message>
   <source>make one with the engine's command for events</source>
   <translation>legen Sie eine mit dem Befehl der Engine für Ereignisse an</translation>
  </message>
  <message>
   <source>“Band layers”: {band} from {file}</source>
   <translation>„Layer einzelner Bänder“: {band} aus {file}</translation>
  </message>
  <message>
   <source>“{title}: {value}”</source>
   <translation>„{title}: {value}“</translation>
  </message>
  <message>
   <source>“{}”</source>
   <translation>„{}“</translation>
  </message>
  <message>
   <source>Raster → Conversion → Translate, with the additional parameters “{}”</source>
   <translation>Raster → Konvertierung → Übersetzen, mit den zusätzlichen Parametern „{}“</translation>
  </message>
  <message>
   <source>Raster → Projections → Warp, with the additional parameters “{}”</source>
   <translation>Raster → Projektionen → Transformieren, mit den zusätzlichen Parametern „{}“</translation>
  </message>
  <message>
   <source>Raster → Raster Calculator, with the file as A in the formula {}</source>
   <translation>Raster → Rasterrechner, mit der Datei als A in der Formel {}</translation>
  </message>
  <message>
   <source>its layer</source>
   <translation>seinem Layer</translation>
  </message>
  <message>
   <source>crashed</source>
   <translation>ist abgestürzt</translation>
  </message>
  <message>
   <source>ended</source>
   <translation>endete</translation>
  </message>
  <message>
   <source>The engine {how} without an answer (exit status {code}{last}); try again.</source>
   <translation>Die Engine {how}, ohne zu antworten (Exit-Status {code}{last}); versuchen Sie es noch einmal.</translation>
  </message>
  <message>
   <source>Cancelled; nothing was written.</source>
   <translation>Abgebrochen; nichts wurde geschrieben.</translation>
  </message>
  <message>
   <source>The interpreter {python} could not be started ({why}); {remedy}.</source>
   <translation>Der Interpreter {python} konnte nicht gestartet werden ({why}); {remedy}.</translation>
  </message>
  <message>
   <source>The interpreter {python} does not have the engine ({last}); {remedy}.</source>
   <translation>Der Interpreter {python} hat die Engine nicht ({last}); {remedy}.</translation>
  </message>
  <message>
   <source>If that does not help, {}.</source>
   <translation>Wenn das nicht hilft: {}.</translation>
  </message>
  <message>
   <source>The engine at {python} does not answer within {seconds:.0f} s; try again, or {remedy}.</source>
   <translation>Die Engine in {python} antwortet nicht innerhalb von {seconds:.0f} s; versuchen Sie es noch einmal, oder {remedy}.</translation>
  </message>
  <message>
   <source>The log messages panel has more (Landslide4Sense).</source>
   <translation>Mehr steht im Bedienfeld der Protokollmeldungen (Landslide4Sense).</translation>
  </message>
 </context>
</TS>

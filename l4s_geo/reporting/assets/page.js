// What a report does in the browser: language, map with filters and swipe, plots. Leaflet and uPlot do the work.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const find = (selector) => document.querySelector(selector);
  const all = (selector) => [...document.querySelectorAll(selector)];

  // ---- Language: the browser's, until the button says another
  const wanted = (navigator.languages || [navigator.language || "en"]).map((tag) => tag.slice(0, 2).toLowerCase());
  let language = wanted.find((tag) => tag in data.texts) || "en";
  const text = (name, filled = {}) =>
    Object.entries(filled).reduce((out, [key, value]) => out.replace(`{${key}}`, value), data.texts[language][name]);
  const number = (value, decimals = 0) =>
    value.toLocaleString(language, { minimumFractionDigits: decimals, maximumFractionDigits: decimals });

  // ---- Whole numbers from text; l4s_geo.reporting.outlines.encode wrote it
  const decode = (encoded) => {
    const values = [];
    let value = 0, factor = 1;
    for (let i = 0; i < encoded.length; i++) {
      const piece = encoded.charCodeAt(i) - 63;
      value += (piece & 31) * factor;
      factor *= 32;
      if (piece < 32) {
        values.push(value % 2 ? -(value + 1) / 2 : value / 2);
        value = 0;
        factor = 1;
      }
    }
    return values;
  };
  const attributes = Object.fromEntries(Object.entries(data.attributes).map(([name, it]) => [name, decode(it)]));
  const known = (name, i) => name in attributes && attributes[name][i] >= 0;

  const outlines = ({ scale, ...encoded }) => {
    const { points, rings, parts, shapes } = Object.fromEntries(
      ["points", "rings", "parts", "shapes"].map((name) => [name, decode(encoded[name])]));
    let x = 0, y = 0, point = 0, ring = 0, part = 0;
    const take = (count, one) => Array.from({ length: count }, one);
    const nextPoint = () => {
      x += points[point++];
      y += points[point++];
      return [-y * scale, x * scale];
    };
    const nextRing = () => take(rings[ring++], nextPoint);
    const nextPart = () => take(parts[part++], nextRing);
    return shapes.map((count) => take(count, nextPart));
  };

  // ---- Map: one unit is a pixel of the finest imagery, y downwards
  const colours = {
    high: "#e31a1c", medium: "#fd8d3c", low: "#fecc5c", hit: "#1a9641", split: "#a6d96a", amalgamated: "#008080",
    false: "#e31a1c", missed: "#2b83ba", reference: "#f5f5f5", "": "#e31a1c",
  };
  const bounds = L.latLngBounds([-data.height, 0], [0, data.width]);
  const map = L.map("map", {
    crs: L.CRS.Simple, preferCanvas: true, attributionControl: false, zoomControl: false, keyboard: true,
    minZoom: -data.levels - 1, maxZoom: 4, zoomSnap: 0.25, fadeAnimation: false, maxBounds: bounds.pad(0.5),
  });
  const Tiles = L.GridLayer.extend({
    createTile(at) {
      const tile = document.createElement("img");
      const file = this.options.tiles[`${-at.z}/${at.x}/${at.y}`];
      tile.alt = "";
      if (file) tile.src = `data:image/webp;base64,${file}`;
      else tile.hidden = true;
      return tile;
    },
  });
  const panes = data.pictures.map((tiles, i) => {
    const pane = map.createPane(`picture${i}`);
    pane.style.zIndex = 200 + i;
    new Tiles({
      tiles, pane: `picture${i}`, bounds, noWrap: true, tileSize: 256, keepBuffer: 4,
      minZoom: -data.levels - 1, maxZoom: 4, minNativeZoom: 1 - data.levels, maxNativeZoom: 0,
    }).addTo(map);
    return pane;
  });
  map.fitBounds(bounds, { animate: false });
  L.control.zoom().addTo(map);
  const hidden = data.hidden && L.imageOverlay(data.hidden, bounds, { interactive: false }).addTo(map);

  const style = (i) => {
    const kind = data.kinds[attributes.kind[i]];
    const dashed = kind === "reference" || kind === "missed";
    return { color: colours[kind], weight: 1.5, fillOpacity: dashed ? 0.12 : 0.25, opacity: 1 };
  };
  const grounds = Object.fromEntries(data.ground.map((it) => {
    const look = it.name === "looked" ? { color: "#fff", fill: false } : { color: "#d0a3ff", fillOpacity: 0.3 };
    const shapes = outlines(it).map((shape) => L.polygon(shape, { weight: 2, dashArray: "6 5", interactive: false, ...look }));
    return [it.name, L.layerGroup(shapes).addTo(map)];
  }));
  const layers = outlines(data.outlines).map((shape, i) => Object.assign(L.polygon(shape, style(i)), { number: i }));
  const group = L.featureGroup().addTo(map);

  const line = (name, value) => {
    const row = document.createElement("div");
    row.append(Object.assign(document.createElement("dt"), { textContent: name }));
    row.append(Object.assign(document.createElement("dd"), { textContent: value }));
    return row;
  };
  const describe = (layer) => {
    const i = layer.number, list = document.createElement("dl");
    const value = (name, decimals, factor, unit) =>
      known(name, i) && list.append(line(text(`attribute_${name}`), `${number(attributes[name][i] / factor, decimals)}${unit}`));
    const kind = data.kinds[attributes.kind[i]];
    list.append(line(text("number", { id: attributes.id[i] }), kind && text(`class_${kind}`)));
    value("area", 0, 1, " m²");
    value("prob", 2, 1000, "");
    value("slope", 1, 10, "°");
    value("aspect", 0, 1, "°");
    value("elevation", 0, 1, " m");
    value("new", 2, 1000, "");
    value("covered", 0, 10, " %");
    if ("latitude" in attributes) {
      const degrees = [attributes.latitude[i], attributes.longitude[i]].map((it) => (it / 1e5).toFixed(5));
      list.append(line(text("attribute_position"), degrees.join(", ")));
    }
    return list;
  };
  const brief = (layer) => document.createTextNode(
    `${text("number", { id: attributes.id[layer.number] })}: ${number(attributes.area[layer.number])} m²`);
  const open = (layer, at) =>
    L.popup({ maxWidth: 260, autoPanPadding: [20, 20] }).setLatLng(at).setContent(describe(layer)).openOn(map);
  group.on("click", (event) => open(event.layer, event.latlng));
  if (matchMedia("(hover: hover)").matches) group.bindTooltip(brief, { sticky: true });
  let raised = null;
  const raise = (layer) => {
    if (raised) raised.setStyle(style(raised.number));
    raised = layer;
    if (layer) layer.setStyle({ weight: 3, fillOpacity: 0.1 });
  };
  group.on("mouseover", (event) => raise(event.layer));
  group.on("mouseout", () => raise(null));

  // ---- Filters
  const filters = find("#filters");
  let visible = [];
  const filter = () => {
    const form = new FormData(filters), kinds = new Set(form.getAll("kind").map(Number));
    const area = data.steps[Number(form.get("area") || 0)], slope = Number(form.get("slope") || 0) * 10;
    const fresh = Number(form.get("new") || 0) * 1000, only = form.has("is_new");
    visible = layers.filter(({ number: i }) =>
      kinds.has(attributes.kind[i]) && attributes.area[i] >= area &&
      (!slope || attributes.slope[i] >= slope) && (!fresh || attributes.new[i] >= fresh) &&
      (!only || attributes.is_new[i] === 1));
    map.closePopup();
    group.clearLayers();
    visible.forEach((layer) => group.addLayer(layer));
    const layered = { ...grounds, ...(hidden ? { hidden } : {}) };
    Object.entries(layered).forEach(([name, it]) => filters.elements[name].checked ? it.addTo(map) : it.remove());
    label();
  };
  let asked = 0;
  const soon = () => {
    cancelAnimationFrame(asked);
    asked = requestAnimationFrame(filter);
  };
  filters.addEventListener("input", soon);
  filters.addEventListener("reset", () => setTimeout(filter));
  filters.addEventListener("submit", (event) => event.preventDefault());

  const label = () => {
    const sum = visible.reduce((total, layer) => total + attributes.area[layer.number], 0);
    find("#count").textContent = text(data.compared ? "count_outlines" : "count", {
      n: number(visible.length), of: number(layers.length), area: number(sum / 1e6, 3),
    });
    const shown = { area: (it) => `${number(data.steps[it])} m²`, slope: (it) => `${it}°`, new: (it) => number(Number(it), 2) };
    all("#filters input[type=range]").forEach((input) => {
      const none = Number(input.value) === 0;
      input.parentElement.querySelector("output").textContent = none ? text("any") : shown[input.name](input.value);
    });
  };

  // ---- From one landslide to the next
  let current = -1;
  const show = (layer) => {
    current = visible.indexOf(layer);
    map.fitBounds(layer.getBounds().pad(1.5), { maxZoom: 2, animate: false });
    open(layer, layer.getBounds().getCenter());
  };
  const step = (by) => visible.length && show(visible[(current + by + visible.length) % visible.length]);
  find("#next").addEventListener("click", () => step(1));
  find("#previous").addEventListener("click", () => step(current < 0 ? 0 : -1));
  find("#whole").addEventListener("click", () => map.fitBounds(bounds, { animate: false }));
  all("[data-show]").forEach((button) => button.addEventListener("click", () => {
    const layer = layers[Number(button.dataset.show)];
    if (!group.hasLayer(layer)) filters.reset();
    setTimeout(() => {
      find("#map-frame").scrollIntoView({ block: "center" });
      show(layer);
      find("#map").focus({ preventScroll: true });
    });
  }));

  // ---- Swipe: the earlier picture is cut at the handle
  const swipe = find("#swipe");
  const cut = () => {
    if (!swipe) return;
    const size = map.getSize(), x = size.x * swipe.value;
    const from = map.containerPointToLayerPoint([0, 0]), to = map.containerPointToLayerPoint([x, size.y]);
    panes[1].style.clip = `rect(${from.y}px, ${to.x}px, ${to.y}px, ${from.x}px)`;
    find("#swipe-line").style.left = `${x}px`;
  };
  if (swipe) {
    swipe.addEventListener("input", cut);
    map.on("move zoomend resize", cut);
  }

  // ---- Plots
  const inks = ["#d95f02", "#1f78b4", "#808890"];
  const grey = "#7a828c";
  const widthOf = (place) => Math.max(240, Math.min(place.clientWidth, 640));
  const build = (place) => {
    const plot = data.plots[Number(place.dataset.plot)];
    const bars = plot.series[0].kind === "bars";
    const table = uPlot.join(plot.series.map((it) => [it.x, it.y]));
    const step = bars && plot.series[0].x.length > 1 ? plot.series[0].x[1] - plot.series[0].x[0] : 1;
    const winds = text("winds").split(" ");
    const compact = (value) => value === null ? "" : value >= 1e5 || value < 1e-2
      ? value.toExponential(0).replace("e+", "e") : value.toLocaleString(language);
    const whole = (it) => !plot.log || Math.abs(Math.log10(it) - Math.round(Math.log10(it))) < 1e-6;
    const ticks = (_, values) => values.map((it) => it === null || !whole(it) ? ""
      : plot.log ? compact(it) : it.toLocaleString(language));
    const filter = (_, values) => values.map((it) => whole(it) ? it : null);
    const axis = (name, more) => ({
      label: text(`${plot.name}_${name}`), stroke: grey, ticks: { stroke: `${grey}88`, filter }, grid: { stroke: `${grey}33`, filter },
      values: ticks, font: "12px system-ui, sans-serif", labelFont: "12px system-ui, sans-serif", ...more,
    });
    const top = bars ? Math.max(...plot.series[0].y) : 0;
    const edge = (values, by) => [Math.min(...values) - by, Math.max(...values) + by];
    const scales = plot.log ? { x: { time: false, distr: 3 }, y: { distr: 3 } }
      : plot.square ? { x: { time: false, range: [0, 1] }, y: { range: [0, 1] } }
      : { x: { time: false, range: edge(plot.series[0].x, step * 0.6) }, y: { range: [0, top * 1.08 || 1] } };
    place.replaceChildren();
    place.setAttribute("aria-label", `${text(plot.name)}: ${text(`${plot.name}_x`)}, ${text(`${plot.name}_y`)}`);
    return new uPlot({
      width: widthOf(place), height: 260, scales, 
      legend: { show: plot.series.length > 1, live: false, markers: {
        dash: (_, i) => plot.series[i - 1].dashed ? "dashed" : "solid",
        fill: (_, i) => plot.series[i - 1].kind === "points" ? inks[plot.series[i - 1].colour] : "transparent",
        stroke: (_, i) => inks[plot.series[i - 1].colour], width: 2,
      } },
      cursor: { show: false },
      axes: [
        axis("x", plot.name === "aspect" ? { splits: () => winds.map((_, i) => i), values: () => winds } : {}),
        axis("y", { size: 58 }),
      ],
      series: [{}, ...plot.series.map((it) => ({
        label: text(it.label), stroke: inks[it.colour], spanGaps: true, width: it.kind === "points" ? 0 : 1.5,
        fill: it.kind === "bars" ? `${inks[it.colour]}99` : undefined, dash: it.dashed ? [6, 4] : undefined,
        paths: it.kind === "points" ? () => null : it.kind === "bars" ? uPlot.paths.bars({ size: [0.9, 100] }) : undefined,
        points: { show: it.kind === "points", size: 6, fill: inks[it.colour] },
      }))],
    }, table, place);
  };
  let plots = [];
  const places = all(".plot");
  const draw = () => {
    plots.forEach((plot) => plot.destroy());
    plots = places.map(build);
  };
  const fit = (width) => plots.forEach((plot, i) => plot.setSize({ width: width || widthOf(places[i]), height: 260 }));
  let room = innerWidth;
  addEventListener("resize", () => {
    if (room !== innerWidth) fit();
    room = innerWidth;
  });

  // ---- Print: the whole map on one canvas, since tiles do not come in time; the plots as wide as the paper
  const paper = find("#print-map"), level = Math.max(0, data.levels - 3);
  const sheets = Object.entries(data.pictures[0] || {}).filter(([at]) => at.startsWith(`${level}/`)).map(([at, file]) => {
    const sheet = new Image();
    sheet.src = `data:image/webp;base64,${file}`;
    return [sheet, ...at.split("/").slice(1).map(Number)];
  });
  const drawPaper = () => {
    const scale = 1000 / Math.max(data.width, data.height), side = 256 * 2 ** level * scale;
    paper.width = Math.ceil(data.width * scale);
    paper.height = Math.ceil(data.height * scale);
    const pen = paper.getContext("2d");
    sheets.forEach(([sheet, column, row]) => pen.drawImage(sheet, column * side, row * side, side, side));
    const put = (layer) => {
      const { color, fill, fillOpacity, dashArray } = layer.options;
      pen.beginPath();
      layer.getLatLngs().flat().forEach((ring) => {
        ring.forEach(({ lat, lng }, i) => pen[i ? "lineTo" : "moveTo"](lng * scale, -lat * scale));
        pen.closePath();
      });
      pen.setLineDash(dashArray ? dashArray.split(" ").map(Number) : []);
      pen.strokeStyle = pen.fillStyle = color === "#fff" ? "#555" : color;
      pen.globalAlpha = fill ? fillOpacity : 0;
      pen.fill("evenodd");
      pen.globalAlpha = 1;
      pen.stroke();
    };
    Object.values(grounds).filter((it) => map.hasLayer(it)).forEach((it) => it.eachLayer(put));
    visible.forEach(put);
  };
  addEventListener("beforeprint", () => {
    drawPaper();
    fit(320);
  });
  addEventListener("afterprint", () => fit());

  const speak = () => {
    document.documentElement.lang = language;
    const name = (element, words) => ["title", "aria-label"].forEach((it) => element.setAttribute(it, words));
    find("#language").textContent = text("language");
    name(find(".leaflet-control-zoom-in"), text("zoom_in"));
    name(find(".leaflet-control-zoom-out"), text("zoom_out"));
    find("#map").setAttribute("aria-label", text("map_label"));
    if (swipe) name(swipe, text("swipe"));
    map.closePopup();
    label();
    draw();
  };
  find("#language").addEventListener("click", () => {
    language = Object.keys(data.texts).find((it) => it !== language);
    speak();
  });

  const Scale = L.Control.Scale.extend({
    _update() {
      const y = this._map.getSize().y / 2, at = (x) => this._map.containerPointToLatLng([x, y]).lng;
      const width = this.options.maxWidth;
      this._updateMetric((at(width) - at(0)) * data.resolution);
    },
  });
  new Scale({ imperial: false, maxWidth: 120 }).addTo(map);
  speak();
  filter();
  cut();
})();

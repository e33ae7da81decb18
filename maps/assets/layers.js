// What is drawn on the map. Later panes lie higher; only units and AD areas answer to a click.
const layers = (() => {
  'use strict';
  const PANES = [['image', 250], ['image-before', 260], ['units', 300], ['units-before', 310], ['zones', 320], ['relief', 340], ['lines', 360], ['edges', 380], ['areas', 390], ['names', 420]];
  const ZONES = {
    protected: '#12633a', forest_reserve: '#4b6b12', indigenous: '#6a2c91', community: '#8a2f5d', buffer: '#4f5b63', other: '#4f5b63',
  };
  const LINES = { river: { color: '#4a90c4', weight: 1.6 }, road: { color: '#6d625a', weight: 1.3, dashArray: '6 3' } };
  const AREA = '#0b2f8a';
  const THUMB = 34; // width of the slider's handle, whose middle is the cut
  const NONE = '#fbfaf5'; // looked for and not found
  let map;
  let units = [];
  let before = null; // the units of the other side of the divider, made when first asked for
  const pictures = { image: null, 'image-before': null };
  let relief = null;
  let choose = () => {};
  const overlays = [];

  // Hatches: a fill of one colour with lines over it, so that a hatched unit keeps its class.
  function pattern(name, ground, ink, angle, gap) {
    const defs = document.querySelector('#patterns defs');
    if (!document.getElementById(name)) {
      defs.append(figure.drawn('pattern', { id: name, width: gap, height: gap, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(' + angle + ')' },
        figure.drawn('rect', { width: gap, height: gap, fill: ground }),
        figure.drawn('line', { x1: 0, y1: 0, x2: 0, y2: gap, stroke: ink, 'stroke-width': 1.8, 'stroke-opacity': 0.55 })));
    }
    return 'url(#' + name + ')';
  }
  // Dots for zones, since lines mean "rough".
  function dots(name, ink) {
    const defs = document.querySelector('#patterns defs');
    if (!document.getElementById(name)) {
      defs.append(figure.drawn('pattern', { id: name, width: 10, height: 10, patternUnits: 'userSpaceOnUse' },
        figure.drawn('circle', { cx: 2.5, cy: 2.5, r: 1.2, fill: ink }), figure.drawn('circle', { cx: 7.5, cy: 7.5, r: 1.2, fill: ink })));
    }
    return 'url(#' + name + ')';
  }
  const dark = (colour) => parseInt(colour.slice(1, 3), 16) * 0.3 + parseInt(colour.slice(3, 5), 16) * 0.59 < 105;
  const hatched = (colour) => pattern('wide-' + colour.slice(1), colour, dark(colour) ? '#ffffff' : '#2b363d', 45, 9);
  const empty = () => pattern('empty', '#ffffff', '#6f787d', 90, 6);
  const zoneFill = (kind) => dots('zone-' + kind, ZONES[kind]);

  function start(leaflet, chosen) {
    map = leaflet;
    choose = chosen;
    PANES.forEach(([name, level]) => { map.createPane(name).style.zIndex = level; });
    map.getPane('relief').classList.add('leaflet-relief-pane');
    drawUnits();
    data.raw.overlays.forEach(drawOverlay);
    data.raw.lines.forEach(drawLines);
    if (data.raw.relief) {
      relief = L.imageOverlay(data.raw.relief.uri, data.raw.relief.bounds, { pane: 'relief', alt: '' });
      overlays.push({ id: 'relief', layer: relief, key: 'layers.relief', swatch: null, on: true });
    }
    overlays.forEach((overlay) => { if (overlay.on) overlay.layer.addTo(map); });
  }

  function drawUnits() {
    const fills = L.svg({ pane: 'units' });
    const frame = L.svg({ pane: 'edges' });
    const edge = { color: '#37444c', weight: 1, opacity: 0.75 };
    units = data.raw.units.shapes.map((shapes, index) => {
      const rings = data.polygons(shapes);
      const fill = L.polygon(rings, { renderer: fills, pane: 'units', ...edge, fillOpacity: 0.85 }).addTo(map);
      const code = data.raw.units.codes[index];
      fill.on('click', (event) => choose(code, event.latlng));
      return { code, fill, centre: L.latLng(data.raw.units.labels[index]) };
    });
    const sky = [[[-85, -180], [-85, 180], [85, 180], [85, -180]]];
    const veil = data.polygons(data.raw.units.outline);
    L.polygon([...sky, ...veil.map((rings) => rings[0])], { renderer: frame, pane: 'edges', interactive: false, stroke: false, fillColor: '#ffffff', fillOpacity: 0.6 }).addTo(map);
    L.polygon(veil, { renderer: frame, pane: 'edges', interactive: false, fill: false, color: '#27333a', weight: 1.8 }).addTo(map);
    let stroked = true;
    const stroke = (on) => { if (on !== stroked) units.forEach((unit) => unit.fill.setStyle({ stroke: on })); stroked = on; };
    const edges = { addTo: () => stroke(true), remove: () => stroke(false) };
    overlays.push({ id: 'units', layer: edges, key: 'layers.units', swatch: { stroke: edge.color, width: 1.2 }, on: true });
    overlays.push({ id: 'names', layer: drawNames(), key: 'layers.names', swatch: null, on: units.length <= 60 });
  }

  // Made when first shown: a public page may have two thousand.
  function drawNames() {
    const names = L.layerGroup();
    const name = (unit) => {
      const span = document.createElement('span');
      span.dir = 'auto';
      span.textContent = data.names.get(unit.code);
      const icon = L.divIcon({ className: 'unit-name', html: span, iconSize: null });
      unit.name = L.marker(unit.centre, { pane: 'names', interactive: false, keyboard: false, icon }).addTo(names);
    };
    map.on('zoomend', thinNames);
    return {
      addTo: () => { units.filter((unit) => !unit.name).forEach(name); names.addTo(map); thinNames(); },
      remove: () => names.remove(),
    };
  }

  // Hide names that would lie on names already shown.
  function thinNames() {
    const taken = [];
    units.forEach((unit) => {
      const element = unit.name && unit.name.getElement();
      if (!element) return;
      const at = map.latLngToLayerPoint(unit.centre);
      const half = data.names.get(unit.code).length * 3.6 + 4;
      const free = taken.every((box) => Math.abs(box.x - at.x) > box.half + half || Math.abs(box.y - at.y) > 15);
      element.hidden = !free;
      if (free) taken.push({ x: at.x, y: at.y, half });
    });
  }

  function drawOverlay(overlay) {
    const isArea = overlay.kind === 'ad_area';
    const pane = isArea ? 'areas' : 'zones';
    const renderer = L.svg({ pane });
    const group = L.layerGroup();
    overlay.shapes.forEach((shapes, index) => {
      const rings = data.polygons(shapes);
      if (isArea) L.polygon(rings, { renderer, pane, fill: false, interactive: false, color: '#fff', weight: 6, opacity: 0.95 }).addTo(group);
      const shape = L.polygon(rings, isArea
        ? { renderer, pane, fill: false, color: AREA, weight: 2.8, className: 'area' }
        : { renderer, pane, interactive: false, color: ZONES[overlay.kind], weight: 1.8, fillColor: zoneFill(overlay.kind), fillOpacity: 0.75 }).addTo(group);
      if (isArea) {
        shape.bindTooltip(textNode(overlay.labels[index]), { sticky: true });
        shape.on('click', (event) => choose({ overlay, label: overlay.labels[index] }, event.latlng));
      }
    });
    overlays.push({
      id: overlay.name, layer: group, title: overlay.title, on: true,
      swatch: isArea ? { stroke: AREA, width: 2.8, casing: true } : { stroke: ZONES[overlay.kind], width: 1.6, fill: zoneFill(overlay.kind) },
    });
  }

  function textNode(text) {
    const made = document.createElement('span');
    made.dir = 'auto';
    made.textContent = text;
    return made;
  }

  function drawLines(line) {
    const renderer = L.svg({ pane: 'lines' });
    const style = LINES[line.kind];
    const group = L.layerGroup();
    line.shapes.forEach((shapes) => L.polyline(data.lines(shapes), { renderer, pane: 'lines', interactive: false, ...style }).addTo(group));
    overlays.push({ id: line.kind, layer: group, key: 'layers.' + line.kind, swatch: { line: style }, on: true });
  }

  // Colour the units by the theme, and put the right picture under them; with a divider, a second time for the other period.
  function paint(state) {
    paintSide(units, 'image', state, state.period);
    if (state.swipe) {
      if (!before) before = twins();
      paintSide(before, 'image-before', state, state.other);
    } else if (pictures['image-before']) {
      pictures['image-before'].layer.remove();
      pictures['image-before'] = null;
    }
    ['units-before', 'image-before'].forEach((name) => { map.getPane(name).style.display = state.swipe ? '' : 'none'; });
    divide(state);
  }

  function paintSide(shown, pane, state, period) {
    const { theme, opacity } = state;
    shown.forEach((unit) => {
      const style = theme === 'hectares' ? hectareStyle(data.estimate(state.crop, period, unit.code), state.crop)
        : theme === 'change' ? changeStyle(unit.code, state) : { fillColor: '#000', clear: true };
      unit.fill.setStyle({ fillColor: style.fillColor, fillOpacity: style.clear ? 0 : opacity });
    });
    const wanted = data.raw.rasters.find((raster) => raster.kind === theme && raster.period === period
      && (theme === 'class' || raster.crop === state.crop));
    if (pictures[pane] && pictures[pane].source !== wanted) { pictures[pane].layer.remove(); pictures[pane] = null; }
    if (wanted && !pictures[pane]) {
      pictures[pane] = { source: wanted, layer: L.imageOverlay(wanted.uri, wanted.bounds, { pane, alt: '', className: 'cells' }).addTo(map) };
    }
    if (pictures[pane]) pictures[pane].layer.setOpacity(opacity);
  }

  function twins() {
    const renderer = L.svg({ pane: 'units-before' });
    return units.map(({ code, fill }) => {
      const twin = L.polygon(fill.getLatLngs(), { renderer, pane: 'units-before', color: '#37444c', weight: 1, opacity: 0.75 }).addTo(map);
      twin.on('click', (event) => choose(code, event.latlng));
      return { code, fill: twin };
    });
  }

  // Cut both sides at the divider. Panes have no size of their own, so the cut is told in the map's own points.
  function divide(state) {
    const size = map.getSize();
    const corner = map.containerPointToLayerPoint([0, 0]);
    const cut = corner.x + THUMB / 2 + (size.x - THUMB) * state.divider;
    const box = (from, to) => 'polygon(' + [[from, corner.y], [to, corner.y], [to, corner.y + size.y], [from, corner.y + size.y]]
      .map(([x, y]) => x + 'px ' + y + 'px').join(',') + ')';
    [['units', 'units-before'], ['image', 'image-before']].forEach(([after, earlier]) => {
      map.getPane(after).style.clipPath = state.swipe ? box(cut, corner.x + size.x) : '';
      map.getPane(earlier).style.clipPath = state.swipe ? box(corner.x, cut) : '';
    });
  }

  function classOf(value, crop) {
    const limits = data.raw.breaks[crop];
    return limits.filter((limit) => value >= limit).length;
  }

  function hectareStyle(row, crop) {
    if (!data.numbered(row)) return { fillColor: empty() };
    if (row.state === 'zero') return { fillColor: NONE };
    const colour = hectareColours(crop)[classOf(row.value_ha, crop)];
    return { fillColor: data.wide(row) ? hatched(colour) : colour };
  }

  // Few classes take colours from the whole ramp, not from its pale end alone.
  function hectareColours(crop) {
    const all = data.raw.palette.hectares;
    const count = data.raw.breaks[crop].length + 1;
    return Array.from({ length: count }, (_, index) => (count === 1 ? all[2] : all[Math.round(index * (all.length - 1) / (count - 1))]));
  }

  function changeStyle(code, state) {
    const row = data.change(state.crop, state.pair, code);
    if (!row || !(row.verdict in data.raw.palette.change)) return { fillColor: empty() };
    const colour = data.raw.palette.change[row.verdict];
    return { fillColor: roughChange(row) ? hatched(colour) : colour };
  }

  // A change is rough when it is flagged, or when either figure it is made of is rough.
  function roughChange(row) {
    const ends = [row.from, row.to].map((period) => data.estimate(row.crop, period, row.domain));
    return data.rough(row) || ends.some(data.wide);
  }

  return { NONE, start, paint, divide, overlays, hatched, empty, hectareColours, roughChange, zoneFill, unit: (code) => units.find((unit) => unit.code === code) };
})();

// What is drawn on the map. Later panes lie higher; only units and AD areas answer to a click.
const layers = (() => {
  'use strict';
  const PANES = [['image', 250], ['image-before', 260], ['units', 300], ['cells', 302], ['units-before', 310], ['cells-before', 312], ['zones', 320], ['fields', 330], ['fields-before', 332], ['relief', 340], ['lines', 360], ['edges', 380], ['areas', 390], ['points', 410], ['names', 420]];
  const ZONES = {
    protected: '#12633a', forest_reserve: '#4b6b12', indigenous: '#6a2c91', community: '#8a2f5d', buffer: '#4f5b63', other: '#4f5b63',
  };
  const LINES = { river: { color: '#4a90c4', weight: 1.6 }, road: { color: '#6d625a', weight: 1.3, dashArray: '6 3' } };
  const AREA = '#0b2f8a';
  const THUMB = 34; // width of the slider's handle, whose middle is the cut
  const NONE = '#fbfaf5'; // looked for and not found
  const FIELD = { fill: '#E69F00', stroke: '#5b3a00' };
  // In the order of the states; shapes differ as well as colours.
  const SAMPLE = [
    { fill: '#B3261E', shape: 'ring' }, { fill: '#D55E00', shape: 'triangle' }, { fill: '#A6247B', shape: 'diamond' },
    { fill: '#0072B2', shape: 'square', radius: 4 }, { fill: '#007A5A', shape: 'circle', radius: 4 },
  ];
  const NEXT = { fill: '#F0E442', shape: 'diamond', radius: 6 };
  let map;
  let units = [];
  let before = null; // the units of the other side of the divider, made when first asked for
  const pictures = { image: null, 'image-before': null };
  let relief = null;
  let choose = () => {};
  const overlays = [];
  const painted = new Map(); // layers of many shapes, by name, made when first shown
  let now = null; // the state last painted
  let sampled = null; // the period that sample units are drawn for

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
    drawOwn();
    map.on('click', chooseAt);
    data.raw.lines.forEach(drawLines);
    if (data.raw.relief) {
      relief = L.imageOverlay(data.raw.relief.uri, data.raw.relief.bounds, { pane: 'relief', alt: '' });
      overlays.push({ id: 'relief', layer: relief, key: 'layers.relief', swatch: null, on: true });
    }
    overlays.forEach((overlay) => { if (overlay.on) overlay.layer.addTo(map); });
  }

  // Where units are many, their edges must not cover them.
  const edgeWeight = () => (data.raw.units.codes.length > 300 ? 0.4 : 1);

  function drawUnits() {
    const fills = L.svg({ pane: 'units' });
    const frame = L.svg({ pane: 'edges' });
    const edge = { color: '#37444c', weight: edgeWeight(), opacity: 0.75 };
    units = data.raw.units.flat ? manyUnits('units', edge) : data.raw.units.shapes.map((shapes, index) => {
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
    const stroke = (on) => {
      if (on === stroked) return;
      units.forEach((unit) => unit.fill.setStyle({ stroke: on }));
      stroked = on;
      redraw(units);
    };
    const edges = { addTo: () => stroke(true), remove: () => stroke(false) };
    overlays.push({ id: 'units', layer: edges, key: 'layers.units', swatch: { stroke: edge.color, width: 1.2 }, on: true });
    overlays.push({ id: 'names', layer: drawNames(), key: 'layers.names', swatch: null, on: units.length <= 60 });
  }

  // Thousands of units are painted; each keeps the style that it would have as a shape of its own.
  function manyUnits(pane, edge) {
    const styles = data.raw.units.codes.map(() => ({ stroke: true }));
    const style = (index) => {
      const { fillColor, fillOpacity, ink, stroke } = styles[index];
      return { fill: fillOpacity ? fillColor || '#ffffff' : 'none', ink, stroke: stroke ? edge.color : null, width: edge.weight };
    };
    const many = painter.shapes(data.raw.units.flat, { pane, style, opacity: 0.85 });
    painted.set(pane, many);
    const centres = data.once(() => data.points(data.raw.units.labels));
    class Unit {
      constructor(code, index) { this.code = code; this.index = index; }
      get centre() { return L.latLng(centres()[this.index]); }
      get fill() { return this; }
      get options() { return styles[this.index]; }
      setStyle(changed) { Object.assign(styles[this.index], changed); }
      getBounds() { return many.bounds(this.index); }
    }
    return Object.assign(data.raw.units.codes.map((code, index) => new Unit(code, index)), { layer: many.layer });
  }

  // Units that are painted are drawn once all of them have their style; shapes of their own follow by themselves.
  function redraw(shown) {
    if (!shown.layer) return;
    if (shown.layer._map) shown.layer.redraw(); else shown.layer.addTo(map);
  }

  // Fields, sample units, and what to interpret next: the field office's own.
  function drawOwn() {
    const { fields, sample, next } = data.raw;
    if (fields.length) overlays.push({ id: 'fields', layer: switched('fields'), key: 'parts.fields', swatch: { fill: FIELD.fill, stroke: FIELD.stroke, width: 1 }, on: true });
    if (sample) {
      const made = painter.points(sample.points, { pane: 'points', style: (i) => SAMPLE[sampleState(i)] });
      painted.set('sample', made);
      sampled = sample.periods[sample.periods.length - 1];
      overlays.push({ id: 'sample', layer: made.layer, key: 'parts.sample', swatch: { mark: SAMPLE[4] }, on: true });
    }
    if (next) {
      const made = painter.points(next.points, { pane: 'points', style: () => NEXT });
      painted.set('next', made);
      overlays.push({ id: 'next', layer: made.layer, key: 'parts.next', swatch: { mark: NEXT }, on: false });
    }
  }

  function sampleState(i) {
    const { sample } = data.raw;
    const at = Math.max(0, sample.periods.indexOf(now ? now.period : sample.periods[sample.periods.length - 1]));
    return sample.states[at][i];
  }

  const shownNow = (id) => overlays.some((overlay) => overlay.id === id && overlay.on);
  function switched(id) {
    return { addTo: () => { overlays.find((one) => one.id === id).on = true; if (now) paint(now); }, remove: () => { overlays.find((one) => one.id === id).on = false; if (now) paint(now); } };
  }

  // Fields of a period in one of two panes, so that the divider can show two years.
  function fieldsOf(crop, period, pane) {
    const name = ['fields', crop, period, pane].join('|');
    if (!painted.has(name)) {
      const found = data.raw.fields.find((one) => one.crop === crop && one.period === period);
      painted.set(name, found ? { ...painter.shapes(found.shapes, { pane, style: () => FIELD }), source: found } : null);
    }
    return painted.get(name);
  }

  function cellsOf(crop, period, pane) {
    const name = ['cells', crop, period, pane].join('|');
    if (!painted.has(name)) {
      const rows = data.cellRows(crop, period);
      const style = (i) => cellStyle(rows[i], i, crop);
      painted.set(name, { ...painter.shapes(data.raw.cells.shapes, { pane, style }), rows });
    }
    return painted.get(name);
  }

  // Squares of different sizes are compared by their density; all lean on a model, so all are hatched.
  function cellStyle(row, i, crop) {
    const edge = { stroke: '#37444c', width: 0.7 };
    if (!data.numbered(row)) return { fill: '#ffffff', ink: '#6f787d', ...edge };
    if (row.value_ha === 0) return { fill: NONE, ...edge };
    const limits = data.raw.cells.breaks[crop];
    const colours = spread(limits.length + 1);
    const fill = colours[limits.filter((limit) => row.value_ha / data.raw.cells.sides[i] ** 2 >= limit).length];
    return { fill, ink: data.wide(row) ? (dark(fill) ? '#ffffff' : '#2b363d') : null, ...edge };
  }

  // Points before fields before cells before units: the smallest thing under the finger is meant.
  function chooseAt(event) {
    const zoom = map.getZoom();
    for (const id of ['next', 'sample']) {
      const found = shownNow(id) && painted.get(id).hit(event.latlng, zoom);
      if (typeof found === 'number') { choose({ kind: id, index: found }, painted.get(id).at(found)); return; }
    }
    for (const [name, layer] of painted) {
      if (!layer || !layer.hit || !layer.layer._map || ['sample', 'next'].includes(name)) continue;
      if (now && now.swipe && name.endsWith('-before')) continue;
      const found = layer.hit(event.latlng);
      if (found === null) continue;
      if (layer.source) choose({ kind: 'field', layer: layer.source, index: found }, event.latlng);
      else if (layer.rows) choose({ kind: 'cell', row: layer.rows[found] }, event.latlng);
      else continue;
      return;
    }
    const many = painted.get('units');
    const found = many ? many.hit(event.latlng) : null;
    if (found !== null) choose(units[found].code, event.latlng);
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
    now = state;
    ['units', 'units-before'].forEach((name) => { if (painted.has(name)) painted.get(name).layer.setOpacity(state.opacity); });
    paintSide(units, 'image', state, state.period);
    paintOwn(state);
    if (state.swipe) {
      if (!before) before = twins();
      paintSide(before, 'image-before', state, state.other);
    } else if (pictures['image-before']) {
      pictures['image-before'].layer.remove();
      pictures['image-before'] = null;
    }
    ['units-before', 'image-before', 'cells-before', 'fields-before'].forEach((name) => { map.getPane(name).style.display = state.swipe ? '' : 'none'; });
    divide(state);
  }

  // Put the fields and cells of the state on the map, and take all others off.
  function paintOwn(state) {
    const wanted = new Set();
    const sides = [['', state.period], ...(state.swipe ? [['-before', state.other]] : [])];
    sides.forEach(([side, period]) => {
      if (shownNow('fields') && data.raw.fields.length && state.theme !== 'change') wanted.add(fieldsOf(state.crop, period, 'fields' + side));
      if (state.theme === 'cells') wanted.add(cellsOf(state.crop, period, 'cells' + side));
    });
    painted.forEach((layer, name) => {
      if (!layer || !/^(fields|cells)\|/.test(name)) return;
      if (!wanted.has(layer)) layer.layer.remove();
    });
    wanted.forEach((layer) => { if (layer) { layer.layer.addTo(map); if (layer.rows) layer.layer.setOpacity(state.opacity); } });
    if (painted.has('sample') && sampled !== state.period) {
      sampled = state.period;
      if (painted.get('sample').layer._map) painted.get('sample').layer.redraw();
    }
  }

  function paintSide(shown, pane, state, period) {
    const { theme, opacity } = state;
    shown.forEach((unit) => {
      const style = theme === 'hectares' ? hectareStyle(data.estimate(state.crop, period, unit.code), state.crop)
        : theme === 'change' ? changeStyle(unit.code, state) : { fillColor: '#000', clear: true };
      unit.fill.setStyle({ fillColor: style.fillColor, ink: style.ink || null, fillOpacity: style.clear ? 0 : opacity });
    });
    redraw(shown);
    const wanted = data.raw.rasters.find((raster) => raster.kind === theme && raster.period === period
      && (raster.crop === null || theme === 'class' || raster.crop === state.crop));
    if (pictures[pane] && pictures[pane].source !== wanted) { pictures[pane].layer.remove(); pictures[pane] = null; }
    if (wanted && !pictures[pane]) {
      pictures[pane] = { source: wanted, layer: L.imageOverlay(wanted.uri, wanted.bounds, { pane, alt: '', className: 'cells' }).addTo(map) };
    }
    if (pictures[pane]) pictures[pane].layer.setOpacity(opacity);
  }

  function twins() {
    if (data.raw.units.flat) return manyUnits('units-before', { color: '#37444c', weight: edgeWeight() });
    const renderer = L.svg({ pane: 'units-before' });
    return units.map(({ code, fill }) => {
      const twin = L.polygon(fill.getLatLngs(), { renderer, pane: 'units-before', color: '#37444c', weight: edgeWeight(), opacity: 0.75 }).addTo(map);
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
    [['units', 'units-before'], ['image', 'image-before'], ['cells', 'cells-before'], ['fields', 'fields-before']].forEach(([after, earlier]) => {
      map.getPane(after).style.clipPath = state.swipe ? box(cut, corner.x + size.x) : '';
      map.getPane(earlier).style.clipPath = state.swipe ? box(corner.x, cut) : '';
    });
  }

  function classOf(value, crop) {
    const limits = data.raw.breaks[crop];
    return limits.filter((limit) => value >= limit).length;
  }

  function hectareStyle(row, crop) {
    if (!data.numbered(row)) return noFigure();
    if (row.state === 'zero') return { fillColor: NONE };
    return filled(hectareColours(crop)[classOf(row.value_ha, crop)], data.wide(row));
  }

  // A pattern for a shape of its own; a colour and the ink over it for one that is painted.
  function filled(colour, rough) {
    if (data.raw.units.flat) return { fillColor: colour, ink: rough ? (dark(colour) ? '#ffffff' : '#2b363d') : null };
    return { fillColor: rough ? hatched(colour) : colour };
  }
  const noFigure = () => (data.raw.units.flat ? { fillColor: '#ffffff', ink: '#6f787d' } : { fillColor: empty() });

  const hectareColours = (crop) => spread(data.raw.breaks[crop].length + 1);

  // Few classes take colours from the whole ramp, not from its pale end alone.
  function spread(count) {
    const all = data.raw.palette.hectares;
    return Array.from({ length: count }, (_, index) => (count === 1 ? all[2] : all[Math.round(index * (all.length - 1) / (count - 1))]));
  }

  function changeStyle(code, state) {
    const row = data.change(state.crop, state.pair, code);
    if (!row || !(row.verdict in data.raw.palette.change)) return noFigure();
    return filled(data.raw.palette.change[row.verdict], roughChange(row));
  }

  // A change is rough when it is flagged, or when either figure it is made of is rough.
  function roughChange(row) {
    const ends = [row.from, row.to].map((period) => data.estimate(row.crop, period, row.domain));
    return data.rough(row) || ends.some(data.wide);
  }

  // Where a sample unit or a suggested place lies.
  const placeOf = (id, index) => painted.get(id).at(index);
  const byCode = (code) => units.find((unit) => unit.code === code);

  return { NONE, SAMPLE, NEXT, start, paint, divide, overlays, hatched, empty, hectareColours, spread, roughChange, zoneFill, sampleState, placeOf, unit: byCode, map: () => map };
})();

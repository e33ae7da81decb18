// The legend of what is on the map now: theme with its unit, and the marks for rough and empty.
const legend = (() => {
  'use strict';
  const { node, drawn } = figure;

  function swatch(fill, stroke) {
    return drawn('svg', { viewBox: '0 0 28 16', 'aria-hidden': 'true' },
      drawn('rect', { x: 0.5, y: 0.5, width: 27, height: 15, rx: 2, fill, stroke: stroke || '#6b7a83', 'stroke-width': 0.8 }));
  }

  function layerSwatch(style) {
    const picture = drawn('svg', { viewBox: '0 0 28 16', 'aria-hidden': 'true' });
    if (!style) return picture;
    if (style.mark) { picture.append(...mark(style.mark)); return picture; }
    if (style.line) {
      picture.append(drawn('path', { d: 'M1 11 C8 3 18 14 27 5', fill: 'none', stroke: style.line.color, 'stroke-width': 1.8, 'stroke-dasharray': style.line.dashArray || 'none' }));
      return picture;
    }
    const box = { x: 3, y: 3, width: 22, height: 10, rx: 2, fill: 'none' };
    if (style.casing) picture.append(drawn('rect', { ...box, stroke: '#c9d2d6', 'stroke-width': 6 }), drawn('rect', { ...box, stroke: '#fff', 'stroke-width': 5 }));
    picture.append(drawn('rect', { ...box, fill: style.fill || 'none', 'fill-opacity': style.faint ? 0.5 : 1, stroke: style.stroke, 'stroke-width': style.width }));
    return picture;
  }

  // The mark of a sample unit, as it is painted on the map.
  function mark({ fill, shape }) {
    const how = shape === 'ring' ? { fill: '#fff', stroke: fill, 'stroke-width': 2 } : { fill, stroke: '#16232b', 'stroke-width': 0.8 };
    if (shape === 'square') return [drawn('rect', { x: 10, y: 4, width: 8, height: 8, ...how })];
    if (shape === 'diamond') return [drawn('path', { d: 'M14 1 L21 8 L14 15 L7 8 Z', ...how })];
    if (shape === 'triangle') return [drawn('path', { d: 'M14 2 L20 13 L8 13 Z', ...how })];
    return [drawn('circle', { cx: 14, cy: 8, r: 4.5, ...how })];
  }

  const item = (picture, text) => node('li', {}, picture, node('span', { text }));

  function hectares(state) {
    const limits = data.raw.breaks[state.crop];
    const colours = layers.hectareColours(state.crop);
    const number = (value) => words.number(value, { brief: true });
    const items = colours.map((colour, index) => {
      const lo = limits[index - 1];
      const hi = limits[index];
      const text = !limits.length ? words.text('legend.above', { lo: number(0) })
        : index === 0 ? words.text('legend.below', { hi: number(hi) })
          : hi === undefined ? words.text('legend.above', { lo: number(lo) })
            : words.text('legend.between', { lo: number(lo), hi: number(hi) });
      return item(swatch(colour), text);
    });
    const shown = data.raw.units.codes.map((code) => data.estimate(state.crop, state.period, code));
    if (shown.some((row) => row && row.state === 'zero')) items.unshift(item(swatch(layers.NONE), words.text('state.zero')));
    return { items, more: marks(shown.some((row) => data.numbered(row) && data.wide(row)), 'legend.wide', shown.some((row) => !data.numbered(row)), 'legend.empty') };
  }

  function change(state) {
    const { palette, units } = data.raw;
    const rows = units.codes.map((code) => data.change(state.crop, state.pair, code));
    const items = ['decrease', 'no_significant_change', 'increase'].map((verdict) => item(swatch(palette.change[verdict]), words.text('verdict.' + verdict)));
    const told = (row) => row && row.verdict in palette.change;
    return { items, more: marks(rows.some((row) => told(row) && layers.roughChange(row)), 'legend.wide_change', rows.some((row) => !told(row)), 'legend.not_compared') };
  }

  function marks(rough, roughKey, empty, emptyKey) {
    const list = [];
    if (rough) list.push(item(swatch(layers.hatched('#F3F1EA')), words.text(roughKey)));
    if (empty) list.push(item(swatch(layers.empty()), words.text(emptyKey)));
    return list;
  }

  function classes() {
    return {
      items: data.raw.classes.map((entry) => item(swatch(entry.colour), words.className(entry.name))),
      more: [item(swatch(data.raw.palette.notSeen), words.text('legend.not_seen'))],
    };
  }

  // Squares differ in size, so their colour is hectares per square kilometre.
  function cells(state) {
    const limits = data.raw.cells.breaks[state.crop];
    const number = (value) => words.number(value, { brief: true });
    const items = layers.spread(limits.length + 1).map((colour, index) => {
      const [lo, hi] = [limits[index - 1], limits[index]];
      const text = !limits.length ? words.text('legend.above', { lo: number(0) })
        : index === 0 ? words.text('legend.below', { hi: number(hi) })
          : hi === undefined ? words.text('legend.above', { lo: number(lo) })
            : words.text('legend.between', { lo: number(lo), hi: number(hi) });
      return item(swatch(colour), text);
    });
    const rows = data.cellRows(state.crop, state.period);
    const rough = rows.some((row) => data.numbered(row) && data.wide(row));
    return { items, more: marks(rough, 'legend.wide', rows.some((row) => !data.numbered(row)), 'legend.empty') };
  }

  function gaps(state) {
    const found = data.raw.gaps.find((one) => one.period === state.period);
    if (!found) return { items: [], more: [] };
    const [never, few] = data.raw.palette.gaps;
    return {
      items: [item(swatch(never), words.text('parts.gap_never', { share: words.percent(found.never, 2) })),
        item(swatch(few), words.counted('parts.gap_few', found.least, { share: words.percent(found.few, 2) }))],
      more: [],
    };
  }

  function sample() {
    const shown = layers.overlays.some((overlay) => overlay.id === 'sample' && overlay.on);
    if (!shown) return [];
    return data.raw.sample.known.map((name, index) => item(layerSwatch({ mark: layers.SAMPLE[index] }), words.text('parts.state_' + name)));
  }

  function probability() {
    const limits = data.raw.palette.probabilityLimits;
    const share = (value) => words.percent(value, 0);
    return {
      items: data.raw.palette.probability.map((colour, index) => item(swatch(colour), index === limits.length - 1
        ? words.text('legend.above', { lo: share(limits[index]) })
        : words.text('legend.between', { lo: share(limits[index]), hi: share(limits[index + 1]) }))),
      more: [item(swatch('#fff'), words.text('legend.transparent', { value: share(limits[0]) }))],
    };
  }

  // A map of a harm brings its own classes.
  function harm(state) {
    const shown = data.raw.rasters.find((raster) => raster.kind === state.theme && raster.period === state.period && raster.crop === state.crop);
    return { items: shown ? shown.classes.map((entry) => item(swatch(entry.colour), words.text(entry.key))) : [], more: [] };
  }

  function show(state) {
    const isHarm = state.theme.startsWith('harm_');
    const made = isHarm ? harm(state) : { hectares, change, class: classes, probability, cells, gaps }[state.theme](state);
    const places = { crop: words.className(state.crop), period: state.period, pair: state.pair ? words.text('controls.pair', state.pair) : '' };
    const context = layers.overlays.filter((overlay) => overlay.on && overlay.swatch && !['units', 'sample'].includes(overlay.id))
      .map((overlay) => item(layerSwatch(overlay.swatch), overlay.title || words.text(overlay.key)));
    document.getElementById('legend-body').replaceChildren(
      node('h3', { text: isHarm ? words.list(words.text(state.theme.replace('harm_', 'harms.')), places.crop, state.period) : words.text('legend.' + state.theme, places) }),
      ...[made.items, made.more, sample(), context].filter((items) => items.length).map((items) => node('ul', {}, ...items)));
  }

  return { show, layerSwatch };
})();

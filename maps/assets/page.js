// The state of the page and its controls. Every change of state passes through update().
const page = (() => {
  'use strict';
  const { node } = figure;
  const { raw } = data;
  const MOST_BUTTONS = 5; // more periods than this are chosen with a slider; on the public page always
  const [MANAGER, PUBLIC] = [1, 2];
  const current = raw.periods.find((period) => period.role === 'current') || raw.periods[raw.periods.length - 1];
  const state = { crop: raw.crops[0], period: current.name, pair: null, theme: 'hectares', opacity: 0.85, swipe: false, other: null, divider: 0.5 };
  const COVERING = ['fields', 'sample'];
  const away = new Set(); // what stepped back for a map of harm
  const $ = (id) => document.getElementById(id);
  let map;
  let open = null; // what the popup shows
  let box = null;
  let scale;

  const HARMS = [...new Set(raw.rasters.map((raster) => raster.kind).filter((kind) => kind.startsWith('harm_')))];
  const themeWords = (theme) => words.text(HARMS.includes(theme) ? theme.replace('harm_', 'harms.map_') : 'theme.' + theme);

  function themes() {
    const has = (kind) => raw.rasters.some((raster) => raster.kind === kind);
    return ['hectares', data.changes.length && 'change', raw.cells && 'cells', has('class') && 'class', has('probability') && 'probability', has('gaps') && 'gaps', ...HARMS.filter(has)].filter(Boolean);
  }

  function radios(id, name, options, chosen, set) {
    const field = $(id);
    const choices = field.querySelector('.choices');
    choices.className = 'choices' + (options.length > 3 ? ' many' : '');
    choices.replaceChildren(...options.map(({ value, text, note }) => {
      const input = node('input', { type: 'radio', name, value, checked: value === chosen });
      input.addEventListener('change', () => { set(value); update(); });
      return node('label', {}, input, node('span', { dir: 'auto', text }, note ? node('small', { text: note }) : null));
    }));
  }

  function slider(options) {
    const choices = $('period').querySelector('.choices');
    choices.className = 'choices slide';
    const at = options.findIndex((option) => option.value === state.period);
    const output = node('output', { for: 'period-slider', text: options[at].text });
    const input = node('input', { type: 'range', id: 'period-slider', min: 0, max: options.length - 1, step: 1, value: at,
      'aria-label': words.text('controls.period'), 'aria-valuetext': options[at].text });
    input.addEventListener('input', () => {
      state.period = options[input.value].value;
      output.textContent = options[input.value].text;
      input.setAttribute('aria-valuetext', output.textContent);
      compareSwitch();
      show();
    });
    choices.replaceChildren(output, input);
  }

  function controls() {
    radios('crop', 'crop', raw.crops.map((crop) => ({ value: crop, text: words.className(crop) })), state.crop, (crop) => { state.crop = crop; });
    $('crop').hidden = raw.crops.length < 2;
    radios('theme', 'theme', themes().map((theme) => ({ value: theme, text: themeWords(theme) })), state.theme, (theme) => { uncover(theme); state.theme = theme; });
    $('theme').hidden = themes().length < 2;
    const options = raw.periods.map((period) => ({ value: period.name, text: period.name, note: period.role === 'other' ? null : words.text('controls.' + period.role) }));
    if (options.length > (raw.about.tier === PUBLIC ? 1 : MOST_BUTTONS)) slider(options);
    else radios('period', 'period', options, state.period, (period) => { state.period = period; });
    const pairs = data.pairs(state.crop);
    const same = (a, b) => a && b && a.from === b.from && a.to === b.to;
    const baseline = raw.periods.find((period) => period.role === 'baseline');
    pickBaseline(pairs);
    if (!state.baseline) state.pair = pairs.find((pair) => same(pair, state.pair))
      || pairs.find((pair) => baseline && same(pair, { from: baseline.name, to: current.name })) || pairs[pairs.length - 1] || null;
    radios('pair', 'pair', pairs.map((pair, index) => ({ value: String(index), text: words.text('controls.pair', pair) })),
      String(pairs.findIndex((pair) => same(pair, state.pair))), (index) => { state.pair = pairs[index]; });
    $('pair').hidden = state.theme !== 'change' || Boolean(state.baseline);
    compareSwitch();
    $('period').hidden = state.theme === 'change';
  }

  // The manager picks the year that everything is compared with; a pair that was not tested says so.
  function pickBaseline(pairs) {
    const earlier = raw.periods.map((period) => period.name).filter((name) => name !== current.name);
    const able = raw.about.tier === MANAGER && earlier.length > 0 && pairs.length > 0;
    $('baseline').hidden = !able;
    if (!able) return;
    const role = raw.periods.find((period) => period.role === 'baseline');
    state.baseline = state.baseline || (role || raw.periods[0]).name;
    const tested = (name) => data.change(state.crop, { from: name, to: current.name }, data.frame) !== undefined;
    $('baseline-year').replaceChildren(...earlier.map((name) => node('option', { value: name, selected: name === state.baseline,
      text: tested(name) ? name : words.list(name, words.text('verdict.none')) })));
    state.pair = { from: state.baseline, to: current.name };
  }

  // A divider shows an earlier period on the left and the chosen one on the right.
  function compareSwitch() {
    const names = raw.periods.map((period) => period.name);
    const baseline = raw.periods.find((period) => period.role === 'baseline') || raw.periods[0];
    const earlier = names.filter((name) => name !== state.period);
    state.other = earlier.includes(state.baseline) ? state.baseline : earlier.includes(baseline.name) ? baseline.name : earlier[earlier.length - 1] || null;
    const able = state.theme !== 'change' && state.other !== null;
    state.swipe = state.swipe && able;
    $('compare').hidden = !able;
    $('compare-on').checked = state.swipe;
    $('compare-text').textContent = words.text('controls.compare', { period: state.other || '' });
    const label = words.text('controls.divider', { from: state.other || '', to: state.period });
    $('divider').hidden = !state.swipe;
    $('divider-at').setAttribute('aria-label', label);
    $('divider-from').textContent = state.other || '';
    $('divider-to').textContent = state.period;
  }

  function moveDivider() {
    state.divider = Number($('divider-at').value) / 100;
    $('divider').style.setProperty('--at', 'calc(17px + (100% - 34px) * ' + state.divider + ')');
    layers.divide(state);
  }

  function headline() {
    const period = state.theme === 'change' && state.pair ? state.pair.to : state.period;
    const row = data.estimate(state.crop, period, data.frame);
    const change = state.pair && state.pair.to === period ? data.change(state.crop, state.pair, data.frame) : undefined;
    const harm = HARMS.includes(state.theme) ? harms.lead(state.crop, period, state.theme.replace('harm_', '')) : null;
    $('headline-title').textContent = harm ? themeWords(state.theme) : words.text('headline.title');
    $('headline-body').replaceChildren(...(harm || [
      node('p', { class: 'figure-of', text: words.list(words.className(state.crop), period) }),
      ...figure.block(row), figure.dateWords(row), figure.verdict(change), figure.flagList(row),
    ]).filter(Boolean));
    $('details').hidden = Boolean(harm); // hectares by period would read as the harm's
    harms.show(state.crop, period);
    parts.show(state, find, goTo);
    $('details-body').replaceChildren(...[
      figure.series(state.crop, data.frame, period), facts(row, period), figure.counted(row, state.crop, period, data.frame),
    ].filter(Boolean));
  }

  function facts(row, period) {
    const list = node('dl', { class: 'facts' });
    const add = (term, ...said) => list.append(node('dt', { text: term }), node('dd', {}, ...said));
    const accuracy = data.accuracy(period);
    const share = ([value, lo, hi]) => (value === null ? [words.text('state.missing')]
      : [words.percent(value), node('small', { text: words.range(words.percent(lo), words.percent(hi)) })]);
    if (accuracy) {
      add(words.text('headline.accuracy'), ...share(accuracy.overall));
      const own = accuracy.classes.find((entry) => entry.name === state.crop);
      const crop = words.className(state.crop).toLowerCase();
      if (own) {
        add(words.text('headline.users', { crop }), ...share(own.users));
        add(words.text('headline.producers', { crop }), ...share(own.producers));
      }
    }
    if (row && row.n) add(words.text('headline.units'), words.number(row.n));
    if (row && row.method) add(words.text('headline.method'), node('bdi', { text: words.method(row.method) }));
    if (row && row.source) add(words.text('headline.source'), node('bdi', { text: row.source }));
    return list.children.length ? list : null;
  }

  // Fields and sample units lie on the few cells that a map of harm shows: they step back while one is looked at, unless called.
  function uncover(theme) {
    const [from, to] = [state.theme, theme].map((one) => HARMS.includes(one));
    if (from === to) return;
    layers.overlays.filter((overlay) => COVERING.includes(overlay.id) && (to ? overlay.on : away.has(overlay.id))).forEach((overlay) => {
      overlay.on = !to;
      if (to) { away.add(overlay.id); overlay.layer.remove(); } else overlay.layer.addTo(map);
    });
    if (!to) away.clear();
    switches();
  }

  function switches() {
    const inputs = layers.overlays.map((overlay) => {
      const input = node('input', { type: 'checkbox', value: overlay.id, checked: overlay.on });
      input.addEventListener('change', () => {
        overlay.on = input.checked;
        away.delete(overlay.id);
        if (overlay.on) overlay.layer.addTo(map); else overlay.layer.remove();
        legend.show(state);
      });
      return node('label', {}, input, legend.layerSwatch(overlay.swatch), node('span', { dir: 'auto', text: overlay.title || words.text(overlay.key) }));
    });
    document.querySelector('#layers .switches').replaceChildren(...inputs);
  }

  function unitPopup(code) {
    const period = state.theme === 'change' && state.pair ? state.pair.to : state.period;
    const row = data.estimate(state.crop, period, code);
    return node('div', { class: 'popup', dir: document.documentElement.dir },
      node('h3', { dir: 'auto', text: data.names.get(code) }),
      node('p', { class: 'at', text: words.text('popup.code') + ' ' + code + ' · ' + words.list(words.className(state.crop), period) }),
      ...figure.block(row), figure.verdict(data.change(state.crop, state.pair, code)), figure.flagList(row),
      figure.series(state.crop, code, period), figure.counted(row, state.crop, period, code));
  }

  function overlayPopup({ overlay, label }) {
    const row = data.estimate(state.crop, state.period, overlay.name + ':' + label) || data.estimate(state.crop, state.period, overlay.name);
    const body = row ? [node('p', { class: 'at', text: words.list(words.text('popup.within', { crop: words.className(state.crop) }), state.period) }), ...figure.block(row), figure.flagList(row)] : [];
    return node('div', { class: 'popup', dir: document.documentElement.dir }, node('h3', { dir: 'auto', text: label }),
      node('p', { class: 'at', text: overlay.title }), ...body);
  }

  const contentOf = (chosen) => (typeof chosen === 'string' ? unitPopup(chosen) : chosen.kind ? parts.popup(chosen) : overlayPopup(chosen));

  function popup(chosen, at) {
    open = chosen;
    const content = contentOf(chosen);
    box = L.popup({ maxWidth: 292, maxHeight: Math.max(180, map.getSize().y - 60), autoPanPaddingTopLeft: [54, 12], autoPanPaddingBottomRight: [12, 12] }).setLatLng(at).setContent(content).openOn(map);
    // a popup longer than the screen scrolls, and keys must reach what scrolls
    box.getElement().querySelector('.leaflet-popup-content').tabIndex = 0;
    const close = box.getElement().querySelector('.leaflet-popup-close-button');
    close.setAttribute('aria-label', words.text('page.close'));
  }

  function show() {
    const period = raw.periods.find((entry) => entry.name === state.period);
    $('break').hidden = !(period && period.broken && state.theme !== 'change');
    layers.paint(state);
    legend.show(state);
    headline();
    if (!$('tables').hidden) tables();
    if (open && box && box.isOpen()) box.setContent(contentOf(open));
  }

  // Rebuild the controls too; the control in use keeps the focus.
  function update() {
    const active = document.activeElement;
    const mark = active && active.name ? [active.name, active.value] : null;
    controls();
    show();
    const again = mark && [...document.getElementsByName(mark[0])].find((input) => input.value === mark[1]);
    if (again && again !== document.activeElement) again.focus();
  }

  const tables = () => table.show(state, find, parts.tables(state, find, goTo));

  // Show a sample unit or a suggested place on the map, near enough to see its field.
  function goTo(kind, index) {
    if (!$('tables').hidden) toggleTable(false);
    const overlay = layers.overlays.find((one) => one.id === kind);
    if (!overlay.on) { overlay.on = true; overlay.layer.addTo(map); switches(); legend.show(state); }
    const at = layers.placeOf(kind, index);
    map.setView(at, Math.max(map.getZoom(), 16), { animate: false });
    popup({ kind, index }, at);
    $('map-region').scrollIntoView({ block: 'nearest' });
    $('map-region').focus();
  }

  function toggleTable(wanted) {
    $('tables').hidden = !wanted;
    $('toggle-table').setAttribute('aria-expanded', String(wanted));
    if (wanted) { tables(); $('tables').focus(); } else $('toggle-table').focus();
  }

  function find(code) {
    toggleTable(false);
    const unit = layers.unit(code);
    map.fitBounds(unit.fill.getBounds().pad(0.6), { animate: false });
    popup(code, unit.centre);
    $('map-region').scrollIntoView({ block: 'nearest' });
    $('map-region').focus();
  }

  function speak(code) {
    words.use(code);
    document.querySelector('.leaflet-control-zoom-in').setAttribute('aria-label', words.text('page.zoom_in'));
    document.querySelector('.leaflet-control-zoom-out').setAttribute('aria-label', words.text('page.zoom_out'));
    document.querySelectorAll('.leaflet-control-zoom a').forEach((link) => { link.title = link.getAttribute('aria-label'); });
    $('map-region').setAttribute('aria-label', words.label(words.text('page.map'), raw.about.title));
    document.querySelector('.compass span').textContent = words.text('page.north_sign');
    document.querySelector('.compass').setAttribute('aria-label', words.text('page.north'));
    document.querySelector('.stamp').textContent = raw.about.disclaimer ? words.text('tier.' + raw.about.tier)
      : words.text('notes.draft') + ' · ' + words.text('tier.' + raw.about.tier);
    if ($('run')) $('run').textContent = words.text('notes.run', { run: raw.about.run });
    scale._update();
    switches();
    update();
  }

  function ornaments() {
    const corner = (position, build) => { const control = L.control({ position }); control.onAdd = build; control.addTo(map); };
    map.attributionControl.setPrefix(false); // no flag on the map
    L.control.zoom({ position: 'topleft' }).addTo(map);
    corner('topleft', () => node('div', { class: 'compass', role: 'img' },
      figure.drawn('svg', { viewBox: '0 0 20 22', 'aria-hidden': 'true' }, figure.drawn('path', { d: 'M10 1 L17 20 L10 15.5 Z', fill: '#16232b' }), figure.drawn('path', { d: 'M10 1 L3 20 L10 15.5 Z', fill: '#fff', stroke: '#16232b' })),
      node('span', {})));
    corner('bottomleft', () => node('div', { class: 'stamp' }));
    const Scale = L.Control.Scale.extend({
      _updateMetric(metres) {
        const round = this._getRoundNum(metres);
        const label = round < 1000 ? words.text('pattern.m', { value: round }) : words.text('pattern.km', { value: round / 1000 });
        this._mScale.style.width = Math.round(this.options.maxWidth * round / metres) + 'px';
        this._mScale.textContent = label;
      },
    });
    scale = new Scale({ imperial: false, position: 'bottomleft' }).addTo(map);
  }

  // On a wide screen the legend stands beside the area, not on it.
  function home() {
    const wide = window.matchMedia('(min-width: 821px)').matches && !map.getContainer().classList.contains('paper');
    map.fitBounds(raw.bounds, { animate: false, paddingTopLeft: [14, 14], paddingBottomRight: [wide ? 304 : 14, 14] });
  }

  function listen() {
    $('language').addEventListener('change', (event) => speak(event.target.value));
    $('baseline-year').addEventListener('change', (event) => { state.baseline = event.target.value; update(); });
    $('download-shapes').addEventListener('click', () => table.save('units.geojson', table.geojson(state), 'application/geo+json'));
    $('download-shapes').hidden = !raw.units.shapes;
    $('compare-on').addEventListener('change', (event) => { state.swipe = event.target.checked; update(); });
    $('divider-at').addEventListener('input', moveDivider);
    map.on('move zoomend resize', () => layers.divide(state));
    $('opacity').addEventListener('input', (event) => { state.opacity = event.target.value / 100; layers.paint(state); });
    $('toggle-table').addEventListener('click', () => toggleTable($('tables').hidden));
    $('close-table').addEventListener('click', () => toggleTable(false));
    $('tables').addEventListener('keydown', (event) => { if (event.key === 'Escape') toggleTable(false); });
    $('print').addEventListener('click', () => window.print());
    $('download').addEventListener('click', () => table.download('estimates.csv', data.estimates));
    $('download-change').addEventListener('click', () => table.download('change.csv', data.changes));
    $('download-change').hidden = !data.changes.length;
    $('controls').addEventListener('submit', (event) => event.preventDefault());
    // the print layout comes after this event, so the map takes the size of the paper's frame first
    window.addEventListener('beforeprint', () => { $('map-region').classList.add('paper'); tables(); map.invalidateSize({ animate: false }); home(); });
    window.addEventListener('afterprint', () => { $('map-region').classList.remove('paper'); map.invalidateSize({ animate: false }); });
  }

  function start(leaflet) {
    map = leaflet;
    words.wholeHectares(raw.about.round >= 1);
    map.getContainer().id = 'map-region';
    map.getContainer().setAttribute('role', 'main');
    home();
    ornaments();
    layers.start(map, popup);
    listen();
    speak(raw.about.language);
    document.documentElement.dataset.ready = 'yes';
  }

  // By code of a unit, or { overlay, label }: what a click would open, at the middle of the unit.
  const reveal = (chosen) => popup(chosen, typeof chosen === 'string' ? layers.unit(chosen).centre : map.getCenter());

  return { start, state, show: reveal };
})();

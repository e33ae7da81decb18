// What the three products show beside the figures of units: summaries at the side, and a table behind each of them.
const parts = (() => {
  'use strict';
  const { node, drawn } = figure;
  const { raw } = data;
  const MANAGER = 1;
  const FEW = 5; // lines of a list at the side
  const MANY = 300; // rows of a table in the page; the files beside it have them all

  const heading = (key) => node('th', { scope: 'col', text: words.text(key) });
  const cell = (text, kind) => node('td', kind ? { class: kind, text } : { dir: 'auto', text });
  const word = (table, value) => { const key = table + '.' + value; const text = words.text(key); return text === key ? String(value) : text; };

  // -- the effect of a programme against its controls

  const effectsOf = (scope) => data.effects.filter((row) => row.scope === scope);
  const told = (row) => row.value !== null && row.lo !== null;

  function amount(row) {
    const scale = Math.max(Math.abs(row.lo), Math.abs(row.hi), Math.abs(row.value));
    const how = raw.about.round > 0 ? { fixedTo: words.digits([row.value, row.lo, row.hi]) } : { scale };
    const number = (value) => words.number(value, { ...how, signed: true });
    return words.text('pattern.with_interval', { value: measured(number(row.value), row.unit_of_measure), range: words.range(number(row.lo), number(row.hi)) });
  }
  // Hectares have a word in every language; other units stand as the table names them.
  const measured = (number, unit) => (unit === 'ha' ? words.text('pattern.ha', { value: number }) : words.text('parts.measured', { value: number, unit: unit || '' }));

  const absent = (row) => words.text(row.state === 'suppressed' ? 'state.suppressed' : 'state.not_estimable');
  const finding = (row) => word('impact', 'finding_' + String(row.finding || 'not_estimable').replace(/ /g, '_'));

  const yearsSince = (years) => (years === 0 ? words.text('parts.year_of_start') : words.counted(years < 0 ? 'parts.years_before' : 'parts.years_after', Math.abs(years)));

  function effectName(row) {
    if (row.scope === 'ring') return words.text('impact.ring', { range: row.effect.replace(/^ring /, '').replace(/ km$/, '') });
    if (row.scope === 'event') return yearsSince(Number(row.effect));
    if (row.scope === 'overall' || row.scope === 'announcement') return words.text('impact.scope_' + row.scope);
    return word('impact', 'effect_' + row.effect.replace(/,/g, '').replace(/[ -]/g, '_'));
  }

  function impact() {
    const [overall] = effectsOf('overall');
    if (!overall) return null;
    if (!told(overall)) return [node('p', { class: 'value words', text: absent(overall) })];
    const lines = [
      node('div', { class: 'verdict ' + (overall.hi < 0 ? 'decrease' : overall.lo > 0 ? 'increase' : '') },
        node('b', { text: finding(overall) }),
        node('span', { text: words.text('parts.effect_line', { effect: amount(overall), level: words.level(overall.level) }) })),
      node('p', { class: 'at', text: words.text('parts.control_line', { treated: words.counted('count.treated', overall.n_treated), control: words.counted('count.controls', overall.n_control) }) }),
    ];
    lines.push(eventChart(effectsOf('event').filter(told), overall.unit_of_measure));
    const net = effectsOf('net').find((row) => row.effect === 'direct and rings' && told(row));
    if (net) lines.push(node('p', { class: 'at', text: words.text('parts.net_line', { effect: amount(net) }) }));
    lines.push(node('p', { class: 'hint', text: words.text('parts.impact_note') }));
    return lines.filter(Boolean);
  }

  // Effects by years since the start, each with its interval, about the line of no effect.
  function eventChart(rows, unit) {
    if (rows.length < 2) return null;
    const [width, height, left, bottom] = [312, 118, 40, 92];
    const lo = Math.min(0, ...rows.map((row) => row.lo));
    const hi = Math.max(0, ...rows.map((row) => row.hi));
    const span = (width - 8 - left) / rows.length;
    const x = (index) => left + (index + 0.5) * span;
    const y = (value) => 8 + (hi - value) / (hi - lo || 1) * (bottom - 14);
    const label = rows.map((row) => words.label(effectName(row), amount(row))).join('; ');
    const picture = drawn('svg', { viewBox: '0 0 ' + width + ' ' + height, role: 'img', 'aria-label': label });
    [lo, 0, hi].filter((tick) => tick === 0 || Math.abs(y(tick) - y(0)) > 11).forEach((tick) => picture.append(
      drawn('line', { x1: left, x2: width, y1: y(tick), y2: y(tick), stroke: tick === 0 ? '#46535b' : '#e3e7e9' }),
      drawn('text', { x: left - 5, y: y(tick) + 4, 'text-anchor': 'end', text: words.number(tick, { brief: true, scale: Math.max(-lo, hi) }) })));
    const every = Math.ceil(rows.length / 8);
    rows.forEach((row, index) => {
      const after = Number(row.effect) >= 0;
      const colour = after ? '#0b4a6f' : '#7f919b';
      picture.append(drawn('line', { x1: x(index), x2: x(index), y1: y(row.lo), y2: y(row.hi), stroke: colour, 'stroke-width': 2 }),
        drawn('circle', { cx: x(index), cy: y(row.value), r: 3.6, fill: after ? colour : '#fff', stroke: colour, 'stroke-width': 1.4 }));
      if (index % every === 0) picture.append(drawn('text', { x: x(index), y: height - 4, 'text-anchor': 'middle', text: words.number(Number(row.effect), { brief: true }) }));
    });
    return node('figure', { class: 'series' }, picture, node('figcaption', { text: words.text('parts.event_caption', { unit: unit === 'ha' ? words.text('table.hectares').toLowerCase() : unit }) }));
  }

  // -- displacement, ranking and projects, for the manager

  function displacement() {
    const rings = effectsOf('ring');
    if (!rings.length) return null;
    const known = rings.filter(told);
    const verdict = !known.length ? 'cannot_tell' : known.some((row) => row.lo > 0) ? 'found' : 'not_found';
    return [
      node('p', {}, node('b', { text: words.text('parts.displacement_' + verdict) })),
      node('dl', { class: 'facts' }, ...rings.flatMap((row) => [node('dt', { text: effectName(row) }), node('dd', { text: told(row) ? amount(row) : absent(row) })])),
    ];
  }

  // Units by their change, the largest rise first; a rough figure has no rank, nor has one that is not there.
  function ranking(state) {
    const rows = raw.units.codes.map((code) => data.change(state.crop, state.pair, code)).filter((row) => row && row.difference_ha !== null);
    const sound = (row) => data.ranked(row) && [row.from, row.to].every((period) => data.ranked(data.estimate(row.crop, period, row.domain)));
    const ranked = rows.filter(sound).sort((a, b) => b.difference_ha - a.difference_ha);
    return { ranked, unranked: rows.filter((row) => !sound(row)) };
  }

  function rankingPanel(state, find) {
    if (!state.pair || !data.changes.length) return null;
    const { ranked, unranked } = ranking(state);
    const list = (verdict, rows) => {
      const own = rows.filter((row) => row.verdict === verdict).slice(0, FEW);
      if (!own.length) return [];
      return [node('h3', { text: words.text('verdict.' + verdict) }), node('ol', { class: 'ranks' }, ...own.map((row) => node('li', {}, unitButton(row.domain, find), node('span', { text: figure.changeLine(row) }))))];
    };
    const same = ranked.filter((row) => row.verdict === 'no_significant_change').length;
    const units = (count) => words.counted('count.units', count);
    return [
      node('p', { class: 'at', text: words.text('controls.pair', state.pair) }),
      ...list('increase', ranked), ...list('decrease', [...ranked].reverse()),
      node('p', { class: 'hint', text: words.text('parts.ranking_rest', { same: units(same), rough: units(unranked.length), empty: units(raw.units.codes.length - ranked.length - unranked.length) }) }),
    ];
  }

  function unitButton(code, find) {
    const button = node('button', { type: 'button', class: 'link', dir: 'auto', text: data.names.get(code) });
    button.addEventListener('click', () => find(code));
    return button;
  }

  function portfolioPanel() {
    if (!data.portfolio.length) return null;
    const sum = (name) => {
      const states = data.portfolio.map((row) => row[name + '_state']);
      if (!states.every((state) => state === 'computed')) return words.text('parts.sum_not_told');
      return words.number(data.portfolio.reduce((all, row) => all + row[name], 0), { scale: 100 });
    };
    return [node('dl', { class: 'facts' },
      node('dt', { text: words.text('parts.projects') }), node('dd', { text: words.number(data.portfolio.length, { brief: true }) }),
      node('dt', { text: words.text('parts.households') }), node('dd', { text: sum('households') }),
      node('dt', { text: words.text('parts.persons') }), node('dd', { text: sum('persons') }))];
  }

  // -- the field office's work

  function work(state, goTo) {
    if (!raw.sample && !raw.next) return null;
    const made = [];
    if (raw.sample) {
      const states = raw.sample.names.map((name, i) => layers.sampleState(i));
      const rows = raw.sample.known.map((name, index) => [name, states.filter((one) => one === index).length]);
      made.push(node('h3', { text: words.text('parts.sample_in', { period: state.period }) }),
        node('dl', { class: 'facts' }, ...rows.flatMap(([name, count]) => [node('dt', {}, legend.layerSwatch({ mark: layers.SAMPLE[raw.sample.known.indexOf(name)] }), words.text('parts.state_' + name)), node('dd', { text: words.number(count, { brief: true }) })])));
      const open = states.flatMap((one, i) => (one <= 2 ? [i] : [])).sort((a, b) => states[a] - states[b]);
      made.push(open.length ? node('p', { class: 'hint', text: words.text('parts.to_read', { units: words.counted('count.units', open.length) }) })
        : node('p', { class: 'hint', text: words.text('parts.all_read') }));
      made.push(list(open, raw.sample.names, 'sample', (i) => words.text('parts.state_' + raw.sample.known[states[i]]), goTo));
      made.push(node('p', { class: 'hint', text: words.text('parts.blind') }));
    }
    if (raw.next && raw.next.names.length) {
      made.push(node('h3', { text: words.text('parts.next') }), node('p', { class: 'hint', text: words.text('parts.next_note') }),
        list(raw.next.names.map((name, i) => i), raw.next.names, 'next', (i) => words.text('parts.uncertainty', { share: words.percent(raw.next.uncertainty[i] / 100, 0) }), goTo));
    }
    return made.filter(Boolean);
  }

  function list(indices, names, kind, said, goTo) {
    if (!indices.length) return null;
    return node('ol', { class: 'ranks' }, ...indices.slice(0, FEW).map((i) => {
      const button = node('button', { type: 'button', class: 'link', text: names[i] });
      button.addEventListener('click', () => goTo(kind, i));
      return node('li', {}, button, node('span', { text: said(i) }));
    }));
  }

  // -- tables

  function rows(heads, body) {
    return [heads.map(heading), body.slice(0, MANY), body.length > MANY ? body.length - MANY : 0];
  }

  function zoneTable(state) {
    if (!data.zones.length) return null;
    const own = data.zones.filter((row) => row.crop === state.crop);
    const places = [...new Map(own.map((row) => [row.domain, words.domain(row.domain, row.domain_name)])).entries()];
    const periods = raw.periods.map((period) => period.name);
    const made = places.map(([domain, name]) => node('tr', {}, node('th', { scope: 'row', dir: 'auto', text: name }),
      ...periods.map((period) => table.figureCell(data.estimate(state.crop, period, domain))),
      state.pair ? table.changeCell(data.change(state.crop, state.pair, domain), raw.about.tier === MANAGER) : null));
    const heads = [node('th', { scope: 'col', text: words.text('table.zone') }), ...periods.map((text) => node('th', { scope: 'col', text })),
      ...(state.pair ? [node('th', { scope: 'col', text: words.list(words.text('theme.change'), words.text('controls.pair', state.pair)) })] : [])];
    return { id: 'zones', title: words.text('parts.zones_title'), heads, rows: made, file: 'zones.csv', data: data.zones };
  }

  function portfolioTable(state) {
    if (!data.portfolio.length) return null;
    const people = (row, name) => (row[name + '_state'] === 'computed' ? words.number(row[name], { scale: 100 })
      : words.text(row[name + '_state'] === 'suppressed' ? 'parts.too_few' : 'state.missing'));
    const made = data.portfolio.map((row) => node('tr', {}, node('th', { scope: 'row', dir: 'auto', text: row.title }),
      cell(row.project), cell(word('parts', 'status_' + row.status)), cell(row.start, 'date'), cell(row.end, 'date'), cell(row.ground_ha === null ? words.text('state.missing') : words.number(row.ground_ha), 'figure'),
      cell(people(row, 'households')), cell(people(row, 'persons')),
      table.figureCell(data.estimate(state.crop, state.pair ? state.pair.from : state.period, row.domain)),
      table.figureCell(data.estimate(state.crop, state.pair ? state.pair.to : state.period, row.domain)),
      table.changeCell(data.change(state.crop, state.pair, row.domain), raw.about.tier === MANAGER)));
    const heads = ['parts.project', 'table.code', 'parts.status', 'parts.start', 'parts.end', 'parts.ground', 'parts.households', 'parts.persons'].map(heading);
    const hectares = (period) => node('th', { scope: 'col', text: words.list(words.className(state.crop), period) });
    heads.push(hectares(state.pair ? state.pair.from : state.period), hectares(state.pair ? state.pair.to : state.period), heading('theme.change'));
    return { id: 'portfolio', title: words.text('parts.portfolio_title'), heads, rows: made, file: 'portfolio.csv', data: data.portfolio };
  }

  function rankingTable(state, find) {
    if (raw.about.tier !== MANAGER || !state.pair) return null;
    const { ranked, unranked } = ranking(state);
    if (!ranked.length && !unranked.length) return null;
    const line = (row, rank) => node('tr', {}, cell(rank === null ? '–' : words.number(rank, { brief: true })), node('th', { scope: 'row' }, unitButton(row.domain, find)),
      table.changeCell(row, true), cell(rank === null ? words.text('parts.not_ranked') : ''));
    const [heads, body, more] = rows(['parts.rank', 'table.unit', 'theme.change', 'table.flags'], [...ranked.map((row, index) => line(row, index + 1)), ...unranked.map((row) => line(row, null))]);
    return { id: 'ranking', title: words.list(words.text('parts.ranking_title'), words.text('controls.pair', state.pair)), heads, rows: body, more };
  }

  function cellTable(state) {
    const own = raw.cells ? data.cellRows(state.crop, state.period) : [];
    if (!own.length) return null;
    const [heads, body, more] = rows(['parts.cell', 'parts.side', 'table.hectares', 'parts.mapped'], own.map((row, i) => node('tr', {}, node('th', { scope: 'row', text: row.cell }),
      cell(words.text('pattern.km', { value: words.number(raw.cells.sides[i], { brief: true }) })), table.figureCell(row), cell(row.mapped ? words.text('parts.mapped_' + row.mapped.replace(' ', '_')) : ''))));
    return { id: 'cells', title: words.list(words.text('parts.cells_title'), words.className(state.crop), state.period), heads, rows: body, more, file: 'cells.csv', data: own };
  }

  function harmTable() {
    if (!raw.harms.length) return null;
    const [heads, body] = rows(['harms.harm', 'table.crop', 'table.period', 'harms.figure', 'harms.claim', 'table.grade'], raw.harms.map((row) => node('tr', {}, node('th', { scope: 'row', text: words.text('harms.' + row.harm) }),
      cell(words.className(row.crop)), cell(row.period), node('td', { class: 'figure', text: row.state === 'computed' ? harms.whole(row) : words.text('harms.' + row.state) }),
      cell(row.state === 'computed' ? words.text('harms.' + row.claim) : ''), cell(row.grade))));
    return { id: 'harm-rows', title: words.text('harms.title'), heads, rows: body, file: 'harms.csv', data: raw.harms };
  }

  function effectTable() {
    if (!data.effects.length) return null;
    const count = (value) => (value === null ? '' : words.number(value, { brief: true }));
    const [heads, body] = rows(['impact.scope', 'impact.effect', 'impact.value', 'impact.n_treated', 'impact.n_control', 'impact.finding'], data.effects.map((row) => node('tr', row.scope === 'overall' ? { class: 'total' } : {},
      cell(words.text('impact.scope_' + row.scope)), node('th', { scope: 'row', text: effectName(row) }), node('td', { class: 'figure', text: told(row) ? amount(row) : absent(row) }),
      cell(count(row.n_treated)), cell(count(row.n_control)), cell(row.finding ? finding(row) : ''))));
    return { id: 'effects', title: words.text('impact.effects_sheet'), heads, rows: body, file: 'effects.csv', data: data.effects };
  }

  function sampleTable(state, find, goTo) {
    if (!raw.sample) return null;
    const open = raw.sample.names.map((name, i) => [i, raw.sample.states.map((states) => states[i])]).sort((a, b) => Math.min(...a[1]) - Math.min(...b[1]) || a[0] - b[0]);
    const made = open.map(([i, states]) => {
      const button = node('button', { type: 'button', text: raw.sample.names[i] });
      button.addEventListener('click', () => goTo('sample', i));
      return node('tr', {}, node('th', { scope: 'row' }, button), ...states.map((one) => cell(words.text('parts.state_' + raw.sample.known[one]))));
    });
    const heads = [heading('parts.sample_unit'), ...raw.sample.periods.map((text) => node('th', { scope: 'col', text }))];
    return { id: 'sample-rows', title: words.text('parts.sample'), heads, rows: made.slice(0, MANY), more: Math.max(0, made.length - MANY) };
  }

  function nextTable(state, find, goTo) {
    if (!raw.next || !raw.next.names.length) return null;
    const [heads, body, more] = rows(['parts.place', 'parts.uncertainty_head'], raw.next.names.map((name, i) => {
      const button = node('button', { type: 'button', text: name });
      button.addEventListener('click', () => goTo('next', i));
      return node('tr', {}, node('th', { scope: 'row' }, button), cell(words.percent(raw.next.uncertainty[i] / 100, 0)));
    }));
    return { id: 'next-rows', title: words.text('parts.next'), heads, rows: body, more };
  }

  function tables(state, find, goTo) {
    return [rankingTable, portfolioTable, zoneTable, cellTable, harmTable, effectTable, sampleTable, nextTable].map((make) => make(state, find, goTo)).filter(Boolean);
  }

  // -- popups of what is no unit

  function popup(chosen) {
    const box = (title, ...body) => node('div', { class: 'popup', dir: document.documentElement.dir }, node('h3', { dir: 'auto', text: title }), ...body.filter(Boolean));
    const line = (text) => node('p', { class: 'at', text });
    if (chosen.kind === 'cell') {
      const { row } = chosen;
      return box(row.cell, line(words.text('parts.cell_note')), ...figure.block(row), figure.flagList(row));
    }
    if (chosen.kind === 'sample') {
      return box(raw.sample.names[chosen.index], line(words.text('parts.sample_unit')),
        ...raw.sample.periods.map((period, at) => line(words.label(period, words.text('parts.state_' + raw.sample.known[raw.sample.states[at][chosen.index]])))));
    }
    if (chosen.kind === 'next') {
      return box(raw.next.names[chosen.index], line(words.text('parts.next_note')), line(words.text('parts.uncertainty', { share: words.percent(raw.next.uncertainty[chosen.index] / 100, 0) })));
    }
    const { layer, index } = chosen;
    const { names } = layer;
    const name = names.list ? names.list[index] : names.head + String(names.first + index).padStart(names.digits, '0');
    return box(name, line(words.list(words.className(layer.crop), layer.period)),
      node('p', { text: words.text('parts.probability', { share: words.percent(layer.probability[index] / 100, 0) }) }),
      node('p', { class: 'counted', text: words.text('parts.field_area', { area: words.number(layer.area[index]) }) }));
  }

  // -- the side

  function show(state, find, goTo) {
    const manager = raw.about.tier === MANAGER;
    const made = {
      impact: impact(), displacement: manager ? displacement() : null, ranking: manager ? rankingPanel(state, find) : null,
      portfolio: portfolioPanel(), work: work(state, goTo),
    };
    Object.entries(made).forEach(([id, content]) => {
      document.getElementById(id).hidden = !content;
      document.getElementById(id + '-body').replaceChildren(...(content || []));
    });
  }

  return { show, tables, popup };
})();

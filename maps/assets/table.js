// Every figure behind the map as a table, and as CSV files made in the page.
const table = (() => {
  'use strict';
  const { node } = figure;
  const MOST_ROWS = 2001; // a row for each of two thousand units and the whole; the files hold them all
  let order = { column: 0, rising: true };

  const periods = () => data.raw.periods.map((period) => period.name);

  function domains(crop) {
    const inside = new Set([data.frame, ...data.raw.units.codes]);
    const others = [...new Set(data.estimates.filter((row) => row.crop === crop && !inside.has(row.domain)).map((row) => row.domain))];
    return [data.frame, ...data.raw.units.codes, ...others];
  }

  function nameOf(domain) {
    if (domain === data.frame) return words.text('page.whole_area');
    return data.names.get(domain) || words.domain(domain, data.otherNames().get(domain) || domain);
  }

  // An indicative figure is shown and never ranked.
  const ranked = (row) => data.numbered(row) && !data.flags(row).includes('INDICATIVE');

  function entry(state, domain) {
    const cells = periods().map((period) => data.estimate(state.crop, period, domain));
    return {
      domain, name: nameOf(domain), cells, change: data.change(state.crop, state.pair, domain),
      keys: [nameOf(domain), domain, ...cells.map((row) => (ranked(row) ? row.value_ha : null))],
    };
  }

  function figureCell(row) {
    if (!data.numbered(row)) return node('td', { class: 'figure', text: figure.line(row) });
    const zero = row.state === 'zero' ? [words.text('state.zero')] : [];
    const said = zero.concat(data.flags(row).map((flag) => words.text('mark.' + flag)).filter((text) => !text.startsWith('mark.')));
    return node('td', { class: 'figure' }, node('b', { text: figure.best(row) }), node('small', { class: 'limits', text: figure.limits(row) }),
      said.length ? node('small', { class: 'mark', text: words.list(...said) }) : null);
  }

  function changeCell(row, tested) {
    if (!row) return node('td', { text: words.text('verdict.none') });
    const p = tested && row.p_value !== null && row.p_value !== undefined ? words.text('parts.p', { p: words.probability(row.p_value) }) : null;
    const now = data.estimate(row.crop, row.to, row.domain);
    if (row.verdict === 'none' && now && !data.numbered(now)) return node('td', { text: words.text('state.' + now.state) });
    return node('td', { class: 'figure' }, node('b', { text: words.text('verdict.' + row.verdict) }),
      row.difference_ha === null ? null : node('small', { text: figure.changeLine(row) }), p ? node('small', { text: p }) : null);
  }

  function head(text, index, redraw) {
    if (index === null) return node('th', { scope: 'col', text });
    const button = node('button', { type: 'button', text });
    button.addEventListener('click', () => {
      order = { column: index, rising: order.column === index ? !order.rising : index < 2 };
      redraw();
      document.querySelectorAll('#tables thead button')[index].focus();
    });
    const sorted = order.column === index ? (order.rising ? 'ascending' : 'descending') : null;
    return node('th', { scope: 'col', 'aria-sort': sorted }, button);
  }

  function sorted(entries) {
    const sign = order.rising ? 1 : -1;
    const [first, ...rest] = entries;
    const alphabet = new Intl.Collator(words.code(), { numeric: true });
    rest.sort((a, b) => {
      const [x, y] = [a.keys[order.column], b.keys[order.column]];
      if (x === null || y === null) return (x === null) - (y === null); // cells without a figure stay last
      return sign * (typeof x === 'number' ? x - y : alphabet.compare(x, y));
    });
    return [first, ...rest];
  }

  function figures(state, find, redraw) {
    const own = data.estimates.filter((row) => row.crop === state.crop && row.level);
    const caption = own.length ? words.text('table.caption', { level: figure.levelOf(own) }) : words.text('table.caption_plain');
    const heads = [words.text('table.unit'), words.text('table.code'), ...periods()];
    const title = words.className(state.crop) + ' – ' + caption;
    const every = sorted(domains(state.crop).map((domain) => entry(state, domain)));
    const rows = every.slice(0, MOST_ROWS).map((one) => {
      const name = data.names.has(one.domain) ? node('button', { type: 'button', text: one.name }) : node('span', { text: one.name });
      name.setAttribute('dir', 'auto');
      if (name.tagName === 'BUTTON') name.addEventListener('click', () => find(one.domain));
      return node('tr', one.domain === data.frame ? { class: 'total' } : {}, node('th', { scope: 'row' }, name),
        node('td', { dir: 'auto', text: one.domain === data.frame ? '' : one.domain }), ...one.cells.map(figureCell), state.pair ? changeCell(one.change, data.raw.about.tier === 1) : null);
    });
    const last = state.pair ? [node('th', { scope: 'col', text: words.list(words.text('theme.change'), words.text('controls.pair', state.pair)) })] : [];
    const made = framed(title, [...heads.map((text, index) => head(text, index, redraw)), ...last], rows);
    if (every.length > MOST_ROWS) made.append(node('p', { class: 'hint', text: words.counted('parts.more_rows', every.length - MOST_ROWS) }));
    return made;
  }

  function framed(title, heads, rows) {
    return node('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': words.list(words.text('page.table'), title) },
      node('table', {}, node('caption', { text: title }), node('thead', {}, node('tr', {}, ...heads)), node('tbody', {}, ...rows)));
  }

  function accuracy() {
    if (!data.raw.accuracy.length) return null;
    const share = ([value, lo, hi]) => (value === null ? words.text('state.missing')
      : words.text('pattern.with_interval', { value: words.percent(value), range: words.range(words.percent(lo), words.percent(hi)) }));
    const heads = ['period', 'class', 'users', 'producers', 'n'].map((name) => node('th', { scope: 'col', text: words.text('table.' + name) }));
    const rows = data.raw.accuracy.flatMap((one) => [
      node('tr', { class: 'total' }, node('th', { scope: 'row', text: one.period }), node('td', { text: words.text('table.overall') }),
        node('td', { colspan: '2', text: share(one.overall) }), node('td', { text: one.n ? words.number(one.n) : '' })),
      ...one.classes.map((entry_) => node('tr', {}, node('th', { scope: 'row', text: one.period }), node('td', { text: words.className(entry_.name) }),
        node('td', { text: share(entry_.users) }), node('td', { text: share(entry_.producers) }), node('td', {}))),
    ]);
    return framed(words.text('table.accuracy_title'), heads, rows);
  }

  // Tables of the other parts, each with its rows as a file and a way to it from the top.
  function further({ id, title, heads, rows, more, file, data: all }) {
    const made = framed(title, heads, rows);
    made.id = 'table-' + id;
    if (more) made.append(node('p', { class: 'hint', text: words.counted('parts.more_rows', more) }));
    if (!file) return made;
    const button = node('button', { type: 'button', class: 'save', text: file, 'aria-label': words.text('parts.save', { file }) });
    button.addEventListener('click', () => download(file, all));
    made.append(button);
    return made;
  }

  function show(state, find, tables) {
    const body = document.getElementById('tables-body');
    const redraw = () => {
      const others = (tables || []).map(further);
      const ways = (tables || []).map((one) => {
        const button = node('button', { type: 'button', text: one.title });
        button.addEventListener('click', () => { const to = document.getElementById('table-' + one.id); to.scrollIntoView({ block: 'start' }); to.focus({ preventScroll: true }); });
        return button;
      });
      body.replaceChildren(...[ways.length ? node('div', { class: 'ways' }, ...ways) : null, figures(state, find, redraw), ...others, accuracy()].filter(Boolean));
    };
    redraw();
  }

  // A text that a spreadsheet would take for a formula gets an apostrophe before it; numbers are left alone.
  function quoted(value) {
    if (value === null || value === undefined) return '';
    if (typeof value === 'number') return String(value);
    const safe = /^[=+\-@\t\r＝＋－＠]/.test(value) ? "'" + value : value;
    return /[",\n]/.test(safe) ? '"' + safe.replace(/"/g, '""') + '"' : safe;
  }

  function csv(rows) {
    const columns = rows.columns || (rows.length ? Object.keys(rows[0]) : []);
    return '\ufeff' + [columns, ...rows.map((row) => columns.map((column) => row[column]))]
      .map((cells) => cells.map(quoted).join(',')).join('\r\n') + '\r\n';
  }

  const download = (name, rows) => save(name, csv(rows), 'text/csv;charset=utf-8');

  // Units with the figures of the crop and period shown, as GeoJSON in WGS 84.
  function geojson(state) {
    const ring = (points) => { const turned = points.map(([lat, lng]) => [lng, lat]); return [...turned, turned[0]]; };
    const features = data.raw.units.shapes.map((shapes, index) => {
      const code = data.raw.units.codes[index];
      const { value_ha, lo_ha, hi_ha, state: told, flags } = data.estimate(state.crop, state.period, code) || { state: 'missing' };
      const properties = { code, name: data.names.get(code), crop: state.crop, period: state.period, state: told, value_ha, lo_ha, hi_ha, flags };
      return { type: 'Feature', properties, geometry: { type: 'MultiPolygon', coordinates: data.polygons(shapes).map((polygon) => polygon.map(ring)) } };
    });
    return JSON.stringify({ type: 'FeatureCollection', features }, (name, value) => (value === undefined ? null : value));
  }

  function save(name, text, type) {
    const address = URL.createObjectURL(new Blob([text], { type }));
    const link = node('a', { href: address, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  }

  return { show, download, save, geojson, csv, figureCell, changeCell };
})();

// The data of the page: tables unpacked into rows, coordinates summed up from their differences.
const data = (() => {
  'use strict';
  const raw = JSON.parse(document.getElementById('data').textContent);
  const STEPS = 1e5; // steps to a degree
  const NUMBER = Symbol('number of a row');

  // A row holds its number alone and reads its cells where they lie in the columns: of tens of thousands few are looked at.
  function rows(table) {
    function Row(number) { this[NUMBER] = number; }
    const column = (name, get) => Object.defineProperty(Row.prototype, name, { get });
    Object.entries({ ...table.numbers, ...table.texts }).forEach(([name, packed]) => {
      const { values, runs } = packed;
      if (Array.isArray(packed)) column(name, function cell() { return packed[this[NUMBER]]; });
      else if (!runs) column(name, function cell() { return values[this[NUMBER] % values.length]; });
      else {
        const codes = new Uint32Array(table.rows);
        let at = 0;
        for (let run = 0; run < runs.length; run += 2) codes.fill(runs[run], at, at += runs[run + 1]);
        column(name, function cell() { return values[codes[this[NUMBER]]]; });
      }
    });
    const list = new Array(table.rows);
    for (let number = 0; number < table.rows; number += 1) list[number] = new Row(number);
    list.columns = table.columns;
    return list;
  }

  // Rows of one crop and period (or pair of periods) lie together; they are found by their domain once such a group is asked for.
  function indexed(names) {
    const groups = new Map();
    let asked = []; // a map asks for one group some thousand times in turn
    let found;
    return {
      add(list) {
        let last = null;
        let group;
        list.forEach((row) => {
          if (!last || names.some((name) => row[name] !== last[name])) {
            const mark = key(...names.map((name) => row[name]));
            if (!groups.has(mark)) groups.set(mark, { rows: [], byDomain: null });
            group = groups.get(mark);
          }
          last = row;
          group.rows.push(row);
        });
      },
      get(domain, ...marks) {
        if (marks.some((mark, i) => mark !== asked[i])) {
          asked = marks;
          found = groups.get(key(...marks));
        }
        if (!found) return undefined;
        if (!found.byDomain) {
          found.byDomain = new Map();
          found.rows.forEach((row) => found.byDomain.set(row.domain, row));
        }
        return found.byDomain.get(domain);
      },
    };
  }

  // Made when first asked for.
  function once(make) {
    let made;
    return () => { if (made === undefined) made = make(); return made; };
  }

  function points(steps) {
    const out = [];
    let x = 0;
    let y = 0;
    for (let i = 0; i < steps.length; i += 2) {
      x += steps[i];
      y += steps[i + 1];
      out.push([y / STEPS, x / STEPS]);
    }
    return out;
  }

  const key = (...parts) => parts.join('\u0001');
  const estimates = rows(raw.estimates);
  const changes = rows(raw.change);
  const byKey = indexed(['crop', 'period']);
  const changeByKey = indexed(['crop', 'from', 'to']);
  const zones = rows(raw.zones);
  const zoneChanges = rows(raw.zoneChange);
  // A popup of a layer finds its figure as any other does; the table of units lists units alone.
  [estimates, zones].forEach((list) => byKey.add(list));
  [changes, zoneChanges].forEach((list) => changeByKey.add(list));

  // Figures of the squares of one crop and period, unpacked when first asked for.
  const unpackedCells = new Map();
  function cellRows(crop, period) {
    const mark = key(crop, period);
    if (!unpackedCells.has(mark)) {
      const found = raw.cells && raw.cells.figures.find((one) => one.crop === crop && one.period === period);
      const list = found ? rows(found.table) : [];
      list.forEach((row, i) => { row.cell = raw.cells.names[i]; row.level = found.level; });
      if (found) list.columns = ['cell', ...list.columns, 'level'];
      unpackedCells.set(mark, list);
    }
    return unpackedCells.get(mark);
  }

  // Two figures published without limits differ by what they differ; nothing can be tested.
  function untested(crop, { from, to }, domain) {
    const [before, after] = [from, to].map((period) => byKey.get(domain, crop, period));
    const bare = (row) => row && row.value_ha !== null && row.lo_ha === null && (row.state === 'estimated' || row.state === 'zero');
    if (!bare(before) || !bare(after)) return undefined;
    return { crop, from, to, domain, difference_ha: after.value_ha - before.value_ha, lo_ha: null, hi_ha: null, p_value: null, verdict: 'not_testable', flags: '' };
  }

  const mapped = new Map(raw.mapped.map((row) => [key(row.crop, row.period, row.domain), row.area]));
  const flags = (row) => (row && row.flags ? row.flags.split(';') : []);

  return {
    raw,
    estimates,
    changes,
    zones,
    zoneChanges,
    cellRows,
    effects: rows(raw.effects),
    portfolio: rows(raw.portfolio),
    flags,
    frame: raw.frame,
    otherNames: once(() => new Map(estimates.map((row) => [row.domain, row.domain_name]))),
    names: new Map(raw.units.codes.map((code, index) => [code, raw.units.names[index]])),
    estimate: (crop, period, domain) => byKey.get(domain, crop, period),
    change: (crop, pair, domain) => (pair ? changeByKey.get(domain, crop, pair.from, pair.to) || untested(crop, pair, domain) : undefined),
    counted: (crop, period, domain) => mapped.get(key(crop, period, domain)),
    accuracy: (period) => raw.accuracy.find((entry) => entry.period === period),
    points,
    once,
    polygons: (shapes) => shapes.map((polygon) => polygon.map(points)),
    lines: (shapes) => shapes.map(points),
    pairs: (crop) => {
      const found = new Map();
      changes.filter((row) => row.crop === crop)
        .forEach((row) => found.set(key(row.from, row.to), { from: row.from, to: row.to }));
      return [...found.values()];
    },
    numbered: (row) => Boolean(row) && row.value_ha !== null && (row.state === 'estimated' || row.state === 'zero'),
    // A rough figure is shown and never ranked.
    ranked: (row) => row && !flags(row).some((flag) => ['INDICATIVE', 'LOW_COUNT', 'WIDE', 'CARRIED_FORWARD', 'INCOMPLETE'].includes(flag)),
    rough: (row) => flags(row).some((flag) => flag === 'LOW_COUNT' || flag === 'INDICATIVE'),
    wide: (row) => flags(row).some((flag) => flag === 'WIDE' || flag === 'LOW_COUNT' || flag === 'INDICATIVE'),
  };
})();

// The data of the page: tables unpacked into rows, coordinates summed up from their differences.
const data = (() => {
  'use strict';
  const raw = JSON.parse(document.getElementById('data').textContent);
  const STEPS = 1e5; // steps to a degree

  function rows(table) {
    const list = Array.from({ length: table.rows }, () => ({}));
    Object.entries(table.numbers).forEach(([name, values]) => {
      values.forEach((value, index) => { list[index][name] = value; });
    });
    Object.entries(table.texts).forEach(([name, column]) => {
      let at = 0;
      for (let run = 0; run < column.runs.length; run += 2) {
        for (let left = column.runs[run + 1]; left > 0; left -= 1) list[at++][name] = column.values[column.runs[run]];
      }
    });
    return list;
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
  const byKey = new Map(estimates.map((row) => [key(row.crop, row.period, row.domain), row]));
  const changeByKey = new Map(changes.map((row) => [key(row.crop, row.from, row.to, row.domain), row]));
  const zones = rows(raw.zones);
  const zoneChanges = rows(raw.zoneChange);
  // A popup of a layer finds its figure as any other does; the table of units lists units alone.
  zones.forEach((row) => byKey.set(key(row.crop, row.period, row.domain), row));
  zoneChanges.forEach((row) => changeByKey.set(key(row.crop, row.from, row.to, row.domain), row));

  // Figures of the squares of one crop and period, unpacked when first asked for.
  const unpackedCells = new Map();
  function cellRows(crop, period) {
    const mark = key(crop, period);
    if (!unpackedCells.has(mark)) {
      const found = raw.cells && raw.cells.figures.find((one) => one.crop === crop && one.period === period);
      unpackedCells.set(mark, found ? rows(found.table).map((row, i) => Object.assign(row, { cell: raw.cells.names[i], level: found.level })) : []);
    }
    return unpackedCells.get(mark);
  }

  // Two figures published without limits differ by what they differ; nothing can be tested.
  function untested(crop, { from, to }, domain) {
    const [before, after] = [from, to].map((period) => byKey.get(key(crop, period, domain)));
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
    otherNames: new Map(estimates.map((row) => [row.domain, row.domain_name])),
    names: new Map(raw.units.codes.map((code, index) => [code, raw.units.names[index]])),
    estimate: (crop, period, domain) => byKey.get(key(crop, period, domain)),
    change: (crop, pair, domain) => (pair ? changeByKey.get(key(crop, pair.from, pair.to, domain)) || untested(crop, pair, domain) : undefined),
    counted: (crop, period, domain) => mapped.get(key(crop, period, domain)),
    accuracy: (period) => raw.accuracy.find((entry) => entry.period === period),
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

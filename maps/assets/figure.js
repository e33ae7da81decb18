// Figures in words and pictures. A hectare figure is only ever made together with its interval.
const figure = (() => {
  'use strict';
  const SVG = 'http://www.w3.org/2000/svg';

  function node(tag, attributes, ...children) {
    const made = document.createElement(tag);
    Object.entries(attributes || {}).forEach(([name, value]) => {
      if (name === 'text') made.textContent = value;
      else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? '' : value);
    });
    made.append(...children.filter(Boolean));
    return made;
  }

  function drawn(tag, attributes, ...children) {
    const made = document.createElementNS(SVG, tag);
    Object.entries(attributes || {}).forEach(([name, value]) => {
      if (name === 'text') made.textContent = value; else made.setAttribute(name, value);
    });
    made.append(...children.filter(Boolean));
    return made;
  }

  const limits = (row, signed) => (row.lo_ha === null || row.hi_ha === null
    ? words.text('state.no_interval') : words.interval(row.lo_ha, row.hi_ha, signed));
  const labelled = (row) => (row.lo_ha === null ? words.text('state.no_interval')
    : words.text('headline.interval', { level: levelOf([row]), range: limits(row) }));

  // A level that the counts cannot bear is called nominal, wherever it stands.
  function levelOf(rows) {
    const sure = rows.find((row) => row.level);
    const level = words.level((sure && sure.level) || 0.95);
    return rows.some((row) => data.flags(row).includes('LOW_COUNT')) ? words.text('pattern.nominal', { level }) : level;
  }

  // The digits of a figure are those of its upper limit.
  const best = (row) => words.area(row.value_ha, { scale: row.hi_ha === null ? row.value_ha : row.hi_ha });

  // One line: value with interval, or the reason why there is none.
  function line(row) {
    if (!row) return words.text('state.missing');
    if (!data.numbered(row)) return words.text('state.' + row.state);
    return words.text('pattern.with_interval', { value: best(row), range: limits(row) });
  }

  function changeLine(row) {
    const scale = Math.max(...[row.difference_ha, row.lo_ha, row.hi_ha].map((end) => Math.abs(end || 0)));
    return words.text('pattern.with_interval', { value: words.area(row.difference_ha, { scale, signed: true }), range: limits(row, true) });
  }

  // Value large, interval below it.
  function block(row) {
    if (!row) return [node('p', { class: 'value words', text: words.text('headline.no_figure') })];
    if (!data.numbered(row)) return [node('p', { class: 'value words', text: words.text('state.' + row.state) })];
    return [
      node('p', { class: 'value', text: best(row) }),
      node('p', { class: 'limits', text: labelled(row) }),
      row.state === 'zero' ? node('p', { class: 'at', text: words.text('state.zero') }) : '',
    ];
  }

  function flagList(row) {
    const told = data.flags(row).filter((flag) => words.text('flag.' + flag) !== 'flag.' + flag);
    if (!told.length) return null;
    return node('ul', { class: 'flags' }, ...told.map((flag) => node('li', { text: words.text('flag.' + flag) })));
  }

  function verdict(row) {
    if (!row) return null;
    const parts = [node('b', { text: words.text('verdict.' + row.verdict) })];
    if (row.difference_ha !== null) {
      parts.push(node('span', { text: words.label(words.text('headline.change', { from: row.from }), changeLine(row)) }));
    }
    return node('div', { class: 'verdict ' + row.verdict }, ...parts);
  }

  // Hectares of the map are only shown under an estimate, and always with what they are.
  function counted(row, crop, period, domain) {
    const hectares = data.counted(crop, period, domain);
    if (hectares === undefined || !data.numbered(row)) return null;
    return node('p', { class: 'counted', title: words.text('headline.counted_help') },
      node('b', { text: words.area(hectares) }), ' ', words.text('headline.counted'));
  }

  function dateWords(row) {
    if (!row || !row.reference_date) return null;
    const key = 'headline.' + (row.kind || 'stock');
    const said = words.text(key, { date: words.date(row.reference_date) });
    return said === key ? null : node('p', { class: 'at', text: said });
  }

  function top(rows) {
    const most = Math.max(...rows.map((row) => (row.hi_ha === null ? row.value_ha : row.hi_ha)), 0);
    if (most <= 0) return 1;
    const power = Math.pow(10, Math.floor(Math.log10(most)));
    return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((step) => step * power).find((step) => step >= most);
  }

  // Dots with intervals by period, from zero up.
  function series(crop, domain, now) {
    const periods = data.raw.periods;
    const rows = periods.map((period) => data.estimate(crop, period.name, domain));
    const known = rows.filter(data.numbered);
    if (known.length < 2) return null;
    const most = top(known);
    const ticks = [0, most / 2, most].map((tick) => [tick, words.number(tick, { brief: true })]);
    const longest = Math.max(...ticks.map(([, text]) => text.replace(/[\u2066-\u2069]/g, '').length));
    const [width, height, left, bottom] = [312, 104, Math.max(44, 12 + 6.6 * longest), 82];
    const span = (width - 8 - left) / periods.length;
    const x = (index) => left + (index + 0.5) * span;
    const y = (hectares) => bottom - hectares / most * (bottom - 10);
    const every = Math.ceil(periods.length / 6);
    const label = known.map((row) => words.label(row.period, line(row))).join('; ');
    const picture = drawn('svg', { viewBox: '0 0 ' + width + ' ' + height, role: 'img', 'aria-label': label });
    ticks.forEach(([tick, text]) => picture.append(
      drawn('line', { x1: left, x2: width, y1: y(tick), y2: y(tick), stroke: tick ? '#e3e7e9' : '#8d9498' }),
      drawn('text', { x: left - 6, y: y(tick) + 4, 'text-anchor': 'end', class: 'tick', text })));
    rows.forEach((row, index) => {
      const current = periods[index].name === now;
      const group = drawn('g', current ? { class: 'now' } : {});
      if (periods[index].broken) {
        const at = left + index * span;
        group.append(drawn('line', { x1: at, x2: at, y1: 6, y2: bottom, stroke: '#b4641a', 'stroke-dasharray': '3 3' }));
      }
      if (data.numbered(row)) {
        const colour = current ? '#0b4a6f' : '#7f919b';
        group.append(drawn('title', { text: words.label(row.period, line(row)) }));
        if (row.lo_ha !== null) {
          [[x(index), y(row.lo_ha), x(index), y(row.hi_ha)], [x(index) - 5, y(row.lo_ha), x(index) + 5, y(row.lo_ha)],
            [x(index) - 5, y(row.hi_ha), x(index) + 5, y(row.hi_ha)]].forEach(([x1, y1, x2, y2]) => group.append(
            drawn('line', { x1, y1, x2, y2, stroke: colour, 'stroke-width': current ? 2.5 : 1.5 })));
        }
        group.append(drawn('circle', { cx: x(index), cy: y(row.value_ha), r: current ? 5 : 4, fill: colour, stroke: '#fff' }));
      }
      if (index % every === (periods.length - 1) % every || current) {
        group.append(drawn('text', { x: x(index), y: height - 6, 'text-anchor': 'middle', text: periods[index].name }));
      }
      picture.append(group);
    });
    const sure = known.find((row) => row.level);
    const caption = sure ? words.text('headline.series', { level: levelOf(known) }) : words.text('headline.series_plain');
    return node('figure', { class: 'series' }, picture,
      node('figcaption', { text: words.text('pattern.with_interval', { value: caption, range: words.text('table.hectares').toLowerCase() }) }));
  }

  return { node, drawn, best, line, levelOf, changeLine, limits, block, flagList, verdict, counted, dateWords, series };
})();

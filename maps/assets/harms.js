// The six harms: each figure with its interval, grade and the word that limits the claim, or why there is none.
const harms = (() => {
  'use strict';
  const { node } = figure;

  const of = (crop, period) => data.raw.harms.filter((row) => row.crop === crop && row.period === period);
  const unit = (row) => (row.unitKey ? words.text(row.unitKey) : row.unit);
  // Digits follow the upper limit, as everywhere; a figure below a hundredth keeps two of its own.
  function number(value, row) {
    const scale = Math.max(Math.abs(row.lo), Math.abs(row.hi));
    if (scale > 0 && scale < 0.01) return Number(value.toPrecision(2)).toString();
    return words.number(value, data.raw.about.round > 0 ? { fixedTo: words.digits([row.value, row.lo, row.hi]) } : { scale });
  }
  const level = (row) => (row.rough ? words.text('pattern.nominal', { level: words.level(row.level) }) : words.level(row.level));
  const amount = (row) => number(row.value, row) + '\u00a0' + unit(row);
  const limits = (row) => words.range(number(row.lo, row), number(row.hi, row));
  const whole = (row) => words.text('pattern.with_interval', { value: amount(row), range: limits(row) });

  function entry(row) {
    const name = node('dt', { text: words.text('harms.' + row.harm) });
    if (row.state !== 'computed') return [name, node('dd', { class: 'none', text: words.text('harms.' + row.state) })];
    return [name, node('dd', {}, node('b', { text: amount(row) }),
      node('small', { text: words.text('harms.interval', { level: level(row), range: limits(row) }) }),
      node('small', { text: words.list(words.text('harms.' + row.claim), words.text('harms.grade', { grade: row.grade })) }))];
  }

  // Erosion may be less than before, and is graded D where most of the crop is steeper than the equation knows: its sentence says so.
  const sentence = (row) => 'harms.read_' + row.harm + (row.harm !== 'erosion' ? '' : row.lo < 0 && row.hi > 0 ? '_either' : row.grade === 'D' ? '_steep' : '');

  const told = (row) => (row.state === 'computed'
    ? words.text(sentence(row), { figure: whole(row), crop: words.className(row.crop).toLowerCase() })
    : words.text('harms.read_absent', { harm: words.text('harms.' + row.harm), state: words.text('harms.' + row.state) }));

  // Plain sentences, one for each harm, and why they are not added up.
  function reading(rows) {
    return node('p', { class: 'reading', text: [...rows.map(told), words.text('harms.read_close')].join(' ') });
  }

  // One harm before the others: its figure, its limits, the claim and its sentence, beside its map.
  function lead(crop, period, harm) {
    const row = of(crop, period).find((one) => one.harm === harm);
    if (!row) return null;
    const computed = row.state === 'computed';
    const close = words.text('harms.read_close');
    return [
      node('p', { class: 'figure-of', text: words.list(words.text('harms.' + harm), words.list(words.className(crop), period)) }),
      ...(computed ? [node('p', { class: 'value', text: amount(row) }),
        node('p', { class: 'limits', text: words.text('harms.interval', { level: level(row), range: limits(row) }) }),
        node('p', { class: 'at', text: words.list(words.text('harms.' + row.claim), words.text('harms.grade', { grade: row.grade })) })]
        : [node('p', { class: 'value words', text: words.text('harms.' + row.state) })]),
      node('p', { class: 'reading', text: [told(row), close].join(' ') }),
    ];
  }

  function show(crop, period) {
    const rows = of(crop, period);
    const section = document.getElementById('harms');
    section.hidden = !rows.length;
    document.getElementById('harms-body').replaceChildren(...(rows.length
      ? [node('dl', { class: 'facts six' }, ...rows.flatMap(entry)), reading(rows)] : []));
  }

  return { lead, show, whole };
})();

// Text and numbers in the language chosen. The same rules as maps/language.py, from the same catalogue.
const words = (() => {
  'use strict';
  const catalogue = JSON.parse(document.getElementById('words').textContent);
  let code = Object.keys(catalogue)[0];

  function use(next) {
    code = next;
    document.documentElement.lang = code;
    document.documentElement.dir = catalogue[code].direction;
    document.querySelectorAll('[data-text]').forEach((node) => { node.textContent = text(node.dataset.text); });
  }

  function text(key, places) {
    let filled = catalogue[code].words[key];
    if (filled === undefined) return key;
    Object.keys(places || {}).forEach((place) => { filled = filled.split('{' + place + '}').join(kept(places[place])); });
    return filled;
  }

  // A text that counts has a form for each plural category of its language; the browser knows which one a count takes.
  const plurals = {};
  function counted(key, count, places) {
    plurals[code] = plurals[code] || new Intl.PluralRules(code);
    const form = key + '.' + plurals[code].select(count);
    return text(catalogue[code].words[form] === undefined ? key + '.other' : form, { count: number(count, { scale: 1000 }), ...places });
  }

  // An ISO date written out; any other text as it is.
  function date(iso) {
    const found = /^(\d{4})-(\d\d)-(\d\d)$/.exec(iso);
    const { months, datePattern } = catalogue[code];
    const month = found && months[Number(found[2]) - 1];
    if (!month) return iso;
    return datePattern.replace('{month}', month).replace('{y}', found[1]).replace('{m}', Number(found[2])).replace('{d}', Number(found[3]));
  }

  const rightToLeft = () => catalogue[code].direction === 'rtl';
  // Inside Arabic text a number keeps its sign before it (U+2066), and a date or name its own direction (U+2068).
  let whole = false; // whether hectares were rounded to whole ones before they came here
  const isolated = (digits) => (rightToLeft() ? '\u2066' + digits + '\u2069' : digits);
  // A phrase made of isolated parts has no direction of its own, and takes that of the text (U+2067).
  const kept = (value) => (rightToLeft() ? (/^[\u2067\u2068]/.test(value) ? '\u2067' : '\u2068') + value + '\u2069' : value);
  const list = (...parts) => parts.map(kept).join(catalogue[code].words['pattern.list']);

  // The largest of the numbers that stand side by side (scale) decides how many digits all of them get.
  function number(value, { scale, signed, brief, fixedTo } = {}) {
    const size = Math.abs(scale === undefined ? value : scale);
    const decimals = fixedTo !== undefined ? fixedTo : size >= 99.95 || size === 0 ? 0 : size >= 9.995 ? 1 : 2;
    const fixed = Math.abs(value).toFixed(decimals);
    const [whole, fraction] = (brief ? String(Number(fixed)) : fixed).split('.');
    const grouped = whole.length < catalogue[code].groupFrom ? whole
      : whole.replace(/\B(?=(\d{3})+$)/g, catalogue[code].group);
    let digits = fraction ? grouped + catalogue[code].decimal + fraction : grouped;
    let sign = value < 0 ? '\u2212' : signed && value > 0 ? '+' : '';
    if (!/[1-9]/.test(digits)) { digits = '0'; sign = ''; }
    return isolated(sign + digits);
  }

  // Digits after the sign that numbers side by side need: those of their scale, less what is zero in all of them.
  function digits(values) {
    const size = Math.max(...values.map(Math.abs));
    let decimals = size >= 99.95 || size === 0 ? 0 : size >= 9.995 ? 1 : 2;
    while (decimals && values.every((value) => value.toFixed(decimals).endsWith('0'))) decimals -= 1;
    return decimals;
  }

  function percent(share, decimals) {
    const figure = (100 * share).toFixed(decimals === undefined ? 1 : decimals).replace('.', catalogue[code].decimal);
    return isolated(catalogue[code].words['pattern.percent'].replace('{value}', figure)); // number and sign keep together
  }

  const probability = (p) => (p < 0.001 ? text('parts.p_least', { p: isolated('0' + catalogue[code].decimal + '001') }) : isolated(p.toFixed(3).replace('.', catalogue[code].decimal)));
  const area = (hectares, how) => text('pattern.ha', { value: number(hectares, { ...how, ...(whole ? { scale: 1000 } : {}) }) });
  const label = (name, value) => text('pattern.label', { name, value });
  const range = (lo, hi) => text('pattern.range', { lo, hi });

  function interval(lo, hi, signed) {
    const how = { signed, scale: whole ? 1000 : Math.max(Math.abs(lo), Math.abs(hi)) };
    return text('pattern.ha', { value: range(number(lo, how), number(hi, how)) });
  }
  const level = (share) => percent(share, Number.isInteger(Math.round(share * 1000) / 10) ? 0 : 1);

  // Places that the program itself made have words; others keep the name of the data.
  const OWN_DOMAINS = { frame: 'page.whole_area', no_zone: 'domain.no_zone', programme: 'domain.programme', 'ad:programme': 'domain.programme', preventive: 'domain.preventive' };
  const domain = (place, name) => (place.startsWith('border:') ? text('domain.border', { name: place.slice(7) }) : place in OWN_DOMAINS ? text(OWN_DOMAINS[place]) : name);

  // Each part of a method in words; one that the catalogue does not have stays.
  const method = (told) => told.split('; ').map((part) => catalogue[code].words['method.' + part.toLowerCase().replace(/[^a-z0-9]+/g, '_').replace(/^_+|_+$/g, '')] || part).join(catalogue[code].words['pattern.parts']);

  function className(name) {
    const known = catalogue[code].words['class.' + name];
    if (known) return known;
    const spaced = name.replace(/_/g, ' ');
    return spaced.charAt(0).toUpperCase() + spaced.slice(1).toLowerCase();
  }

  const wholeHectares = (yes) => { whole = yes; };

  return { use, wholeHectares, text, counted, date, label, list, number, digits, percent, probability, area, range, interval, level, method, domain, className, rightToLeft, code: () => code };
})();

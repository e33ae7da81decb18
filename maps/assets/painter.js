// Very many shapes on canvas tiles: coordinates lie in typed arrays, found by a grid, and nothing is made for each shape.
const painter = (() => {
  'use strict';
  const STEPS = 1e5; // steps to a degree
  const CELLS = 64; // columns and rows of the grid that shapes are found by
  const SPECK = 2.5; // px: a shape smaller than this is drawn as its box
  const DOT = 1.6; // px: the least side of such a box
  const STEP = 0.7; // px: points nearer to the one before are left out

  const mercator = (latitude) => (1 - Math.log(Math.tan(Math.PI / 4 + latitude * Math.PI / 360)) / Math.PI) / 2;
  const place = (latlng) => [(latlng.lng + 180) / 360, mercator(latlng.lat)];

  // World coordinates from 0 to 1 of all points, where each ring and shape begins, and the box of each shape.
  function unpacked({ steps, points, rings }) {
    const x = new Float64Array(steps.length / 2);
    const y = new Float64Array(x.length);
    let east = 0;
    let north = 0;
    for (let i = 0; i < x.length; i += 1) {
      east += steps[2 * i];
      north += steps[2 * i + 1];
      x[i] = (east / STEPS + 180) / 360;
      y[i] = mercator(north / STEPS);
    }
    const starts = (counts) => {
      const made = new Int32Array(counts.length + 1);
      counts.forEach((count, i) => { made[i + 1] = made[i] + count; });
      return made;
    };
    const pointOf = starts(points);
    const ringOf = starts(rings);
    const boxes = new Float64Array(4 * rings.length);
    for (let shape = 0; shape < rings.length; shape += 1) {
      let [west, high, right, low] = [Infinity, Infinity, -Infinity, -Infinity];
      for (let i = pointOf[ringOf[shape]]; i < pointOf[ringOf[shape + 1]]; i += 1) {
        if (x[i] < west) west = x[i];
        if (x[i] > right) right = x[i];
        if (y[i] < high) high = y[i];
        if (y[i] > low) low = y[i];
      }
      boxes.set([west, high, right, low], 4 * shape);
    }
    return { x, y, pointOf, ringOf, boxes, count: rings.length };
  }

  // A grid over all boxes; asked for a box it gives the shapes that may touch it, in their order.
  function finder({ boxes, count }) {
    let [west, high, right, low] = [Infinity, Infinity, -Infinity, -Infinity];
    for (let i = 0; i < 4 * count; i += 4) {
      west = Math.min(west, boxes[i]); high = Math.min(high, boxes[i + 1]);
      right = Math.max(right, boxes[i + 2]); low = Math.max(low, boxes[i + 3]);
    }
    const span = [Math.max(right - west, 1e-12), Math.max(low - high, 1e-12)];
    const clamp = (value) => Math.min(CELLS - 1, Math.max(0, Math.floor(value * CELLS)));
    const range = (a, b, c, d) => [clamp((a - west) / span[0]), clamp((b - high) / span[1]), clamp((c - west) / span[0]), clamp((d - high) / span[1])];
    // Shapes of each cell lie together in one list: first counted, then put in
    const starts = new Int32Array(CELLS * CELLS + 1);
    const each = (act) => {
      for (let i = 0; i < count; i += 1) {
        const [c0, r0, c1, r1] = range(boxes[4 * i], boxes[4 * i + 1], boxes[4 * i + 2], boxes[4 * i + 3]);
        for (let row = r0; row <= r1; row += 1) for (let col = c0; col <= c1; col += 1) act(row * CELLS + col, i);
      }
    };
    each((cell) => { starts[cell + 1] += 1; });
    for (let cell = 0; cell < CELLS * CELLS; cell += 1) starts[cell + 1] += starts[cell];
    const listed = new Int32Array(starts[CELLS * CELLS]);
    const ends = starts.slice(0, -1);
    each((cell, i) => { listed[ends[cell]] = i; ends[cell] += 1; });
    const seen = new Int32Array(count);
    let turn = 0;
    return (a, b, c, d) => {
      if (!count || c < west || a > right || d < high || b > low) return [];
      turn += 1;
      const found = [];
      const [c0, r0, c1, r1] = range(a, b, c, d);
      for (let row = r0; row <= r1; row += 1) {
        for (let col = c0; col <= c1; col += 1) {
          for (let at = starts[row * CELLS + col]; at < starts[row * CELLS + col + 1]; at += 1) {
            const i = listed[at];
            if (seen[i] === turn) continue;
            seen[i] = turn;
            if (boxes[4 * i] <= c && boxes[4 * i + 2] >= a && boxes[4 * i + 1] <= d && boxes[4 * i + 3] >= b) found.push(i);
          }
        }
      }
      return Int32Array.from(found).sort();
    };
  }

  function inside({ x, y, pointOf, ringOf }, shape, px, py) {
    let odd = false;
    for (let ring = ringOf[shape]; ring < ringOf[shape + 1]; ring += 1) {
      for (let i = pointOf[ring], j = pointOf[ring + 1] - 1; i < pointOf[ring + 1]; j = i, i += 1) {
        if ((y[i] > py) !== (y[j] > py) && px < (x[j] - x[i]) * (py - y[i]) / (y[j] - y[i]) + x[i]) odd = !odd;
      }
    }
    return odd;
  }

  // A hatch that runs on from tile to tile: its period divides the side of a tile.
  const hatches = new Map();
  function hatch(context, colour, ink) {
    const key = colour + ink;
    if (!hatches.has(key)) {
      const side = 8;
      const tile = document.createElement('canvas');
      tile.width = tile.height = side;
      const pen = tile.getContext('2d');
      pen.fillStyle = colour;
      pen.fillRect(0, 0, side, side);
      pen.strokeStyle = ink;
      pen.globalAlpha = 0.55;
      pen.lineWidth = 1.5;
      pen.beginPath();
      [-side, 0, side].forEach((at) => { pen.moveTo(at, side); pen.lineTo(at + side, 0); });
      pen.stroke();
      hatches.set(key, tile);
    }
    return context.createPattern(hatches.get(key), 'repeat');
  }

  function trace(path, shapes, shape, scale, left, top) {
    const { x, y, pointOf, ringOf } = shapes;
    for (let ring = ringOf[shape]; ring < ringOf[shape + 1]; ring += 1) {
      const end = pointOf[ring + 1];
      let across = x[pointOf[ring]] * scale - left;
      let down = y[pointOf[ring]] * scale - top;
      path.moveTo(across, down);
      for (let i = pointOf[ring] + 1; i < end; i += 1) {
        const [right, low] = [x[i] * scale - left, y[i] * scale - top];
        if (Math.abs(right - across) + Math.abs(low - down) < STEP) continue;
        path.lineTo(right, low);
        across = right;
        down = low;
      }
      path.closePath();
    }
  }

  // Shapes of one look are one path, up to as many as a browser fills at once with ease.
  const AT_ONCE = 256;
  function batches() {
    const open = new Map();
    const all = [];
    return {
      all,
      path(look, how) {
        let batch = open.get(look);
        if (!batch || batch.count === AT_ONCE) {
          batch = { how, path: new Path2D(), count: 0 };
          open.set(look, batch);
          all.push(batch);
        }
        batch.count += 1;
        return batch.path;
      },
    };
  }

  // style(index) gives { fill, ink (of a hatch), stroke, width }, or null for a shape that is not drawn.
  function shapes(packed, { pane, style, opacity }) {
    const own = unpacked(packed);
    const near = finder(own);
    const Tiles = L.GridLayer.extend({
      createTile(coords) {
        const { x: side } = this.getTileSize();
        const dense = window.devicePixelRatio > 1 ? 2 : 1;
        const tile = document.createElement('canvas');
        tile.width = tile.height = side * dense;
        const pen = tile.getContext('2d');
        pen.scale(dense, dense);
        const scale = side * 2 ** coords.z;
        const [left, top] = [coords.x * side, coords.y * side];
        const margin = 3 / scale;
        const [whole, specks] = [batches(), batches()];
        near(left / scale - margin, top / scale - margin, (left + side) / scale + margin, (top + side) / scale + margin).forEach((i) => {
          const how = style(i);
          if (!how) return;
          const wide = (own.boxes[4 * i + 2] - own.boxes[4 * i]) * scale;
          const tall = (own.boxes[4 * i + 3] - own.boxes[4 * i + 1]) * scale;
          if (wide < SPECK && tall < SPECK) {
            if (how.fill !== 'none') specks.path(how.fill, how).rect(own.boxes[4 * i] * scale - left, own.boxes[4 * i + 1] * scale - top, Math.max(wide, DOT), Math.max(tall, DOT));
            return;
          }
          const [ink, stroke] = [wide > 6 ? how.ink : null, wide > 3 ? how.stroke : null];
          trace(whole.path([how.fill, ink, stroke, how.width].join(), { fill: how.fill, ink, stroke, width: how.width }), own, i, scale, left, top);
        });
        whole.all.forEach(({ how, path }) => {
          if (how.fill === 'none') return;
          pen.fillStyle = how.ink ? hatch(pen, how.fill, how.ink) : how.fill;
          pen.fill(path, 'evenodd');
        });
        specks.all.forEach(({ how, path }) => { pen.fillStyle = how.fill; pen.fill(path); });
        whole.all.forEach(({ how, path }) => {
          if (!how.stroke) return;
          pen.strokeStyle = how.stroke;
          pen.lineWidth = how.width || 1;
          pen.stroke(path);
        });
        return tile;
      },
    });
    const layer = new Tiles({ pane, updateWhenZooming: false, keepBuffer: 1, opacity: opacity || 1 });
    return {
      layer,
      hit(latlng) {
        const [px, py] = place(latlng);
        const found = near(px, py, px, py).filter((i) => style(i) && inside(own, i, px, py));
        return found.length ? found[found.length - 1] : null;
      },
      bounds(i) {
        const latitude = (at) => Math.atan(Math.sinh(Math.PI * (1 - 2 * at))) * 180 / Math.PI;
        const [west, high, right, low] = own.boxes.subarray(4 * i, 4 * i + 4);
        return L.latLngBounds([latitude(low), west * 360 - 180], [latitude(high), right * 360 - 180]);
      },
    };
  }

  // style(index) gives { fill, stroke, radius, mark }; marks of states differ in shape, not in colour alone.
  function points(steps, { pane, style }) {
    const ones = new Array(steps.length / 2).fill(1);
    const own = unpacked({ steps, points: ones, rings: ones });
    const near = finder(own);
    const Tiles = L.GridLayer.extend({
      createTile(coords) {
        const { x: side } = this.getTileSize();
        const dense = window.devicePixelRatio > 1 ? 2 : 1;
        const tile = document.createElement('canvas');
        tile.width = tile.height = side * dense;
        const pen = tile.getContext('2d');
        pen.scale(dense, dense);
        const scale = side * 2 ** coords.z;
        const margin = 10 / scale;
        near(coords.x * side / scale - margin, coords.y * side / scale - margin, (coords.x + 1) * side / scale + margin, (coords.y + 1) * side / scale + margin)
          .forEach((i) => mark(pen, own.x[i] * scale - coords.x * side, own.y[i] * scale - coords.y * side, style(i)));
        return tile;
      },
    });
    const layer = new Tiles({ pane, updateWhenZooming: false, keepBuffer: 1 });
    return {
      layer,
      at: (i) => L.latLng(Math.atan(Math.sinh(Math.PI * (1 - 2 * own.y[i]))) * 180 / Math.PI, own.x[i] * 360 - 180),
      hit(latlng, zoom) {
        const [px, py] = place(latlng);
        const reach = 8 / (256 * 2 ** zoom);
        const far = (i) => (own.x[i] - px) ** 2 + (own.y[i] - py) ** 2;
        const found = near(px - reach, py - reach, px + reach, py + reach).sort((a, b) => far(a) - far(b));
        return found.length ? found[0] : null;
      },
    };
  }

  // circle, ring, square, diamond or triangle, with a white casing
  function mark(pen, x, y, { fill, shape, radius }) {
    const size = radius || 5;
    pen.beginPath();
    if (shape === 'square') pen.rect(x - size, y - size, 2 * size, 2 * size);
    else if (shape === 'diamond') { pen.moveTo(x, y - 1.35 * size); pen.lineTo(x + 1.35 * size, y); pen.lineTo(x, y + 1.35 * size); pen.lineTo(x - 1.35 * size, y); pen.closePath(); }
    else if (shape === 'triangle') { pen.moveTo(x, y - 1.3 * size); pen.lineTo(x + 1.2 * size, y + size); pen.lineTo(x - 1.2 * size, y + size); pen.closePath(); }
    else pen.arc(x, y, size, 0, 2 * Math.PI);
    pen.strokeStyle = '#ffffff';
    pen.lineWidth = 3;
    pen.stroke();
    if (shape === 'ring') { pen.strokeStyle = fill; pen.lineWidth = 2; pen.stroke(); } else { pen.fillStyle = fill; pen.fill(); pen.strokeStyle = '#16232b'; pen.lineWidth = 0.8; pen.stroke(); }
  }

  return { shapes, points, mark };
})();

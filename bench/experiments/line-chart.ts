/** Line charts as SVG texts: the same points give the same bytes. */

export interface Series {
  name: string;
  /** (x, y), in the order of x. */
  points: readonly (readonly [number, number])[];
}

export interface Chart {
  title: string;
  x: string;
  y: string;
  series: readonly Series[];
  /** Places of the marks on the axis of x; left out, round numbers. */
  ticks?: readonly { at: number; label: string }[];
}

const [WIDTH, HEIGHT] = [720, 420];
const PLOT = { left: 84, right: 560, top: 48, bottom: 360 } as const;
/** Told apart by people who see few colours, too (Okabe and Ito 2008). */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000'];

/** Throws where there is no finite point to draw. */
export function lineChart({ title, x, y, series, ticks }: Chart): string {
  const points = series.flatMap((one) => one.points);
  const xs = range(points.map(([value]) => value));
  const ys = range(points.map(([, value]) => value));
  const px = (value: number) => scaled(value, xs, PLOT.left, PLOT.right);
  const py = (value: number) => scaled(value, ys, PLOT.bottom, PLOT.top);
  const marks = ticks ?? roundTicks(xs).map((at) => ({ at, label: shortest(at) }));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="13">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    text(PLOT.left, 28, title, 'font-size="16"'),
    ...marks.map(({ at, label }) => text(px(at), PLOT.bottom + 20, label, 'text-anchor="middle"')),
    ...roundTicks(ys).flatMap((at) => [
      `<path d="M${PLOT.left} ${py(at)}H${PLOT.right}" stroke="#dddddd"/>`,
      text(PLOT.left - 8, py(at) + 4, shortest(at), 'text-anchor="end"'),
    ]),
    `<path d="M${PLOT.left} ${PLOT.top}V${PLOT.bottom}H${PLOT.right}" stroke="#000000" fill="none"/>`,
    text((PLOT.left + PLOT.right) / 2, PLOT.bottom + 44, x, 'text-anchor="middle"'),
    text(
      20,
      (PLOT.top + PLOT.bottom) / 2,
      y,
      `text-anchor="middle" transform="rotate(-90 20 ${(PLOT.top + PLOT.bottom) / 2})"`,
    ),
    ...series.flatMap(({ name, points: own }, i) => {
      const colour = COLOURS[i % COLOURS.length]!;
      const path = own.map(([a, b], k) => `${k === 0 ? 'M' : 'L'}${px(a)} ${py(b)}`).join('');
      return [
        `<path d="${path}" stroke="${colour}" stroke-width="2" fill="none"/>`,
        ...(own.length > 20
          ? []
          : own.map(([a, b]) => `<circle cx="${px(a)}" cy="${py(b)}" r="3" fill="${colour}"/>`)),
        text(PLOT.right + 12, PLOT.top + 14 + 20 * i, name, `fill="${colour}"`),
      ];
    }),
    '</svg>',
    '',
  ].join('\n');
}

/** Least and greatest value, apart from each other. */
function range(values: readonly number[]): readonly [number, number] {
  if (values.length === 0 || !values.every(Number.isFinite))
    throw new RangeError('Expected finite points to draw');
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return least < most ? [least, most] : [least - 1, most + 1];
}

const scaled = (value: number, [from, to]: readonly [number, number], low: number, high: number): number =>
  Number((low + ((value - from) / (to - from)) * (high - low)).toFixed(1));

/** Multiples of 1, 2 or 5 times a power of ten inside the range: four to eight of them. */
export function roundTicks([from, to]: readonly [number, number]): number[] {
  const rough = (to - from) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough)!;
  const first = Math.ceil(from / step - 1e-9);
  const count = Math.floor(to / step + 1e-9) - first + 1;
  return Array.from({ length: count }, (_, i) => (first + i) * step);
}

const shortest = (value: number): string =>
  Math.abs(value) >= 1e5 ? value.toExponential(1) : String(Number(value.toPrecision(6)));

const escaped = (content: string): string =>
  content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const text = (x: number, y: number, content: string, attributes: string): string =>
  `<text x="${x}" y="${y}" ${attributes}>${escaped(content)}</text>`;

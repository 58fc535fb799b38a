/** Made-up faces for tests of geometry. */
import type { Point } from '../../src/contracts.js';

/** 68 landmarks of an upright face whose eyes are 100 apart, with the middle between them at the origin. */
export function syntheticLandmarks(): Point[] {
  const ring = (count: number, cx: number, cy: number, rx: number, ry: number): Point[] =>
    Array.from({ length: count }, (_, i) => {
      const angle = (2 * Math.PI * i) / count;
      return [cx - rx * Math.cos(angle), cy - ry * Math.sin(angle)];
    });
  const line = (count: number, [x0, y0]: Point, [x1, y1]: Point): Point[] =>
    Array.from({ length: count }, (_, i) => {
      const t = i / (count - 1);
      return [x0 + (x1 - x0) * t, y0 + (y1 - y0) * t];
    });
  return [
    ...line(17, [-90, 20], [90, 20]).map(([x, y], i): Point => [x, y + 130 * Math.sin((Math.PI * i) / 16)]),
    ...line(5, [-80, -40], [-20, -40]),
    ...line(5, [20, -40], [80, -40]),
    ...line(4, [0, 0], [0, 50]),
    ...line(5, [-20, 60], [20, 60]),
    ...ring(6, -50, 0, 20, 8),
    ...ring(6, 50, 0, 20, 8),
    ...ring(12, 0, 110, 40, 15),
    ...ring(8, 0, 110, 30, 6),
  ];
}

/** Turns by `degrees` clockwise about the origin (y points down), then scales, then moves. */
export function moved(points: readonly Point[], degrees: number, scale: number, [dx, dy]: Point): Point[] {
  const [cos, sin] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  return points.map(([x, y]) => [dx + scale * (x * cos - y * sin), dy + scale * (x * sin + y * cos)]);
}

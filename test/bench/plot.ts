import { quantile } from './statistics.js';

/** One curve of a plot: a name and its samples in ms, ascending. */
export interface Curve {
  readonly name: string;
  readonly color: string;
  readonly samples: readonly number[];
}

const WIDTH = 640;
const HEIGHT = 320;
const MARGIN = { left: 48, right: 16, top: 32, bottom: 40 };

/** An SVG of the cumulative distributions of latencies, up to the largest 99.5th percentile. */
export function cumulativePlot(title: string, curves: readonly Curve[]): string {
  const max = Math.max(...curves.map(({ samples }) => quantile(samples, 0.995)), 0.001);
  const x = (ms: number): number => MARGIN.left + (ms / max) * (WIDTH - MARGIN.left - MARGIN.right);
  const y = (share: number): number => HEIGHT - MARGIN.bottom - share * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const lines = curves.map(({ color, samples }) => {
    const points = Array.from({ length: 201 }, (_, i) => i / 200)
      .map((share) => [quantile(samples, Math.max(share, 1 / samples.length)), share] as const)
      .filter(([ms]) => ms <= max)
      .map(([ms, share]) => `${x(ms).toFixed(1)},${y(share).toFixed(1)}`);
    return `<polyline fill="none" stroke="${color}" stroke-width="2" points="${points.join(' ')}"/>`;
  });
  const ticks = Array.from({ length: 6 }, (_, i) => (max * i) / 5).map(
    (ms) =>
      `<line x1="${x(ms)}" x2="${x(ms)}" y1="${y(0)}" y2="${y(1)}" stroke="#ddd"/>` +
      `<text x="${x(ms)}" y="${y(0) + 16}" text-anchor="middle">${ms.toFixed(1)}</text>`,
  );
  const shares = [0, 0.25, 0.5, 0.75, 1].map(
    (share) =>
      `<line x1="${x(0)}" x2="${x(max)}" y1="${y(share)}" y2="${y(share)}" stroke="#ddd"/>` +
      `<text x="${x(0) - 6}" y="${y(share) + 4}" text-anchor="end">${share * 100}%</text>`,
  );
  const legend = curves.map(
    ({ name, color }, i) =>
      `<text x="${WIDTH - 24}" y="${y(0.1) - 16 * i}" text-anchor="end" fill="${color}">${name}</text>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    `<text x="${MARGIN.left}" y="20" font-weight="bold">${title}</text>`,
    ...ticks,
    ...shares,
    ...lines,
    ...legend,
    `<text x="${WIDTH / 2}" y="${HEIGHT - 6}" text-anchor="middle">ms</text>`,
    '</svg>\n',
  ].join('\n');
}

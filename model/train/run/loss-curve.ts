/** The loss of runs as a picture: SVG, over the tokens they learned from, in nats. */
import type { LoggedStep } from './step-log.js';

const [WIDTH, HEIGHT] = [800, 400];
const MARGIN = { left: 56, right: 16, top: 16, bottom: 40 };
const COLOURS = ['#0b62a4', '#b5432a', '#3a7d44', '#7a4fa3', '#8a6d1b'];

export interface Curve {
  /** What it is called where there are several. */
  readonly name: string;
  /** At least one, the first one first; some may be missing. */
  readonly steps: readonly LoggedStep[];
  readonly tokensPerStep: number;
}

/** @param curves at least one */
export function lossCurves(curves: readonly Curve[]): string {
  const all = curves.map(({ steps, tokensPerStep }) =>
    thinned(steps).map(([step, loss]) => [step * tokensPerStep, loss]),
  );
  const shown = all.flat().map(([, loss]) => loss);
  const [low, high] = [Math.floor(Math.min(...shown)), Math.ceil(Math.max(...shown))];
  const total = Math.max(...all.flat().map(([tokens]) => tokens));
  const [width, height] = [WIDTH - MARGIN.left - MARGIN.right, HEIGHT - MARGIN.top - MARGIN.bottom];
  const x = (tokens: number): string => (MARGIN.left + (tokens / Math.max(1, total)) * width).toFixed(1);
  const y = (loss: number): string => (MARGIN.top + ((high - loss) / Math.max(1, high - low)) * height).toFixed(1);
  const marks = Array.from({ length: high - low + 1 }, (_, k) => low + k);
  const ends = curves.map(
    ({ name, steps }) => `${curves.length > 1 ? `${name}: ` : ''}${steps.at(-1)?.loss.toFixed(3)}`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">
<title>Loss over ${total.toLocaleString('en-US')} tokens, at the end in nats a token: ${ends.join(', ')}</title>
<rect width="100%" height="100%" fill="white"/>
${marks.map((mark) => `<path d="M${MARGIN.left} ${y(mark)}H${WIDTH - MARGIN.right}" stroke="#ddd"/><text x="${MARGIN.left - 8}" y="${y(mark)}" text-anchor="end" dominant-baseline="middle">${mark}</text>`).join('\n')}
${all.map((points, k) => `<polyline points="${points.map(([tokens, loss]) => `${x(tokens)},${y(loss)}`).join(' ')}" fill="none" stroke="${COLOURS[k % COLOURS.length]}" stroke-width="1.5"/>`).join('\n')}
${curves.length > 1 ? `${ends.map((end, k) => `<text x="${WIDTH - MARGIN.right - 8}" y="${MARGIN.top + 16 * (k + 1)}" text-anchor="end" fill="${COLOURS[k % COLOURS.length]}">${end}</text>`).join('\n')}\n` : ''}<text x="${WIDTH - MARGIN.right}" y="${HEIGHT - 12}" text-anchor="end">${total.toLocaleString('en-US')} tokens</text>
<text x="${MARGIN.left}" y="${HEIGHT - 12}">loss in nats a token</text>
</svg>
`;
}

/** Means of at most 400 pieces, each with the step it ends at: a picture has no more columns. */
function thinned(steps: readonly LoggedStep[]): (readonly [number, number])[] {
  const size = Math.max(1, Math.ceil(steps.length / 400));
  return Array.from({ length: Math.ceil(steps.length / size) }, (_, k) => {
    const piece = steps.slice(k * size, (k + 1) * size);
    return [piece.at(-1)?.step ?? 0, piece.reduce((sum, { loss }) => sum + loss, 0) / piece.length] as const;
  });
}

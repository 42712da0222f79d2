/** The loss of a run as a picture: SVG, a dot a step and their average, in nats. */

const [WIDTH, HEIGHT] = [800, 400];
const MARGIN = { left: 56, right: 16, top: 16, bottom: 40 };

/** @param losses of the steps, the first one first; finite */
export function lossCurve(losses: readonly number[], tokensPerStep: number): string {
  const [low, high] = [Math.floor(Math.min(...losses)), Math.ceil(Math.max(...losses))];
  const [width, height] = [WIDTH - MARGIN.left - MARGIN.right, HEIGHT - MARGIN.top - MARGIN.bottom];
  const x = (step: number): string => (MARGIN.left + (step / Math.max(1, losses.length)) * width).toFixed(1);
  const y = (loss: number): string => (MARGIN.top + ((high - loss) / Math.max(1, high - low)) * height).toFixed(1);
  const dots = thinned(losses).map(([step, loss]) => `${x(step)},${y(loss)}`);
  const marks = Array.from({ length: high - low + 1 }, (_, k) => low + k);
  const total = losses.length * tokensPerStep;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">
<title>Loss over ${total.toLocaleString('en-US')} tokens, at the end ${losses.at(-1)?.toFixed(3)} nats a token</title>
<rect width="100%" height="100%" fill="white"/>
${marks.map((mark) => `<path d="M${MARGIN.left} ${y(mark)}H${WIDTH - MARGIN.right}" stroke="#ddd"/><text x="${MARGIN.left - 8}" y="${y(mark)}" text-anchor="end" dominant-baseline="middle">${mark}</text>`).join('\n')}
<polyline points="${dots.join(' ')}" fill="none" stroke="#0b62a4" stroke-width="1.5"/>
<text x="${WIDTH - MARGIN.right}" y="${HEIGHT - 12}" text-anchor="end">${total.toLocaleString('en-US')} tokens, ${losses.length} steps</text>
<text x="${MARGIN.left}" y="${HEIGHT - 12}">loss in nats a token</text>
</svg>
`;
}

/** Means of at most 400 pieces: a picture has no more columns. */
function thinned(losses: readonly number[]): (readonly [number, number])[] {
  const size = Math.max(1, Math.ceil(losses.length / 400));
  return Array.from({ length: Math.ceil(losses.length / size) }, (_, k) => {
    const piece = losses.slice(k * size, (k + 1) * size);
    return [k * size + piece.length, piece.reduce((sum, loss) => sum + loss, 0) / piece.length] as const;
  });
}

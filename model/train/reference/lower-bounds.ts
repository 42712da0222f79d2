/**
 * Lower bounds of the forget gates, forth and back: with s the softmax over layers, lb[l] = s[1] + … + s[l]
 * (docs/TRAINING.md, section 4).
 */

/** @param bounds [layers][width] @returns [layers][width] */
export function lowerBounds(bounds: Float64Array, layers: number): Float64Array {
  const shares = softmaxOverLayers(bounds, layers);
  const width = bounds.length / layers;
  const result = new Float64Array(bounds.length);
  for (let at = width; at < result.length; at++) result[at] = result[at - width] + shares[at];
  return result;
}

/**
 * ds[j] = Σ_{l ≥ j} dlb[l] for j ≥ 1, ds[0] = 0; then the softmax's own: s·(ds − Σ s·ds).
 *
 * @param d [layers][width] gradient of the lower bounds @returns that of `bounds`
 */
export function lowerBoundsBack(bounds: Float64Array, layers: number, d: Float64Array): Float64Array {
  const shares = softmaxOverLayers(bounds, layers);
  const width = bounds.length / layers;
  const dShares = new Float64Array(bounds.length);
  for (let at = bounds.length - 1; at >= width; at--) dShares[at] = d[at] + (dShares[at + width] ?? 0);
  return dShares.map((value, at) => {
    let mean = 0;
    for (let other = at % width; other < shares.length; other += width) mean += shares[other] * dShares[other];
    return shares[at] * (value - mean);
  });
}

function softmaxOverLayers(bounds: Float64Array, layers: number): Float64Array {
  const width = bounds.length / layers;
  const result = bounds.map((value) => Math.exp(value));
  for (let k = 0; k < width; k++) {
    let sum = 0;
    for (let at = k; at < result.length; at += width) sum += result[at];
    for (let at = k; at < result.length; at += width) result[at] /= sum;
  }
  return result;
}

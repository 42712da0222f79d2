/** To the nearest whole number, ties to the even one: as torch.round. */
export function roundHalfEven(a: number): number {
  const floor = Math.floor(a);
  if (a - floor !== 0.5) return Math.round(a);
  return floor % 2 === 0 ? floor : floor + 1;
}

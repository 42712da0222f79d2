/** The table of a run, for people. */

import type { Outcome } from '../outcome.js';

export function table(outcomes: readonly Outcome[]): string {
  const rows = outcomes.map(({ name, seconds, counts, failures }) => [
    failures.length === 0 ? 'ok' : 'FAILED',
    name,
    `${seconds.toFixed(1)} s`,
    Object.entries(counts)
      .map(([what, count]) => `${count} ${what}`)
      .join(', '),
  ]);
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const reasons = outcomes
    .filter(({ failures }) => failures.length > 0)
    .flatMap(({ name, expected, failures }) => [
      '',
      `FAILED ${name}: ${expected}`,
      ...failures.map((failure) => failure.replaceAll(/^/gm, '    ')),
    ]);
  return [...lines, ...reasons].join('\n');
}

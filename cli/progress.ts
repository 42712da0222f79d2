/** How far a long piece of work is: measuring, and the line that shows it on a terminal. */

/** What a command tells its output while it works. */
export interface Progress {
  /**
   * The work begins only now.
   *
   * @param done how much of the total needs none; it counts neither as done in time nor as speed
   */
  begin(done: number): void;
  /**
   * @param done how much of the total is done
   * @param detail what else the line shows, in a word or two
   * @param remark the same, where there is room
   */
  update(done: number, detail?: string, remark?: string): void;
  /** Takes the line away. The output does that by itself when the command ends. */
  end(): void;
}

/** What is being done. */
export interface Task {
  /** One or two words, such as `pack`. */
  readonly label: string;
  readonly unit: 'bytes' | 'tokens' | 'windows' | 'cycles' | 'rounds';
  readonly total: number;
}

/** One look at a task. */
export interface ProgressSample extends Task {
  /** What else is to be shown. */
  readonly detail?: string | undefined;
  readonly remark?: string | undefined;
  readonly done: number;
  /** Average since the work began; undefined while no time has passed. */
  readonly perSecond: number | undefined;
  readonly secondsLeft: number | undefined;
}

/** Ten updates in a second look smooth; more would slow down the work on some terminals. */
const INTERVAL_MS = 100;
const MAX_BAR_WIDTH = 30;
/**
 * A terminal writes ^C behind the line, and some start a new one in the last column: then the line could not be erased.
 */
const FREE_COLUMNS = 3;

/** Counts a task and says when it is time to show it. */
export class ProgressMeter {
  private readonly task: Task;
  private readonly now: () => number;
  private startMs: number;
  private startDone = 0;
  private shownMs = -Infinity;

  /** @param now milliseconds of a clock that never goes back */
  constructor(task: Task, now: () => number) {
    this.task = task;
    this.now = now;
    this.startMs = now();
  }

  /** See {@link Progress.begin}. */
  begin(done: number): void {
    this.startMs = this.now();
    this.startDone = done;
  }

  /** What to show, or undefined if the last time was less than a tenth of a second ago. The end is always shown. */
  sample(done: number): ProgressSample | undefined {
    const nowMs = this.now();
    if (nowMs - this.shownMs < INTERVAL_MS && done < this.task.total) return undefined;
    this.shownMs = nowMs;
    const seconds = (nowMs - this.startMs) / 1000;
    const worked = done - this.startDone;
    const perSecond = seconds > 0 && worked > 0 ? worked / seconds : undefined;
    const secondsLeft = perSecond === undefined ? undefined : Math.max(0, this.task.total - done) / perSecond;
    return { ...this.task, done, perSecond, secondsLeft };
  }
}

/**
 * One line of less than `columns` characters: label, percentage, bar, detail, amount, rate, time left and remark. What
 * says most of the work stays longest where there is no room for all.
 */
export function progressLine(sample: ProgressSample, columns: number): string {
  const { label, unit, done, total, perSecond, secondsLeft, detail, remark } = sample;
  const fraction = total > 0 ? Math.min(1, done / total) : 1;
  const head = `${label} ${String(Math.floor(fraction * 100)).padStart(3)} %`;
  const room = Math.max(0, columns - FREE_COLUMNS);
  const ofTotal = `${unit === 'bytes' ? quantity(done, unit) : grouped(done)} of ${quantity(total, unit)}`;
  // With its rank: the highest goes first.
  let parts = (
    [
      [detail, 0],
      [ofTotal, 3],
      [perSecond === undefined ? undefined : `${quantity(perSecond, unit)}/s`, 2],
      [secondsLeft === undefined ? undefined : `${duration(secondsLeft)} left`, 1],
      [remark, 4],
    ] as const
  ).filter(([text]) => text !== undefined);
  const line = (beside: string): string => [`${head}${beside}`, ...parts.map(([text]) => text)].join('  ');
  while (parts.length > 0 && line('').length > room) {
    const last = Math.max(...parts.map(([, rank]) => rank));
    parts = parts.filter(([, rank]) => rank !== last);
  }
  // Three columns for the brackets and a space.
  const width = Math.min(MAX_BAR_WIDTH, room - line('').length - 3);
  const bar = width < 5 ? '' : ` [${'#'.repeat(Math.floor(fraction * width)).padEnd(width)}]`;
  return line(bar).slice(0, room);
}

/** `1.2 MB`, `1,234 tokens`. */
function quantity(value: number, unit: Task['unit']): string {
  if (unit !== 'bytes') return `${grouped(value)} ${unit}`;
  const steps = ['B', 'kB', 'MB', 'GB', 'TB'];
  const step = Math.min(steps.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, value)) / 3)));
  return `${grouped(value / 1000 ** step)} ${steps[step]}`;
}

function grouped(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: value < 100 && !Number.isInteger(value) ? 1 : 0 });
}

/** `0:07`, `12:34`, `1:02:03`. */
function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const clock = [...(hours > 0 ? [hours] : []), minutes, whole % 60];
  return clock.map((part, i) => (i === 0 ? String(part) : String(part).padStart(2, '0'))).join(':');
}

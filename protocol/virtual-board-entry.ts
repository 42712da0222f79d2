/**
 * How a virtual board makes itself known to programs on the same computer: a file of JSON for each, in a folder that
 * both sides derive from the environment. There is no daemon; a file whose process has ended means nothing.
 */

/** Of a process: the namespace in which it has its number, and when it started, in ticks of the kernel. */
export interface ProcessMark {
  readonly namespace: string;
  readonly started: string;
}

/** One running virtual board. */
export interface VirtualBoardEntry {
  /** Of the process. */
  readonly pid: number;
  /** 1 … 64 printable ASCII characters. */
  readonly serial: string;
  /** Selectors, such as `tcp:127.0.0.1:4711` and `serial:/dev/pts/3`, the best one first. */
  readonly addresses: readonly string[];
  /** Tells the process from others that get its number, where the system has a way to; older programs leave it out. */
  readonly mark?: ProcessMark;
}

/** Longest file that is read. */
export const MAX_ENTRY_BYTES = 4096;

const PRINTABLE = /^[\x21-\x7e]{1,64}$/;
const ADDRESS = /^(?:tcp|serial|usbip):[\x21-\x7e]{1,200}$/;

/**
 * The folder of the entries.
 *
 * @param fallback where temporary files of this user go
 */
export function virtualBoardFolder(env: Readonly<Record<string, string | undefined>>, fallback: string): string {
  const { MMFREE_RUNTIME_DIR: own = '', XDG_RUNTIME_DIR: runtime = '' } = env;
  return own !== '' ? own : `${runtime !== '' ? runtime : fallback}/mmfree-boards`;
}

export function entryText(entry: VirtualBoardEntry): string {
  return `${JSON.stringify(entry)}\n`;
}

/** Reads a file that anyone may have written; undefined if it is no entry. */
export function parseEntry(text: string): VirtualBoardEntry | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { pid, serial, addresses, mark } = value as Partial<Record<keyof VirtualBoardEntry, unknown>>;
  const isEntry =
    typeof pid === 'number' &&
    Number.isInteger(pid) &&
    pid > 0 &&
    typeof serial === 'string' &&
    PRINTABLE.test(serial) &&
    Array.isArray(addresses) &&
    addresses.length > 0 &&
    addresses.every((address) => typeof address === 'string' && ADDRESS.test(address));
  if (!isEntry) return undefined;
  if (mark === undefined) return { pid, serial, addresses };
  return isMark(mark) ? { pid, serial, addresses, mark } : undefined;
}

function isMark(value: unknown): value is ProcessMark {
  if (typeof value !== 'object' || value === null) return false;
  const { namespace, started } = value as { namespace?: unknown; started?: unknown };
  return typeof namespace === 'string' && typeof started === 'string';
}

/** What to do about errors of the operating system that need another answer than to check path and permissions. */

const FIXES: ReadonlyMap<string, string> = new Map([
  ['EMFILE', 'Raise the number of files that a process may have open (`ulimit -n`), and close what holds many.'],
  ['ENFILE', 'Close programs that hold many files open: the whole system has no more (`sysctl fs.file-max`).'],
  ['ENOMEM', 'Close other programs, or use a computer with more memory.'],
  ['ENOSPC', 'Make room on the disk (`df -h` and `df -i` show what is left), or use a path on another one.'],
  ['EDQUOT', 'Make room: your share of the disk is used up (`quota` shows it); or use a path on another one.'],
  ['EFBIG', 'Raise the length that a file may have (`ulimit -f`), or use a file system for longer files.'],
  ['EEXIST', 'Take away what is there, or use a path where nothing is yet.'],
  ['EROFS', 'Use a path on a file system that is not mounted read-only (`findmnt` shows how each is mounted).'],
  ['EIO', 'Check the disk: it failed (`dmesg` says how).'],
]);

/** The fix, if the error has one of its own. @param error such as Node's, with `code` */
export function systemFix(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? FIXES.get(String(error.code)) : undefined;
}

/** Whether it is the process or the computer that lacks something, whatever file it was about. */
export function isShortage(error: unknown): boolean {
  return error instanceof Error && 'code' in error && ['EMFILE', 'ENFILE', 'ENOMEM'].includes(String(error.code));
}

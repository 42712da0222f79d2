/** A device file: who may open it, for errors that say so. */

export interface DeviceNode {
  readonly path: string;
  /** Whether this user may read and write it. */
  readonly mayOpen: boolean;
  /** Names, or numbers where there are none; empty if the file is not there. */
  readonly owner: string;
  readonly group: string;
  /** As `ls -l` shows it, such as `crw-rw----`; empty if the file is not there. */
  readonly mode: string;
}

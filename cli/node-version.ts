/** Whether this Node is too old, in words. Imports nothing, and nothing in it is newer than Node 12: cli/main.ts. */

/**
 * Major and minor number; `engines` of package.json says the same. The first that imports ES modules from CommonJS, as
 * tools here do.
 */
export const OLDEST_NODE = [20, 19] as const;

/** {@link EXIT} `noTool`, which is not imported here. */
const EXIT_NO_TOOL = 19;

export interface NodeProblem {
  readonly isJson: boolean;
  /** As problems of all commands are printed. */
  readonly text: string;
  readonly exit: number;
}

/** @param version such as `18.20.4` @param argv without interpreter and script */
export function nodeProblem(version: string, argv: readonly string[]): NodeProblem | undefined {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_NODE;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return undefined;
  const oldest = OLDEST_NODE.join('.');
  const error = {
    code: 'node-too-old',
    message: `mmfree needs Node ${oldest} or later`,
    cause: `This is Node ${version}.`,
    fix: "Install a supported one (https://nodejs.org/en/download, or your system's version manager); `node --version` shows which one runs.",
    facts: { node: version, oldest },
  };
  const lines = `error: ${error.message}\ncause: ${error.cause}\nfix:   ${error.fix}\n`;
  if (argv.indexOf('--json') < 0) return { isJson: false, text: lines, exit: EXIT_NO_TOOL };
  const result = JSON.stringify({ type: 'result', exit: EXIT_NO_TOOL, error });
  return { isJson: true, text: `{"type":"hello","command":null}\n${result}\n`, exit: EXIT_NO_TOOL };
}

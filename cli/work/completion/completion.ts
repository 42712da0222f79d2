/** `mmfree completion`: the work. */
import type { CommandContext } from '../../command.js';
import { COMMANDS } from '../../commands.js';
import type { ShellName } from '../../commands/completion.js';
import { bashScript } from './bash.js';
import { completedCommands, type CompletedCommand } from './command-model.js';
import { fishScript } from './fish.js';
import { zshScript } from './zsh.js';

const SCRIPTS: Readonly<Record<ShellName, (commands: readonly CompletedCommand[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

export async function completion(input: { readonly shell: ShellName }, { output }: CommandContext): Promise<void> {
  const script = SCRIPTS[input.shell](await completedCommands(COMMANDS));
  output.print(script);
  output.result({ shell: input.shell, script });
}

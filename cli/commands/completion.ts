/** `mmfree completion`: declaration. */
import { argument, defineCommand } from '../command.js';
import { oneOf } from '../options.js';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type ShellName = (typeof SHELLS)[number];

export const completion = defineCommand({
  examples: [
    'source <(mmfree completion bash)',
    'mmfree completion zsh > "${fpath[1]}/_mmfree"',
    'mmfree completion fish > ~/.config/fish/completions/mmfree.fish',
  ],
  parameters: { shell: argument('<shell>', SHELLS.join(', '), oneOf(SHELLS)) },
  load: async () => (await import('../work/completion/completion.js')).completion,
});

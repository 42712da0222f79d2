/** `mmfree doctor --fix`: what can be mended without asking. */
import { MmfreeError } from '../../../protocol/errors.js';
import type { CommandContext } from '../../command.js';
import { APPLY_COMMANDS, applyRule, installRule, ruleState, ruleText } from './udev-rule.js';

/** Only root may write the rule. */
class FixError extends MmfreeError<'needs-root'> {}

/** @throws FixError `needs-root` */
export function installFixes({ output }: CommandContext): void {
  if (process.platform !== 'linux') {
    output.note('nothing to fix: udev rules are a matter of Linux');
    return;
  }
  const { state, path } = ruleState();
  if (state === 'installed') {
    output.note(`nothing to fix: ${path} is installed`);
    return;
  }
  if (process.getuid?.() !== 0) throw needsRoot(path);
  const written = installRule();
  output.print(`wrote ${written}:\n${ruleText().replaceAll(/^/gm, '  ').trimEnd()}\n`);
  const isApplied = applyRule();
  for (const command of APPLY_COMMANDS) output.print(`${isApplied ? 'ran' : 'tried'} ${command.join(' ')}\n`);
  if (!isApplied) output.note('udev did not answer; the rule counts when it starts, or a board is plugged in');
  output.event('fixed', { path: written, text: ruleText(), applied: isApplied });
}

function needsRoot(path: string): FixError {
  const [node = 'node', script = 'mmfree'] = process.argv;
  return new FixError('needs-root', `${path} cannot be written`, {
    reason: 'Only root may install a udev rule.',
    fix: `Run \`sudo ${node} ${script} doctor --fix\`; it writes that file and has udev read it, nothing else.`,
    facts: { path },
  });
}

/** The completion of fish: as `~/.config/fish/completions/mmfree.fish`, or sourced. */
import type { CompletedCommand, Values } from './command-model.js';

export function fishScript(commands: readonly CompletedCommand[]): string {
  return `# Completion of mmfree for fish, made by \`mmfree completion fish\`.

# Whether the command line begins with these commands; without any: whether it has none yet.
function __mmfree_command
    set -l words (__mmfree_words)
    set -l length (count $argv)
    if test $length -eq 0
        test (count $words) -eq 0
    else
        test "$words[1..$length]" = "$argv"
    end
end

# Whether it has these commands and nothing else.
function __mmfree_only
    set -l words (__mmfree_words)
    test "$words" = "$argv"
end

function __mmfree_words
    for word in (commandline -opc)[2..-1]
        string match -q -- '-*' $word; or echo $word
    end
end

complete -c mmfree -f
${commands.flatMap(linesOf).join('\n')}
`;
}

function linesOf({ name, options, arguments: values, members }: CompletedCommand): string[] {
  const condition = members.length > 0 ? `__mmfree_only ${name}`.trim() : `__mmfree_command ${name}`;
  const line = (rest: string): string => `complete -c mmfree -n ${quoted(condition)} ${rest}`;
  return [
    ...members.map(([member, summary]) => line(`-a ${member} -d ${quoted(summary)}`)),
    ...options.map((option) => {
      const names = option.names.map((text) => (text.startsWith('--') ? `-l ${text.slice(2)}` : `-s ${text.slice(1)}`));
      return line([...names, ...takes(option.values), `-d ${quoted(option.summary)}`].join(' '));
    }),
    // fish does not count arguments: what one of them may be is offered for all.
    ...values.flatMap((value) => {
      if (value.kind === 'path') return line('-F');
      return value.kind === 'choices' ? line(`-a ${quoted(value.choices.join(' '))}`) : [];
    }),
  ];
}

function takes(values: Values): string[] {
  switch (values.kind) {
    case 'none':
      return [];
    case 'text':
      return ['-x'];
    case 'path':
      return ['-r -F'];
    case 'choices':
      break;
  }
  return [`-x -a ${quoted(values.choices.join(' '))}`];
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

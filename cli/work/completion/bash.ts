/** The completion of bash, from version 3.2 on (macOS), without the package bash-completion. */
import type { CompletedCommand, Values } from './command-model.js';

export function bashScript(commands: readonly CompletedCommand[]): string {
  return `# Completion of mmfree for bash, made by \`mmfree completion bash\`.

# Sets kind and choices: what stands behind an option of a command.
_mmfree_option() {
  kind=none choices=
  case "$1 $2" in
${commands.flatMap(optionCases).join('\n')}
  esac
}

# Sets kind and choices: an argument of a command by its number, or the names behind it.
_mmfree_argument() {
  kind=none choices=
  case "$1 $2" in
${commands.flatMap(argumentCases).join('\n')}
  esac
}

_mmfree_options() {
  case "$1" in
${commands.map(({ name, options }) => `    ${quoted(name)}) choices=${lines(options.flatMap(({ names }) => names))} ;;`).join('\n')}
  esac
}

_mmfree() {
  local IFS=$'\\n' current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]}
  local command= arguments=0 kind choices at word
  COMPREPLY=()
  # An = is a word of its own.
  if [[ $current == '=' ]]; then current=
  elif [[ $before == '=' ]]; then before=\${COMP_WORDS[COMP_CWORD-2]}; fi
  for ((at = 1; at < COMP_CWORD; at++)); do
    word=\${COMP_WORDS[at]}
    case "$command/$word" in
      */=) ((at++)) ;;
      */-*)
        _mmfree_option "$command" "$word"
        if [[ $kind != none && \${COMP_WORDS[at+1]} != '=' ]]; then ((at++)); fi
        ;;
${commandCases(commands)}
      *) ((arguments++)) ;;
    esac
  done
  _mmfree_option "$command" "$before"
  if [[ $kind == none ]]; then
    if [[ $current == -* ]]; then
      kind=choices
      _mmfree_options "$command"
    else
      _mmfree_argument "$command" "$arguments"
    fi
  fi
  case $kind in
    choices) COMPREPLY=($(compgen -W "$choices" -- "$current")) ;;
    path)
      compopt -o filenames 2> /dev/null
      COMPREPLY=($(compgen -f -- "$current"))
      ;;
  esac
}

complete -F _mmfree mmfree
`;
}

function optionCases({ name, options }: CompletedCommand): string[] {
  return options.flatMap(({ names, values }) =>
    values.kind === 'none'
      ? []
      : `    ${names.map((option) => quoted(`${name} ${option}`)).join(' | ')}) ${assignment(values)} ;;`,
  );
}

function argumentCases({ name, arguments: values, members }: CompletedCommand): string[] {
  if (members.length > 0) {
    const choices = members.map(([member]) => member);
    return [`    ${quoted(`${name} 0`)}) ${assignment({ kind: 'choices', choices })} ;;`];
  }
  return values.flatMap((value, number) =>
    value.kind === 'none' ? [] : `    ${quoted(`${name} ${number}`)}) ${assignment(value)} ;;`,
  );
}

function commandCases(commands: readonly CompletedCommand[]): string {
  const lead = ({ name, members }: CompletedCommand): string[] =>
    members.map(([member]) => `      ${quoted(`${name}/${member}`)}) command=${quoted(`${name} ${member}`.trim())} ;;`);
  return commands.flatMap(lead).join('\n');
}

function assignment(values: Values): string {
  return values.kind === 'choices' ? `kind=choices choices=${lines(values.choices)}` : `kind=${values.kind}`;
}

function lines(words: readonly string[]): string {
  return `$'${words.join('\\n')}'`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** The completion of bash, from version 3.2 on (macOS), without the package bash-completion. */
import { argumentPlaces, commandCases, optionPlaces, placeFunction, quoted } from './cases.js';
import type { CompletedCommand, Values } from './command-model.js';

export function bashScript(commands: readonly CompletedCommand[]): string {
  return `# Completion of mmfree for bash, made by \`mmfree completion bash\`.

# Sets kind and choices: what stands behind an option of a command.
${placeFunction('_mmfree_option', optionPlaces(commands), lines)}

# Sets kind and choices: an argument of a command by its number, or the names behind it.
${placeFunction('_mmfree_argument', [...memberPlaces(commands), ...argumentPlaces(commands)], lines)}

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

/** Names behind a group are choices like any other. */
function memberPlaces(commands: readonly CompletedCommand[]): (readonly [string, Values])[] {
  return commands.flatMap(({ name, members }) =>
    members.length === 0
      ? []
      : [[`${name} 0`, { kind: 'choices', choices: members.map(([member]) => member) }] as const],
  );
}

function lines(words: readonly string[]): string {
  return `$'${words.join('\\n')}'`;
}

/** The completion of zsh: as a file `_mmfree` in a folder of `fpath`, or sourced behind `compinit`. */
import { argumentPlaces, commandCases, optionPlaces, placeFunction, quoted } from './cases.js';
import type { CompletedCommand } from './command-model.js';

export function zshScript(commands: readonly CompletedCommand[]): string {
  return `#compdef mmfree
# Completion of mmfree for zsh, made by \`mmfree completion zsh\`.

# Sets kind and choices: what stands behind an option of a command.
${placeFunction('_mmfree_option', optionPlaces(commands), list)}

# Sets kind and choices: an argument of a command by its number.
${placeFunction('_mmfree_argument', argumentPlaces(commands), list)}

# Sets items: what may follow a command, with what it is.
_mmfree_items() {
  items=()
  case "$1" in
${commands.map(itemCases).join('\n')}
  esac
}

_mmfree() {
  local command= before=\${words[CURRENT-1]} kind word
  local -i arguments=0 at
  local -a choices items
  for ((at = 2; at < CURRENT; at++)); do
    word=\${words[at]}
    case "$command/$word" in
      */-*)
        _mmfree_option "$command" "$word"
        if [[ $kind != none ]]; then at+=1; fi
        ;;
${commandCases(commands)}
      *) arguments+=1 ;;
    esac
  done
  if [[ $PREFIX == --*=* ]]; then
    before=\${PREFIX%%=*}
    compset -P '*='
  fi
  _mmfree_option "$command" "$before"
  if [[ $kind == none ]]; then
    _mmfree_items "$command" "$PREFIX"
    if [[ $PREFIX == -* ]]; then items=(\${(M)items:#-*}); else items=(\${items:#-*}); fi
    if (( \${#items} )); then
      _describe mmfree items
      return
    fi
    _mmfree_argument "$command" "$arguments"
  fi
  case $kind in
    choices) compadd -- $choices ;;
    path) _files ;;
  esac
}

if [[ \${funcstack[1]} == _mmfree ]]; then _mmfree "$@"; else compdef _mmfree mmfree; fi
`;
}

function itemCases({ name, options, members }: CompletedCommand): string {
  const ofOptions = options.flatMap(({ names, summary }) => names.map((option) => `${option}:${summary}`));
  const items = [...members.map(([member, summary]) => `${member}:${summary}`), ...ofOptions];
  return `    ${quoted(name)}) items=${list(items)} ;;`;
}

function list(words: readonly string[]): string {
  return `(${words.map(quoted).join(' ')})`;
}

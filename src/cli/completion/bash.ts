import type { CommandWords, OptionWords } from './command-words.ts'

/** A script for bash 3.2 and newer, which needs nothing but itself. */
export function bashCompletion (global: CommandWords, commands: readonly CommandWords[]): string {
  const all = [global, ...commands]
  return `# Completion of caf for bash: source it, or put it into the folder of completions.
_caf () {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} command= words= index
  for ((index = 1; index < COMP_CWORD; index++)); do
    case \${COMP_WORDS[index]} in
      ${patternOf(valued(global.options))}) index=$((index + 1)) ;;
      -*) ;;
      *) command=\${COMP_WORDS[index]}; break ;;
    esac
  done
  COMPREPLY=()
  case $command:$before in
${all.flatMap(({ options, name }) => valued(options).map(option => valueCase(name === global.name ? '*' : name, option))).join('\n')}
  esac
  case $command in
    '') words='${[...commands.map(({ name }) => name), ...flagsOf(global.options)].join(' ')}' ;;
${commands.map(command => `    ${command.name}) words='${[...command.choices, ...flagsOf([...command.options, ...global.options])].join(' ')}' ;;`).join('\n')}
  esac
  case $command:$word in
    *:-*|:*) ;;
${commands.filter(({ argument }) => argument === 'file' || argument === 'folder').map(({ name, argument }) => `    ${name}:*) ${fileWords(argument)}; return ;;`).join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -F _caf caf
`
}

function valued (options: readonly OptionWords[]): OptionWords[] {
  return options.filter(({ value }) => value !== 'none')
}

function flagsOf (options: readonly OptionWords[]): string[] {
  return [...new Set(options.flatMap(({ flags }) => flags.filter(flag => flag.startsWith('--'))))]
}

function patternOf (options: readonly OptionWords[]): string {
  return options.flatMap(({ flags }) => flags).join('|')
}

function valueCase (command: string, { flags, value, choices }: OptionWords): string {
  const reply = choices.length > 0 ? `COMPREPLY=($(compgen -W '${choices.join(' ')}' -- "$word"))` : fileWords(value)
  return `    ${flags.map(flag => `${command}:${flag}`).join('|')}) ${reply}; return ;;`
}

/** Names with spaces stay whole: one reply a line. */
function fileWords (value: CommandWords['argument']): string {
  if (value !== 'file' && value !== 'folder') return ':'
  return `compopt -o filenames 2>/dev/null; local IFS=$'\\n'; COMPREPLY=($(compgen -${value === 'file' ? 'f' : 'd'} -- "$word"))`
}

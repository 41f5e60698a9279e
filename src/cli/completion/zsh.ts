import type { CommandWords, OptionWords, ValueKind } from './command-words.ts'

/** A function for zsh's completion system: a file `_caf` on the `fpath`. */
export function zshCompletion (global: CommandWords, commands: readonly CommandWords[]): string {
  return `#compdef caf
# Completion of caf for zsh: save it as _caf in a folder of $fpath.
_caf () {
  local curcontext=$curcontext state line
  typeset -A opt_args
  local -a global=(
${global.options.map(option => `    ${specOf(option)}`).join('\n')}
  )
  _arguments -C $global '1:command:->command' '*::argument:->argument' && return
  case $state in
    command)
      local -a commands=(
${commands.map(({ name, description }) => `        ${quoted(`${name}:${description.replaceAll(':', '\\:')}`)}`).join('\n')}
      )
      _describe command commands ;;
    argument)
      case $line[1] in
${commands.map(command => `        ${command.name}) _arguments $global ${[...command.options.map(specOf), ...argumentSpecs(command)].join(' ')} ;;`).join('\n')}
      esac ;;
  esac
}
if [[ $funcstack[1] == _caf ]]; then _caf "$@"; else compdef _caf caf; fi
`
}

function specOf ({ flags, description, value, choices }: OptionWords): string {
  const text = description.replaceAll('[', '\\[').replaceAll(']', '\\]').replaceAll(':', '\\:')
  const action = value === 'none' ? '' : choices.length > 0 ? `:value:(${choices.join(' ')})` : `:value:${actionOf(value)}`
  return flags.map(flag => quoted(`*${flag}[${text}]${action}`)).join(' ')
}

function argumentSpecs ({ argument, choices }: CommandWords): string[] {
  if (choices.length > 0) return [quoted(`*:argument:(${choices.join(' ')})`)]
  return argument === 'none' ? [] : [quoted(`*:argument:${actionOf(argument)}`)]
}

function actionOf (value: ValueKind): string {
  return value === 'file' ? '_files' : value === 'folder' ? '_files -/' : ' '
}

function quoted (text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

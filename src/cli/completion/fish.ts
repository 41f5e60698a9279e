import type { CommandWords, OptionWords } from './command-words.ts'

/** Lines for fish: a file `caf.fish` in its folder of completions. */
export function fishCompletion (global: CommandWords, commands: readonly CommandWords[]): string {
  return [
    '# Completion of caf for fish: save it as caf.fish in ~/.config/fish/completions.',
    'complete -c caf -f',
    ...global.options.map(option => `complete -c caf${optionOf(option)}`),
    ...commands.flatMap(command => [
      `complete -c caf -n __fish_use_subcommand -a ${command.name} -d ${quoted(command.description)}`,
      ...command.options.map(option => `${within(command)}${optionOf(option)}`),
      ...(command.choices.length === 0 ? [] : [`${within(command)} -a ${quoted(command.choices.join(' '))}`]),
      ...(command.argument === 'file' || command.argument === 'folder' ? [`${within(command)} -F`] : []),
    ]),
    '',
  ].join('\n')
}

function within ({ name }: CommandWords): string {
  return `complete -c caf -n ${quoted(`__fish_seen_subcommand_from ${name}`)}`
}

function optionOf ({ flags, description, value, choices }: OptionWords): string {
  const names = flags.map(flag => flag.startsWith('--') ? ` -l ${flag.slice(2)}` : ` -s ${flag.slice(1)}`).join('')
  const values = value === 'none' ? '' : choices.length > 0 ? ` -x -a ${quoted(choices.join(' '))}` : value === 'other' ? ' -x' : ' -r -F'
  return `${names}${values} -d ${quoted(description)}`
}

function quoted (text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}

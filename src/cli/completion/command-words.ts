import type { Argument, Command, Option } from 'commander'

/** What may stand after an option or as an argument. */
export type ValueKind = 'none' | 'file' | 'folder' | 'other'

export interface OptionWords {
  /** `--tag`, and `-t` if there is one. */
  readonly flags: readonly string[]
  readonly description: string
  readonly value: ValueKind
  readonly choices: readonly string[]
}

export interface CommandWords {
  readonly name: string
  readonly description: string
  readonly options: readonly OptionWords[]
  /** Of the first argument, and of all that follow it. */
  readonly argument: ValueKind
  readonly choices: readonly string[]
}

/** What a completion needs to know of a command: its own name, options and arguments. */
export function commandWords (command: Command): CommandWords {
  const help = command.createHelp()
  const [argument] = command.registeredArguments
  return {
    name: command.name(),
    description: firstSentence(command.description()),
    options: help.visibleOptions(command).map(optionWords),
    argument: argument === undefined ? 'none' : valueKind(argument.name()),
    choices: choicesOf(argument),
  }
}

/** The commands of `program`, the built-in `help` left out. */
export function subcommandWords (program: Command): CommandWords[] {
  return program.commands.map(commandWords)
}

function optionWords (option: Option): OptionWords {
  const { short, long, description, required, optional, flags } = option
  return {
    flags: [long, short].filter(flag => flag !== undefined),
    description,
    value: required || optional ? valueKind(/([a-z]+)(?:\.\.\.)?[>\]]$/.exec(flags)?.[1] ?? '') : 'none',
    choices: choicesOf(option),
  }
}

function valueKind (name: string): ValueKind {
  return name === 'file' || name === 'folder' ? name : 'other'
}

function choicesOf ({ argChoices = [] }: Partial<Pick<Option | Argument, 'argChoices'>> = {}): readonly string[] {
  return argChoices
}

function firstSentence (text: string): string {
  return text.replace(/\.(?: .*)?$/s, '')
}

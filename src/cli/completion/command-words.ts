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
  const isProgram = command.parent === null
  const acts = isProgram ? [] : command.commands
  return {
    name: command.name(),
    description: firstSentence(command.description()),
    options: distinct([command, ...acts].flatMap(each => help.visibleOptions(each).map(optionWords))),
    argument: argument === undefined ? 'none' : valueKind(argument.name()),
    choices: acts.length > 0 ? acts.map(act => act.name()) : choicesOf(argument),
  }
}

/** A command of several acts offers the options of all of them. */
function distinct (options: readonly OptionWords[]): OptionWords[] {
  return [...new Map(options.map(option => [option.flags[0], option])).values()]
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

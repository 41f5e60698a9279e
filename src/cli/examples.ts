import type { Command } from 'commander'

/** Adds the Examples section that every command's help ends with: what to type, and what it is for. */
export function addExamples (command: Command, examples: ReadonlyArray<readonly [line: string, purpose: string]>): Command {
  const width = Math.max(...examples.map(([line]) => line.length))
  const lines = examples.map(([line, purpose]) => `  ${line.padEnd(width)}  # ${purpose}`)
  return command.addHelpText('after', ['', 'Examples:', ...lines].join('\n'))
}

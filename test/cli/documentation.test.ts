import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { commandTree, optionsOf } from './program.ts'

const program = commandTree()
const text = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8')
const sections = new Map(text.split(/^##+ /m).map(section => [section.slice(0, section.indexOf('\n')), section]))

const flagsOf = (command: Command): string[] => (command === program ? command.options : optionsOf(command)).map(({ long }) => long!)
const mentioned = (section: string): string[] => [...new Set([...section.matchAll(/`(?:-\w, )?(--[a-z-]+)/g)].map(([, flag]) => flag!))]
const sectionOf = (command: Command): string | undefined => [...sections].find(([title]) => title.startsWith(`\`caf ${command.name()}`))?.[1]

describe('docs/cli.md', () => {
  it('has a section for every command, and for no other', () => {
    const titles = [...sections.keys()].filter(title => title.startsWith('`caf ')).map(title => title.split(/[ `]+/)[2])
    expect(titles.sort()).toEqual(program.commands.map(command => command.name()).sort())
  })

  it('describes the options of every command', () => {
    expect([...mentioned(sections.get('Options for every command')!)].sort()).toEqual([...flagsOf(program), '--help'].sort())
  })

  it.each(program.commands.map(command => [command.name(), command] as const))('describes all options of %s, and invents none', (_name, command) => {
    const section = sectionOf(command) ?? ''
    expect(mentioned(section)).toEqual(expect.arrayContaining(flagsOf(command)))
    const known = [...flagsOf(command), ...flagsOf(program), ...program.commands.flatMap(other => section.includes(`caf ${other.name()} --`) ? flagsOf(other) : [])]
    expect(mentioned(section).filter(flag => !known.includes(flag))).toEqual([])
  })

  it.each(program.commands.flatMap(command => command.commands.map(act => [`${command.name()} ${act.name()}`, command, act] as const)))('names %s with its arguments', (name, command, act) => {
    const args = act.registeredArguments.map(argument => ` <${argument.name()}>`).join('')
    expect(sectionOf(command)).toContain(`\`caf ${name}${args}\``)
  })

  it.each(program.commands.map(command => [command.name(), command] as const))('shows the arguments of %s', (_name, command) => {
    const [title] = (sectionOf(command) ?? '').split('\n')
    const shown = [...(title ?? '').matchAll(/[<[][a-z.]+[>\]]/g)].map(([argument]) => argument)
    expect(shown).toEqual(command.registeredArguments.map(argument => {
      const name = `${argument.name()}${argument.variadic ? '...' : ''}`
      return argument.required ? `<${name}>` : `[${name}]`
    }))
  })
})

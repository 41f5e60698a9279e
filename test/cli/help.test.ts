import { describe, expect, it } from 'vitest'
import { commandTree, optionsOf } from './program.ts'
import { runHere } from './run-here.ts'

const program = commandTree()
const help = async (...args: string[]) => await runHere(args, { cwd: '/' })

describe('help', () => {
  const commands = program.commands.flatMap(command => [[command.name(), command] as const, ...command.commands.map(act => [`${command.name()} ${act.name()}`, act] as const)])

  it.each(commands)('of %s has examples that the command understands', async (name, command) => {
    const { status, stdout, stderr } = await help(...name.split(' '), '--help')
    expect([status, stderr]).toEqual([0, ''])
    const examples = stdout.split('Examples:\n')[1]!.trimEnd().split('\n')
    expect(examples.length).toBeGreaterThan(0)
    for (const example of examples) {
      expect(example).toMatch(/^ {2}\S.* # \S/)
      expect(example).toMatch(new RegExp(`caf ${name}\\b`))
      const flags = [...example.split('  # ')[0]!.replace(/\|.*/, '').matchAll(/ (--?[a-z][a-z-]*)/g)].map(([, flag]) => flag!)
      const known = [...optionsOf(command), ...program.options, ...program.commands.filter(other => example.includes(`caf ${other.name()} `)).flatMap(optionsOf)].flatMap(({ short, long }) => [short, long])
      expect(known).toEqual(expect.arrayContaining(flags))
    }
  })

  it('lists the commands with and without --help, and names the version', async () => {
    const { status, stdout } = await help('--help')
    expect(status).toBe(0)
    for (const command of program.commands) expect(stdout).toContain(`  ${command.name()}`)
    expect((await help('--version')).stdout).toBe('0.1.0\n')
    const bare = await help()
    expect(bare.status).toBe(2)
    expect(bare.stderr).toContain('Usage: caf')
  })

  it('of each option says something', () => {
    for (const command of [program, ...program.commands]) for (const { description } of optionsOf(command)) expect(description).not.toBe('')
  })
})

import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { addExamples } from '../examples.ts'

export function addDoctor (program: Command, cli: Cli): void {
  const command = program.command('doctor').description('Look whether a snapshot could work: repository, servers, rights, room. Changes nothing.')
    .action(async () => {
      const { examine } = await import('../acts/doctor.ts')
      await examine(cli)
    })
  addExamples(command, [
    ['caf doctor', 'after writing the configuration'],
    ['caf doctor && caf snapshot', 'in cron: no snapshot where something is missing'],
  ])
}

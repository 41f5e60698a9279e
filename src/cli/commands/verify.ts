import type { Command } from 'commander'
import type { VerifyOptions } from '../acts/verify.ts'
import type { Cli } from '../cli.ts'
import { addExamples } from '../examples.ts'
import { readAmount } from '../option-values.ts'

export function addVerify (program: Command, cli: Cli): void {
  const command = program.command('verify').description('Check the repository and say which artifacts of which snapshots any damage hits. Changes nothing but its memory of what was read when.')
    .option('--read-data <amount>', 'also read stored data, what was read longest ago first: a share such as 10%, an amount such as 5GB, or all', readAmount)
    .option('--resume', 'go on with `--read-data all` where it was cut off')
    .option('--against-source', 'also read the sources in full, and prove that reading what changed gives the same rows')
    .option('--proof <file>', 'check this proof of `caf prove` instead, and whether the repository, if there is one, still has what it proves')
    .option('--log-key <vkey>', 'the key that the proof must be signed by')
    .option('--policy <file>', 'the tlog-policy that says whose cosignatures the proof must have')
    .action(async (_options: unknown, self: Command) => {
      const { verify } = await import('../acts/verify.ts')
      await verify(cli, self.optsWithGlobals<VerifyOptions>())
    })
  addExamples(command, [
    ['caf verify', 'every record, list and graph; is every blob listed?'],
    ['caf verify --read-data 10%', 'and read a tenth: ten days of that in cron read everything'],
    ['caf verify --against-source', 'is what is read by what changed what is there?'],
    ['caf verify --proof nightly.tlog-proof --log-key <key>', 'was this snapshot really made, and is it still there?'],
    ['caf verify --read-data all', 'and read everything: what can be read here can be restored'],
  ])
}

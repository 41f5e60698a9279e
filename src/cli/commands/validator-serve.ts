import { InvalidArgumentError, Option } from 'commander'
import type { Command } from 'commander'
import type { Listen, ServeOptions } from '../acts/validator-serve.ts'
import type { Cli } from '../cli.ts'
import { addExamples } from '../examples.ts'
import { STATE_OPTION } from './validator-key.ts'

export function addValidatorServe (validator: Command, cli: Cli): void {
  const command = validator.command('serve').description('Answer requests to cosign until it is told to stop; re-verifies each snapshot in its own reading of the repository.')
    .option(...STATE_OPTION)
    .addOption(new Option('--listen <address>', 'host and port').argParser(listenOf).default({ host: '127.0.0.1', port: 8441 }, '127.0.0.1:8441'))
    .option('--name <name>', 'what a new key is called, as validator.example.com/backups')
    .option('--read-data <amount>', 'chunks to read: the "new" ones, or a share of the known ones too, as 0.1', readDataOf, 'new')
    .action(async (options: ServeOptions) => {
      const { serve } = await import('../acts/validator-serve.ts')
      await serve(cli, options)
    })
  addExamples(command, [
    ['caf validator serve --repository /mnt/backups --state /var/lib/caf-validator', 'for this machine alone, or behind a proxy with TLS'],
    ['caf validator serve --listen 10.0.0.7:8441', 'for the network'],
    ['caf validator serve --read-data 0.05', 'reads 5 % of the old chunks again with each snapshot'],
  ])
}

function listenOf (value: string): Listen {
  const [, six, host = six, port] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(value) ?? []
  if (host === undefined || Number(port) > 65_535) throw new InvalidArgumentError('It must be <host>:<port>, as 127.0.0.1:8441 or [::1]:8441.')
  return { host, port: Number(port) }
}

/** Not none of them: what a cosignature of ours means must not depend on how the validator was started. */
function readDataOf (value: string): 'new' | number {
  if (value === 'new') return value
  const share = Number(value)
  if (!/^\d(\.\d+)?$/.test(value) || share > 1) throw new InvalidArgumentError('It must be "new" or a share from 0 to 1.')
  return share
}

import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { addExamples } from '../examples.ts'
import { addKeyAdd } from './key-add.ts'
import { addKeyExport } from './key-export.ts'
import { addKeyHistory } from './key-history.ts'
import { addKeyList } from './key-list.ts'
import { addKeyRemove } from './key-remove.ts'
import { addKeyRotate } from './key-rotate.ts'

const ACTS = [addKeyList, addKeyAdd, addKeyRemove, addKeyRotate, addKeyHistory, addKeyExport]

/** `caf key …`: who can open a sealed repository. */
export function addKey (program: Command, cli: Cli): void {
  const command = program.command('key').description('Show and change who can open a sealed repository.')
  for (const add of ACTS) add(command, cli)
  addExamples(command, [
    ['caf key list', 'who can open it'],
    ['caf key add --recipient age1… --label anna', 'let the owner of an age key open it too'],
    ['caf key rotate --drop anna', 'and not any more, for all that is written from now on'],
    ['caf key export --output recovery.txt', 'for the safe'],
  ])
}

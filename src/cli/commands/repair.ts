import type { Command } from 'commander'
import { repairRepository } from '../../engine/repair.ts'
import type { Cli } from '../cli.ts'
import { addExamples } from '../examples.ts'
import { EXIT } from '../exit-status.ts'
import { counted, printable } from '../printable.ts'

export function addRepair (program: Command, cli: Cli): void {
  const command = program.command('repair').description('Make anew what can be derived: index segments, the ends of packs, the cache and the catalogue. Deletes no data.')
    .action(async () => {
      await cli.withRepository(async ({ repository }) => {
        const result = await repairRepository(repository, { signal: cli.signal })
        const { listed, rewritten, removedSegments, left } = result
        await cli.output.result(result, () => {
          cli.output.line(`${counted(listed.length, 'pack')} listed again, ${counted(rewritten.length, 'pack')} made whole, ${counted(removedSegments.length, 'damaged segment')} removed; cache and catalogue made anew`)
          for (const { code, message, key } of left) cli.output.line(`left as it is: ${printable(message)} (${printable(key)}) [${code}]`)
          if (left.length > 0) cli.output.line('`caf verify --read-data all` says which artifacts that hits')
        })
        if (left.length > 0) cli.status = EXIT.damaged
      })
    })
  addExamples(command, [
    ['caf repair', 'after `caf verify` found a damaged or missing index'],
    ['caf repair && caf verify --read-data all', 'and look whether anything is still lost'],
  ])
}

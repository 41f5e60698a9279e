import { createInterface } from 'node:readline'
import { applyGarbage } from '../../src/cas/garbage-apply.ts'
import { planGarbage } from '../../src/cas/garbage-plan.ts'
import { openRepository } from '../../src/cas/repository.ts'
import type { Repository } from '../../src/cas/repository.ts'
import { isBackupError } from '../../src/errors.ts'
import { directoryBackend } from '../../src/storage/directory-backend.ts'
import { seededBytes, seededRows } from '../cas/seeded-bytes.ts'
import { commitManifest, manifestOf, markManifests } from './manifest.ts'

/*
 * A process that works on a repository until it is killed, or for a number of rounds:
 *   node cas-process.ts write|step|collect <folder> <seed> [rounds]
 * `step` is `write` that waits for a line of input after each snapshot.
 * Prints "ready" when it begins, and a line for each snapshot that it was told is committed.
 */
const input = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const [task, folder, seed, rounds = 'Infinity'] = process.argv.slice(2) as [string, string, string, string?]

const KEPT_SNAPSHOTS = 3

async function writeSnapshot (repository: Repository, round: number): Promise<void> {
  const parent = (await repository.visible()).at(-1)
  const writer = await repository.openWriter(parent === undefined ? {} : { parents: [parent.id] })
  const inherited = parent === undefined ? [] : (await manifestOf(repository, parent.root)).slice(1)
  const blobs = [seededBytes(400_000, `${seed}/${round}`), seededRows(300, `shared ${round % 4}`), ...changedRows(round)]
  const addresses: string[] = []
  for (const [i, blob] of blobs.entries()) addresses.push((await writer.put(blob, { base: inherited[i] })).address)
  await commitManifest(writer, addresses)
  process.stdout.write(`${writer.id}\n`)
}

/** Ten chunks, of which each round changes a little in each, as a table does from day to day. */
function changedRows (round: number): Buffer[] {
  return Array.from({ length: 10 }, (_, i) => {
    const rows = seededRows(200, `table ${i}`)
    rows.write(`${seed} ${round}`, 100 * i)
    return rows
  })
}

async function collect (repository: Repository): Promise<void> {
  const visible = await repository.visible()
  for (const { id } of visible.slice(0, -KEPT_SNAPSHOTS)) await repository.forget(id)
  const mark = markManifests(repository)
  await applyGarbage(repository, await planGarbage(repository, { mark, maxWaste: 0.1 }), { mark, pollMs: 10 })
}

async function main (): Promise<void> {
  const repository = await openRepository(directoryBackend(folder))
  process.stdout.write('ready\n')
  for (let round = 0; round < Number(rounds); round++) {
    try {
      if (task === 'collect') await collect(repository)
      else await writeSnapshot(repository, round)
      if (task === 'step') await input.next()
    } catch (error) {
      // The parent was forgotten between being listed and being named: that is for the writer to try again.
      if (!isBackupError(error, 'SNAPSHOT_MISSING')) throw error
    }
  }
  await repository.close()
  process.stdin.destroy()
}

await main()

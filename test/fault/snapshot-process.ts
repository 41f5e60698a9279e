import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openRepository } from '../../src/cas/repository.ts'
import type { Repository } from '../../src/cas/repository.ts'
import { applyForget, planForget } from '../../src/engine/forget.ts'
import { collectGarbage } from '../../src/engine/garbage.ts'
import { createSnapshot } from '../../src/engine/snapshot.ts'
import { isBackupError } from '../../src/errors.ts'
import { filesSource } from '../../src/sources/files/files-source.ts'
import type { Source } from '../../src/sources/source.ts'
import { directoryBackend } from '../../src/storage/directory-backend.ts'
import { localValidator } from '../../src/trust/local-validator.ts'
import type { Validator } from '../../src/trust/validator.ts'

/*
 * A process that works on a repository through the engine:
 *   node snapshot-process.ts write <repository> <folder> <rounds>    changes the folder and takes a snapshot of it, so many times
 *   node snapshot-process.ts collect <repository> <rounds>           forgets all but the newest snapshots, and collects
 *   node snapshot-process.ts stop <repository> <folder> <place>      takes one snapshot, and waits on the way for a line of input
 * Prints "ready", "at <place>", a line for each snapshot that is committed, and the code of an error that was to be expected.
 */
export type Place = 'opened' | 'captured' | 'flushed'

const KEPT_SNAPSHOTS = 2
const [task, path, ...args] = process.argv.slice(2) as [string, string, ...string[]]

function say (line: string): void {
  process.stdout.write(`${line}\n`)
}

async function write (repository: Repository, folder: string, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    await writeFile(join(folder, `file-${round}`), `${folder} ${round} `.repeat(2_000))
    await takeSnapshot(repository, { source: filesSource({ folder }) })
  }
}

async function collect (repository: Repository, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const references = (await repository.visible()).slice(0, -KEPT_SNAPSHOTS).map(({ id }) => id)
    await applyForget(repository, await planForget(repository, { references }))
    await collectGarbage(repository, { maxWaste: 0 })
  }
}

async function stopAt (repository: Repository, folder: string, place: Place): Promise<void> {
  const source = stopping(filesSource({ folder }), place)
  const validator = localValidator()
  const stoppingValidator: Validator = {
    name: validator.name,
    async validate (proposal, options) {
      if (place === 'flushed') await stop(place)
      return await validator.validate(proposal, options)
    },
  }
  await takeSnapshot(repository, { source, validators: [stoppingValidator] })
}

async function stop (place: Place): Promise<void> {
  say(`at ${place}`)
  await once(process.stdin, 'data')
  process.stdin.destroy()
}

/** The source, stopping when the writer's session has just been opened, or when all was put and nothing flushed. */
function stopping (source: Source, place: Place): Source {
  return {
    name: source.name,
    async capture (options) {
      if (place === 'opened') await stop(place)
      const capture = await source.capture(options)
      return {
        artifacts: given => capture.artifacts(given),
        async finish () {
          const summary = await capture.finish()
          if (place === 'captured') await stop(place)
          return summary
        },
        async close () { await capture.close() },
      }
    },
  }
}

async function takeSnapshot (repository: Repository, { source, validators }: { source: Source, validators?: readonly Validator[] }): Promise<void> {
  try {
    say((await createSnapshot(repository, { sources: [source], description: '', validators })).id)
  } catch (error) {
    // A parent that is forgotten between being listed and being named is for the writer to try again.
    if (!isBackupError(error, 'SESSION_REVOKED', 'SNAPSHOT_MISSING')) throw error
    say(error.code)
  }
}

async function main (): Promise<void> {
  const repository = await openRepository(directoryBackend(path))
  say('ready')
  if (task === 'write') await write(repository, args[0]!, Number(args[1]))
  else if (task === 'collect') await collect(repository, Number(args[0]))
  else await stopAt(repository, args[0]!, args[1] as Place)
  await repository.close()
}

await main()

import { join } from 'node:path'
import { createRepository } from '../../../src/cas/repository.ts'
import type { Repository } from '../../../src/cas/repository.ts'
import { diffSnapshots } from '../../../src/engine/diff.ts'
import type { NodeChange } from '../../../src/engine/diff.ts'
import { exportArchive } from '../../../src/engine/export.ts'
import { applyForget, planForget } from '../../../src/engine/forget.ts'
import { collectGarbage } from '../../../src/engine/garbage.ts'
import { importArchive } from '../../../src/engine/import.ts'
import { readLog } from '../../../src/engine/open-log.ts'
import type { OnProgress } from '../../../src/engine/progress.ts'
import { checkProof, proveSnapshot } from '../../../src/engine/proof.ts'
import { restoreSnapshot } from '../../../src/engine/restore.ts'
import { createSnapshot } from '../../../src/engine/snapshot.ts'
import type { CreatedSnapshot } from '../../../src/engine/snapshot.ts'
import { verifyRepository } from '../../../src/engine/verify.ts'
import { directoryBackend } from '../../../src/storage/directory-backend.ts'
import { proveEqual } from './proof.ts'
import { Psyche } from './psyche.ts'
import { bytes, seconds } from './report.ts'
import type { Report, Tick } from './report.ts'
import { startWorld } from './world.ts'
import type { World } from './world.ts'

/** The main job, start to end, on real servers. Throws when anything is not as it was. */
export async function runDemo (report: Report): Promise<void> {
  const started = performance.now()
  const world = await report.step('start a PostgreSQL and a Qdrant of its own', async () => await startWorld(), describeServers)
  try {
    await new Demo(report, world).run()
    report.summary('all equal', [['time', seconds(performance.now() - started)]])
  } finally {
    await world.stop()
  }
}

function describeServers ({ postgres, qdrant }: World): string[] {
  return [`PostgreSQL ${postgres.major} on port ${postgres.port}, Qdrant ${qdrant.version} at ${qdrant.url}`]
}

class Demo {
  readonly #report: Report
  readonly #world: World
  readonly #original: Psyche
  readonly #copy: Psyche

  constructor (report: Report, world: World) {
    this.#report = report
    this.#world = world
    this.#original = new Psyche(world, 'psyche')
    this.#copy = new Psyche(world, 'psyche-copy')
  }

  async run (): Promise<void> {
    const repository = await createRepository(directoryBackend(join(this.#world.folder, '.backups')))
    try {
      const { first, second } = await this.#twoDays(repository)
      const imported = await this.#moveHouse(repository, second)
      await this.#report.step('prove both equal: rows by hash, points one by one, files one by one', async () => await proveEqual(repository, imported, this.#original, this.#copy), lines => lines)
      await this.#oneTable(repository, first)
      await this.#cleanUp(repository, first)
      await this.#prove(repository, second)
      this.#report.summary('what it cost', [
        ['first snapshot', `${bytes(first.sizeBytes)} of state, ${bytes(first.storedBytes)} stored`],
        ['second snapshot', `${bytes(second.sizeBytes)} of state, ${bytes(second.storedBytes)} stored`],
        ['second to first', `${(100 * second.storedBytes / first.storedBytes).toFixed(1)} %`],
      ])
    } finally {
      await repository.close()
    }
  }

  async #twoDays (repository: Repository): Promise<{ first: CreatedSnapshot, second: CreatedSnapshot }> {
    const report = this.#report
    await report.step('first day: a psyche of tables, vectors, a matrix and files', async tick => { await this.#original.create(tick) })
    const first = await report.step('take a snapshot', async tick => await this.#snapshot(repository, 'the first day', tick), describeSnapshot)
    await report.step('a day of change: 1 % of the facts updated, 1 % new, 0.2 % gone; sessions, points and files too', async () => { await this.#original.liveADay() })
    const second = await report.step('take a second snapshot', async tick => await this.#snapshot(repository, 'the second day', tick, first.sizeBytes), describeSnapshot)
    await report.step('show what changed', async () => await Array.fromAsync(diffSnapshots(repository, first.id, second.id)), changes => changes.map(describeChange))
    return { first, second }
  }

  /** Export, import under another slug, restore into a new database, a new collection and a new folder. */
  async #moveHouse (repository: Repository, { id }: CreatedSnapshot): Promise<string> {
    const archive = join(this.#world.folder, 'psyche.caf')
    await this.#report.step('export a .caf archive', async tick => await exportArchive(repository, id, archive, { brainVersion: 'demo', onProgress: ticking(tick) }),
      ({ entries, sizeBytes }) => [`${entries} entries, ${bytes(sizeBytes)}; any unzip opens it, plain psql restores its tables`])
    const imported = await this.#report.step(`import it as ${this.#copy.slug}`, async tick => await importArchive(repository, archive, { project: this.#copy.slug, unproven: 'refuse', onProgress: ticking(tick) }),
      ({ root, origin }) => [`root ${root}, the same as before`, origin.proven ? `its proof leads to the log ${origin.log}` : ''])
    await this.#report.step('restore it into a new database, collection and folder', async tick => await restoreSnapshot(repository, imported.id, {
      restorers: this.#copy.restorers(), policy: { strategy: 'full', preserveHistory: false }, onProgress: ticking(tick),
    }), ({ restored, rows }) => [`${restored} artifacts, ${rows} rows, each read back and compared`])
    return imported.id
  }

  async #snapshot (repository: Repository, description: string, tick: Tick, expected?: number): Promise<CreatedSnapshot> {
    return await createSnapshot(repository, {
      sources: this.#original.sources(), description, tags: ['demo'], project: this.#original.slug, onProgress: ({ done }) => { tick(done, expected) },
    })
  }

  async #oneTable (repository: Repository, { id }: CreatedSnapshot): Promise<void> {
    await this.#report.step('restore one table of the first day into a scratch schema', async () => {
      await restoreSnapshot(repository, id, {
        restorers: [this.#original.scratchRestorer('scratch')], policy: { strategy: 'selective', select: { tables: ['public.atomic_facts'], withDependencies: false }, preserveHistory: false },
      })
      return await this.#original.compareScratch('scratch')
    }, ({ then, now }) => [`scratch.atomic_facts has the ${then} facts of the first day beside today's ${now}`])
  }

  /** What an auditor does with a file, and without the repository. */
  async #prove (repository: Repository, { id }: CreatedSnapshot): Promise<void> {
    const { key } = (await readLog(repository))!
    await this.#report.step('prove the second snapshot, and check the proof by itself', async () => checkProof(await proveSnapshot(repository, id), { logKey: key }),
      ({ index, checkpoint, log }) => [`leaf ${index} of ${checkpoint.size} in the log ${log.name}, a checkpoint signed by its key`])
  }

  async #cleanUp (repository: Repository, { id }: CreatedSnapshot): Promise<void> {
    await this.#report.step('forget the first snapshot and collect garbage', async () => {
      await applyForget(repository, await planForget(repository, { references: [id] }))
      return await collectGarbage(repository, { maxWaste: 0 })
    }, ({ removed, freedBytes }) => [`${removed.length} blobs gone, ${bytes(freedBytes)} freed`])
    await this.#report.step('verify every stored byte again', async tick => {
      const findings = await Array.fromAsync(verifyRepository(repository, { readData: 'all', onProgress: ticking(tick) }))
      if (findings.length > 0) throw new Error(`the repository is damaged: ${JSON.stringify(findings)}`)
    }, () => ['nothing is wrong'])
  }
}

function ticking (tick: Tick): OnProgress {
  return ({ done, total }) => { tick(done, total) }
}

function describeSnapshot ({ nodes, unchangedNodes, sizeBytes, storedBytes }: CreatedSnapshot): string[] {
  return [`${nodes} artifacts${unchangedNodes > 0 ? `, ${unchangedNodes} of them as they were` : ''}; ${bytes(sizeBytes)} read, ${bytes(storedBytes)} stored`]
}

function describeChange ({ id, change, rows, sizeBefore, sizeAfter }: NodeChange): string {
  const what = rows === undefined ? `${bytes(sizeBefore)} → ${bytes(sizeAfter)}` : `+${rows.added} −${rows.removed} ~${rows.changed}`
  return `${change.padEnd(8)} ${id}  ${what}`
}

import { join } from 'node:path'
import { rm } from 'node:fs/promises'
import { collectGarbage } from '../../src/engine/garbage.ts'
import { exportArchive } from '../../src/engine/export.ts'
import { applyForget, planForget } from '../../src/engine/forget.ts'
import { importArchive } from '../../src/engine/import.ts'
import { repairRepository } from '../../src/engine/repair.ts'
import { restoreSnapshot } from '../../src/engine/restore.ts'
import { createSnapshot } from '../../src/engine/snapshot.ts'
import { findView } from '../../src/engine/snapshot-view.ts'
import { filesSource } from '../../src/sources/files/files-source.ts'
import { filesRestorer } from '../../src/sources/files/files-restorer.ts'
import { contentsOf as artifactsOf, differenceOf, readSnapshot } from './fingerprint.ts'
import { MemoryRestorer } from './memory-restorer.ts'
import type { Uncertainty } from './model.ts'
import { contentsOf } from './world.ts'
import type { World } from './world.ts'
import { demand } from './violation.ts'

/** Something that is done to a world. What it is about is chosen when it is planned, so that it can be cut off. */
export interface Operation {
  readonly name: string
  readonly weight: number
  /** Undefined when there is nothing to do it to. */
  plan(world: World): Promise<PlannedOperation | undefined>
}

export interface PlannedOperation {
  readonly what: string
  /** What nobody knows should it fail. */
  readonly uncertainty: Uncertainty
  /** Does it and tells the model. @throws {Violation} when its result is wrong */
  run(): Promise<void>
}

const PROJECTS = ['default', 'other']
const MOST_ARCHIVES = 3
/** Sessions are over by then, so a collection that waits for longer waits for ever. */
const LONGEST_WAIT = 2

/** Those that change the repository: they may be cut off in the middle. */
export const CHANGES: readonly Operation[] = [
  { name: 'snapshot', weight: 30, plan: planSnapshot },
  { name: 'forget', weight: 16, plan: planForgetting },
  { name: 'gc', weight: 12, plan: planCollection },
  { name: 'import', weight: 6, plan: planImport },
  { name: 'repair', weight: 2, plan: planRepair },
]

/** Those that only read it. */
export const READS: readonly Operation[] = [
  { name: 'restore', weight: 5, plan: planRestore },
  { name: 'export', weight: 6, plan: planExport },
  { name: 'read', weight: 4, plan: planRead },
]

export async function planSnapshot (world: World): Promise<PlannedOperation> {
  const { application, chance } = world
  const changes = Array.from({ length: chance.below(4) }, () => application.change())
  const contents = await application.contents()
  const project = chance.pick(PROJECTS)!
  return {
    what: `of ${project} after ${changes.length} changes`,
    uncertainty: { mayAppear: contents },
    async run () {
      const { id } = await createSnapshot(world.repository, { sources: application.sources, description: 'torture', project, now: () => world.now() })
      world.model.add(id, contents)
    },
  }
}

export async function planForgetting (world: World): Promise<PlannedOperation | undefined> {
  const id = world.chance.pick(world.model.ids)
  if (id === undefined) return undefined
  return {
    what: id.slice(0, 8),
    uncertainty: { mayVanish: id },
    async run () {
      const forgotten = await applyForget(world.repository, await planForget(world.repository, { references: [id] }))
      demand(forgotten.length === 1 && forgotten[0] === id, `asked to forget ${id}, it forgot ${forgotten.join(', ')}`)
      world.model.forget(id)
    },
  }
}

export async function planCollection (world: World): Promise<PlannedOperation> {
  const maxWaste = world.chance.pick([0, 0.1, 0.3, 1])!
  return {
    what: `with at most ${maxWaste} of waste`,
    uncertainty: {},
    async run () {
      let waits = 0
      const onWait = (sessions: number): void => { demand(++waits < LONGEST_WAIT, `it waits for ${sessions} sessions that nobody has`) }
      await collectGarbage(world.repository, { maxWaste, onWait })
    },
  }
}

async function planRepair (world: World): Promise<PlannedOperation> {
  return {
    what: 'of nothing',
    uncertainty: {},
    async run () {
      const { left, rewritten } = await repairRepository(world.repository)
      demand(left.length === 0 && rewritten.length === 0, `it repairs what is not damaged: ${left[0]?.message ?? rewritten.join(', ')}`)
    },
  }
}

export async function planExport (world: World): Promise<PlannedOperation | undefined> {
  const { chance, model, archives, folder } = world
  const id = chance.pick(model.ids)
  if (id === undefined) return undefined
  const path = join(folder, `${chance.text(8)}.caf`)
  return {
    what: `${id.slice(0, 8)}, and import elsewhere`,
    uncertainty: {},
    async run () {
      const { root } = await exportArchive(world.repository, id, path)
      const contents = model.contents(id)!
      archives.push({ path, contents })
      for (const old of archives.splice(0, archives.length - MOST_ARCHIVES)) await rm(old.path)
      const imported = await importArchive(world.elsewhere, path)
      demand(imported.root === root, 'the imported snapshot has another root')
      const difference = differenceOf(await readSnapshot(world.elsewhere, await findView(world.elsewhere, imported.id)), contents)
      demand(difference === undefined, () => `of the snapshot that was imported elsewhere ${difference}`)
      await world.elsewhere.forget(imported.id)
    },
  }
}

export async function planImport (world: World): Promise<PlannedOperation | undefined> {
  const archive = world.chance.pick(world.archives)
  if (archive === undefined) return undefined
  return {
    what: 'of an earlier export',
    uncertainty: { mayAppear: archive.contents },
    async run () {
      const { id } = await importArchive(world.repository, archive.path)
      world.model.add(id, archive.contents)
    },
  }
}

async function planRead (world: World): Promise<PlannedOperation> {
  return {
    what: 'all, through the caches',
    uncertainty: {},
    async run () { world.model.check(await contentsOf(world.repository)) },
  }
}

export async function planRestore (world: World): Promise<PlannedOperation | undefined> {
  const { chance, model } = world
  const id = chance.pick(model.ids)
  if (id === undefined) return undefined
  const folder = join(world.folder, `restored-${chance.text(8)}`)
  return {
    what: `${id.slice(0, 8)} to a folder`,
    uncertainty: {},
    async run () {
      const [app, agents] = [new MemoryRestorer('app'), new MemoryRestorer('agents')]
      const restorers = [app, agents, filesRestorer({ folder, owners: 'skip' })]
      await restoreSnapshot(world.repository, id, { restorers, policy: { strategy: 'full', preserveHistory: false } })
      const capture = await filesSource({ folder }).capture()
      const files = await artifactsOf(capture.artifacts()).finally(async () => { await capture.close() })
      const difference = differenceOf(new Map([...app.contents, ...agents.contents, ...files]), model.contents(id)!)
      demand(difference === undefined, () => `of what was restored ${difference}`)
      await rm(folder, { recursive: true })
    },
  }
}

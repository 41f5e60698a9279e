import { BackupError, isBackupError } from '../../src/errors.ts'
import { pendingRestores } from '../../src/engine/restore-journal.ts'
import { resumeRestore } from '../../src/engine/restore.ts'
import { listViews } from '../../src/engine/snapshot-view.ts'
import { verifyRepository } from '../../src/engine/verify.ts'
import type { StorageOperation } from '../../src/storage/forwarding-backend.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import { Chance } from './chance.ts'
import { FAULT_KINDS, FaultAtCall, isMeaningful } from './fault-at-call.ts'
import type { FaultKind } from './fault-at-call.ts'
import { differenceOf, readSnapshot } from './fingerprint.ts'
import { leavesNothing } from './last-collection.ts'
import { planCollection, planExport, planForgetting, planImport, planRestore, planSnapshot } from './operations.ts'
import type { PlannedOperation } from './operations.ts'
import type { Tally } from './tally.ts'
import { Violation, demand, lineOf } from './violation.ts'
import { World } from './world.ts'

export interface FaultsRequest {
  readonly seed: number
  /** Of the calls that a kind means something to, every n-th is hit. @default 1 */
  readonly step?: number
  /** @default all */
  readonly kinds?: readonly FaultKind[]
  readonly tally: Tally
  readonly signal?: AbortSignal | undefined
}

interface Stage {
  readonly name: string
  plan(world: World): Promise<PlannedOperation | undefined>
}

/** A short life of a repository that makes every kind of call. */
const STAGES: readonly Stage[] = [
  { name: 'snapshot', plan: planSnapshot },
  { name: 'snapshot', plan: planSnapshot },
  { name: 'export', plan: planExport },
  { name: 'forget', plan: planForgetting },
  { name: 'gc', plan: planCollection },
  { name: 'restore', plan: planRestore },
  { name: 'import', plan: planImport },
  { name: 'verify', plan: planVerification },
]

/**
 * Runs the scenario once for each of its storage calls and each kind of fault, with the fault at that call. What was
 * reported holds, what failed has left nothing broken, and trying again succeeds.
 * @throws {Violation} with kind and call of the fault
 */
export async function faultAtEveryCall ({ seed, step = 1, kinds = FAULT_KINDS, tally, signal }: FaultsRequest): Promise<void> {
  const calls = await live(seed, {})
  for (const kind of kinds) {
    const positions = [...calls.keys()].filter(position => isMeaningful(kind, calls[position]!))
    for (let i = seed % step; i < positions.length && signal?.aborted !== true; i += step) {
      await live(seed, { kind, position: positions[i]! })
      tally.count('faults', kind)
    }
  }
}

/** @returns the calls of the scenario */
async function live (seed: number, fault: { readonly kind?: FaultKind, readonly position?: number }): Promise<StorageOperation[]> {
  const storage = new FaultAtCall(memoryBackend(), fault)
  const steps = [`seed ${seed}, fault ${fault.kind ?? 'none'} at call ${fault.position ?? 'none'}`]
  let world: World | undefined
  try {
    world = await begin(new Chance(seed), storage, steps)
    for (const { name, plan } of STAGES) await liveStage({ world, storage, steps, mayLose: fault.kind === 'lost' }, name, plan)
    const calls = [...storage.calls]
    if (fault.kind !== 'lost') await leavesNothing(world)
    return calls
  } catch (error) {
    steps.push(`the fault was at: ${storage.hit ?? 'nothing'}`)
    throw new Violation(lineOf(error), { steps, cause: error })
  } finally {
    await world?.close()
  }
}

/** Makes the repository; one fault cannot hinder it twice. */
async function begin (chance: Chance, storage: FaultAtCall, steps: string[]): Promise<World> {
  try {
    return await World.create(chance, { storage })
  } catch (error) {
    demand(isBackupError(error) && storage.hit !== undefined, `a repository cannot be made: ${lineOf(error)}`, error)
    steps.push(`init: ${lineOf(error)}`)
    return await World.create(chance, { storage })
  }
}

interface Run {
  readonly world: World
  readonly storage: FaultAtCall
  readonly steps: string[]
  readonly mayLose: boolean
}

async function liveStage ({ world, storage, steps, mayLose }: Run, name: string, plan: Stage['plan']): Promise<void> {
  world.tick()
  const before = storage.hit
  const planned = await plan(world)
  if (planned === undefined) return
  steps.push(`${name} ${planned.what}`)
  try {
    await planned.run()
  } catch (error) {
    if (error instanceof Violation) throw error
    demand(isBackupError(error), `it failed without a code: ${lineOf(error)}`, error)
    demand(storage.hit !== undefined, `it failed without a fault: ${lineOf(error)}`, error)
    steps.push(`failed: ${lineOf(error)}`)
    world.die()
    await world.restart('none')
    if (mayLose) return await stillHonest(world)
    steps.push(world.model.settle(await world.contents(), planned.uncertainty))
    await tryAgain(world, plan)
  }
  if (storage.hit === before) return // nothing happened in this stage: the next check will do
  world.die()
  await world.restart('none')
  await (mayLose ? stillHonest(world) : world.check())
}

async function tryAgain (world: World, plan: Stage['plan']): Promise<void> {
  if ((await pendingRestores(world.repository)).length > 0) await resumeRestore(world.repository, () => [])
  const again = await plan(world)
  try {
    await again?.run()
  } catch (error) {
    throw error instanceof Violation ? error : new Violation(`trying again fails as well: ${lineOf(error)}`, { cause: error })
  }
  await world.check()
}

/** When storage has lied, losses must show: what is read is right, what is missing is named, and a new snapshot is whole. */
async function stillHonest (world: World): Promise<void> {
  const lost: string[] = []
  await world.afresh(async repository => {
    for (const view of await listViews(repository, { onBroken: id => { lost.push(id) } })) {
      const wanted = world.model.contents(view.id)
      const contents = await readSnapshot(repository, view).catch((error: unknown) => {
        demand(isBackupError(error), `a loss shows as an error without a code: ${lineOf(error)}`, error)
        lost.push(view.id)
        return undefined
      })
      if (contents === undefined || wanted === undefined) continue
      const difference = differenceOf(contents, wanted)
      demand(difference === undefined, () => `in snapshot ${view.id}, which seems intact, ${difference}`)
    }
    const findings = await Array.fromAsync(verifyRepository(repository, { readData: 'all' }))
    demand(lost.length === 0 || findings.length > 0, `snapshot ${lost[0]} cannot be read, and verify finds nothing`)
    for (const id of world.model.ids) if (lost.includes(id) || !(await repository.visible()).some(commit => commit.id === id)) world.model.forget(id)
    for (const id of lost) await repository.forget(id)
  })
  const snapshot = await planSnapshot(world)
  await snapshot.run()
  const [id] = world.model.ids.slice(-1)
  const contents = (await world.contents()).get(id!)
  const difference = differenceOf(contents ?? new Map(), world.model.contents(id!)!)
  demand(difference === undefined, () => `in the snapshot that came after a loss ${difference}`)
}

async function planVerification (world: World): Promise<PlannedOperation> {
  return {
    what: 'everything',
    uncertainty: {},
    async run () {
      const findings = await Array.fromAsync(verifyRepository(world.repository, { readData: 'all' }))
      const finding = findings.find(({ severity }) => severity === 'error')
      if (finding !== undefined) throw new BackupError(finding.code, finding.message)
    },
  }
}

import { repairIndex } from '../cas/repair-index.ts'
import type { RepairResult } from '../cas/repair-index.ts'
import type { Repository } from '../cas/repository.ts'
import type { StorageFinding } from '../cas/verify-storage.ts'
import type { Source } from '../sources/source.ts'
import type { AbortOptions } from '../stream.ts'
import { writeCatalogue } from './catalogue.ts'
import { surveyDamage } from './damage-survey.ts'
import type { DamageSurvey } from './damage-survey.ts'
import type { Finding } from './finding.ts'
import { healRecords } from './heal-records.ts'
import type { HealedRecord } from './heal-records.ts'
import { healByRecipe, healFromDonors, healFromSources } from './heal-ways.ts'
import type { Donor, HealContext } from './heal-ways.ts'
import { healLog } from './heal-log.ts'
import { Healer } from './healer.ts'
import type { Healed } from './healer.ts'
import type { OnProgress } from './progress.ts'
import type { RecipeRunner } from './recipes.ts'

export interface RepairRequest extends AbortOptions {
  /** Other repositories to take lost blobs from; damaged records too, where they are copies of this one. */
  readonly donors?: readonly Donor[]
  /** Sources to capture hit artifacts from once more. */
  readonly sources?: readonly Source[]
  /** What can compute hit artifacts again. */
  readonly recipes?: readonly RecipeRunner[]
  /** Changes nothing and says what would be done; recipes are not tried, and what stands below a lost block is not known yet. @default false */
  readonly dryRun?: boolean
  readonly onProgress?: OnProgress | undefined
}

export interface RepairOutcome extends Pick<RepairResult, 'listed' | 'rewritten' | 'removedSegments'> {
  /** Blobs that are whole again. Their damaged copies stay where they are, and are not used. */
  readonly healed: readonly Healed[]
  readonly healedRecords: readonly HealedRecord[]
  /** Keys of the log's objects that were made again of others. */
  readonly log: readonly string[]
  /** What stays lost, and what that hits. */
  readonly lost: readonly Finding[]
  /** Packs that nothing lists, and records, that could not be repaired. */
  readonly left: readonly StorageFinding[]
  /** What could not be tried and why, each one sentence. */
  readonly notes: readonly string[]
}

/**
 * Makes anew what is derived: index segments, the ends of packs, this host's cache, the log's tiles and the catalogue. Then stores lost blobs again from other repositories, from
 * live sources or by computing them, as far as the request names any. What is intact is never touched.
 * @throws {BackupError} `INDEX_CORRUPT`, `SESSION_REVOKED`, `STORAGE_…`; what was healed before stays so
 */
export async function repairRepository (repository: Repository, request: RepairRequest = {}): Promise<RepairOutcome> {
  const { donors = [], dryRun = false, signal, onProgress } = request
  const onPack = ({ packs, ofPacks }: { readonly packs: number, readonly ofPacks: number }): void => { onProgress?.({ step: 'repair', done: packs, total: ofPacks, unit: 'items' }) }
  const records = await healRecords(repository, { donors, dryRun, signal })
  const index = await repairIndex(repository, { dryRun, signal, onPack })
  const { healed, lost, notes } = await healBlobs(repository, index, request)
  const log = await healLog(repository, { dryRun, signal })
  if (!dryRun) await writeCatalogue(repository)
  const { listed, rewritten, removedSegments, left } = index
  return { listed, rewritten, removedSegments, healed, healedRecords: records.healed, log, lost, left: [...records.left, ...left], notes }
}

type HealedBlobs = Pick<RepairOutcome, 'healed' | 'lost' | 'notes'>

/** Round by round, since a block that is whole again shows what is lost below it, and a base makes its deltas readable. */
async function healBlobs (repository: Repository, { damaged, isListed }: RepairResult, request: RepairRequest): Promise<HealedBlobs> {
  const { dryRun = false, signal } = request
  const healer = new Healer(repository, { dryRun, signal })
  const notes = new Set<string>()
  const tried = new Set<string>()
  try {
    for (;;) {
      const survey = await surveyDamage(repository, { damaged, isThere: isListed, signal })
      const before = healer.healed.length
      if (survey.wanted.size > 0) await healOnce({ repository, survey, healer, note: text => notes.add(text), signal }, request, tried)
      await healer.flush()
      if (dryRun || healer.healed.length === before) return { healed: healer.healed, lost: stillLost(survey), notes: [...notes] }
    }
  } finally {
    await healer.close()
  }
}

async function healOnce (context: HealContext, { donors = [], sources = [], recipes = [], dryRun = false }: RepairRequest, tried: Set<string>): Promise<void> {
  await healFromDonors(donors, context)
  if (context.survey.wanted.size > 0) await healFromSources(sources, context)
  await context.healer.flush()
  if (context.survey.wanted.size > 0 && recipes.length > 0 && !dryRun) await healByRecipe(recipes, tried, context)
}

function stillLost ({ findings, wanted }: DamageSurvey): Finding[] {
  return findings.filter(({ address }) => address === undefined || wanted.has(address))
}

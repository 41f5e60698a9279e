import { repairIndex } from '../cas/repair-index.ts'
import type { RepairResult } from '../cas/repair-index.ts'
import type { Repository } from '../cas/repository.ts'
import type { AbortOptions } from '../stream.ts'
import { writeCatalogue } from './catalogue.ts'

/**
 * Makes anew what is derived: index segments, the ends of packs, this host's cache and the catalogue. What is not derived is never touched.
 * @throws {BackupError} `INDEX_CORRUPT`, `STORAGE_…`
 */
export async function repairRepository (repository: Repository, options: AbortOptions = {}): Promise<RepairResult> {
  const result = await repairIndex(repository, options)
  await writeCatalogue(repository)
  return result
}

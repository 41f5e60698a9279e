import { CheckMemory, coverageOf } from '../cas/check-memory.ts'
import type { Coverage } from '../cas/check-memory.ts'
import { VERIFIED_KEY } from '../cas/layout.ts'
import { choosePacks } from '../cas/pack-choice.ts'
import type { Repository } from '../cas/repository.ts'
import { verifyPacks } from '../cas/verify-storage.ts'
import type { AbortOptions } from '../stream.ts'
import type { Finding } from './finding.ts'
import type { Verification } from './verification.ts'

/** How much of the repository was read when. @throws {BackupError} `STORAGE_…` */
export async function readCoverage (repository: Repository, options: AbortOptions = {}): Promise<Coverage> {
  return coverageOf(repository, await CheckMemory.open(repository, options))
}

/** Reads as many packs as asked for, and remembers when each was found intact, also when it is stopped. */
export async function * verifyData ({ repository, request, ledger, read, memory, signal }: Verification): AsyncGenerator<Finding> {
  const { readData: amount = 'none', resume = false, onProgress } = request
  if (amount === 'none') return
  if (memory.damage !== undefined) yield { severity: 'warning', code: memory.damage.code, message: memory.damage.message, key: VERIFIED_KEY, affected: [] }
  const only = choosePacks(repository, memory, amount, { resume })
  if (amount === 'all') {
    if (resume && memory.run !== undefined) read.since = memory.run
    else memory.setRun(repository.now())
  }
  try {
    const findings = verifyPacks(repository, {
      only, signal,
      onPack: async ({ name, sizeBytes, state }) => {
        read.packs++
        read.bytes += sizeBytes
        if (state !== 'gone') await memory.note(name, { intact: state === 'intact' })
        onProgress?.({ step: 'verify', done: read.packs, total: only.size, unit: 'items' })
      },
    })
    for await (const finding of findings) ledger.noteStored(finding)
    if (amount === 'all') memory.setRun(undefined)
  } finally {
    await memory.save()
  }
}

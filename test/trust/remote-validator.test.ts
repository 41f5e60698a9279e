import { describe, expect } from 'vitest'
import { createRepository } from '../../src/cas/repository.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import { remoteValidator } from '../../src/trust/remote-validator.ts'
import { validatorCompliance } from '../compliance/validator.ts'
import { logOf, proposeIn } from './proposals.ts'
import { temporaryFolders } from './temporary-folder.ts'
import { startValidator } from './validator-host.ts'

const newFolder = temporaryFolders()

describe('a remote validator', () => {
  validatorCompliance(async () => {
    const backend = memoryBackend()
    const repository = await createRepository(backend)
    const log = await logOf(repository)
    const host = await startValidator(backend, { stateFolder: await newFolder() })
    const validator = remoteValidator(host)
    return {
      repository,
      async judge (writer, root, options) {
        const proposed = await proposeIn(log, writer, root)
        const blobs = await repository.openReader()
        try {
          const verdict = await validator.validate({ snapshot: writer.id, root, blobs, committed: new Set(), log: await proposed.leaf() }, options)
          // As who proposed it does.
          if (!verdict.accepts) await log.log.append({ kind: 'abandoned', snapshot: writer.id }, { time: '2026-01-01T00:00:00Z', traceId: '' })
          return verdict
        } finally {
          await blobs.close()
        }
      },
      commit: async (writer, root) => { await writer.commit({ root: root.toString(), consensus: true, validatedBy: [host.name], statements: [] }) },
      async close () {
        await host.close()
        await repository.close()
        expect(host.errors).toEqual([])
      },
    }
  })
})

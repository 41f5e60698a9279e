import { describe, expect, it } from 'vitest'
import { createRepository } from '../../src/cas/repository.ts'
import { localValidator } from '../../src/trust/local-validator.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import { validatorCompliance } from '../compliance/validator.ts'

describe('the local validator', () => {
  validatorCompliance(async () => {
    const repository = await createRepository(memoryBackend(), { readCacheBytes: 0 })
    const validator = localValidator()
    return {
      repository,
      async judge (writer, root, options) {
        const blobs = await repository.openReader()
        const committed = new Set((await repository.visible()).map(commit => commit.root))
        try {
          return await validator.validate({ snapshot: writer.id, root, blobs, committed }, options)
        } finally {
          await blobs.close()
        }
      },
      commit: async (writer, root) => { await writer.commit({ root: root.toString(), consensus: true, validatedBy: ['local'], statements: [] }) },
      close: async () => { await repository.close() },
    }
  })

  it('is called local', () => { expect(localValidator().name).toBe('local') })
})

import type { AddressInfo } from 'node:net'
import { openRepository } from '../../src/cas/repository.ts'
import { openWitness } from '../../src/engine/open-witness.ts'
import { logOrigin } from '../../src/engine/open-log.ts'
import { validatorServer } from '../../src/http/validator-server.ts'
import { directoryBackend } from '../../src/storage/directory-backend.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import type { NoteKey } from '../../src/trust/log/note-key.ts'
import type { VerificationOptions } from '../../src/trust/verify/verify-snapshot.ts'
import { witnessSigner } from './sample-log.ts'

export interface ValidatorHost {
  readonly name: string
  readonly url: string
  readonly key: NoteKey
  readonly errors: unknown[]
  close(): Promise<void>
}

export interface ValidatorHostOptions extends Pick<VerificationOptions, 'data'> {
  readonly stateFolder: string
  /** Also what it is called and its key. */
  readonly seed?: number
}

/** A validator with a reading of its own of the repository in that backend, or folder, answering real requests. Closes no backend that it was given. */
export async function startValidator (where: StorageBackend | string, { stateFolder, seed = 9, data }: ValidatorHostOptions): Promise<ValidatorHost> {
  const backend = typeof where === 'string' ? directoryBackend(where) : where
  const repository = await openRepository(backend, { cacheFolder: false })
  const signer = witnessSigner(`validator.example/${seed}`, seed)
  const errors: unknown[] = []
  const witness = openWitness(repository, { signer, stateFolder, data, onError: error => errors.push(error) })
  const server = validatorServer({ witness, origins: [logOrigin(repository)] })
  await server.listen({ host: '127.0.0.1', port: 0 })
  return {
    name: `v${seed}`, key: signer.key, errors,
    url: `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`,
    async close () {
      await server.close()
      await repository.close()
      if (backend !== where) await backend.close()
    },
  }
}

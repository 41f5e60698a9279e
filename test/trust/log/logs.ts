import { hash } from 'node:crypto'
import { Log } from '../../../src/trust/log/log.ts'
import type { LogOptions } from '../../../src/trust/log/log.ts'
import { noteSigner } from '../../../src/trust/log/note-key.ts'
import type { Act } from '../../../src/trust/log/opening.ts'
import type { StorageBackend } from '../../../src/storage/storage-backend.ts'

export const REPOSITORY = '0123456789abcdef0123456789abcdef'
export const signer = noteSigner(`caf/${REPOSITORY}`, Buffer.alloc(32, 1))
export const facts = { time: '2026-01-02T03:04:05.000Z', traceId: 'trace' }

/** A log that signs, with reproducible blinds. */
export function logOver (backend: StorageBackend, { name = 'a', ...options }: Partial<LogOptions> & { readonly name?: string } = {}): Log {
  let drawn = 0
  return new Log(backend, { key: signer.key, signer, random: () => hash('sha256', `${name} ${drawn++}`, 'buffer'), ...options })
}

export function actOf (n: number): Act {
  return { kind: 'forgotten', snapshot: n.toString(16).padStart(32, '0') }
}

import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { encodeRecord } from '../../../src/cas/record.ts'
import { memoryBackend } from '../../../src/storage/memory-backend.ts'
import { createKeys } from '../../../src/trust/keys/create-keys.ts'
import { unlockKeys } from '../../../src/trust/keys/unlock-keys.ts'
import { contentOf, restoreContent } from '../../damaged/damage.ts'
import { mutateBytes, mutateValue } from './mutation.ts'
import { membersOf } from './storage-targets.ts'
import type { FuzzTarget } from './target.ts'

/** The key files of a sealed repository, of which one is another's work. */
export async function keyTargets (): Promise<FuzzTarget[]> {
  const identity = await generateX25519Identity()
  const backend = memoryBackend()
  await createKeys(backend, { recipients: [await identityToRecipient(identity)], label: 'a seed' })
  const content = await contentOf(backend)
  const keys = [...content.keys()]
  return [{
    name: 'key files',
    weight: 2,
    // Key, a zero byte, and what stands there.
    input: chance => {
      const key = chance.pick(keys)!
      const bytes = content.get(key)!
      const made = chance.oneIn(2) ? mutateBytes([bytes], chance) : encodeRecord(mutateValue(membersOf(bytes), chance) as Record<string, never>)
      return Buffer.concat([Buffer.from(`${key}\0`), made])
    },
    async parse (bytes) {
      const border = bytes.indexOf(0)
      const hostile = memoryBackend()
      await restoreContent(hostile, content)
      await hostile.put(Buffer.from(bytes.subarray(0, border)).toString(), bytes.subarray(border + 1))
      await unlockKeys(hostile, { identities: [identity] })
    },
  }]
}

import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import type { Plain } from '../../stream.ts'

type Members = Readonly<Record<string, Plain | undefined>>

/**
 * The `mac` of a key record, in hex: HMAC-SHA256 over the compact JSON of its other members in their order (without `format` and `checksum`), under
 * HKDF-SHA256 of the generation's identity. Anybody can encrypt to a recipient; only who has the identity can have made this.
 */
export function recordMac (members: Members, identity: string): string {
  const { format: _format, mac: _mac, ...content } = members
  const key = Buffer.from(hkdfSync('sha256', identity, new Uint8Array(), 'caf/key-record/1', 32))
  return createHmac('sha256', key).update(JSON.stringify(content)).digest('hex')
}

/** True if the record was made by somebody who has the identity, and nobody else has changed it. */
export function hasMac (members: Members & { readonly mac: string }, identity: string): boolean {
  return timingSafeEqual(Buffer.from(recordMac(members, identity), 'hex'), Buffer.from(members.mac, 'hex'))
}

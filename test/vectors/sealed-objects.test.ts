import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { padmeSize } from '../../src/cas/padme.ts'
import { openBytes, sealBytes } from '../../src/cas/sealed-object.ts'
import { sealingKeyOf } from '../../src/cas/sealing.ts'
import { stream } from './inputs.ts'
import vectors from './sealed-objects.json' with { type: 'json' }

const key = sealingKeyOf(Buffer.from(vectors.key, 'hex'))

describe('vectors of sealed objects', () => {
  it.each(vectors.objects)('$name of $stream bytes', async ({ name, stream: length, salt, slots, wrap, ...expected }) => {
    const current = wrap === '' ? key : { ...key, wrap: Buffer.from(wrap, 'hex') }
    const sealing = { current, slots: slots.map(slot => Buffer.from(slot, 'hex')), find: async () => undefined }
    const stored = Buffer.from(sealBytes(name, stream(length), sealing, () => Buffer.from(salt, 'hex')))
    expect({ length: stored.length, begins: stored.toString('hex', 0, 64), sha256: createHash('sha256').update(stored).digest('hex') }).toEqual(expected)
    expect(stream(length).equals(await openBytes(name, stored, sealing))).toBe(true)
  })

  it('of padded lengths', () => {
    for (const [length, padded] of vectors.padme) expect(padmeSize(length!)).toBe(padded)
  })
})

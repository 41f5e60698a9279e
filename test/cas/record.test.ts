import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeRecord, encodeRecord } from '../../src/cas/record.ts'
import { ForgottenRecord, OutcomeRecord, readRecord, writeRecord } from '../../src/cas/records.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'

const plain = fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/).filter(name => name !== 'format' && name !== 'checksum'),
  fc.oneof(fc.string(), fc.boolean(), fc.integer(), fc.array(fc.string()), fc.constant(null)))

describe('a record', () => {
  it('is read as it was written', () => {
    fc.assert(fc.property(plain, members => {
      expect(decodeRecord('key', encodeRecord(members))).toEqual({ format: 1, ...members })
    }))
  })

  it('is text for people, with its checksum last', () => {
    const checksum = createHash('sha256').update('{"format":1,"time":"now"}').digest('hex')
    expect(Buffer.from(encodeRecord({ time: 'now' })).toString()).toBe(`{\n  "format": 1,\n  "time": "now",\n  "checksum": "${checksum}"\n}\n`)
  })

  it.each([
    ['not JSON', Buffer.from('{')],
    ['no object', Buffer.from('[]')],
    ['not UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
    ['without checksum', Buffer.from('{"format":1}')],
    ['empty', Buffer.alloc(0)],
  ])('that is %s is RECORD_CORRUPT', (_, bytes) => {
    expect(() => decodeRecord('outcomes/x', bytes)).toThrow(expect.objectContaining({ code: 'RECORD_CORRUPT', data: { key: 'outcomes/x' } }))
  })

  it('that is nested deeper than a stack is RECORD_CORRUPT, though its checksum is right', () => {
    const content = `{"format":1,"deep":${'['.repeat(100_000)}${']'.repeat(100_000)}`
    const checksum = createHash('sha256').update(`${content}}`).digest('hex')
    expect(() => decodeRecord('x', Buffer.from(`${content},"checksum":"${checksum}"}`))).toThrow(expect.objectContaining({ code: 'RECORD_CORRUPT' }))
  })

  it('of a newer format is FORMAT_UNKNOWN', () => {
    expect(() => decodeRecord('key', encodeRecord({ format: 2 }))).toThrow(expect.objectContaining({ code: 'FORMAT_UNKNOWN' }))
  })

  it('keeps members that this version does not know', async () => {
    const backend = memoryBackend()
    await writeRecord(backend, 'forgotten/x', { time: '2026-11-21T00:00:00Z', later: 'invention' })
    expect(await readRecord(backend, 'forgotten/x', ForgottenRecord)).toMatchObject({ later: 'invention' })
  })

  it('with members of the wrong type is RECORD_CORRUPT, and says which', async () => {
    const backend = memoryBackend()
    await writeRecord(backend, 'forgotten/x', { time: 5 })
    await expect(readRecord(backend, 'forgotten/x', ForgottenRecord)).rejects.toThrow(/forgotten\/x.* time must be/)
    await writeRecord(backend, 'outcomes/x', { outcome: 'commit', time: '2026-11-21T00:00:00Z' })
    await expect(readRecord(backend, 'outcomes/x', OutcomeRecord)).rejects.toMatchObject({ code: 'RECORD_CORRUPT' })
  })

  it('that is absent is undefined', async () => {
    expect(await readRecord(memoryBackend(), 'forgotten/x', ForgottenRecord)).toBeUndefined()
  })
})

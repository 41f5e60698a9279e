import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { openCheckpoint } from '../../src/trust/log/checkpoint.ts'
import { cosignaturesOf, verifyCosignature } from '../../src/trust/log/cosignature.ts'
import { EMPTY_ROOT } from '../../src/trust/log/merkle.ts'
import { noteSigner } from '../../src/trust/log/note-key.ts'
import { parseNote, parseSignature } from '../../src/trust/log/signed-note.ts'
import { folderOf, WitnessState } from '../../src/trust/witness/witness-state.ts'
import type { WitnessRecord } from '../../src/trust/witness/witness-state.ts'
import { Witness } from '../../src/trust/witness/witness.ts'
import type { Inspection, NewLeaves, WitnessAnswer, WitnessOptions } from '../../src/trust/witness/witness.ts'
import { LOG_SIGNER, ORIGIN, requestFor, SampleLog, witnessSigner } from './sample-log.ts'
import { temporaryFolders } from './temporary-folder.ts'

const newFolder = temporaryFolders()
const SIGNER = witnessSigner('validator.example/one', 9)
const SIZE_TYPE = 'text/x.tlog.size'
const PLAIN = 'text/plain; charset=utf-8'

let folder: string
let sample: SampleLog
let witness: Witness
let seen: NewLeaves[]
let inspection: Inspection

const open = (options: Partial<WitnessOptions> = {}): Witness => new Witness({
  signer: SIGNER, state: new WitnessState(folder), clock: () => 1_700_000_000_000, logKey: origin => origin === ORIGIN ? LOG_SIGNER.key : undefined,
  inspect: async leaves => {
    seen.push(leaves)
    return inspection
  },
  ...options,
})
const lines = (...all: string[]): Uint8Array => Buffer.from(all.map(line => `${line}\n`).join(''))
const size = async (): Promise<number> => (await new WitnessState(folder).read(ORIGIN)).record?.size ?? 0
/** The witness answers so, and has not moved. */
const expectRefusal = async (body: Uint8Array, status: WitnessAnswer['status']): Promise<void> => {
  const before = await size()
  expect(await witness.addCheckpoint(body)).toMatchObject({ status, contentType: PLAIN })
  expect(await size()).toBe(before)
}

beforeEach(async () => {
  folder = await newFolder()
  sample = new SampleLog()
  await sample.grow(9)
  seen = []
  inspection = { verified: [] }
  witness = open()
})

describe('a witness', () => {
  it('cosigns the first checkpoint of a log from size zero without a proof', async () => {
    const answer = await witness.addCheckpoint(await sample.request(0, 5))
    expect(answer).toMatchObject({ status: 200, contentType: PLAIN })
    expect(answer.body).toMatch(/^— validator\.example\/one [A-Za-z0-9+/=]+\n$/)
    const time = verifyCosignature(parseNote(sample.note(5)).text, SIGNER.key, parseSignature(answer.body.trimEnd()))
    expect(time).toBe(1_700_000_000)
    expect(seen).toMatchObject([{ from: { size: 0 }, to: { size: 5 }, verified: [] }])
  })

  it('goes from one size to any greater one, and to the same', async () => {
    for (const [from, to] of [[0, 1], [1, 2], [2, 5], [5, 5], [5, 8], [8, 9], [9, 9]] as const) {
      expect(await witness.addCheckpoint(await sample.request(from, to))).toMatchObject({ status: 200 })
      expect(await size()).toBe(to)
    }
    expect(seen.map(({ from, to }) => [from.size, to.size])).toEqual([[0, 1], [1, 2], [2, 5], [5, 8], [8, 9]])
  })

  it('answers 404 to an origin that it does not serve', async () => {
    const other = noteSigner('caf/other', Buffer.alloc(32, 1))
    await expectRefusal(requestFor({ size: 1, root: Buffer.alloc(32) }, { signer: other }), 404)
  })

  it('answers 403 to a checkpoint without a signature of the log, or with a wrong one, and ignores those of unknown keys', async () => {
    const stranger = noteSigner('stranger', Buffer.alloc(32, 5))
    const request = Buffer.from(await sample.request(0, 5)).toString()
    const signature = request.trimEnd().split('\n').at(-1)!
    const strange = requestFor({ size: 5, root: Buffer.alloc(32) }, { signer: { key: { ...stranger.key, name: ORIGIN }, sign: stranger.sign } })
    await expectRefusal(strange, 403)
    await expectRefusal(Buffer.from(request.replace('\n5\n', '\n6\n')), 403)
    const wrong = Buffer.from(signature.split(' ').at(-1)!, 'base64')
    wrong[20]! ^= 1
    await expectRefusal(Buffer.from(`${request}${signature.replace(/\S+$/, wrong.toString('base64'))}\n`), 403)
    const unknown = `— stranger ${Buffer.alloc(68, 7).toString('base64')}\n`
    expect(await witness.addCheckpoint(Buffer.from(request + unknown))).toMatchObject({ status: 200 })
  })

  it('answers 400 when the old size is greater than that of the checkpoint', async () => {
    await expectRefusal(requestFor({ size: 3, root: Buffer.alloc(32) }, { oldSize: 4 }), 400)
  })

  it('answers 409 with its size when the old size is another', async () => {
    const conflict = (n: number): WitnessAnswer => ({ status: 409, contentType: SIZE_TYPE, body: `${n}\n` })
    expect(await witness.addCheckpoint(await sample.request(2, 5))).toEqual(conflict(0))
    await witness.addCheckpoint(await sample.request(0, 5))
    expect(await witness.addCheckpoint(await sample.request(0, 5))).toEqual(conflict(5))
    expect(await witness.addCheckpoint(await sample.request(4, 9))).toEqual(conflict(5))
    expect(await witness.addCheckpoint(await sample.request(6, 9))).toEqual(conflict(5))
    expect(await witness.addCheckpoint(await sample.request(3, 4))).toEqual(conflict(5))
    expect(await size()).toBe(5)
  })

  it('answers 422 to an empty log whose root is not that of nothing, and cosigns one whose root is', async () => {
    await expectRefusal(requestFor({ size: 0, root: Buffer.alloc(32) }), 422)
    expect(await witness.addCheckpoint(requestFor({ size: 0, root: EMPTY_ROOT }))).toMatchObject({ status: 200 })
    expect(await witness.addCheckpoint(await sample.request(0, 3))).toMatchObject({ status: 200 })
  })

  it('answers 422 to a proof where there must be none', async () => {
    await expectRefusal(requestFor(sample.checkpoints[4]!, { proof: [Buffer.alloc(32)] }), 422)
    await witness.addCheckpoint(await sample.request(0, 5))
    await expectRefusal(requestFor(sample.checkpoints[4]!, { oldSize: 5, proof: [Buffer.alloc(32)] }), 422)
  })

  it('answers 422 to a proof that does not verify, is missing or is too long', async () => {
    await witness.addCheckpoint(await sample.request(0, 5))
    const head = sample.checkpoints[8]!
    const proof = [...await sample.log.consistency(5, 9)]
    for (const wrong of [[], proof.slice(1), [...proof, proof[0]!], [...proof].reverse(), proof.map(hash => Buffer.from(hash).fill(1))]) {
      await expectRefusal(requestFor(head, { oldSize: 5, proof: wrong }), 422)
    }
    expect(await witness.addCheckpoint(requestFor(head, { oldSize: 5, proof }))).toMatchObject({ status: 200 })
  })

  it('answers 422 to another log of the same size, and to one that went on from another', async () => {
    const fork = new SampleLog(1)
    await fork.grow(9)
    await witness.addCheckpoint(await sample.request(0, 5))
    await expectRefusal(await fork.request(5, 5), 422)
    await expectRefusal(await fork.request(5, 9), 422)
    expect((await new WitnessState(folder).read(ORIGIN)).record?.checkpoint).toContain(parseNote(sample.note(5)).text)
  })

  it('answers 400 to everything that is no request', async () => {
    const note = sample.note(5).split('\n').slice(0, -1)
    const bodies: ReadonlyArray<readonly [string, Uint8Array]> = [
      ['nothing', Buffer.alloc(0)],
      ['no old size', lines('', ...note)],
      ['a leading zero', lines('old 00', '', ...note)],
      ['a sign', lines('old +1', '', ...note)],
      ['two spaces', lines('old  1', '', ...note)],
      ['a size beyond numbers', lines('old 99999999999999999999', '', ...note)],
      ['capitals', lines('OLD 0', '', ...note)],
      ['no empty line', lines('old 0', ...note.slice(0, 3))],
      ['a proof that is no base64', lines('old 0', '!', '', ...note)],
      ['a hash that is too short', lines('old 0', Buffer.alloc(31).toString('base64'), '', ...note)],
      ['64 lines of a proof', lines('old 0', ...Array.from({ length: 64 }, () => Buffer.alloc(32).toString('base64')), '', ...note)],
      ['carriage returns', Buffer.from(`old 0\r\n\r\n${note.join('\r\n')}\r\n`)],
      ['no final newline', Buffer.from(`old 0\n\n${note.join('\n')}`)],
      ['no checkpoint', lines('old 0', '')],
      ['bytes that are no text', Buffer.from([0x6f, 0x6c, 0x64, 0x20, 0x30, 0x0a, 0x0a, 0xff, 0xfe])],
    ]
    for (const [what, body] of bodies) expect((await witness.addCheckpoint(body)).status, what).toBe(400)
    expect(await size()).toBe(0)
  })

  it('answers something of the protocol to any bytes', async () => {
    const good = Buffer.from(await sample.request(0, 5))
    await fc.assert(fc.asyncProperty(fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }), fc.nat(good.length), async (changes, end) => {
      const body = Buffer.from(good)
      for (const [at, byte] of changes) body[at] = byte
      const { status } = await witness.addCheckpoint(body.equals(good) ? body.subarray(0, end - 1) : body)
      expect([400, 403, 404, 409]).toContain(status)
    }), { numRuns: 300 })
    expect(await size()).toBe(0)
  })

  it('does not cosign what is refused when it is looked at, with the reason', async () => {
    inspection = { refusal: 'snapshot 12 lacks a chunk' }
    const answer = await witness.addCheckpoint(await sample.request(0, 5))
    expect(answer).toEqual({ status: 422, contentType: PLAIN, body: 'snapshot 12 lacks a chunk\n' })
    expect(await size()).toBe(0)
    inspection = { verified: ['root'] }
    expect(await witness.addCheckpoint(await sample.request(0, 5))).toMatchObject({ status: 200 })
    await witness.addCheckpoint(await sample.request(5, 9))
    expect(seen.at(-1)?.verified).toEqual(['root'])
  })

  it('answers 500, and tells its owner why, when it cannot look', async () => {
    const errors: unknown[] = []
    witness = open({ inspect: async () => { throw new Error('the disk is away: /secret/path') }, onError: error => errors.push(error) })
    const answer = await witness.addCheckpoint(await sample.request(0, 5))
    expect(answer.status).toBe(500)
    expect(answer.body).not.toContain('secret')
    expect(errors).toHaveLength(1)
    expect(await size()).toBe(0)
  })

  it('cosigns no further when the log comes with another key', async () => {
    await witness.addCheckpoint(await sample.request(0, 5))
    const other = noteSigner(ORIGIN, Buffer.alloc(32, 77))
    const again = new SampleLog(0, other)
    await again.grow(9)
    witness = open({ logKey: () => other.key })
    await expectRefusal(await again.request(5, 9), 403)
  })

  it('serves the checkpoint that it cosigned last, with the signatures of the log and its own alone', async () => {
    expect(await witness.checkpoint(ORIGIN)).toBeUndefined()
    const unknown = `— stranger ${Buffer.alloc(68, 7).toString('base64')}\n`
    await witness.addCheckpoint(Buffer.from(Buffer.from(await sample.request(0, 5)).toString() + unknown))
    const { note, size: served } = openCheckpoint((await witness.checkpoint(ORIGIN))!, LOG_SIGNER.key)
    expect(served).toBe(5)
    expect(note.signatures).toHaveLength(2)
    expect(cosignaturesOf(note, [SIGNER.key])).toHaveLength(1)
  })

  it('lets one of two requests at once win; the other learns the new size', async () => {
    await witness.addCheckpoint(await sample.request(0, 2))
    const [one, other] = await Promise.all([witness.addCheckpoint(await sample.request(2, 9)), witness.addCheckpoint(await sample.request(2, 5))])
    expect([one.status, other.status].sort()).toEqual([200, 409])
    expect(await size()).toBe(one.status === 200 ? 9 : 5)
  })

  it('lets one of two witnesses on one folder win', async () => {
    const other = open()
    for (let from = 0; from < 9; from++) {
      const answers = await Promise.all([witness.addCheckpoint(await sample.request(from, 9)), other.addCheckpoint(await sample.request(from, from + 1))])
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
      if (await size() === 9) return
    }
  })
})

describe('what a witness remembers', () => {
  const record = (n: number): WitnessRecord => ({ origin: ORIGIN, log: 'key', size: n, root: 'AAAA', checkpoint: 'note', verified: [] })
  const files = async (): Promise<string[]> => (await readdir(join(folder, folderOf(ORIGIN)))).sort()

  it('is there for the next one', async () => {
    await witness.addCheckpoint(await sample.request(0, 5))
    witness = open()
    expect(await witness.addCheckpoint(await sample.request(0, 9))).toMatchObject({ status: 409, body: '5\n' })
  })

  it('keeps two files at most', async () => {
    for (let n = 0; n < 9; n++) await witness.addCheckpoint(await sample.request(n, n + 1))
    expect(await files()).toEqual(['0000000008', '0000000009'])
  })

  it('does not go back for one who was paused since it read', async () => {
    const [state, slow] = [new WitnessState(folder), new WitnessState(folder)]
    const position = await slow.read(ORIGIN)
    for (let n = 1; n <= 5; n++) expect(await state.advance(await state.read(ORIGIN), record(n))).toBe(true)
    expect(await slow.advance(position, record(99))).toBe(false)
    expect((await state.read(ORIGIN)).record?.size).toBe(5)
    expect(await files()).toEqual(['0000000004', '0000000005'])
  })

  it('is never taken for nothing when it is damaged', async () => {
    await witness.addCheckpoint(await sample.request(0, 5))
    const path = join(folder, folderOf(ORIGIN), '0000000001')
    for (const damaged of [Buffer.alloc(0), Buffer.from((await readFile(path)).toString().replace('"size": 5', '"size": 3'))]) {
      await writeFile(path, damaged)
      await expect(new WitnessState(folder).read(ORIGIN)).rejects.toMatchObject({ code: 'RECORD_CORRUPT' })
      expect((await witness.addCheckpoint(await sample.request(0, 9))).status).toBe(500)
    }
  })

  it('is of one log alone', async () => {
    const state = new WitnessState(folder)
    await state.advance({ sequence: 0, record: undefined }, record(3))
    expect((await state.read('caf/another')).record).toBeUndefined()
  })
})

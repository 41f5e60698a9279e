import { createHash, randomBytes } from 'node:crypto'
import { inflateSync } from 'node:zlib'
import * as vectors from 'cctv-age'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import type { Decrypter } from 'age-encryption'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { AgeFile } from '../../src/caf/age-file.ts'
import { encryptBytes } from '../../src/caf/age-file-writer.ts'
import { createArchiveKeys, identityDecrypter, secretDecrypter } from '../../src/caf/age-keys.ts'
import type { NewArchiveKeys } from '../../src/caf/age-keys.ts'
import type { ReadEntryOptions } from '../../src/caf/entry-store.ts'
import { storedBytes } from '../../src/caf/stored-file.ts'
import type { StoredFile } from '../../src/caf/stored-file.ts'
import { BackupError } from '../../src/errors.ts'
import type { Bytes } from '../../src/stream.ts'

const SECRET = 'a secret of the tests, of more than 32 bytes'
const PIECE = 65_536
const noMatch = (): BackupError => new BackupError('KEY_WRONG', 'no match')

/** An age file of these bytes and an identity that opens it. */
async function encrypted (plain: Bytes): Promise<{ readonly bytes: Buffer, readonly identity: string }> {
  const identity = await generateX25519Identity()
  const { recipients } = await createArchiveKeys({ secret: SECRET, recipients: [await identityToRecipient(identity)] })
  return { bytes: Buffer.concat(await Array.fromAsync(encryptBytes(plain, recipients))), identity }
}

async function * inPieces (bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += length) yield bytes.subarray(start, start + length)
}

/** Stored bytes that come in pieces of that length. */
function pieces (bytes: Uint8Array, pieceLength: number): StoredFile {
  return { ...storedBytes('file', bytes), read: ({ offset = 0, length = Infinity }) => inPieces(bytes.subarray(offset, offset + length), pieceLength) }
}

async function read (file: AgeFile, options: ReadEntryOptions = {}): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(file.read(options)))
}

interface Vector {
  readonly expect: string
  readonly fields: ReadonlyMap<string, readonly string[]>
  readonly file: Buffer
}

function parseVector (bytes: Uint8Array): Vector {
  const all = Buffer.from(bytes)
  const end = all.indexOf('\n\n')
  const lines = all.subarray(0, end).toString().split('\n').map(line => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)] as const)
  const fields = new Map([...Map.groupBy(lines, ([name]) => name)].map(([name, values]) => [name, values.map(([, value]) => value)]))
  const file = all.subarray(end + 2)
  return { expect: fields.get('expect')![0]!, fields, file: fields.get('compressed')?.[0] === 'zlib' ? inflateSync(file) : file }
}

function decrypterFor ({ fields }: Vector): Decrypter {
  const { identity, passphrase } = Object.fromEntries(fields)
  return identity === undefined || passphrase !== undefined ? secretDecrypter(passphrase?.[0] ?? '', noMatch) : identityDecrypter(identity.join('\n'), noMatch)
}

interface Outcome {
  /** Length and hash of every byte that came. */
  readonly released: string
  readonly error: unknown
}

async function outcomeOf (open: () => Promise<Bytes>): Promise<Outcome> {
  const hash = createHash('sha256')
  let length = 0
  let error: unknown
  try {
    for await (const piece of await open()) {
      length += piece.length
      hash.update(piece)
    }
  } catch (cause) {
    error = cause
  }
  return { released: `${length} ${hash.digest('hex')}`, error }
}

const CUT_OFF = `0 ${createHash('sha256').digest('hex')}`
const COSTLY: ReadonlySet<string> = new Set(['scrypt_work_factor_23', 'scrypt_work_factor_overflow'])
const CODES: Readonly<Record<string, string>> = { 'no match': 'KEY_WRONG', 'HMAC failure': 'ARCHIVE_CORRUPT', 'header failure': 'ARCHIVE_CORRUPT', 'payload failure': 'ARCHIVE_CORRUPT' }

describe('the test vectors of age', () => {
  const all = Object.entries(vectors).filter(([name]) => name !== 'default' && name !== 'module.exports').map(([name, bytes]) => [name, parseVector(bytes)] as const)
  const binary = all.filter(([, { fields }]) => fields.get('armored') === undefined)

  it('are there; those with armor, which archives do not have, are left out', () => {
    expect(binary.length).toBe(110)
  })

  it.each(binary)('%s', async (name, vector) => {
    for (const pieceLength of [1_000_000, 4_093]) {
      const { released, error } = await outcomeOf(async () => (await AgeFile.open(pieces(vector.file, pieceLength), decrypterFor(vector))).read())
      // Also of a file that turns out to be damaged, only what was encrypted comes: never more than from the library.
      const theirs = await outcomeOf(async () => await decrypterFor(vector).decrypt(ReadableStream.from(inPieces(vector.file, pieceLength))))
      expect([theirs.released, CUT_OFF]).toContain(released)
      if (vector.expect === 'success') expect([error, released.split(' ')[1]]).toEqual([undefined, vector.fields.get('payload')![0]])
      else expect(error).toMatchObject({ code: COSTLY.has(name) ? 'ARCHIVE_UNSAFE' : CODES[vector.expect] })
    }
  })
})

describe('an age file', () => {
  it.each([0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])('of %d bytes gives them back', async length => {
    const plain = randomBytes(length)
    const { bytes, identity } = await encrypted(inPieces(plain, 10_000))
    const file = await AgeFile.open(storedBytes('file', bytes), identityDecrypter(identity, noMatch))
    expect(file.sizeBytes).toBe(length)
    expect((await read(file)).equals(plain)).toBe(true)
  })

  it('gives back any part', async () => {
    const plain = randomBytes(3 * PIECE + 100)
    const { bytes, identity } = await encrypted(inPieces(plain, 100_000))
    const file = await AgeFile.open(pieces(bytes, 50_000), identityDecrypter(identity, noMatch))
    const near = fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: -2, max: 2 })).map(([n, by]) => Math.max(0, n * PIECE + by))
    await fc.assert(fc.asyncProperty(fc.oneof(near, fc.nat(300_000)), fc.oneof(near, fc.nat(300_000)), async (offset, length) => {
      expect((await read(file, { offset, length })).equals(plain.subarray(offset, offset + length))).toBe(true)
    }), { numRuns: 100, seed: 1 })
  })

  it('reads no more than the pieces that a part is in', async () => {
    const { bytes, identity } = await encrypted(inPieces(randomBytes(10 * PIECE), PIECE))
    let stored = 0
    const counting: StoredFile = {
      ...storedBytes('file', bytes),
      async * read ({ offset = 0, length = Infinity }) {
        const part = bytes.subarray(offset, offset + length)
        stored += part.length
        yield part
      },
    }
    const file = await AgeFile.open(counting, identityDecrypter(identity, noMatch))
    stored = 0
    await read(file, { offset: 5 * PIECE + 10, length: 20 })
    expect(stored).toBe(PIECE + 16)
  })

  it('is refused with any bit turned over', async () => {
    const { bytes, identity } = await encrypted(inPieces(randomBytes(PIECE + 50), PIECE))
    const positions = [...Array.from({ length: bytes.length - PIECE }, (_, i) => i < bytes.length - PIECE - 100 ? i : i + PIECE), 1_000, 40_000]
    for (const position of positions) {
      const damaged = Buffer.from(bytes)
      damaged[position]! ^= 1 << (position % 8)
      const outcome = AgeFile.open(storedBytes('file', damaged), identityDecrypter(identity, noMatch)).then(read)
      await expect(outcome, `byte ${position}`).rejects.toBeInstanceOf(BackupError)
    }
  })

  it('is refused when its header has no end', async () => {
    const endless = Buffer.concat([Buffer.from('age-encryption.org/v1\n'), Buffer.alloc(200_000, '-> a b\nAAAA\n')])
    await expect(AgeFile.open(storedBytes('file', endless), secretDecrypter(SECRET, noMatch))).rejects.toMatchObject({ code: 'ARCHIVE_CORRUPT' })
  })

  it('stops when it is told to', async () => {
    const { bytes, identity } = await encrypted(inPieces(randomBytes(3 * PIECE), PIECE))
    const abort = new AbortController()
    const file = await AgeFile.open(storedBytes('file', bytes), identityDecrypter(identity, noMatch))
    const reading = (async () => { for await (const _ of file.read({ signal: abort.signal })) abort.abort() })()
    await expect(reading).rejects.toMatchObject({ name: 'AbortError' })
  })
})

describe('encrypting', () => {
  let recipients: NewArchiveKeys['recipients']
  beforeAll(async () => { ({ recipients } = await createArchiveKeys({ secret: SECRET })) })

  it('asks for the next piece only when the one before it is taken, and ends its source when nobody reads on', async () => {
    let asked = 0
    let ended = false
    const source = async function * (): AsyncGenerator<Uint8Array> {
      try {
        for (; asked < 1_000; asked++) yield Buffer.alloc(PIECE, asked)
      } finally {
        ended = true
      }
    }
    let taken = 0
    for await (const _ of encryptBytes(source(), recipients)) {
      expect(asked - taken).toBeLessThan(8)
      if (++taken === 100) break
    }
    await expect.poll(() => ended).toBe(true)
    expect(asked).toBeLessThan(110)
  })

  it('fails with the error of its source', async () => {
    const failing = async function * (): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(10)
      throw new BackupError('BLOB_CORRUPT', 'on purpose')
    }
    await expect(Array.fromAsync(encryptBytes(failing(), recipients))).rejects.toMatchObject({ code: 'BLOB_CORRUPT' })
  })

  it('takes pieces that are written over later', async () => {
    const shared = Buffer.alloc(5_000)
    const reusing = async function * (): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < 100; i++) yield shared.fill(i)
      shared.fill(255)
    }
    const { bytes, identity } = await encrypted(reusing())
    const plain = await read(await AgeFile.open(storedBytes('file', bytes), identityDecrypter(identity, noMatch)))
    expect(plain.equals(Buffer.concat(Array.from({ length: 100 }, (_, i) => Buffer.alloc(5_000, i))))).toBe(true)
  })
})

describe('keys', () => {
  const secretKey = `AGE-SECRET-KEY-1${'Q'.repeat(58)}`

  it.each([
    ['nothing', ''],
    ['another kind of key', 'ssh-ed25519 AAAA'],
    ['an identity', secretKey],
    ['a post-quantum recipient', `age1pq1${'q'.repeat(100)}`],
    ['a misspelt recipient', 'age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwi'],
  ])('are not made for %s', async (_, recipient) => {
    const error: unknown = await createArchiveKeys({ secret: SECRET, recipients: [recipient] }).catch((cause: unknown) => cause)
    expect(error).toMatchObject({ code: 'INVALID_OPTION', data: { position: 1 } })
    expect(JSON.stringify([String(error), (error as Error).cause])).not.toContain(secretKey)
  })

  it.each(['', '# only a comment', 'AGE-SECRET-KEY-1NONSENSE', `${secretKey}\nx`])('are not found in %j, and it is not repeated', text => {
    const error = ((): unknown => {
      try {
        return identityDecrypter(text, noMatch)
      } catch (cause) {
        return cause
      }
    })()
    expect(error).toMatchObject({ code: 'INVALID_OPTION' })
    expect((error as Error).cause).toBeUndefined()
    expect(String(error)).not.toContain('NONSENSE')
  })

  it('refuse a costly passphrase before they pay for it', async () => {
    const { identityFile } = await createArchiveKeys({ secret: SECRET })
    for (const [factor, code] of [['21', 'ARCHIVE_UNSAFE'], ['63', 'ARCHIVE_UNSAFE'], ['9999999999', 'ARCHIVE_UNSAFE'], ['1e9', 'ARCHIVE_UNSAFE'], ['0x10', 'ARCHIVE_CORRUPT'], ['x', 'ARCHIVE_CORRUPT']]) {
      const costly = Buffer.from(Buffer.from(identityFile).toString('latin1').replace(/ 15\n/, ` ${factor}\n`), 'latin1')
      const started = performance.now()
      await expect(AgeFile.open(storedBytes('file', costly), secretDecrypter(SECRET, noMatch))).rejects.toMatchObject({ code })
      expect(performance.now() - started).toBeLessThan(1_000)
    }
  })
})

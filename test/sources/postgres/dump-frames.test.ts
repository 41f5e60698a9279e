import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BackendFrames, FrontendFrames, withoutChannelBinding } from '../../../src/sources/postgres/protocol-frames.ts'

function message (type: string, body: Uint8Array | string): Buffer {
  const bytes = Buffer.from(body)
  const head = Buffer.alloc(4)
  head.writeInt32BE(bytes.length + 4)
  return Buffer.concat([Buffer.from(type, 'latin1'), head, bytes])
}

function authentication (kind: number, rest = ''): Buffer {
  const head = Buffer.alloc(4)
  head.writeInt32BE(kind)
  return message('R', Buffer.concat([head, Buffer.from(rest, 'latin1')]))
}

/** Cuts bytes at the given places. */
function cut (bytes: Buffer, places: readonly number[]): Buffer[] {
  const borders = [0, ...places.map(place => place % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]
  return borders.slice(1).map((border, at) => bytes.subarray(borders[at], border))
}

describe('what a server says', () => {
  const turns: Array<[string, Buffer, boolean]> = [
    ['ready for query', message('Z', 'I'), true],
    ['copy in', message('G', '\0\0\0'), true],
    ['a row', message('D', 'Z I Z'), false],
    ['a request for a password', authentication(10, 'SCRAM-SHA-256\0\0'), true],
    ['authentication ok', authentication(0), false],
    ['the end of SASL', authentication(12, 'v=x'), false],
    ['an empty message', message('1', ''), false],
  ]

  it('hands the turn over at the same message, however it is cut', () => {
    fc.assert(fc.property(fc.array(fc.constantFrom(...turns), { minLength: 1 }), fc.array(fc.nat()), (said, places) => {
      const frames = new BackendFrames()
      const pieces = cut(Buffer.concat(said.map(([, bytes]) => bytes)), places)
      expect(pieces.map(piece => frames.push(piece)).includes(true)).toBe(said.some(([, , turn]) => turn))
    }))
  })

  it.each(turns)('%s', (_, bytes, turn) => {
    const frames = new BackendFrames()
    expect([...bytes.subarray(0, -1)].map(byte => frames.push(Uint8Array.of(byte)))).not.toContain(true)
    expect(frames.push(bytes.subarray(-1))).toBe(turn)
  })
})

describe('what a client says', () => {
  const startup = message('', '\0\x03\0\0user\0x\0\0')

  it('asks for an answer when a whole message that wants one has gone out', () => {
    fc.assert(fc.property(fc.string(), fc.array(fc.nat()), (query, places) => {
      const frames = new FrontendFrames()
      expect(frames.push(startup)).toBe(true)
      const asked = cut(message('Q', query), places).map(piece => frames.push(piece))
      expect(asked.filter(Boolean)).toHaveLength(1)
      expect(asked.findIndex(Boolean)).toBeGreaterThanOrEqual(asked.lastIndexOf(true))
    }))
  })

  it('asks for nothing with data or goodbye', () => {
    const frames = new FrontendFrames()
    frames.push(startup)
    expect([frames.push(message('d', 'x')), frames.push(message('X', ''))]).toEqual([false, false])
  })
})

describe('bytes that are no messages', () => {
  it.each([-1, 0, 3, -(2 ** 31)])('are passed on to who asked, with a length of %i', length => {
    const bytes = Buffer.from('D....Z....')
    bytes.writeInt32BE(length, 1)
    const server = new BackendFrames()
    expect(server.push(bytes)).toBe(true)
    expect(server.push(Buffer.from('more'))).toBe(true)
    const client = new FrontendFrames()
    client.push(bytes.subarray(1))
    expect(client.push(Buffer.from('more'))).toBe(false)
  })
})

it('hides the offer of channel binding and nothing else', () => {
  expect(withoutChannelBinding(authentication(10, 'SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0'))).toEqual(authentication(10, 'SCRAM-SHA-256\0\0'))
  for (const bytes of [authentication(10, 'SCRAM-SHA-256\0\0'), message('D', 'SCRAM-SHA-256-PLUS'), Buffer.from('S')]) expect(withoutChannelBinding(bytes)).toBe(bytes)
})

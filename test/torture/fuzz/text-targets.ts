import { chunkRows } from '../../../src/chunking/row-chunker.ts'
import { findReference, expandRows, parseReference } from '../../../src/chunking/value-reference.ts'
import { readValue, splitRow, unescapeValue, keyEnd } from '../../../src/chunking/copy-text.ts'
import { splitRows } from '../../../src/chunking/row-splitter.ts'
import { tarChunker } from '../../../src/chunking/tar-chunker.ts'
import { checkConfig } from '../../../src/config/check-config.ts'
import { decodeFileRow } from '../../../src/dag/file-row.ts'
import { decodeKey, keyOrder, spanOf } from '../../../src/dag/key-order.ts'
import type { KeyOrder } from '../../../src/sources/source.ts'
import { canonicalJson, parseCanonicalJson } from '../../../src/sources/agents/canonical-json.ts'
import { decodeNpy, encodeNpy } from '../../../src/sources/matrix/npy.ts'
import { parseDump } from '../../../src/sources/postgres/dump-entry.ts'
import { BackendFrames, FrontendFrames } from '../../../src/sources/postgres/protocol-frames.ts'
import { sqlStatements, sqlTokens } from '../../../src/sources/postgres/sql-lexer.ts'
import { stableTar } from '../../../src/sources/qdrant/stable-tar.ts'
import type { Bytes } from '../../../src/stream.ts'
import { demand } from '../violation.ts'
import { deepJson, mutateValue } from './mutation.ts'
import { sampleTar } from './sample-tar.ts'
import { bytesTarget, madeTarget } from './target.ts'
import type { FuzzTarget } from './target.ts'

const DEEP = 100_000
const PIECE_BYTES = 777

/** What sources give us: rows, dumps, matrices, tars, outputs, configurations. */
export async function textTargets (): Promise<FuzzTarget[]> {
  return [
    bytesTarget('rows', ROWS, readRowsApart),
    bytesTarget('values', [...ROWS, '\\@bafkqabiaaebagba:17', 'a\\\\@b', '\\'], readValues, { weight: 15 }),
    bytesTarget('file row', FILE_ROWS, bytes => decodeFileRow(bytes)),
    bytesTarget('row keys', ['-12\t34', '3.5e10', 'NaN', '2026-11-21 10:00:00+00', '0044-03-15 BC', 'infinity', 't', 'Ünï\\tcode'], compareKeys, { weight: 15 }),
    bytesTarget('npy', [encodeNpy({ rows: 2, columns: 3, data: Float32Array.of(1, 2, 3, 4, 5, 6) }), encodeNpy({ rows: 1, columns: 2, data: Float64Array.of(1, 2) })], bytes => decodeNpy(bytes)),
    bytesTarget('tar', [await sampleTar()], readTar, { weight: 5 }),
    madeTarget('output', [canonicalJson({ a: [1, 'two', null], b: { c: true } }), deepJson(DEEP)], chance => Buffer.from(JSON.stringify(mutateValue({ a: [1, 'two', null], b: { c: true } }, chance))), bytes => parseCanonicalJson(bytes)),
    bytesTarget('dump', [DUMP], bytes => { readDump(Buffer.from(bytes).toString()) }),
    bytesTarget('protocol', [Buffer.from('510000000873656c65637420310053000000045a0000000549', 'hex'), Buffer.from('52000000080000000047000000070000005a0000000549', 'hex')], readFrames),
    madeTarget('configuration', [JSON.stringify(CONFIG)], chance => Buffer.from(JSON.stringify(mutateValue(CONFIG, chance))), readConfig),
  ]
}

const ROWS = ['1\tone\n2\t\\N\n3\ta\\tb\\\\\n', `1\t${'x'.repeat(70_000)}\n2\tb\n`, `${'k'.repeat(66_000)}\tv\n`, '\n\n\n', `1\t${'a\t'.repeat(40_000)}\n`]
const FILE_ROWS = ['a/b\tf\t644\t1700000000123456000\t0\t0\t5\t\\N\t\\@bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku:5\n', 'a\td\t755\t-1\t0\t0\t0\t\\N\t\\N\n', 'l\tl\t777\t0\t0\t0\t0\t../x\t\\N\n']
const CONFIG = { repository: 'x', project: 'p', concurrency: 2, retention: { keepDaily: 3 }, sources: { postgres: { url: 'postgres://h/db' }, files: [{ name: 'f', folder: 'x' }], qdrant: { url: 'http://h' } } }
const DUMP = `--
-- PostgreSQL database dump
--

-- TOC entry 5 (class 2615 OID 2200)
-- Dependencies: 3 4
-- Name: public; Type: SCHEMA; Schema: -; Owner: postgres
--

CREATE SCHEMA public;
CREATE FUNCTION f() RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT $a$x;$b$ $a$; END;
/* a /* nested */ comment */ SELECT E'\\'' || U&"d\\0061t" || $$;$$;

SET default_tablespace = '';
`

async function * inPieces (bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += PIECE_BYTES) yield bytes.subarray(start, start + PIECE_BYTES)
}

async function readRowsApart (bytes: Uint8Array): Promise<void> {
  const storeValue = async (value: Bytes): Promise<string> => {
    for await (const piece of value) void piece
    return 'value'
  }
  const batches = splitRows(inPieces(bytes), { keyColumns: 1, storeValue })
  const compare = keyOrder([{ order: 'bytes' }])
  for await (const chunk of chunkRows(batches, { bits: 3, seed: Buffer.alloc(16), keyColumns: 1, compare })) void chunk
}

async function readValues (bytes: Uint8Array): Promise<void> {
  for (const value of splitRow(bytes)) {
    demand(unescapeValue(value).length <= value.length, 'a value got longer')
    readValue(value)
    parseReference(value)
  }
  decodeKey(bytes)
  findReference(bytes)
  if (bytes.length > 0) keyEnd(bytes, 0, bytes.length, 2)
  for await (const piece of expandRows(bytes, { readValue: () => inPieces(Buffer.from('value')) })) void piece
}

const ORDERS: readonly KeyOrder[] = ['integer', 'numeric', 'float', 'bytes', 'boolean', 'timestamp', 'date', 'enum']

function compareKeys (bytes: Uint8Array): void {
  const half = bytes.length >> 1
  const [a, b] = [spanOf(bytes.subarray(0, half)), spanOf(bytes.subarray(half))]
  for (const order of ORDERS) {
    const compare = keyOrder([{ order, labels: ['a', 't'] }])
    demand(compare(a, a) === 0, `a key of ${order} differs from itself`)
    demand(Math.sign(compare(a, b)) === -Math.sign(compare(b, a)), `${order} orders two keys both ways`)
  }
}

async function readTar (bytes: Uint8Array): Promise<void> {
  const chunks = await Array.fromAsync(tarChunker({ min: 64, average: 256, max: 1_024 })(inPieces(bytes)), chunk => Buffer.from(chunk.bytes))
  demand(Buffer.concat(chunks).equals(bytes), 'the chunks of a tar are not the tar')
  let length = 0
  for await (const piece of stableTar(inPieces(bytes))) length += piece.length
  demand(length === bytes.length, 'a tar without times has another length')
}

function readDump (text: string): void {
  demand([...sqlTokens(text)].map(token => token.text).join('') === text, 'the tokens are not the text')
  demand([...sqlStatements(text)].join('') === text, 'the statements are not the text')
  parseDump(text)
}

function readFrames (bytes: Uint8Array): void {
  const [client, server] = [new FrontendFrames(), new BackendFrames()]
  for (let start = 0; start < bytes.length; start += 7) {
    client.push(bytes.subarray(start, start + 7))
    server.push(bytes.subarray(start, start + 7))
  }
}

function readConfig (bytes: Uint8Array): void {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(bytes).toString())
  } catch {
    return
  }
  checkConfig(value, 'a configuration')
}

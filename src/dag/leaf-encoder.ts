import { ARRAY, BYTES, COUNT, FORMS, K, KIND_AND_SIZE, L, LEVEL_AND_ENTRIES, MAP, N, R, S, UINT, VERSION_AND_FORM } from './leaf-scan.ts'
import { PackedLinks } from './links.ts'
import type { TreeBlock, TreeEntry } from './tree.ts'

/** What dag-cbor gives for a tree block of level 0, without an object for each link. */
export function encodeLeaf ({ form, size, count, entries }: Pick<TreeBlock, 'form' | 'size' | 'count' | 'entries'>): Uint8Array {
  const { text } = FORMS.find(known => known.form === form)!
  const parts = [VERSION_AND_FORM, text, KIND_AND_SIZE, head(UINT, size), COUNT, head(UINT, count), LEVEL_AND_ENTRIES, head(ARRAY, entries.length), ...entries.flatMap(partsOf)]
  return Buffer.concat(parts)
}

/** `{ k?, l, n (of rows), r? (of rows), s }` */
function partsOf ({ key, link, count, refs, size }: TreeEntry): Uint8Array[] {
  const links = refs === undefined || refs.length === 0 ? undefined : PackedLinks.of(refs)
  return [
    head(MAP, 2 + Number(key !== undefined) + Number(count !== undefined) + Number(links !== undefined)),
    ...(key === undefined ? [] : [name(K), head(BYTES, key.length), key]),
    name(L), PackedLinks.of([link]).bytes,
    ...(count === undefined ? [] : [name(N), head(UINT, count)]),
    ...(links === undefined ? [] : [name(R), head(ARRAY, links.length), links.bytes]),
    name(S), head(UINT, size),
  ]
}

function name (letter: number): Uint8Array {
  return Uint8Array.of(0x61, letter)
}

/** The head of an item of that kind, in its shortest form. */
function head (kind: number, value: number): Uint8Array {
  if (value < 24) return Uint8Array.of(kind << 5 | value)
  const power = value < 2 ** 8 ? 0 : value < 2 ** 16 ? 1 : value < 2 ** 32 ? 2 : 3
  const bytes = Buffer.alloc(1 + 2 ** power, kind << 5 | 24 + power)
  if (power === 3) bytes.writeBigUInt64BE(BigInt(value), 1)
  else bytes.writeUIntBE(value, 1, 2 ** power)
  return bytes
}

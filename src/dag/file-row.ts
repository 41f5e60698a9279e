import { escapeValue, NEWLINE, readText } from '../chunking/copy-text.ts'
import type { RowBatch, ValueReference } from '../chunking/row-splitter.ts'
import { readReference, referenceText } from '../chunking/value-reference.ts'
import { BackupError } from '../errors.ts'
import type { FileEntry, KeyColumn } from '../sources/source.ts'
import type { CID } from './block.ts'
import { parseCid } from './block.ts'

/** The rows of a folder tree. (format.md § Kinds of artifacts) */
export const FILE_COLUMNS: readonly string[] = ['path', 'type', 'mode', 'mtime', 'uid', 'gid', 'size', 'target', 'content']
export const FILE_KEY: readonly KeyColumn[] = [{ order: 'bytes' }]
/** Number of the column with a file's content. */
export const FILE_CONTENT = FILE_COLUMNS.indexOf('content')

const LETTERS = { file: 'f', directory: 'd', symlink: 'l', hardlink: 'h' } as const
const TYPES: Readonly<Record<string, FileEntry['type']>> = { f: 'file', d: 'directory', l: 'symlink', h: 'hardlink' }

/** Where a file's content is. */
export interface StoredFile {
  readonly root: CID
  readonly size: number
}

/** The row of an entry; `content` of a file that is not empty. */
export function encodeFileRow (entry: FileEntry, content: ValueReference | undefined): RowBatch {
  const isFile = entry.type === 'file'
  const values = [
    escapeValue(entry.path), LETTERS[entry.type], entry.mode.toString(8), entry.mtimeNs.toString(), String(entry.uid), String(entry.gid),
    String(isFile ? content?.length ?? 0 : entry.sizeBytes), escapeValue(entry.target ?? null),
    content !== undefined ? referenceText(content) : escapeValue(isFile ? '' : null),
  ]
  const bytes = Buffer.from(`${values.join('\t')}\n`)
  return { bytes, ends: [bytes.length], values: content === undefined ? [] : [content] }
}

/** The entry of a row, and where its content is. @throws {BackupError} `TREE_INVALID`, `BLOCK_INVALID` */
export function decodeFileRow (row: Uint8Array): { readonly entry: FileEntry, readonly content: StoredFile | undefined } {
  const { entry, content } = readFileRow(row)
  return { entry, content: content === undefined ? undefined : { root: parseCid(content.text, 'a row of a folder tree'), size: content.length } }
}

/** The same with the content's root as it stands in the row. @throws {BackupError} `TREE_INVALID` */
export function readFileRow (row: Uint8Array): { readonly entry: FileEntry, readonly content: ValueReference | undefined } {
  const values = Buffer.from(row.buffer, row.byteOffset, row.at(-1) === NEWLINE ? row.length - 1 : row.length).toString().split('\t')
  const content = values.pop()!
  const [path, letter, mode, mtime, uid, gid, size, target] = values.map(readText)
  const type = TYPES[letter ?? '']
  const numbers = [parseInt(mode ?? '', 8), Number(uid), Number(gid), Number(size)]
  if (values.length + 1 !== FILE_COLUMNS.length || typeof path !== 'string' || type === undefined || !numbers.every(Number.isSafeInteger) || !/^-?[0-9]+$/.test(mtime ?? '')) {
    throw new BackupError('TREE_INVALID', `a row of a folder tree is broken: ${JSON.stringify(path ?? null)}`, { data: { path } })
  }
  return {
    entry: {
      path, type, mode: numbers[0]!, mtimeNs: BigInt(mtime!), uid: numbers[1]!, gid: numbers[2]!, sizeBytes: numbers[3]!,
      ...(typeof target === 'string' ? { target } : {}),
    },
    content: readReference(content),
  }
}

import { BackupError } from '../../errors.ts'
import type { AbortOptions, Bytes } from '../../stream.ts'
import type { Artifact, Capture, CaptureSummary, Provenance, Recipe, Source } from '../source.ts'
import { checkMatrixName } from './matrix-store.ts'
import type { MatrixEntry, MatrixStore } from './matrix-store.ts'
import { NPY_HEAD_BYTES, parseNpyHeader } from './npy.ts'
import type { NpyHeader } from './npy.ts'
import { STAGED } from './staged-matrix.ts'

/** What a matrix was made from, and how. */
export interface MatrixDescription {
  /** Ids of artifacts, as `qdrant/collection/faces`. @default none */
  readonly deps?: readonly string[]
  readonly recipe?: Recipe
  readonly provenance?: Provenance
}

export interface MatrixSourceOptions {
  /** @default 'matrices' */
  readonly name?: string
  readonly store: MatrixStore
  /** Called once a capture for each matrix; undefined: nothing is known. */
  readonly describe?: (matrix: string) => MatrixDescription | undefined
}

/** Every matrix of a store as an artifact of its own; what is captured are the bytes of its .npy file. */
export function matrixSource ({ name = 'matrices', store, describe = () => undefined }: MatrixSourceOptions): Source {
  return {
    name,
    async capture ({ signal } = {}) {
      signal?.throwIfAborted()
      const begin = new Date()
      const found = await store.list({ signal })
      const entries = found.filter(entry => !entry.name.endsWith(STAGED))
      for (const entry of entries) checkMatrixName(entry.name)
      const notes = found.filter(entry => entry.name.endsWith(STAGED)).map(entry => `Matrix ${entry.name} belongs to an unfinished restore and was left out.`)
      return openCapture({ name, store, describe, entries, notes, begin })
    },
  }
}

interface OpenCaptureOptions extends Required<MatrixSourceOptions> {
  readonly entries: readonly MatrixEntry[]
  readonly notes: readonly string[]
  readonly begin: Date
}

function openCapture ({ name, store, describe, entries, notes, begin }: OpenCaptureOptions): Capture {
  const closing = new AbortController()
  return {
    async * artifacts ({ signal } = {}) {
      for (const { name: matrix } of entries) {
        const stop = eitherSignal(closing.signal, signal)
        stop.throwIfAborted()
        const header = parseNpyHeader(await readHead(store, matrix, { signal: stop }), titleOf(matrix, store))
        yield artifactOf(`${name}/matrix/${matrix}`, matrix, header, describe(matrix), options => readWhole(store, matrix, header, { signal: eitherSignal(closing.signal, options.signal) }))
      }
    },
    async finish (): Promise<CaptureSummary> {
      refuseChanges(store, entries, (await store.list()).filter(entry => !entry.name.endsWith(STAGED)))
      return { begin: begin.toISOString(), end: new Date().toISOString(), facts: { store: store.location, matrices: entries.length }, notes }
    },
    async close () {
      closing.abort(new BackupError('CANCELLED', 'the capture of the matrices was closed'))
    },
  }
}

function eitherSignal (first: AbortSignal, second: AbortSignal | undefined): AbortSignal {
  return second === undefined ? first : AbortSignal.any([first, second])
}

function artifactOf (id: string, matrix: string, { rows, columns, dtype }: NpyHeader, { deps = [], recipe, provenance }: MatrixDescription = {}, read: (options: AbortOptions) => Bytes): Artifact {
  return {
    id,
    kind: 'matrix',
    deps: [...new Set(deps)].sort(),
    attributes: { name: matrix, rows, columns, dtype },
    ...(recipe === undefined ? {} : { recipe }),
    ...(provenance === undefined ? {} : { provenance }),
    content: { form: 'bytes', read: (options = {}) => read(options) },
  }
}

async function openMatrix (store: MatrixStore, matrix: string, options: AbortOptions): Promise<Bytes> {
  const bytes = await store.read(matrix, options)
  if (bytes === undefined) throw changed(store, `${matrix} was deleted`)
  return bytes
}

async function readHead (store: MatrixStore, matrix: string, options: AbortOptions): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  let length = 0
  for await (const piece of await openMatrix(store, matrix, options)) {
    pieces.push(Uint8Array.from(piece))
    length += piece.length
    if (length >= NPY_HEAD_BYTES) break
  }
  return Buffer.concat(pieces, length)
}

/** @throws {BackupError} `SOURCE_FAILED` when there are fewer or more numbers than the head says */
async function * readWhole (store: MatrixStore, matrix: string, { offset, length }: NpyHeader, options: AbortOptions): AsyncGenerator<Uint8Array> {
  options.signal?.throwIfAborted()
  let seen = 0
  for await (const piece of await openMatrix(store, matrix, options)) {
    seen += piece.length
    yield piece
  }
  if (seen !== offset + length) throw new BackupError('SOURCE_FAILED', `${titleOf(matrix, store)} has ${seen} bytes instead of ${offset + length}; write it again with numpy.save`, { data: { matrix, expected: offset + length, actual: seen } })
}

function refuseChanges (store: MatrixStore, before: readonly MatrixEntry[], after: readonly MatrixEntry[]): void {
  const versions = new Map(after.map(({ name, version }) => [name, version]))
  const moved = before.find(({ name, version }) => versions.get(name) !== version)
  if (moved !== undefined) throw changed(store, `${moved.name} was changed`)
  const added = after.find(({ name }) => !before.some(entry => entry.name === name))
  if (added !== undefined) throw changed(store, `${added.name} was added`)
}

function changed (store: MatrixStore, what: string): BackupError {
  return new BackupError('SOURCE_CHANGED', `matrix ${what} in ${store.location} while the matrices were captured; try again at a quieter time`)
}

function titleOf (matrix: string, store: MatrixStore): string {
  return `matrix ${matrix} in ${store.location}`
}
